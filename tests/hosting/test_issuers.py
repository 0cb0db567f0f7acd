"""Access tokens: which are taken and which are turned away, and where the issuer's keys come from."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from support.callers_of import bearer
from support.issuer_of import (
    AUDIENCE,
    EVERYTHING,
    OPENID,
    RESOURCE,
    SERVERS,
    Issuer,
    curve_key,
    edwards_key,
    issuing,
    rsa_key,
    signed_with_public_key,
    tampered,
    unsigned,
)
from support.scripted import PATIENCE

from server.config.http import Hosting
from server.config.settings import Credentials, Settings
from server.hosting import oauth
from server.hosting.authentication import Authenticator, HttpRefusal, Principal
from server.hosting.callers_file import Registry

pytestmark = pytest.mark.anyio

Forge = Callable[[Issuer], str]


def guarding_door(issuer: Issuer, **more: Any) -> Authenticator:
    """What tells whose a request is."""
    hosting = Hosting(http_auth="oauth", http_url=RESOURCE, http_issuer=issuer.url, **more)
    return oauth.by_access_token(Settings(Credentials("ana", "key"), hosting=hosting), Registry(()))


async def ask(identify: Authenticator, token: str, **headers: str) -> Principal | HttpRefusal:
    """What becomes of a token."""
    given: Mapping[str, str] = {name.lower(): value for name, value in (bearer(token) | headers).items()}
    try:
        return await identify(given, "")
    except HttpRefusal as turned:
        return turned


async def is_taken(identify: Authenticator, token: str) -> bool:
    """Whether a token is good for something."""
    return isinstance(await ask(identify, token), Principal)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may be fetched at any time."""
    monkeypatch.setattr(oauth, "_FETCH_INTERVAL", -1)


def now() -> int:
    """The time when a token is made, which may be long after this file was read."""
    return int(time.time())


FORGED: dict[str, Forge] = {
    "expired": lambda issuer: issuer.token(exp=now() - 120),
    "an end that is no time": lambda issuer: issuer.token(exp="never"),
    "without an end": lambda issuer: issuer.token(exp=None),
    "not yet valid": lambda issuer: issuer.token(nbf=now() + 600),
    "issued in the future": lambda issuer: issuer.token(iat=now() + 600),
    "for somebody else": lambda issuer: issuer.token(aud="https://elsewhere.example/mcp"),
    "for this host, not for /mcp": lambda issuer: issuer.token(aud=RESOURCE),
    "for an address that begins the same": lambda issuer: issuer.token(aud=f"{AUDIENCE}/"),
    "for the client, as an ID token": lambda issuer: issuer.token(aud="app"),
    "for nobody": lambda issuer: issuer.token(aud=None),
    "for an empty list": lambda issuer: issuer.token(aud=[]),
    "of another issuer": lambda issuer: issuer.token(iss="https://evil.example"),
    "of an issuer with a slash": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "of no issuer": lambda issuer: issuer.token(iss=None),
    "of no subject": lambda issuer: issuer.token(sub=None),
    "of an empty subject": lambda issuer: issuer.token(sub=""),
    "of a subject with a line's end": lambda issuer: issuer.token(sub="ana\n2026-01-01 INFO clicksend_mcp: call"),
    "of a subject with a zero": lambda issuer: issuer.token(sub="ana\0"),
    "alg none": lambda issuer: unsigned(issuer.claims(), kid="one"),
    "alg None": lambda issuer: unsigned(issuer.claims(), kid="one", alg="None"),
    "no alg": lambda issuer: unsigned(issuer.claims(), kid="one", alg=None),
    "alg HS256 with the public key": lambda issuer: signed_with_public_key(issuer, rsa_key()),
    "an unknown kid": lambda issuer: issuer.token(rsa_key(), headers={"kid": "two"}),
    "no kid": lambda issuer: oauth.jwt.encode(issuer.claims(), rsa_key().private, "RS256"),
    "a kid that is a path": lambda issuer: issuer.token(rsa_key(), headers={"kid": "../../etc/passwd"}),
    "a key of its own": lambda issuer: issuer.token(curve_key("mine"), headers={"jwk": curve_key("mine").public}),
    "keys elsewhere": lambda issuer: issuer.token(curve_key("mine"), headers={"jku": f"{issuer.url}/mine"}),
    "another key with the known kid": lambda issuer: issuer.token(rsa_key("other"), headers={"kid": "one"}),
    "another kind of key with the known kid": lambda issuer: issuer.token(curve_key("one")),
    "other claims": lambda issuer: tampered(issuer.token(), sub="bo"),
    "more scopes": lambda issuer: tampered(issuer.token(scope="clicksend:read"), scope=EVERYTHING),
    "no signature": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "a cut signature": lambda issuer: issuer.token()[:-8],
    "a logout token": lambda issuer: issuer.token(headers={"typ": "logout+jwt"}),
    "a proof of possession": lambda issuer: issuer.token(headers={"typ": "dpop+jwt"}),
    "an ID token by its type": lambda issuer: issuer.token(headers={"typ": "application/id_token+jwt"}),
    "a type that is no text": lambda issuer: issuer.token(headers={"typ": 7}),
    "an extension it must know": lambda issuer: issuer.token(headers={"crit": ["exp"]}),
    "padding": lambda issuer: f"{issuer.token()}==",
    "a letter that is no base64url": lambda issuer: f"{issuer.token()}+",
    "a blank inside": lambda issuer: issuer.token().replace(".", " .", 1),
    "no token": lambda _: "abc",
    "dots": lambda _: "..",
    "other letters": lambda _: "\xe4.\xe4.\xe4",
    "deep brackets": lambda _: f"{'W1tb' * 12_000}.e30.x",
    "a list": lambda _: "W10.W10.x",
}


