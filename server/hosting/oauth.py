"""OAuth 2.1 resource server: JWT access tokens of one issuer, by RFC 9068, RFC 9728 and the MCP specification.

A token is never passed through: ClickSend is called with the server's account, or the one that the callers' file gives
the subject.
"""

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import jwt

from server.config.callers import Caller
from server.config.settings import Settings
from server.hosting.authentication import Authenticator, Headers, HttpRefusal, Principal, credential
from server.hosting.callers_file import SCOPES, Registry
from server.runtime.addresses import is_loopback
from server.runtime.env import WrongSetting
from tools.action import Effect
from tools.catalog import find

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_JWS = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PREFIX = "clicksend:"
_LEEWAY = 30  # seconds of clock skew
_FRESH_FOR = 600  # seconds for which keys are cached
_FETCH_INTERVAL = 10  # seconds at least between fetches: tokens with unknown keys must not make one each
_TIMEOUT = 5  # seconds for a document of the issuer
_MAX_SIZE = 1_000_000  # bytes of such a document

log = logging.getLogger("clicksend_mcp")


class Issuer:
    """The issuer's keys, fetched when a token needs them, and cached for ten minutes."""

    def __init__(self, address: str, jwks: str | None) -> None:
        self._address = address
        self._jwks = jwks
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = -float("inf")
        self._attempted = -float("inf")
        self._fetching = anyio.Lock()

    async def key(self, kid: str | None) -> jwt.PyJWK | None:
        """The key with an id; None if the issuer has none. Raises HttpRefusal (503) if its keys cannot be fetched."""
        if self._is_fresh(kid):  # does not wait while the keys are fetched for another token
            return self._keys[kid]
        async with self._fetching:
            now = time.monotonic()
            if not self._is_fresh(kid) and now - self._attempted > _FETCH_INTERVAL:
                self._attempted = now
                try:
                    self._keys = await self._fetch()
                    self._fetched = now
                except (httpx.HTTPError, ValueError, KeyError, TypeError, TimeoutError, jwt.PyJWTError) as fault:
                    log.error("the issuer's keys cannot be fetched: %s", type(fault).__name__)
            if not self._keys:
                raise HttpRefusal(503, "The issuer's keys cannot be had at the moment.", {"retry-after": "10"})
        return self._keys.get(kid)

    def _is_fresh(self, kid: str | None) -> bool:
        return kid in self._keys and time.monotonic() - self._fetched <= _FRESH_FOR

    async def _fetch(self) -> dict[str | None, jwt.PyJWK]:
        proxied = not is_loopback(urlsplit(self._address).hostname or "")
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=proxied) as http:
            jwks = self._jwks or await self._discover(http)
            document = await _json(http, jwks)
        keys = [_key(description) for description in document["keys"]]
        return {key.key_id: key for key in keys if key is not None}

    async def _discover(self, http: httpx.AsyncClient) -> str:
        """The URL of the keys, from the issuer's metadata: RFC 8414, or else OpenID Connect Discovery."""
        url = urlsplit(self._address)
        root, path = f"{url.scheme}://{url.netloc}", url.path.rstrip("/")
        urls = (
            f"{root}/.well-known/oauth-authorization-server{path}",
            f"{root}/.well-known/openid-configuration{path}",
            f"{root}{path}/.well-known/openid-configuration",
        )
        for candidate in dict.fromkeys(urls):
            try:
                metadata = await _json(http, candidate)
            except (httpx.HTTPError, ValueError):
                continue
            if metadata.get("issuer") == self._address and isinstance(metadata.get("jwks_uri"), str):
                return str(metadata["jwks_uri"])
        raise ValueError("no metadata")


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """A JSON object at a URL. Raises ValueError for anything else, TimeoutError, or httpx.HTTPError."""
    with anyio.fail_after(_TIMEOUT):
        async with http.stream("GET", url, headers={"accept": "application/json"}) as response:
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_SIZE:
                    raise ValueError("too large")
    document = httpx.Response(200, content=bytes(body)).json()
    if not isinstance(document, dict):
        raise ValueError("no object")
    return document


def _key(description: Any) -> jwt.PyJWK | None:
    """A signing key of the issuer, from its JWK; None for another use, or an algorithm that is not accepted here."""
    if not isinstance(description, dict) or description.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(description)
    except jwt.PyJWTError:
        return None
    return key if key.algorithm_name in _ALGORITHMS else None


def metadata_url(settings: Settings) -> str:
    """The URL of this resource's metadata (RFC 9728)."""
    return f"{settings.hosting.http_url}/.well-known/oauth-protected-resource/mcp"


def metadata(settings: Settings) -> dict[str, Any]:
    """The metadata of this resource: the issuer whose tokens it accepts, and their scopes (RFC 9728)."""
    return {
        "resource": f"{settings.hosting.http_url}/mcp",
        "resource_name": "ClickSend",
        "authorization_servers": [settings.hosting.http_issuer],
        "scopes_supported": [f"{_PREFIX}{scope}" for scope in SCOPES],
        "bearer_methods_supported": ["header"],
    }


