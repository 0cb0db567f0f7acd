"""The commands. Each imports what it needs when it runs: a host waits for every import at its start."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from server.cli import usage
from server.cli.startup import settings_of
from server.config.settings import from_environment
from server.runtime.addresses import is_loopback
from server.runtime.env import WrongSetting, yes_or_no
from server.runtime.streams import Unwritten, complain, errors_lost, first, reason

if TYPE_CHECKING:
    from server.sandbox.serve import RunningSandbox


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status, which `usage.STATUSES` explains."""
    parser, commands = _parser()
    argv = sys.argv[1:] if argv is None else argv
    if wrong := usage.command_in(argv, commands, ("--sandbox-port", "--sandbox-if")):
        parser.error(wrong)
    arguments, rest = parser.parse_known_args(argv)
    if len(rest) == 1 and arguments.run is _call and arguments.arguments is None and not rest[0].startswith("--"):
        arguments.arguments = rest.pop()  # argparse before 3.13 does not look for it after an option
    own = next((commands[one] for one in argv if one in commands), parser)
    if rest:
        own.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.sandbox and arguments.run not in (_stdio, _http, _call, _check):
        parser.error(
            "--sandbox goes with serving: `clicksend-mcp --sandbox` or `clicksend-mcp http --sandbox`, and with `call` "
            "and `check`"
        )
    if arguments.sandbox_port is not None and not (arguments.sandbox and arguments.run in (_stdio, _http)):
        parser.error("--sandbox-port goes with --sandbox, where it serves")
    try:
        sys.exit(arguments.run(arguments))
    except WrongSetting as fault:
        sys.exit(_fail(str(fault)))
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> tuple[usage.Parser, dict[str, argparse.ArgumentParser]]:
    """The parser, and those of the commands by their names."""
    from importlib.metadata import version

    parser = usage.Parser(
        prog="clicksend-mcp",
        description=usage.described(
            "ClickSend for AI agents. Without a command: serve MCP over stdio, as hosts start it."
        ),
        epilog=usage.described("\n".join((usage.EXAMPLE, usage.STATUSES, usage.SETTINGS))),
    )
    parser.add_argument("--version", action="version", version=version("clicksend-mcp"))
    sandbox = usage.Parser(add_help=False)
    _add_sandbox(sandbox, default=argparse.SUPPRESS)
    _add_sandbox(parser, default=False)
    # For forms that give true or false, such as that of the bundle.
    parser.add_argument("--sandbox-if", dest="sandbox", type=yes_or_no, help=argparse.SUPPRESS)
    parser.set_defaults(run=_stdio)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    commands.add_parser("demo", help="watch an agent's day against the sandbox").set_defaults(run=_demo)
    check = commands.add_parser(
        "check",
        aliases=["doctor"],
        help="check the set-up: account, balance, ledger, limits that are on",
        parents=[sandbox],
    )
    check.set_defaults(run=_check)

    tools = commands.add_parser("tools", help="show the catalogue of tools")
    tools.add_argument("--json", action="store_true", help="as JSON: name, title, description, inputs")
    tools.set_defaults(run=_tools)

    call = commands.add_parser(
        "call",
        help="call one tool, as an agent would, and print its result",
        epilog=usage.described(usage.CALL),
        parents=[sandbox],
    )
    call.add_argument("action", type=usage.action, metavar="TOOL", help="name of the tool, in capitals or not")
    call.add_argument("arguments", nargs="?", metavar="JSON", help="its inputs as a JSON object, - for stdin")
    call.add_argument("--data", action="store_true", help="print ClickSend's answer alone; errors go to stderr")
    call.set_defaults(run=_call)

    http = commands.add_parser("http", help="serve MCP over Streamable HTTP at /mcp", parents=[sandbox])
    _add_address(http, port=8000)
    http.set_defaults(run=_http)

    token = commands.add_parser(
        "token", help="make a token for a caller over HTTP", epilog=usage.described(usage.TOKEN)
    )
    token.add_argument("name", metavar="NAME", help="name of the caller, as the ledger and the log show it")
    token.set_defaults(run=_token)

    own = commands.add_parser("sandbox", help="serve the simulated ClickSend as an HTTP API")
    _add_address(own, port=8799)
    own.set_defaults(run=_sandbox)

    ledger = commands.add_parser("ledger", help="show what was sent, and what became of it")
    ledger.add_argument("--days", type=_days, default=7.0, help="of the last days (default: %(default)g)")
    ledger.add_argument(
        "--state",
        choices=("started", "accepted", "partly", "refused", "unknown"),
        help="only sends that this became of",
    )
    ledger.add_argument("--action", type=usage.action, metavar="TOOL", help="only sends by this tool")
    ledger.add_argument("--json", action="store_true", help="a JSON object a line, for programs")
    ledger.add_argument(
        "--prune",
        type=_days,
        metavar="DAYS",
        help="delete what is older than so many days, except sends whose outcome is open; at least 1, or the longest "
        "CLICKSEND_MCP_DUPLICATE_WINDOW, so run it with the settings of the server",
    )
    ledger.add_argument("--yes", action="store_true", help="prune without asking, for scripts")
    ledger.set_defaults(run=_ledger)

    commands.add_parser("settings", help="list the settings, which are environment variables").set_defaults(
        run=_show_settings
    )
    return parser, dict(commands.choices)


