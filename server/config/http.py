"""Options of serving over HTTP: who may call, how much, and under which address. A wrong one stops the start.

Their bounds and defaults are our rule.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from server.config.setting import setting
from server.runtime.addresses import is_loopback
from server.runtime.env import WrongSetting, plain_text, seconds, whole_number, yes_or_no

_METHODS: Final = ("none", "tokens", "basic", "oauth")


def _auth_method(text: str) -> str:
    if text not in _METHODS:
        raise WrongSetting(f"must be one of {', '.join(_METHODS)}")
    return text


def web_address(text: str) -> str:
    """An https URL without query or credentials; plain http only for this machine. Raises WrongSetting."""
    try:
        url = urlsplit(text)
        is_plain = (
            bool(url.hostname) and url.port != 0 and not (url.query or url.fragment or url.username or url.password)
        )
    except ValueError:
        is_plain = False
    if not is_plain or url.scheme not in ("http", "https"):
        raise WrongSetting("must be a URL such as https://mcp.example.com")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise WrongSetting("must be https; plain http is only for this machine")
    return text


def _root(text: str) -> str:
    url = urlsplit(web_address(text))
    if url.path.strip("/"):
        raise WrongSetting("must be without a path: the server is at /mcp under it")
    return f"{url.scheme}://{url.netloc}"


@dataclass(frozen=True)
class Hosting:
    """How `clicksend-mcp http` serves.

    `http_auth`: none (this machine only), tokens (of the operator), basic (the caller's own ClickSend account) or
    oauth. Sizes are in bytes, times in seconds.
    """

    http_auth: str = setting(_auth_method, "none", "who may call: none (this machine only), tokens, basic, oauth")
    http_url: str | None = setting(_root, None, "address of this server for its callers, without /mcp")
    http_callers: str | None = setting(plain_text, None, "TOML file of callers, with tokens or OAuth subjects")
    http_issuer: str | None = setting(web_address, None, "issuer of OAuth access tokens")
    http_audience: str | None = setting(plain_text, None, "audience that access tokens are for", shown="URL and /mcp")
    http_jwks: str | None = setting(web_address, None, "URL of the issuer's keys", shown="the issuer's")
    http_stateless: bool = setting(yes_or_no, False, "1 keeps no sessions for older clients, for replicas")
    http_max_body: int = setting(whole_number(1_000, 100_000_000), 4_194_304, "bytes of a request")
    http_calls_at_once: int = setting(whole_number(1, 10_000), 64, "requests of a caller in one process")
    http_calls_per_minute: int = setting(whole_number(1, 1_000_000), 600, "requests of a caller in a minute")
    http_grace: float = setting(seconds, 10.0, "seconds for calls in flight when asked to stop")