async def test_a_good_token_is_taken_and_any_other_turned_away() -> None:
    """An issuer signs more than access tokens."""
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        identify = guarding_door(issuer)
        for what, forge in FORGED.items():
            turned = await ask(identify, forge(issuer))
            assert isinstance(turned, HttpRefusal), what
            assert turned.status == 401, what
            challenge = turned.headers["www-authenticate"]
            assert challenge.startswith('Bearer error="invalid_token", resource_metadata="'), what
            assert f'scope="{EVERYTHING}"' in challenge, what
            assert await is_taken(identify, issuer.token()), what


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", "jwt"])
async def test_the_types_that_issuers_give_access_tokens_are_taken(kind: str) -> None:
    """RFC 9068 wants at+jwt, and many issuers write JWT."""
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()))
        assert await is_taken(identify, issuer.token(headers={"typ": kind}))


async def test_clocks_may_differ_a_little_and_a_token_may_be_for_several() -> None:
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()))
        now = int(time.time())
        for changes in ({"exp": now - 10}, {"nbf": now + 10}, {"aud": ["other", AUDIENCE]}, {"client_id": None}):
            assert await is_taken(identify, issuer.token(**changes)), changes


async def test_another_audience_can_be_set() -> None:
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()), http_audience="api://clicksend")
        assert await is_taken(identify, issuer.token(aud="api://clicksend"))
        assert not await is_taken(identify, issuer.token())


async def test_scopes_are_read_as_issuers_write_them() -> None:
    taken: dict[str, dict[str, Any]] = {
        "one": {"scope": "clicksend:read"},
        "among others": {"scope": "openid  clicksend:send email"},
        "scp": {"scope": None, "scp": ["clicksend:write"]},
        "scp in one text": {"scope": None, "scp": "clicksend:write clicksend:read"},
    }
    refused: dict[str, dict[str, Any]] = {
        "none": {"scope": None},
        "empty": {"scope": ""},
        "of others": {"scope": "read write send"},
        "in upper case": {"scope": "CLICKSEND:READ"},
        "with commas": {"scope": "clicksend:read,clicksend:send"},
        "a number": {"scope": 1},
        "a table": {"scope": {"clicksend:read": True}},
        "a wish for all": {"scope": "clicksend:* clicksend:"},
        "scopes within lists": {"scope": None, "scp": [["clicksend:read"]]},
    }
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()))
        for what, changes in taken.items():
            assert await is_taken(identify, issuer.token(**changes)), what
        for what, changes in refused.items():
            turned = await ask(identify, issuer.token(**changes))
            assert isinstance(turned, HttpRefusal), what
            assert turned.status == 403, what
            assert 'error="insufficient_scope"' in turned.headers["www-authenticate"], what


# --- keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "place"),
    [("", SERVERS), ("", OPENID), ("/realm", f"{SERVERS}/realm"), ("/realm", f"/realm{OPENID}"), ("/", OPENID)],
)
async def test_keys_are_found_by_either_kind_of_metadata(path: str, place: str) -> None:
    async with issuing(path) as issuer:
        issuer.publish(rsa_key(), place=place)
        issuer.documents[place]["jwks_uri"] = f"{issuer.url.removesuffix(path)}/keys"
        assert await is_taken(guarding_door(issuer), issuer.token())
    assert issuer.asked[-2:] == [place, "/keys"]
    assert not any("\nauthorization:" in heard.lower() for heard in issuer.heard)


async def test_metadata_of_another_issuer_are_not_believed() -> None:
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        issuer.documents[SERVERS]["issuer"] = f"{issuer.url}/other"
        turned = await ask(guarding_door(issuer), issuer.token())
    assert isinstance(turned, HttpRefusal)
    assert turned.status == 503
    assert "/keys" not in issuer.asked


