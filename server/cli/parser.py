"""The parser of the command line: each command with its options and help."""

import argparse

from server.cli import commands, serving, usage
from server.runtime.env import yes_or_no

_HIGHEST_PORT = 65_535


def build() -> tuple[usage.Parser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of the commands by their names. It sets `run` to the function of the command."""
    parser = _program()
    sandbox = usage.Parser(add_help=False)
    _add_sandbox_options(sandbox, default=argparse.SUPPRESS)
    add = parser.add_subparsers(title="commands", metavar="COMMAND")
    add.add_parser("demo", help="watch an agent's day against the sandbox").set_defaults(run=commands.demo)
    add.add_parser(
        "check",
        aliases=["doctor"],
        help="check the set-up: account, balance, ledger, limits that are on",
        parents=[sandbox],
    ).set_defaults(run=commands.check)
    _fill_tools(add.add_parser("tools", help="show the catalogue of tools"))
    _fill_call(
        add.add_parser(
            "call",
            help="call one tool, as an agent would, and print its result",
            epilog=usage.described(usage.CALL),
            parents=[sandbox],
        )
    )
    _fill_http(add.add_parser("http", help="serve MCP over Streamable HTTP at /mcp", parents=[sandbox]))
    _fill_token(
        add.add_parser("token", help="make a token for a caller over HTTP", epilog=usage.described(usage.TOKEN))
    )
    _fill_sandbox(add.add_parser("sandbox", help="serve the simulated ClickSend as an HTTP API"))
    _fill_ledger(add.add_parser("ledger", help="show what was sent, and what became of it"))
    add.add_parser("settings", help="list the settings, which are environment variables").set_defaults(
        run=commands.settings
    )
    return parser, dict(add.choices)


def _program() -> usage.Parser:
    """The parser of the program without its commands; without a command it serves over stdio."""
    from importlib.metadata import version

    parser = usage.Parser(
        prog="clicksend-mcp",
        description=usage.described(
            "ClickSend for AI agents. Without a command: serve MCP over stdio, as hosts start it."
        ),
        epilog=usage.described("\n".join((usage.EXAMPLE, usage.STATUSES, usage.SETTINGS))),
    )
    parser.add_argument("--version", action="version", version=version("clicksend-mcp"))
    _add_sandbox_options(parser, default=False)
    # For forms that give true or false, such as that of the bundle.
    parser.add_argument("--sandbox-if", dest="sandbox", type=yes_or_no, help=argparse.SUPPRESS)
    parser.set_defaults(run=serving.stdio)
    return parser


def _fill_tools(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON: name, title, description, inputs")
    parser.set_defaults(run=commands.tools)


def _fill_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", type=usage.action, metavar="TOOL", help="name of the tool, in capitals or not")
    parser.add_argument("arguments", nargs="?", metavar="JSON", help="its inputs as a JSON object, - for stdin")
    parser.add_argument("--data", action="store_true", help="print ClickSend's answer alone; errors go to stderr")
    parser.set_defaults(run=commands.call)


def _fill_http(parser: argparse.ArgumentParser) -> None:
    _add_address_options(parser, port=8000)
    parser.set_defaults(run=serving.http)


def _fill_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the caller, as the ledger and the log show it")
    parser.set_defaults(run=commands.token)


def _fill_sandbox(parser: argparse.ArgumentParser) -> None:
    _add_address_options(parser, port=8799)
    parser.set_defaults(run=serving.sandbox)


def _fill_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_days, default=7.0, help="of the last days (default: %(default)g)")
    parser.add_argument(
        "--state",
        choices=("started", "accepted", "partly", "refused", "unknown"),
        help="only sends that this became of",
    )
    parser.add_argument("--action", type=usage.action, metavar="TOOL", help="only sends by this tool")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, for programs")
    parser.add_argument(
        "--prune",
        type=_days,
        metavar="DAYS",
        help="delete what is older than so many days, except sends whose outcome is open; at least 1, or the longest "
        "CLICKSEND_MCP_DUPLICATE_WINDOW, so run it with the settings of the server",
    )
    parser.add_argument("--yes", action="store_true", help="prune without asking, for scripts")
    parser.set_defaults(run=commands.ledger)


def _add_sandbox_options(parser: argparse.ArgumentParser, default: object) -> None:
    parser.add_argument(
        "--sandbox", action="store_true", default=default, help="use a simulated ClickSend: nothing is sent or paid"
    )
    parser.add_argument(
        "--sandbox-port",
        type=_port,
        default=default or None,
        metavar="PORT",
        help="port of the sandbox and its inbox (default: any free one)",
    )


def _add_address_options(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=port, help="port, 0 for any free one (default: %(default)s)")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return int(text)


def _days(text: str) -> float:
    from server.cli.prune import days

    return days(text)