def by_access_token(settings: Settings, registry: Registry) -> Authenticator:
    """Callers with an access token from the issuer for this server. Raises WrongSetting if a setting is missing."""
    hosting = settings.hosting
    if hosting.http_issuer is None or hosting.http_url is None:
        raise WrongSetting("CLICKSEND_MCP_HTTP_AUTH=oauth needs CLICKSEND_MCP_HTTP_ISSUER and CLICKSEND_MCP_HTTP_URL")
    issuer, audience = hosting.http_issuer, hosting.http_audience or f"{hosting.http_url}/mcp"
    keys = Issuer(issuer, hosting.http_jwks)
    all_scopes = " ".join(f"{_PREFIX}{scope}" for scope in SCOPES)

    def challenge(error: str | None, scope: str) -> dict[str, str]:
        parts = [f'error="{error}"'] if error else []
        parts += [f'resource_metadata="{metadata_url(settings)}"', f'scope="{scope}"']
        return {"www-authenticate": f"Bearer {', '.join(parts)}"}

    async def claims(token: str) -> Mapping[str, Any]:
        try:
            key = await keys.key(_header(token).get("kid"))
            if key is None:
                raise jwt.InvalidKeyError
            verified: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=audience,
                issuer=issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            if not verified["sub"] or not verified["sub"].isprintable():  # it goes into the ledger and the log
                raise jwt.InvalidTokenError
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as fault:
            # Only the operator's log says which check failed: the answer would help to forge a token.
            log.info("an access token was turned away: %s", type(fault).__name__)
            raise HttpRefusal(
                401, "This access token is not valid here.", challenge("invalid_token", all_scopes)
            ) from None
        return verified

    async def identify(headers: Headers, _: str) -> Principal:
        token = credential(headers, "bearer")
        if token is None:
            raise HttpRefusal(401, "Send an access token: Authorization: Bearer ...", challenge(None, all_scopes))
        verified = await claims(token)
        caller = _caller(settings, registry, str(verified["sub"]), _granted(verified))
        if not caller.effects:
            raise HttpRefusal(403, f"Needs a scope: {all_scopes}", challenge("insufficient_scope", all_scopes))
        _check_scope(headers, caller, challenge)
        return Principal(caller, f"oauth {hashlib.sha256(verified['sub'].encode()).hexdigest()}")

    return identify


def _header(token: str) -> Mapping[str, Any]:
    """The header of an access token, not verified. Raises jwt.InvalidTokenError for a token of another type.

    RFC 9068 requires `at+jwt`; many issuers write `JWT`, or no type. Others must be refused: an issuer signs logout
    tokens and proofs of possession with the same keys.
    """
    if not _JWS.fullmatch(token):  # decoders accept padding, and skip characters outside base64url
        raise jwt.InvalidTokenError
    header: dict[str, Any] = jwt.get_unverified_header(token)
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in ("at+jwt", "jwt"):
        raise jwt.InvalidTokenError
    if "crit" in header or header.get("b64", True) is not True:
        raise jwt.InvalidTokenError
    return header


def _granted(claims: Mapping[str, Any]) -> frozenset[Effect]:
    """The effects that the scopes of a token allow; issuers write scopes as one text in `scope`, or in `scp`."""
    scopes = claims.get("scope", claims.get("scp", ""))
    names = scopes.split() if isinstance(scopes, str) else scopes if isinstance(scopes, list) else []
    return frozenset(effect for scope, effects in SCOPES.items() if f"{_PREFIX}{scope}" in names for effect in effects)


def _caller(settings: Settings, registry: Registry, subject: str, granted: frozenset[Effect]) -> Caller:
    """The caller of a subject: as registered, or else with the server's account; never beyond the token's scopes."""
    registered = registry.by_subject(subject)
    if registered is not None:
        return replace(registered, effects=registered.effects & granted)
    problem = settings.config_error
    if settings.credentials is None:
        problem = problem or "There is no ClickSend account for this caller: the operator has to give one"
    name = f"oauth:{subject}"
    return Caller(settings.credentials, settings.limits, settings.surface, name, effects=granted, config_error=problem)


def _check_scope(headers: Headers, caller: Caller, challenge: Any) -> None:
    """Raise HttpRefusal (403) for a call of a tool that the token has no scope for, where a header names the tool."""
    action = find(headers.get("mcp-name", "")) if headers.get("mcp-method") == "tools/call" else None
    if action is not None and action.effect not in caller.effects:
        scope = f"{_PREFIX}{next(name for name, effects in SCOPES.items() if action.effect in effects)}"
        raise HttpRefusal(403, f"Needs the scope {scope}.", challenge("insufficient_scope", scope))
