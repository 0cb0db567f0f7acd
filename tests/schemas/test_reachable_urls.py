"""Files that ClickSend cannot fetch are refused, except for a sandbox on this machine."""

from typing import Any

import pytest
from support.asking import CAMPAIGN, IMPORT, LETTER, MMS, RULE, campaign, imported, letter, mms, refusal, request, rule

from schemas.web import context_of, is_web_address

SANDBOX = context_of("http://127.0.0.1:8799")

INSIDE = (
    "http://localhost/a",
    "http://LOCALHOST:8000/a",
    "http://files.localhost./a",
    "http://127.0.0.1/a",
    "http://127.1/a",
    "http://2130706433/a",
    "http://0x7f000001/a",
    "http://0177.0.0.1/a",
    "http://0x7f.1/a",
    "http://\uff11\uff12\uff17.0.0.1/a",
    "http://127\u30020\u30020\u30021/a",
    "http://%31%32%37.0.0.1/a",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/a",
    "http://example.com@127.0.0.1/a",
    "http://0/a",
    "http://0.0.0.0/a",
    "http://10.1.2.3/a",
    "http://172.16.0.1/a",
    "http://192.168.1.20:9000/a",
    "http://192.168.257/a",
    "http://169.254.169.254/latest",
    "http://100.64.0.1/a",
    "http://224.0.0.1/a",
    "http://999.1.1.1/a",
    "http://[::1]/a",
    "http://[::]/a",
    "http://[fe80::1]/a",
    "http://[fd00::1]/a",
    "http://[::ffff:127.0.0.1]/a",
    "http://[::ffff:10.0.0.1]/a",
    "http://[::127.0.0.1]/a",
    "http://[64:ff9b::7f00:1]/a",
    "http://[2002:7f00:1::]/a",
    "https://printer.local/a",
    "https://wiki.corp/a",
    "https://files.internal/a",
    "https://nas.home.arpa/a",
    "https://router.lan/a",
    "https://intranet/a",
    "https://app.test/a",
)
PUBLIC = (
    "https://example.com/a",
    "https://files.example/a",
    "https://8.8.8.8/a",
    "https://[2606:4700:4700::1111]/a",
    "https://localhost.example.com/a",
    "https://internal.example.com/a",
    "https://10.example.com/a",
    "https://ex\u00e4mple.com/\u00fc",
    "https://s3.eu-west-1.amazonaws.com/bucket/a?X-Amz-Signature=1",
)


@pytest.mark.parametrize("url", INSIDE)
def test_a_private_address_is_refused_in_every_spelling(url: str) -> None:
    explanation = refusal(IMPORT, imported(file_url=url))

    assert explanation.startswith("file_url names a place that only this machine or its network can reach")


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_url_is_accepted_unchanged(url: str) -> None:
    assert (request(IMPORT, imported(file_url=url)).body or {})["file_url"] == url


@pytest.mark.parametrize(
    ("slug", "name", "make"),
    [
        (IMPORT, "file_url", lambda url: imported(file_url=f"{url}.csv")),
        (LETTER, "file_url", lambda url: letter(f"{url}.pdf")),
        (MMS, "media_file", lambda url: mms(f"{url}.jpg")),
        (RULE, "action_address", lambda url: rule(action="URL", action_address=url)),
    ],
)
def test_every_file_must_be_public_except_for_the_sandbox(slug: str, name: str, make: Any) -> None:
    """A validation without a context is strict."""
    inside = make("http://localhost:8000/a")

    assert refusal(slug, inside).startswith(f"{name} names a place that only this machine")
    assert request(slug, inside, SANDBOX)


def test_rules_over_several_fields_know_the_sandbox_too() -> None:
    """The context reaches fields that are parsed once more beside an invalid one."""
    explanation = refusal(RULE, rule(action="URL", action_address="http://localhost/in", enabled=7), SANDBOX)

    assert explanation == "enabled must be 0 or 1"


