"""Streamable HTTP: serves MCP to many callers on one socket, and drains on a signal."""

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

_STREAM_GRACE = 1  # second for open streams to end, once all calls are answered


class Access:
    """Who may call, by the settings: how requests are authenticated, and the limits of all callers.

    `prove` asks ClickSend about credentials that come with a request. Raises WrongSetting if a setting is missing.
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
                # Here, because PyJWT and its dependencies take long to import.
                from server.hosting import oauth

                self.identify = oauth.by_access_token(settings, registry)
                self.routes = _metadata_routes(oauth.metadata(settings))
            case _:
                self.identify = of_this_machine(settings)


def _metadata_routes(metadata: dict[str, object]) -> list[Route]:
    """The metadata of this resource at both of its well-known paths (RFC 9728)."""

    async def respond(_: Request) -> JSONResponse:
        return JSONResponse(metadata, headers={"cache-control": "public, max-age=3600"})

    path = "/.well-known/oauth-protected-resource"
    return [Route(f"{path}{PATH}", respond), Route(path, respond)]


async def serve_http(settings: Settings, listener: socket.socket) -> None:
    """Serve at /mcp on a listening socket until SIGTERM or SIGINT, then drain. Raises WrongSetting."""
    dispatcher = Dispatcher(settings)
    access = Access(settings, dispatcher.session.prove)
    counter = SharedCounter(settings.ledger.server_url) if settings.ledger.server_url is not None else None
    traffic = Traffic(settings.hosting, counter)
    async with dispatcher:
        if settings.ledger.server_url is not None:
            await _verify(dispatcher)
        web = _web_server(settings, listener, dispatcher, access, traffic)

        async def drain_on_signal() -> None:
            await stop_signal()
            traffic.draining = True
            await web.stop_listening(listener)
            await traffic.drained(settings.hosting.http_grace)
            end_streams()  # not before the last call is answered, for its answer may come on one
            web.exit()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(drain_on_signal)
            await anyio.lowlevel.checkpoint()  # from here on signals are received
            settings.log_error()
            announce(f"MCP at {url(listener)}{PATH}", settings.log_format)
            await web.serve([listener])
            tasks.cancel_scope.cancel()
    if counter is not None:
        counter.close()


def _web_server(
    settings: Settings, listener: socket.socket, dispatcher: Dispatcher, access: Access, traffic: Traffic
) -> WebServer:
    hosting = settings.hosting
    server = build_server(
        settings,
        dispatcher=dispatcher,
        origin_of=_origin_of,
        may_ask=any(limits.approval.may_ask for limits in access.limits),
        private=hosting.http_auth != "none",
    )
    app = server.streamable_http_app(
        transport_security=_allowed_hosts(settings, listener),
        stateless_http=hosting.http_stateless,
        max_request_body_size=hosting.http_max_body,
        custom_starlette_routes=[
            *health_routes(settings.config_error, dispatcher.check, traffic),
            *access.routes,
        ],
    )
    gateway = Gateway(app, access.identify, traffic, hosting.http_max_body, crowded=lambda: web.is_crowded)
    web = WebServer(
        uvicorn.Config(
            gateway,
            http=TimedConnection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STREAM_GRACE,
        )
    )
    return web


async def _verify(dispatcher: Dispatcher) -> None:
    """Raise WrongSetting if the ledger can never be used; a database that is unreachable now may come back."""
    try:
        await dispatcher.verify()
    except LedgerMisconfigured as fault:
        raise WrongSetting(f"CLICKSEND_MCP_LEDGER cannot be used: {fault}") from None
    except LedgerUnavailable as fault:
        log.warning("nothing can be sent until the ledger is there: %s", fault)


def _origin_of(request: Request) -> RequestOrigin:
    return RequestOrigin(request.scope[CALLER], request.scope[REQUEST_ID])


def _allowed_hosts(settings: Settings, listener: socket.socket) -> TransportSecuritySettings:
    """Allow-list of Host and Origin, against DNS rebinding."""
    hosts = [f"{host}:*" for host in ("localhost", "127.0.0.1", "[::1]")]
    hosts.append(url(listener).removeprefix("http://"))
    origins = [f"http://{host}" for host in hosts]
    if settings.hosting.http_url is not None:
        public = urlsplit(settings.hosting.http_url)
        hosts += [public.netloc, f"{public.hostname}:*"]
        origins.append(settings.hosting.http_url)
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
