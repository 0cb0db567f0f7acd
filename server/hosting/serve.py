"""Streamable HTTP: the MCP server on a socket, for many callers, and how it ends."""

import logging
import socket
from urllib.parse import urlsplit

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from server.calls.dispatch import Dispatcher
from server.config.settings import Settings
from server.hosting.authentication import BASIC, Authenticator, by_own_account, by_token, of_this_machine
from server.hosting.callers_file import read_registry
from server.hosting.connections import TimedConnection, WebServer
from server.hosting.counters import SharedCounter
from server.hosting.gateway import CALLER, PATH, REQUEST_ID, Gateway
from server.hosting.health import health_routes
from server.hosting.proof import Proofs, Prove
from server.hosting.rate_limits import Traffic
from server.hosting.sse_internals import end_streams
from server.ledger.errors import LedgerMisconfigured, LedgerUnavailable
from server.protocol.server import RequestOrigin, build_server
from server.runtime.env import WrongSetting
from server.runtime.logs import announce
from server.runtime.signals import stop_signal
from server.runtime.sockets import url

log = logging.getLogger("clicksend_mcp")

_STREAM_GRACE = 1  # second that open streams get once all calls have ended


class Entrance:
    """Who may call, as the settings say. Raises WrongSetting if they do not say enough.

    `prove` lets ClickSend check credentials that come with a request.
    """

    def __init__(self, settings: Settings, prove: Prove) -> None:
        hosting = settings.hosting
        registry = read_registry(hosting.http_callers, settings)
        self.limits = [settings.limits, *(caller.limits for caller in registry.callers)]
        self.routes: list[Route] = []
        self.identify: Authenticator
        match hosting.http_auth:
            case "tokens":
                if not registry.callers:
                    raise WrongSetting("CLICKSEND_MCP_HTTP_AUTH=tokens needs CLICKSEND_MCP_HTTP_CALLERS")
                self.identify = by_token(registry)
            case "basic":
                self.identify = by_own_account(settings, Proofs(prove, dict(BASIC)).check)
            case "oauth":
                # PyJWT and what it needs are imported only where tokens are read.
                from server.hosting import oauth

                self.identify = oauth.by_access_token(settings, registry)
                self.routes = _public(oauth.metadata(settings))
            case _:
                self.identify = of_this_machine(settings)


def _public(metadata: dict[str, object]) -> list[Route]:
    async def tell(_: Request) -> JSONResponse:
        return JSONResponse(metadata, headers={"cache-control": "public, max-age=3600"})

    place = "/.well-known/oauth-protected-resource"
    return [Route(f"{place}{PATH}", tell), Route(place, tell)]


async def serve_http(settings: Settings, listener: socket.socket) -> None:
    """Serve at /mcp on a listening socket until a signal comes; calls in flight may finish. Raises WrongSetting."""
    hosting = settings.hosting
    dispatcher = Dispatcher(settings)
    entrance = Entrance(settings, dispatcher.session.prove)
    counter = SharedCounter(settings.ledger.server_url) if settings.ledger.server_url is not None else None
    traffic = Traffic(hosting, counter)
    async with dispatcher:
        if settings.ledger.server_url is not None:
            await _verify(dispatcher)
        server = build_server(
            settings,
            dispatcher=dispatcher,
            sender=_sender,
            asks=any(limits.approval.may_ask for limits in entrance.limits),
            private=hosting.http_auth != "none",
        )
        app = server.streamable_http_app(
            transport_security=_addresses(settings, listener),
            stateless_http=hosting.http_stateless,
            max_request_body_size=hosting.http_max_body,
            custom_starlette_routes=[
                *health_routes(settings.config_error, dispatcher.check, traffic),
                *entrance.routes,
            ],
        )
        web = WebServer(
            uvicorn.Config(
                Gateway(app, entrance.identify, traffic, hosting.http_max_body, crowded=lambda: web.is_crowded),
                http=TimedConnection,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_STREAM_GRACE,
            )
        )

        async def stop_on_signal() -> None:
            await stop_signal()
            traffic.draining = True
            # Nobody new is let in, those who are in may finish, and only then are open streams cut.
            await web.stop_listening(listener)
            await traffic.drained(hosting.http_grace)
            end_streams()
            web.exit()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop_on_signal)
            await anyio.lowlevel.checkpoint()  # signals are listened to from here on
            settings.log_error()
            announce(f"MCP at {url(listener)}{PATH}", settings.log_format)
            await web.serve([listener])
            tasks.cancel_scope.cancel()
    if counter is not None:
        counter.close()


async def _verify(dispatcher: Dispatcher) -> None:
    """Raise WrongSetting if nothing can ever be sent; a database that is away now may come back."""
    try:
        await dispatcher.verify()
    except LedgerMisconfigured as fault:
        raise WrongSetting(f"CLICKSEND_MCP_LEDGER cannot be used: {fault}") from None
    except LedgerUnavailable as fault:
        log.warning("nothing can be sent until the ledger is there: %s", fault)


def _sender(request: Request) -> RequestOrigin:
    return RequestOrigin(request.scope[CALLER], request.scope[REQUEST_ID])


def _addresses(settings: Settings, listener: socket.socket) -> TransportSecuritySettings:
    """Lets in only requests whose Host and Origin are ours, so that no web page elsewhere can use the tools."""
    hosts = [f"{host}:*" for host in ("localhost", "127.0.0.1", "[::1]")]
    hosts.append(url(listener).removeprefix("http://"))
    origins = [f"http://{host}" for host in hosts]
    if settings.hosting.http_url is not None:
        public = urlsplit(settings.hosting.http_url)
        hosts += [public.netloc, f"{public.hostname}:*"]
        origins.append(settings.hosting.http_url)
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