async def test_keys_can_be_named_by_the_operator() -> None:
    async with issuing() as issuer, issuing() as elsewhere:
        elsewhere.publish(rsa_key())
        assert await is_taken(guarding_door(issuer, http_jwks=f"{elsewhere.url}/keys"), issuer.token())
    assert issuer.asked == []
    assert elsewhere.asked == ["/keys"]


async def test_keys_of_all_kinds_and_keys_without_a_name_are_used() -> None:
    keys = [rsa_key("r"), rsa_key("p", "PS256"), curve_key("e"), edwards_key("d"), rsa_key(None)]
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(*keys))
        for key in keys:
            assert await is_taken(identify, issuer.token(key)), key.algorithm
    assert issuer.asked.count("/keys") == 1


async def test_a_key_for_something_else_or_of_an_unknown_kind_does_not_spoil_the_others() -> None:
    secret = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"}
    unknown = [
        {"kty": "AKP", "kid": "new", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": "EC", "crv": "P-999", "kid": "curve", "x": "AA", "y": "AA"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kid": "nothing"},
        "text",
        None,
        secret,
        {**rsa_key("enc").public, "use": "enc"},
    ]
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        issuer.documents["/keys"]["keys"] += unknown
        identify = guarding_door(issuer)
        assert await is_taken(identify, issuer.token())
        assert not await is_taken(identify, issuer.token(rsa_key("enc")))
        shared = "secret-secret-secret-secret-1234"
        for algorithm in ("HS256", "RS256"):
            forged = oauth.jwt.encode(issuer.claims(), shared, "HS256", {"kid": "shared"})
            head = json.dumps({"alg": algorithm, "kid": "shared"}).encode()
            named = oauth.jwt.utils.base64url_encode(head).decode() + forged[forged.index(".") :]
            assert not await is_taken(identify, named if algorithm == "RS256" else forged)


@pytest.mark.parametrize(
    "keys", [{"keys": []}, {"keys": [{}]}, {"keys": ["x"]}, {"keys": 1}, {}, [], b"{", b"", b"x" * 1_000_001, None]
)
async def test_an_issuer_without_usable_keys_is_a_503(keys: Any) -> None:
    async with issuing() as issuer:
        issuer.publish(rsa_key())
        issuer.documents["/keys"] = keys
        turned = await ask(guarding_door(issuer), issuer.token())
    assert isinstance(turned, HttpRefusal)
    assert turned.status == 503
    assert turned.headers == {"retry-after": "10"}


@pytest.mark.usefixtures("_impatient")
async def test_new_keys_are_picked_up_and_old_ones_forgotten() -> None:
    old, new = rsa_key("old"), rsa_key("new")
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(old))
        assert await is_taken(identify, issuer.token(old))
        assert not await is_taken(identify, issuer.token(new))
        issuer.publish(new)
        assert await is_taken(identify, issuer.token(new))
        assert not await is_taken(identify, issuer.token(old))


@pytest.mark.usefixtures("_impatient")
async def test_an_issuer_that_was_down_is_asked_again_and_old_keys_last_while_it_is() -> None:
    async with issuing() as issuer:
        identify = guarding_door(issuer)
        turned = await ask(identify, issuer.token())
        assert isinstance(turned, HttpRefusal)
        assert turned.status == 503
        issuer.publish(rsa_key())
        assert await is_taken(identify, issuer.token())
        issuer.documents.clear()
        assert not await is_taken(identify, issuer.token(rsa_key("new")))
        assert await is_taken(identify, issuer.token())


async def test_unknown_keys_do_not_make_a_request_each() -> None:
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()))
        stranger = curve_key("x")
        tokens = [issuer.token(stranger, headers={"kid": f"k{number}"}) for number in range(20)]
        outcomes = await asyncio.gather(*(is_taken(identify, token) for token in tokens))
        assert not any(outcomes)
        assert await is_taken(identify, issuer.token())
    assert issuer.asked.count("/keys") == 1


@pytest.mark.usefixtures("_impatient")
async def test_nobody_waits_while_keys_are_fetched_for_an_unknown_token() -> None:
    async with issuing() as issuer:
        identify = guarding_door(issuer.publish(rsa_key()))
        assert await is_taken(identify, issuer.token())
        issuer.held.clear()
        unknown = asyncio.ensure_future(is_taken(identify, issuer.token(rsa_key("new"))))
        await asyncio.wait_for(issuer.waiting.wait(), PATIENCE)
        assert await is_taken(identify, issuer.token())
        assert not unknown.done()
        issuer.held.set()
        assert not await unknown
