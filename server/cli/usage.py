"""How the commands are used: parsers that say what was meant, and the settings by theme, as wide as the terminal."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from shutil import get_terminal_size
from textwrap import fill
from typing import NoReturn

from server.config.setting import Variable
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
    """A parser that keeps the paragraphs of its texts and shows itself where it was used wrongly."""

    def __init__(self, *arguments: object, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """End with 2, and without what could command a terminal."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {''.join(filter(str.isprintable, message))}\n")


_PREFIX = "CLICKSEND_"


def command_in(argv: Sequence[str], names: Iterable[str], takes_value: Sequence[str]) -> str | None:
    """What is wrong with the command, if there is one and it is none of these.

    `takes_value`: the options before a command whose next word is their value.
    """
    words = [one for option, one in zip(("", *argv), argv, strict=False) if option not in takes_value]
    given = next((one for one in words if not one.startswith("-")), None)
    known = list(names)
    if given is None or given in known:
        return None
    return f"there is no command {given!r}: {meant(given, known)}there are {', '.join(known)}"


def action(text: str) -> Action:
    """The tool that a name means, however it was typed."""
    name = text.strip().upper().replace("-", "_")
    for slug in (name, f"{_PREFIX}{name}"):
        if (found := find(slug)) is not None:
            return found
    # What all names begin with would make any two of them alike.
    short = meant(name.removeprefix(_PREFIX), (slug.removeprefix(_PREFIX) for slug in catalog()))
    near = short.replace("did you mean ", f"did you mean {_PREFIX}")
    raise argparse.ArgumentTypeError(f"there is no tool {text!r}: {near}`clicksend-mcp tools` names them all")


def fail(message: str, status: int = 2) -> int:
    """Say on stderr in one line why a command failed; its exit status."""
    complain(message)
    return status


def meant(given: str, known: Iterable[str]) -> str:
    """The nearest name as a question, if any is near."""
    near = get_close_matches(given, list(known), n=1, cutoff=0.7)
    return f"did you mean {near[0]}? " if near else ""


def settings() -> str:
    """Every setting by theme: name, default and meaning."""
    width = max(20, get_terminal_size().columns - 1)
    parts = []
    for theme, variables in by_theme().items():
        told = [f"{one.name} (default: {one.default})" for one in variables]
        lines = [
            f"{fill(head, width, initial_indent='  ', subsequent_indent='    ', break_on_hyphens=False)}\n"
            f"{fill(one.meaning, width, initial_indent='      ', subsequent_indent='      ')}"
            for head, one in zip(told, variables, strict=True)
        ]
        parts.append("\n".join([f"{theme}:", *lines]))
    return "\n\n".join(parts)


_FIRST_THEMES = ("ClickSend", "Limits", "A person's approval", "Tools that are offered", "Ledger and duplicates")


def by_theme() -> dict[str, list[Variable]]:
    """The settings under the words that they are looked for by."""
    themes: dict[str, list[Variable]] = {theme: [] for theme in _FIRST_THEMES}
    for variable in VARIABLES:
        themes.setdefault(variable.theme, []).append(variable)
    return themes


def described(text: str) -> str:
    """A description or epilog as wide as the terminal, where it has plain paragraphs."""
    width = max(20, get_terminal_size().columns - 2)
    return "\n".join(
        line if len(line) <= width else fill(line, width, subsequent_indent=" " * _depth(line))
        for line in text.split("\n")
    )


def _depth(line: str) -> int:
    """How far the further lines of one go in: as its text, behind a word that it begins with and some blanks."""
    found = re.match(r" +(\S+  +)?", line)
    return len(found[0]) if found else 0