@pytest.mark.parametrize(
    ("url", "of"),
    [
        ("https://drive.google.com/file/d/1AbC/view?usp=sharing", "Google Drive"),
        ("https://drive.google.com/open?id=1AbC", "Google Drive"),
        ("https://drive.google.com/drive/folders/1AbC", "Google Drive"),
        ("https://docs.google.com/spreadsheets/d/1AbC/edit#gid=0", "Google Docs"),
        ("https://www.dropbox.com/s/abc/a.csv?dl=0", "Dropbox"),
        ("https://www.dropbox.com/scl/fi/abc/a.csv?rlkey=x", "Dropbox"),
        ("https://1drv.ms/x/s!Abc", "OneDrive"),
        ("https://onedrive.live.com/view.aspx?resid=1", "OneDrive"),
        ("https://acme.sharepoint.com/:x:/g/personal/a/Abc", "OneDrive"),
        ("https://github.com/acme/data/blob/main/a.csv", "GitHub"),
    ],
)
def test_a_page_about_a_file_is_refused(url: str, of: str) -> None:
    explanation = refusal(IMPORT, imported(file_url=url))

    assert explanation.startswith(f"file_url is a page of {of}, not the file: use the direct download link, ")
    assert request(IMPORT, imported(file_url=url), SANDBOX)


@pytest.mark.parametrize(
    "url",
    [
        "https://drive.google.com/uc?export=download&id=1AbC",
        "https://drive.usercontent.google.com/download?id=1AbC",
        "https://docs.google.com/spreadsheets/d/1AbC/export?format=csv",
        "https://www.dropbox.com/scl/fi/abc/a.csv?rlkey=x&dl=1",
        "https://dl.dropboxusercontent.com/s/abc/a.csv",
        "https://acme.sharepoint.com/personal/a/_layouts/15/download.aspx?share=Abc",
        "https://raw.githubusercontent.com/acme/data/main/a.csv",
    ],
)
def test_a_direct_download_link_is_accepted(url: str) -> None:
    assert request(IMPORT, imported(file_url=url))


def test_a_link_for_people_may_lead_anywhere() -> None:
    """ClickSend does not fetch it, and an intranet page may be meant for colleagues."""
    link = "https://wiki.corp/page"
    arguments = campaign(body="See smsg.io/xxxxx", url_to_shorten=link)

    assert (request(CAMPAIGN, arguments).body or {})["url_to_shorten"] == link


@pytest.mark.parametrize("kind", ["jpeg", "png", "PNG", "bmp", "heic", "webp", "pdf", "mp4", "docx", "svg"])
def test_an_mms_has_a_jpg_or_gif(kind: str) -> None:
    """Other pictures need ClickSend's uploads first."""
    explanation = refusal(MMS, mms(f"https://example.com/a.b.{kind}?x=.jpg"))

    assert explanation.startswith("media_file must be a JPG or GIF")
    assert kind.lower() in explanation


@pytest.mark.parametrize("name", ["a.jpg", "a.JPG", "a.gif", "picture", "a.jpg?size=2.png", "v1.2/picture"])
def test_a_picture_is_judged_by_its_extension_only_if_it_has_one(name: str) -> None:
    assert request(MMS, mms(f"https://example.com/{name}"))


@pytest.mark.parametrize("kind", ["docx", "png", "heic", "xlsx", "html"])
def test_a_letter_is_a_pdf(kind: str) -> None:
    assert refusal(LETTER, letter(f"https://example.com/a.{kind}")).startswith("file_url must be a PDF")


@pytest.mark.parametrize(
    ("base_url", "here"),
    [
        ("https://rest.clicksend.com", False),
        ("https://clicksend.example", False),
        ("https://192.168.1.2", False),
        ("http://127.0.0.1:8799", True),
        ("http://127.8.8.8", True),
        ("http://localhost:8799", True),
        ("http://LOCALHOST:8799", True),
        ("http://[::1]:8799", True),
    ],
)
def test_only_a_clicksend_on_this_machine_reaches_private_addresses(base_url: str, here: bool) -> None:
    assert (context_of(base_url) is not None) is here


def test_a_url_with_an_ambiguous_host_is_refused() -> None:
    assert not is_web_address("http://127.0.0.1\\@example.com/")
