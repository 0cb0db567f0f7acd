"""The command line: finds the command, checks that its options fit together, runs it, and exits with its status."""

import argparse
import sys
from collections.abc import Sequence

from server.cli import commands, serving, usage
from server.cli.parser import build
from server.runtime.env import WrongSetting

_WITH_SANDBOX = (serving.stdio, serving.http, commands.call, commands.check)
_INTERRUPTED = 130  # exit status, 128 + SIGINT as shells have it


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status, which `usage.STATUSES` explains."""
    arguments = _parsed(sys.argv[1:] if argv is None else argv)
    try:
        sys.exit(arguments.run(arguments))
    except WrongSetting as fault:
        sys.exit(usage.fail(str(fault)))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command; `run` is its function. Exits with 2 where they are wrong."""
    parser, by_name = build()
    if problem := usage.command_in(argv, by_name, ("--sandbox-port", "--sandbox-if")):
        parser.error(problem)
    arguments, rest = parser.parse_known_args(argv)
    if (
        len(rest) == 1
        and arguments.run is commands.call
        and arguments.arguments is None
        and not rest[0].startswith("--")
    ):
        arguments.arguments = rest.pop()  # argparse before 3.13 does not look for it after an option
    if rest:
        command = next((by_name[word] for word in argv if word in by_name), parser)
        command.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.sandbox and arguments.run not in _WITH_SANDBOX:
        parser.error(
            "--sandbox goes with serving: `clicksend-mcp --sandbox` or `clicksend-mcp http --sandbox`, and with `call` "
            "and `check`"
        )
    if arguments.sandbox_port is not None and not (
        arguments.sandbox and arguments.run in (serving.stdio, serving.http)
    ):
        parser.error("--sandbox-port goes with --sandbox, where it serves")
    return arguments