def _add_sandbox(parser: argparse.ArgumentParser, default: object) -> None:
    what = "use a simulated ClickSend: nothing is sent or paid"
    parser.add_argument("--sandbox", action="store_true", default=default, help=what)
    where = "port of the sandbox and its inbox (default: any free one)"
    parser.add_argument("--sandbox-port", type=_port, default=default or None, metavar="PORT", help=where)


def _add_address(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=port, help="port, 0 for any free one (default: %(default)s)")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return int(text)


def _days(text: str) -> float:
    from server.cli.prune import days

    return days(text)


def _stdio(arguments: argparse.Namespace) -> int:
    import anyio

    from server.protocol.server import build_server, serve_stdio
    from server.runtime.logs import configure
    from server.runtime.tuning import freeze_heap, mmap_large_blocks

    async def serve() -> int:
        async with settings_of(arguments.sandbox, starts_anyhow=True, port=arguments.sandbox_port) as settings:
            configure(settings.log_level, settings.log_format)
            settings.log_error()
            return await serve_stdio(build_server(settings))

    if sys.stdin.isatty():
        print("MCP over stdio: a host starts this. Try `clicksend-mcp demo` or `--help`.", file=sys.stderr)
    freeze_heap()
    mmap_large_blocks()  # over HTTP requests too come through sockets, and it would cost a call a twentieth of its time
    try:
        status = anyio.run(serve)
    except* (ConnectionError, anyio.BrokenResourceError):  # the host is gone: nobody to tell
        status = 0
    except* OSError as lost:
        status = _fail(f"the host cannot be served over stdin and stdout: {reason(first(lost))}", status=1)
    # A thread may still wait for a line of stdin, and would hold the process until the host closes it.
    os._exit(status)


def _http(arguments: argparse.Namespace) -> int:
    import anyio

    from server.hosting.serve import serve_http
    from server.runtime.logs import configure
    from server.runtime.sockets import listen
    from server.runtime.tuning import freeze_heap

    hosting = from_environment(os.environ, credentials_needed=False).hosting
    if not is_loopback(arguments.host):
        if hosting.http_auth == "none":
            return _fail(
                f"{arguments.host} is not an address of this machine alone, and callers are not authenticated, so "
                "anybody who reaches the port could send at your expense: set CLICKSEND_MCP_HTTP_AUTH, or use "
                "--host 127.0.0.1"
            )
        if hosting.http_url is None:
            return _fail(f"for {arguments.host} CLICKSEND_MCP_HTTP_URL has to say how callers reach this server")

    async def serve() -> None:
        needed = hosting.http_auth == "none"
        async with settings_of(
            arguments.sandbox, credentials_needed=needed, port=arguments.sandbox_port, strangers=True
        ) as settings:
            configure(settings.log_level, settings.log_format)
            await serve_http(settings, listener)

    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as fault:
        return _fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    freeze_heap()
    anyio.run(serve)
    return 0


def _sandbox(arguments: argparse.Namespace) -> int:
    import anyio

    from server.runtime.signals import stop_signal
    from server.sandbox.serve import running_sandbox

    async def serve() -> None:
        async with running_sandbox(arguments.host, arguments.port) as sandbox:
            with suppress(Unwritten):  # it serves all the same
                _tell_of(sandbox, arguments.host)
            await stop_signal()

    try:
        anyio.run(serve)
    except OSError as fault:
        return _fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    return 0


