"""The commands that serve: MCP over stdio and over HTTP, and the sandbox. Each imports what it needs when it runs."""

import argparse
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from server.cli.startup import settings_of
from server.cli.usage import fail
from server.config.http import Hosting
from server.config.settings import from_environment
from server.runtime.addresses import is_loopback
from server.runtime.streams import Unwritten, first, reason

if TYPE_CHECKING:
    from server.sandbox.serve import RunningSandbox


def stdio(arguments: argparse.Namespace) -> int:
    """Serve MCP over stdin and stdout until the host closes them or a signal comes. Never returns: ends the process."""
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
    mmap_large_blocks()  # over HTTP requests come through sockets too, and it would slow calls down by a twentieth
    try:
        status = anyio.run(serve)
    except* (ConnectionError, anyio.BrokenResourceError):  # the host is gone
        status = 0
    except* OSError as lost:
        status = fail(f"the host cannot be served over stdin and stdout: {reason(first(lost))}", status=1)
    # A thread may still be reading stdin, and would keep the process alive until the host closes it.
    os._exit(status)


def http(arguments: argparse.Namespace) -> int:
    """Serve MCP over Streamable HTTP until a signal comes; the exit status."""
    import anyio

    from server.hosting.serve import serve_http
    from server.runtime.logs import configure
    from server.runtime.sockets import listen
    from server.runtime.tuning import freeze_heap

    hosting = from_environment(os.environ, credentials_needed=False).hosting
    if problem := _exposed(arguments.host, hosting):
        return fail(problem)

    async def serve() -> None:
        needed = hosting.http_auth == "none"
        async with settings_of(
            arguments.sandbox, credentials_needed=needed, port=arguments.sandbox_port, serves_others=True
        ) as settings:
            configure(settings.log_level, settings.log_format)
            await serve_http(settings, listener)

    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as fault:
        return fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    freeze_heap()
    anyio.run(serve)
    return 0


def _exposed(host: str, hosting: Hosting) -> str | None:
    """Why the server must not listen on an address that other machines reach; None if it may."""
    if is_loopback(host):
        return None
    if hosting.http_auth == "none":
        return (
            f"{host} is not an address of this machine alone, and callers are not authenticated, so "
            "anybody who reaches the port could send at your expense: set CLICKSEND_MCP_HTTP_AUTH, or use "
            "--host 127.0.0.1"
        )
    if hosting.http_url is None:
        return f"for {host} CLICKSEND_MCP_HTTP_URL has to say how callers reach this server"
    return None


def sandbox(arguments: argparse.Namespace) -> int:
    """Serve the simulated ClickSend until a signal comes; the exit status."""
    import anyio

    from server.runtime.signals import stop_signal
    from server.sandbox.serve import running_sandbox

    async def serve() -> None:
        async with running_sandbox(arguments.host, arguments.port) as sandbox:
            with suppress(Unwritten):  # the sandbox serves nonetheless
                _announce(sandbox, arguments.host)
            await stop_signal()

    try:
        anyio.run(serve)
    except OSError as fault:
        return fail(f"cannot listen on {arguments.host} port {arguments.port}: {fault.strerror}")
    return 0


def _announce(sandbox: "RunningSandbox", host: str) -> None:
    """Print where a sandbox is, and how to use it."""
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
