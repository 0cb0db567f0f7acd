"""The commands. Each imports what it needs when it runs: a host waits for every import at its start."""

import argparse
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from schemas.envelope import Envelope
from server.settings import VARIABLES, Credentials, Settings, from_environment
from server.variables import WrongSetting, is_loopback
from tools.catalog import CATALOG

if TYPE_CHECKING:
    from server.sandbox.serve import RunningSandbox


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status: 0 is good, 1 a failure, 2 a wrong use."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if len(rest) == 1 and arguments.run is _call and arguments.arguments is None and not rest[0].startswith("--"):
        arguments.arguments = rest.pop()  # argparse before 3.13 does not look for it after an option
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if arguments.sandbox and arguments.run not in (_stdio, _http, _call):
        parser.error(
            "--sandbox goes with serving: `clicksend-mcp --sandbox` or `clicksend-mcp http --sandbox`, and with `call`"
        )
    try:
        sys.exit(arguments.run(arguments))
    except WrongSetting as fault:
        sys.exit(_fail(str(fault)))
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import version

    settings = "\n".join(f"  {one.name:32} {one.meaning} (default: {one.default})" for one in VARIABLES)
    parser = argparse.ArgumentParser(
        prog="clicksend-mcp",
        description="ClickSend for AI agents. Without a command: serve MCP over stdio, as hosts start it.",
        epilog=f"environment:\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("clicksend-mcp"))
    sandbox = argparse.ArgumentParser(add_help=False)
    _add_sandbox(sandbox, default=argparse.SUPPRESS)
    _add_sandbox(parser, default=False)
    parser.set_defaults(run=_stdio)
    commands = parser.add_subparsers(title="commands", metavar="")

    http = commands.add_parser("http", help="serve MCP over Streamable HTTP at /mcp", parents=[sandbox])
    _add_address(http, port=8000)
    http.set_defaults(run=_http)

    own = commands.add_parser("sandbox", help="serve the simulated ClickSend as an HTTP API")
    _add_address(own, port=8799)
    own.set_defaults(run=_sandbox)

    tools = commands.add_parser("tools", help="show the catalogue of tools")
    tools.add_argument("--json", action="store_true", help="as JSON: name, title, description, inputs")
    tools.set_defaults(run=_tools)

    call = commands.add_parser("call", help="call one tool, as an agent would, and print its result", parents=[sandbox])
    call.add_argument("action", choices=sorted(CATALOG), metavar="ACTION", help="name of the tool")
    call.add_argument("arguments", nargs="?", help="its inputs as a JSON object, - for stdin")
    call.set_defaults(run=_call)

    token = commands.add_parser("token", help="make a token for a caller over HTTP")
    token.add_argument("name", help="name of the caller, as the ledger and the log show it")
    token.set_defaults(run=_token)

    commands.add_parser("check", help="check the credentials: account and balance").set_defaults(run=_check)
    ledger = commands.add_parser("ledger", help="show what was sent, and what became of it")
    ledger.add_argument("--days", type=_days, default=7.0, help="of the last days (default: %(default)g)")
    ledger.add_argument(
        "--state",
        choices=("started", "accepted", "partly", "refused", "unknown"),
        help="only sends that this became of",
    )
    ledger.add_argument("--action", choices=sorted(CATALOG), metavar="ACTION", help="only sends by this tool")
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

    commands.add_parser("demo", help="watch an agent's day against the sandbox").set_defaults(run=_demo)
    return parser


def _add_sandbox(parser: argparse.ArgumentParser, default: object) -> None:
    what = "use a simulated ClickSend: nothing is sent or paid"
    parser.add_argument("--sandbox", action="store_true", default=default, help=what)


def _add_address(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=port, help="port, 0 for any free one (default: %(default)s)")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return int(text)


def _days(text: str) -> float:
    from server.guard.pruning import days

    return days(text)


@asynccontextmanager
async def _settings(with_sandbox: bool, *, credentials_needed: bool = True) -> AsyncIterator[Settings]:
    """The settings of the environment, or those of a sandbox that lives as long as this context."""
    settings = from_environment(os.environ, credentials_needed=credentials_needed and not with_sandbox)
    if not with_sandbox:
        yield settings
        return
    from server.sandbox.serve import running_sandbox

    # The sandbox begins anew each time, and so does the ledger of what was sent to it.
    with TemporaryDirectory(prefix="clicksend-mcp-") as folder:
        async with running_sandbox() as sandbox:
            yield _of_sandbox(settings, sandbox, folder)


def _of_sandbox(settings: Settings, sandbox: "RunningSandbox", folder: str) -> Settings:
    print(f"Sandbox at {sandbox.url}: nothing is sent or paid. Inbox at {sandbox.inbox}", file=sys.stderr)
    credentials = Credentials(sandbox.username, sandbox.api_key)
    policy = settings.policy
    if policy.ledger is None:
        policy = replace(policy, ledger=f"{folder}/ledger.sqlite3")
    return replace(settings, credentials=credentials, base_url=sandbox.url, sandbox=True, policy=policy)


def _stdio(arguments: argparse.Namespace) -> int:
    import anyio

    from server.logs import configure
    from server.memory import keep_large_apart, settle
    from server.protocol import build_server, serve_stdio

    async def serve() -> int:
        async with _settings(arguments.sandbox) as settings:
            configure(settings.log_level, settings.log_format)
            return await serve_stdio(build_server(settings))

    settle()
    keep_large_apart()  # over HTTP requests too come through sockets, and it would cost a call a twentieth of its time
    try:
        status = anyio.run(serve)
    except* (BrokenPipeError, anyio.BrokenResourceError):  # the host is gone: nobody to tell
        status = 0
    # A thread may still wait for a line of stdin, and would hold the process until the host closes it.
    os._exit(status)


def _http(arguments: argparse.Namespace) -> int:
    import anyio

    from server.hosting.serve import serve_http
    from server.listening import listen
    from server.logs import configure
    from server.memory import settle

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
        async with _settings(arguments.sandbox, credentials_needed=hosting.http_auth == "none") as settings:
            configure(settings.log_level, settings.log_format)
            await serve_http(settings, listener)

    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as fault:
        return _fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    settle()
    anyio.run(serve)
    return 0


def _sandbox(arguments: argparse.Namespace) -> int:
    import anyio

    from server.sandbox.serve import running_sandbox
    from server.signals import stop_signal

    async def serve() -> None:
        async with running_sandbox(arguments.host, arguments.port) as sandbox:
            print(f"A simulated ClickSend at {sandbox.url}: nothing is sent or paid.", flush=True)
            print(
                f"Username {sandbox.username}, API key {sandbox.api_key}. Controls under {sandbox.url}/_sandbox/.",
                flush=True,
            )
            print(f"What would have been sent is shown at {sandbox.inbox}", flush=True)
            await stop_signal()

    try:
        anyio.run(serve)
    except OSError as fault:
        return _fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    return 0


def _tools(arguments: argparse.Namespace) -> int:
    from tools.reference import as_json, as_text

    print(as_json() if arguments.json else as_text())
    return 0


def _call(arguments: argparse.Namespace) -> int:
    from server.calling import WrongUse, arguments_from, run

    try:
        return run(CATALOG[arguments.action], arguments_from(arguments.arguments or "{}"), _settings(arguments.sandbox))
    except WrongUse as fault:
        return _fail(str(fault))


def _token(arguments: argparse.Namespace) -> int:
    from server.hosting.registry import NAME_RULE, is_name, new_token

    if not is_name(arguments.name):
        return _fail(f"the name of a caller has {NAME_RULE}")
    token, digest = new_token()
    print(f"The caller's token, shown only now: {token}", file=sys.stderr)
    print(f'[[caller]]\nname = {json.dumps(arguments.name)}\ntoken_sha256 = "{digest}"')
    return 0


def _check(_: argparse.Namespace) -> int:
    import anyio

    from server.dispatch import Dispatcher
    from tools.account import GET_ACCOUNT

    async def account() -> Envelope:
        async with Dispatcher(from_environment(os.environ)) as dispatcher:
            answered = await dispatcher.call(GET_ACCOUNT, {})
            assert isinstance(answered, Envelope)  # nobody is asked about a read
            return answered

    envelope = anyio.run(account)
    if not envelope.successful:
        return _fail(envelope.error or "", status=1)
    account_of = json.loads(envelope.data)["data"]
    if not isinstance(account_of, dict):
        return _fail("the answer is not an account: CLICKSEND_BASE_URL is probably wrong", status=1)
    currency = account_of.get("_currency")
    unit = currency.get("currency_name_short") if isinstance(currency, dict) else None
    told = f"account {account_of.get('username')}, balance {account_of.get('balance')} {unit or ''}".rstrip()
    print(f"Credentials are right: {''.join(filter(str.isprintable, told))}.")
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from server.errors import LedgerUnavailable
    from server.guard.ledger import Ledger, default_place
    from server.guard.listing import as_json_lines, as_table
    from server.guard.pruning import NotPruned, prune
    from server.guard.pruning import entries as so_many

    if arguments.yes and arguments.prune is None:
        return _fail("--yes goes with --prune")
    settings = from_environment(os.environ)
    ledger = Ledger(settings.policy.ledger or default_place())
    try:
        ledger.verify()
        if arguments.prune is not None:
            count = prune(ledger, arguments.prune, settings, now=time.time(), unasked=arguments.yes)
            print(f"{so_many(count)} deleted.")
            return 0
        since = time.time() - arguments.days * 86_400
        entries = ledger.entries(since=since, state=arguments.state, action=arguments.action)
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
    from server.demo import run

    return run()


def _fail(message: str, status: int = 2) -> int:
    print(f"clicksend-mcp: {message}", file=sys.stderr)
    return status
