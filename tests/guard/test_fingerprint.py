"""The fingerprint: the same call in another spelling is the same call, and literals fix its canonical form."""

from typing import Any

import pytest
from support.guarding import ANA, Place, campaign, contact_list, data, guarded, letter, sent, sms

from server.guard.fingerprint import VERSION, exactly, fingerprint
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog
from tools.route import Request

pytestmark = pytest.mark.anyio

SMS = Request("POST", "/v3/sms/send", body={"messages": [{"to": "+61491570156", "body": "Hello", "from": "ACME"}]})
LETTER = Request("POST", "/v3/post/letters/send", body={"file_url": "https://files.example/a.pdf", "recipients": []})


def test_the_canonical_form_of_this_version_is_fixed() -> None:
    """A ledger outlives a release: a change of the form needs a higher VERSION, and other literals here."""
    assert VERSION == 2
    assert fingerprint(SMS) == "b205201e543b75843bfadf3d261e822bdae315dbf91d370d332dd9f8c1a6f501"
    assert fingerprint(LETTER) == "19cb36ab602a8e585265fd4387883c5b22e17f0802e167287a4f450114fcdc3f"


def fingerprint_of(slug: str, arguments: dict[str, Any]) -> str:
    """The fingerprint of the request that arguments make."""
    action = catalog()[f"CLICKSEND_{slug}"]
    return fingerprint(action.request(action.input.model_validate(arguments)))


SAME = {
    "a trunk 0": ("CREATE_SMS_SEND", sms("+610491570156")),
    "separators": ("CREATE_SMS_SEND", sms("+61 491-570-156")),
    "a blank at the end": ("CREATE_SMS_SEND", sms(body="Hello ")),
    "a line break at the end": ("CREATE_SMS_SEND", sms(body="Hello\r\n")),
    "no reference": ("CREATE_SMS_SEND", sms(custom_string="")),
    "now": ("CREATE_SMS_SEND", sms(schedule=0)),
    "a label": ("CREATE_SMS_SEND", sms(source="agent", country="AU")),
}
OTHER = {
    "another number": ("CREATE_SMS_SEND", sms("+61491570157")),
    "another text": ("CREATE_SMS_SEND", sms(body="hello")),
    "a blank inside": ("CREATE_SMS_SEND", sms(body="Hel lo")),
    "a reference": ("CREATE_SMS_SEND", sms(custom_string="2")),
    "another sender": ("CREATE_SMS_SEND", sms(**{"from": "ACME"})),
    "another action": ("SMS_PRICE_POST", sms()),
}


@pytest.mark.parametrize(("slug", "arguments"), SAME.values(), ids=SAME)
def test_the_same_call_in_another_spelling_is_the_same(slug: str, arguments: dict[str, Any]) -> None:
    assert fingerprint_of(slug, arguments) == fingerprint_of("CREATE_SMS_SEND", sms())


@pytest.mark.parametrize(("slug", "arguments"), OTHER.values(), ids=OTHER)
def test_another_call_is_another(slug: str, arguments: dict[str, Any]) -> None:
    assert fingerprint_of(slug, arguments) != fingerprint_of("CREATE_SMS_SEND", sms())


@pytest.mark.parametrize(
    ("number", "spelling"),
    [
        ("+541166773399", "+5491166773399"),
        ("+551187654321", "+5511987654321"),
        ("+525512345678", "+5215512345678"),
        ("61491570156", "+61491570156"),
    ],
)
def test_recipients_and_senders_are_compared_as_phones(number: str, spelling: str) -> None:
    requests = [
        Request("POST", "/v3/sms/send", body={"messages": [{"to": written, "from": written, "body": "Hi"}]})
        for written in (number, spelling)
    ]

    assert len(set(map(fingerprint, requests))) == 1
    assert len(set(map(exactly, requests))) == 2


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://files.example/letter.pdf",
        "https://FILES.Example/letter.pdf",
        "https://files.example:443/letter.pdf",
        "https://files.example./letter.pdf#page=2",
    ],
)
def test_a_url_is_compared_as_it_is_fetched(url: str) -> None:
    respelt = fingerprint_of("CREATE_POST_LETTERS_SEND", letter() | {"file_url": url})
    assert respelt == fingerprint_of("CREATE_POST_LETTERS_SEND", letter())


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/Letter.pdf",
        "https://files.example:8443/letter.pdf",
        "https://files.example/letter.pdf?v=2",
    ],
)
def test_a_url_that_is_fetched_elsewhere_is_another(url: str) -> None:
    elsewhere = fingerprint_of("CREATE_POST_LETTERS_SEND", letter() | {"file_url": url})
    assert elsewhere != fingerprint_of("CREATE_POST_LETTERS_SEND", letter())


@pytest.mark.parametrize("again", [{"name": "Sale "}, {"body": "20% off\n"}, {"name": " Sale"}], ids=str)
async def test_a_campaign_with_other_blanks_is_not_sent_again(
    again: dict[str, str], ledger: Place, sandbox: RunningSandbox
) -> None:
    async with guarded(sandbox, ledger) as call:
        list_id = await contact_list(call, ANA)
        data(await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id)))
        repeated = await call("CREATE_SMS_CAMPAIGNS_SEND", **campaign(list_id, **again))
    assert "The same call was accepted" in repeated.error
    assert len(sent(sandbox)) == 1
