"""An OAuth issuer on a loopback socket: its metadata, its keys, and tokens that it signs or that others forge."""

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from support.tcp import accepting

RESOURCE = "http://127.0.0.1:8123"  # the address of the server for its callers
AUDIENCE = f"{RESOURCE}/mcp"
EVERYTHING = "clicksend:read clicksend:write clicksend:send"
SERVERS = "/.well-known/oauth-authorization-server"  # RFC 8414
OPENID = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Key:
    """A key pair, and what is published of it."""

    private: Any
    algorithm: str
    kid: str | None

    @property
    def public(self) -> dict[str, Any]:
        """The public key as a JWK."""
        kinds: dict[str, Any] = {"RS": RSAAlgorithm, "PS": RSAAlgorithm, "ES": ECAlgorithm, "Ed": OKPAlgorithm}
        described = json.loads(kinds[self.algorithm[:2]].to_jwk(self.private.public_key()))
        named = {} if self.kid is None else {"kid": self.kid}
        return {**described, **named, "use": "sig", "alg": self.algorithm, "key_ops": ["verify"]}

    @property
    def pem(self) -> bytes:
        """The public key as PEM."""
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        pem: bytes = self.private.public_key().public_bytes(*form)
        return pem


@cache
def rsa_key(kid: str | None = "one", algorithm: str = "RS256") -> Key:
    """An RSA key; the same one for the same `kid`."""
    return Key(rsa.generate_private_key(public_exponent=65537, key_size=2048), algorithm, kid)


def curve_key(kid: str) -> Key:
    """A key on an elliptic curve."""
    return Key(ec.generate_private_key(ec.SECP256R1()), "ES256", kid)


def edwards_key(kid: str) -> Key:
    """A key on an Edwards curve."""
    return Key(ed25519.Ed25519PrivateKey.generate(), "EdDSA", kid)


@dataclass
class Issuer:
    """A running issuer: what it publishes, and what it was asked for."""

    url: str
    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)  # whole requests
    held: asyncio.Event = field(default_factory=asyncio.Event)  # answers are held back while it is not set
    waiting: asyncio.Event = field(default_factory=asyncio.Event)  # set when a request waits for such an answer

    def publish(self, *keys: Key | dict[str, Any], place: str = SERVERS) -> "Issuer":
        """Publish keys, and where they are."""
        self.documents["/keys"] = {"keys": [key.public if isinstance(key, Key) else key for key in keys]}
        self.documents[place] = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return self

    def token(self, key: Key | None = None, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """An access token for the server; a claim of None is left out."""
        key = key or rsa_key()
        kid = {"kid": key.kid} if key.kid is not None else {}
        return jwt.encode(self.claims(**changes), key.private, key.algorithm, {**kid, **(headers or {})})

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a valid token, with some changes."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ana", "iat": now, "exp": now + 600, "scope": EVERYTHING}
        return {name: value for name, value in {**good, "client_id": "app", **changes}.items() if value is not None}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split()[1]
            self.asked.append(path)
            self.heard.append(head)
            if not self.held.is_set():
                self.waiting.set()
                await self.held.wait()
            document = self.documents.get(path)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            status = "404 Not Found" if document is None else "200 OK"
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
            writer.write(f"HTTP/1.1 {status}\r\n{kind}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def issuing(path: str = "") -> AsyncIterator[Issuer]:
    """An issuer on a free port, which publishes nothing yet."""
    issuer = Issuer("")
    issuer.held.set()
    async with accepting(issuer._answer) as url:
        issuer.url = f"{url}{path}"
        yield issuer


def unsigned(claims: dict[str, Any], **headers: Any) -> str:
    """A token without a signature."""
    parts = (_part({"alg": "none", "typ": "at+jwt", **headers}), _part(claims), "")
    return ".".join(parts)


def tampered(token: str, **changes: Any) -> str:
    """The token with changed claims and its old signature."""
    head, _, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    return f"{head}.{_part({**claims, **changes})}.{signature}"


def signed_with_public_key(issuer: Issuer, key: Key, **changes: Any) -> str:
    """A token signed with the issuer's public key as if it were a shared secret."""
    import hashlib
    import hmac

    text = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{_part(issuer.claims(**changes))}"
    return f"{text}.{_encoded(hmac.new(key.pem, text.encode(), hashlib.sha256).digest())}"


def _part(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
