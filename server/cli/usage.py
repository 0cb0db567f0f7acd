"""Help: parsers that suggest what was meant, examples and exit statuses, and the settings by theme."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from shutil import get_terminal_size
from textwrap import fill
from typing import NoReturn

from server.config.setting import Theme, Variable
from server.config.settings import VARIABLES
from server.runtime.streams import complain
from tools.action import Action
from tools.catalog import catalog, find

EXAMPLE = """\
example:
  clicksend-mcp --sandbox call CLICKSEND_CREATE_SMS_SEND \\
    '{"messages": [{"to": "+61411111111", "body": "Hello"}]}'
"""
STATUSES = """\
exit status:
  0    success; `http` and `sandbox`: ended because they were asked to
  1    failure
  2    wrong use, or a wrong setting
  70   a fault inside this program
  130  interrupted by Ctrl-C
  141  whoever read the output has closed it
"""
SETTINGS = "settings:\n  environment variables; `clicksend-mcp settings` lists them\n"
CALL = """\
example:
  clicksend-mcp call CLICKSEND_GET_LISTS '{"limit": 15}'
  clicksend-mcp call CLICKSEND_GET_LISTS --data | jq

`clicksend-mcp tools` names the tools and their inputs.

exit status:
  0    the call was successful
  1    it was not; the result says why
  2    wrong use, or a wrong setting: nothing was called
  3    it was made, but its result could not be written: do not repeat it,
       stderr says what came of it
  130  interrupted by Ctrl-C
"""
TOKEN = """\
The token goes to stderr, and is shown only now. The entry for the file of
callers (CLICKSEND_MCP_HTTP_CALLERS) goes to stdout:
  clicksend-mcp token ana >> callers.toml
"""


class Parser(argparse.ArgumentParser):
    """A parser that keeps the paragraphs of its texts."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Exit with 2 and a message without control characters, which could command a terminal."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {''.join(filter(str.isprintable, message))}\n")


_PREFIX = "CLICKSEND_"
_ALIKE = 0.7  # least similarity of two names, from 0 to 1; our rule


def command_in(argv: Sequence[str], names: Iterable[str], takes_value: Sequence[str]) -> str | None:
    """What is wrong with the command on a command line; None if there is none, or it is one of `names`.

    `takes_value`: the options before a command whose next word is their value.
    """
    words = [word for option, word in zip(("", *argv), argv, strict=False) if option not in takes_value]
    command = next((word for word in words if not word.startswith("-")), None)
    commands = list(names)
    if command is None or command in commands:
        return None
    return f"there is no command {command!r}: {meant(command, commands)}there are {', '.join(commands)}"


def action(text: str) -> Action:
    """The tool that a name means, in capitals or not, with or without its prefix. Raises ArgumentTypeError."""
    name = text.strip().upper().replace("-", "_")
    for slug in (name, f"{_PREFIX}{name}"):
        if (tool := find(slug)) is not None:
            return tool
    # Compared without their common prefix, which would make any two names look alike.
    question = meant(name.removeprefix(_PREFIX), (slug.removeprefix(_PREFIX) for slug in catalog()))
    question = question.replace("did you mean ", f"did you mean {_PREFIX}")
    raise argparse.ArgumentTypeError(f"there is no tool {text!r}: {question}`clicksend-mcp tools` names them all")


def fail(message: str, status: int = 2) -> int:
    """Say on stderr in one line why a command failed; its exit status."""
    complain(message)
    return status


def meant(word: str, names: Iterable[str]) -> str:
    """The name that is most like a word, as a question; "" if none is like it."""
    nearest = get_close_matches(word, list(names), n=1, cutoff=_ALIKE)
    return f"did you mean {nearest[0]}? " if nearest else ""


def settings() -> str:
    """Every setting by theme: name, default and meaning."""
    width = max(20, get_terminal_size().columns - 1)
    parts = []
    for theme, variables in by_theme().items():
        parts.append("\n".join([f"{theme}:", *(_described(variable, width) for variable in variables)]))
    return "\n\n".join(parts)


def _described(variable: Variable, width: int) -> str:
    """A variable with its default, and its meaning below."""
    head = f"{variable.name} (default: {variable.default})"
    return (
        f"{fill(head, width, initial_indent='  ', subsequent_indent='    ', break_on_hyphens=False)}\n"
        f"{fill(variable.meaning, width, initial_indent='      ', subsequent_indent='      ')}"
    )


def by_theme() -> dict[str, list[Variable]]:
    """The settings under the headings that people look for them under."""
    return {theme.value: [variable for variable in VARIABLES if variable.theme is theme] for theme in Theme}


def described(text: str) -> str:
    """A description or epilog, its paragraphs as wide as the terminal."""
    width = max(20, get_terminal_size().columns - 2)
    return "\n".join(
        line if len(line) <= width else fill(line, width, subsequent_indent=" " * _depth(line))
        for line in text.split("\n")
    )


def _depth(line: str) -> int:
    """The indent of a line's continuation: that of its text, after a first word that is set apart by blanks."""
    indent = re.match(r" +(\S+  +)?", line)
    return len(indent[0]) if indent else 0
