"""Options of serving over HTTP: who may call, how much, and under which address. A wrong one stops the start."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from server.runtime.env import Variable, WrongSetting, plain_text, seconds, whole_number, yes_or_no
from server.runtime.sockets import is_loopback

_WAYS: Final = ("none", "tokens", "basic", "oauth")


@dataclass(frozen=True)
class Hosting:
    """How `clicksend-mcp http` serves; a field is named after its variable.

    `http_auth`: none (this machine only), tokens (of the operator), basic (the caller's own ClickSend account) or
    oauth. Sizes are in bytes, times in seconds.
    """

    http_auth: str = "none"
    http_url: str | None = None
    http_callers: str | None = None
    http_issuer: str | None = None
    http_audience: str | None = None
    http_jwks: str | None = None
    http_stateless: bool = False
    http_max_body: int = 4_194_304
    http_calls_at_once: int = 64
    http_calls_per_minute: int = 600
    http_grace: float = 10.0


def _way(text: str) -> str:
    if text not in _WAYS:
        raise WrongSetting(f"must be one of {', '.join(_WAYS)}")
    return text


def web_address(text: str) -> str:
    """An https URL without query or credentials; plain http is only for this machine."""
    try:
        url = urlsplit(text)
        sound = bool(url.hostname) and url.port != 0 and not (url.query or url.fragment or url.username or url.password)
    except ValueError:
        sound = False
    if not sound or url.scheme not in ("http", "https"):
        raise WrongSetting("must be a URL such as https://mcp.example.com")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise WrongSetting("must be https; plain http is only for this machine")
    return text


def _root(text: str) -> str:
    url = urlsplit(web_address(text))
    if url.path.strip("/"):
        raise WrongSetting("must be without a path: the server is at /mcp under it")
    return f"{url.scheme}://{url.netloc}"


VARIABLES: Final = (
    Variable("CLICKSEND_MCP_HTTP_AUTH", "none", "who may call: none (this machine only), tokens, basic, oauth", _way),
    Variable("CLICKSEND_MCP_HTTP_URL", "none", "address of this server for its callers, without /mcp", _root),
    Variable("CLICKSEND_MCP_HTTP_CALLERS", "none", "TOML file of callers, with tokens or OAuth subjects", plain_text),
    Variable("CLICKSEND_MCP_HTTP_ISSUER", "none", "issuer of OAuth access tokens", web_address),
    Variable("CLICKSEND_MCP_HTTP_AUDIENCE", "URL and /mcp", "audience that access tokens are for", plain_text),
    Variable("CLICKSEND_MCP_HTTP_JWKS", "the issuer's", "URL of the issuer's keys", web_address),
    Variable("CLICKSEND_MCP_HTTP_STATELESS", "0", "1 keeps no sessions for older clients, for replicas", yes_or_no),
    Variable("CLICKSEND_MCP_HTTP_MAX_BODY", "4194304", "bytes of a request", whole_number(1_000, 100_000_000)),
    Variable("CLICKSEND_MCP_HTTP_CALLS_AT_ONCE", "64", "requests of a caller in one process", whole_number(1, 10_000)),
    Variable(
        "CLICKSEND_MCP_HTTP_CALLS_PER_MINUTE", "600", "requests of a caller in a minute", whole_number(1, 1_000_000)
    ),
    Variable("CLICKSEND_MCP_HTTP_GRACE", "10", "seconds for calls in flight when asked to stop", seconds),
)