def _tell_of(sandbox: "RunningSandbox", host: str) -> None:
    """Say where a sandbox is, and how it is used."""
    lines = [
        f"A simulated ClickSend at {sandbox.url}: nothing is sent or paid.",
        f"Username {sandbox.username}, API key {sandbox.api_key}. Controls under {sandbox.url}/_sandbox/.",
        f"What would have been sent is shown at {sandbox.inbox}",
    ]
    if not is_loopback(host):
        lines.append(
            "Whoever reaches this port can read and change all of it, and let this machine fetch files and call "
            "webhooks. Pass --host 127.0.0.1 to keep it to this machine."
        )
    lines += [
        "To use it with ClickSend's clients, or with clicksend-mcp in another terminal:",
        f"export CLICKSEND_BASE_URL={sandbox.url}",
        f"export CLICKSEND_USERNAME={sandbox.username}",
        f"export CLICKSEND_API_KEY={sandbox.api_key}",
    ]
    print("\n".join(lines), flush=True)


def _tools(arguments: argparse.Namespace) -> int:
    from tools.reference import as_json, as_text

    print(as_json() if arguments.json else as_text())
    return 0


def _call(arguments: argparse.Namespace) -> int:
    from server.cli.call import WrongUse, arguments_from, run

    try:
        given = arguments_from("{}" if arguments.arguments is None else arguments.arguments)
        opening = settings_of(arguments.sandbox, serves=False)
        return run(arguments.action, given, opening, data_alone=arguments.data)
    except WrongUse as fault:
        return _fail(str(fault))


def _token(arguments: argparse.Namespace) -> int:
    from server.hosting.callers_file import NAME_RULE, is_name, new_token

    if not is_name(arguments.name):
        return _fail(f"the name of a caller has {NAME_RULE}")
    token, digest = new_token()
    print(f"The caller's token, shown only now: {token}", file=sys.stderr)
    if errors_lost():
        return 1  # nobody has seen it, so its entry would be of no use
    print(f'[[caller]]\nname = {json.dumps(arguments.name)}\ntoken_sha256 = "{digest}"')
    return 0


def _check(arguments: argparse.Namespace) -> int:
    import anyio

    from server.cli.check import look

    async def checked() -> tuple[str, list[str], list[str]]:
        async with settings_of(arguments.sandbox, serves=False) as settings:
            return ("", [], [f"{settings.config_error}."]) if settings.config_error else await look(settings)

    account, told, wrong = anyio.run(checked)
    if lines := [line for line in (account, *told) if line]:
        print("\n".join(lines))
    for one in wrong:
        _fail(one)
    return 1 if wrong else 0


def _show_settings(_: argparse.Namespace) -> int:
    print(usage.settings())
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from server.cli.prune import NotPruned, prune
    from server.cli.prune import entries as so_many
    from server.ledger.errors import LedgerUnavailable
    from server.ledger.export import as_json_lines, as_table
    from server.ledger.ledger import Ledger, default_location

    if arguments.yes and arguments.prune is None:
        return _fail("--yes goes with --prune")
    settings = from_environment(os.environ)
    ledger = Ledger(settings.ledger.location or default_location())
    try:
        ledger.verify()
        if arguments.prune is not None:
            count = prune(ledger, arguments.prune, settings, now=time.time(), unasked=arguments.yes)
            print(f"{so_many(count)} deleted.")
            return 0
        since = time.time() - arguments.days * 86_400
        slug = arguments.action.slug if arguments.action else None
        entries = ledger.entries(since=since, state=arguments.state, action=slug)
    except NotPruned as fault:
        return _fail(str(fault))
    except LedgerUnavailable as fault:
        return _fail(f"the ledger cannot be used ({fault}): look at CLICKSEND_MCP_LEDGER", status=1)
    finally:
        ledger.close()
    if entries or not arguments.json:
        print(as_json_lines(entries) if arguments.json else as_table(entries))
    return 0


def _demo(_: argparse.Namespace) -> int:
    from server.cli.demo import run

    return run()


def _fail(message: str, status: int = 2) -> int:
    complain(message)
    return status
