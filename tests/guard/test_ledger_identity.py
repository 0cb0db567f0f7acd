"""One account has one budget and one history, however its name and ClickSend's address are written."""

import unicodedata

import pytest
from support.guarding import Place, data, dispatching, sent, settings, sms

from server.config.settings import Credentials
from server.guard import identity
from server.guard.fingerprint import digest
from server.sandbox.serve import RunningSandbox

pytestmark = pytest.mark.anyio

SAME_SERVICES = (
    (
        "https://rest.clicksend.com",
        "HTTPS://Rest.ClickSend.COM",
        "https://rest.clicksend.com.",
        "https://rest.clicksend.com/",
    ),
    ("https://rest.clicksend.com", "https://rest.clicksend.com:443", "https://rest.clicksend.com:0443//"),
    ("https://proxy.example/a/b", "https://proxy.example:443/a//b/", "https://PROXY.example/a/b"),
    ("http://127.0.0.1:8799", "http://localhost:8799", "http://LOCALHOST.:08799/", "http://[::1]:8799"),
    ("http://127.0.0.1:8799", "http://[::ffff:127.0.0.1]:8799", "http://[0:0:0:0:0:0:0:1]:8799"),
    ("http://127.0.0.1", "http://localhost:80", "http://[::1]:080/"),
)
OTHER_SERVICES = (
    *("https://rest.clicksend.com", "http://rest.clicksend.com", "https://rest.clicksend.com:8443"),
    *("https://rest.clicksend.com/a", "https://rest.clicksend.com/A", "https://rest.clicksend.com.au"),
    *("http://127.0.0.1:1", "http://127.0.0.2:1", "http://127.0.0.1:11", "https://[2001:db8::1]", "https://2001.db8"),
)
SAME_NAMES = (
    ("ana", "ANA", "Ana"),
    ("ana@acme.example", "Ana@ACME.Example"),
    ("josé", unicodedata.normalize("NFD", "josé"), "JOSÉ", unicodedata.normalize("NFD", "JOSÉ")),
    ("strasse", "STRASSE", "Straße"),
)


@pytest.mark.parametrize("spellings", SAME_SERVICES, ids=lambda urls: urls[0])
def test_an_address_has_one_identity(spellings: tuple[str, ...]) -> None:
    """The first spelling is the canonical one."""
    assert {identity.service(spelling) for spelling in spellings} == {spellings[0]}


def test_other_addresses_stay_apart() -> None:
    """Another port, path, scheme or machine is another ClickSend."""
    assert len({identity.service(url) for url in OTHER_SERVICES}) == len(OTHER_SERVICES)


@pytest.mark.parametrize("spellings", SAME_NAMES, ids=lambda names: names[0])
def test_a_username_has_one_identity(spellings: tuple[str, ...]) -> None:
    """Capitals, and letters made of two characters."""
    assert {identity.username(spelling) for spelling in spellings} == {spellings[0]}


async def test_what_was_sent_under_another_spelling_is_not_sent_again(
    any_ledger: Place, sandbox: RunningSandbox
) -> None:
    """The same account of the same simulated ClickSend."""
    port = sandbox.url.rpartition(":")[2]
    addresses = (sandbox.url, f"HTTP://127.0.0.1:{port}/", f"http://localhost:{port}", f"http://LOCALHOST:0{port}")
    for number, address in enumerate(addresses):
        async with dispatching(settings(sandbox, any_ledger, base_url=address)) as call:
            envelope = await call("CREATE_SMS_SEND", **sms())
            assert envelope.successful is (number == 0), address
    shouted = Credentials(sandbox.username.upper(), sandbox.api_key)
    async with dispatching(settings(sandbox, any_ledger, credentials=shouted)) as call:
        assert "The same call was accepted" in (await call("CREATE_SMS_SEND", **sms())).error
    assert len(sent(sandbox)) == 1


async def test_the_usual_spelling_keeps_the_key_of_earlier_versions(ledger: Place, sandbox: RunningSandbox) -> None:
    """An upgrade forgets nothing."""
    async with dispatching(settings(sandbox, ledger)) as call:
        data(await call("CREATE_SMS_SEND", **sms()))
    assert ledger.row()["account"] == digest(sandbox.url, sandbox.username)[:32]
