"""URLs: whether a text is one, and whether ClickSend could fetch it.

Nothing is resolved or requested: the address is judged as written. That ClickSend takes http and https is documented.
Which addresses are refused is our rule, because ClickSend could not fetch them.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NamedTuple
from unicodedata import normalize
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

# The validation context that allows private addresses, which ClickSend itself cannot reach.
ON_THIS_MACHINE: Final = {"clicksend_on_this_machine": True}

LONGEST_URL: Final = 4_000  # characters; signed links to cloud storage have up to 3,000; our rule

_NOT_IN_URL = re.compile(r"[\s\\\x00-\x1f\x7f]")  # our rule: programs disagree on where a host ends before a backslash
_PART_OF_IPV4 = re.compile(r"0x[0-9a-f]{0,8}|[0-9]{1,11}")  # our rule: what inet_aton takes
# Names that resolve inside one network only, and names that the DNS reserves. Our rule.
_INSIDE = re.compile(
    r"(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa|test|invalid|onion)"
)


class _Page(NamedTuple):
    """A kind of link that leads to a page about a file rather than to the file.

    `unless`: query values, one of which makes it a link to the file. `instead`: what to send.
    """

    site: str
    host: re.Pattern[str]
    path: re.Pattern[str]
    unless: Mapping[str, str]
    instead: str


_PAGES: Final = (  # our rule
    _Page(
        "Google Drive",
        re.compile(r"drive\.google\.com"),
        re.compile(r"(?!/uc$).*"),
        {"export": "download"},
        "https://drive.google.com/uc?export=download&id= and the file's id",
    ),
    _Page(
        "Google Docs",
        re.compile(r"docs\.google\.com"),
        re.compile(r"(?!.*/(?:export|uc|pub)\b).*"),
        {},
        "the document's address with /export?format= and pdf or csv at its end",
    ),
    _Page(
        "Dropbox",
        re.compile(r"(?:www\.)?dropbox\.com"),
        re.compile(r".*"),
        {"dl": "1", "raw": "1"},
        "the same link with dl=1 for dl=0",
    ),
    _Page(
        "OneDrive",
        re.compile(r"1drv\.ms|onedrive\.live\.com|.+\.sharepoint\.com"),
        re.compile(r"(?!.*(?:/download|/_layouts/15/download\.aspx)$).*"),
        {"download": "1"},
        "the link that its Download button leads to",
    ),
    _Page(
        "GitHub",
        re.compile(r"(?:www\.)?github\.com"),
        re.compile(r"/[^/]+/[^/]+/blob/.*"),
        {"raw": "true"},
        "the link that its Raw button leads to",
    ),
)


def context_of(base_url: str) -> dict[str, bool] | None:
    """The validation context for a ClickSend at `base_url`: a sandbox on this machine reaches private addresses too."""
    host = (urlsplit(base_url).hostname or "").lower()
    address = _ip(host)
    return ON_THIS_MACHINE if host == "localhost" or (address is not None and address.is_loopback) else None


def is_web_address(value: str) -> bool:
    """Whether a text is an http or https URL with a host."""
    if len(value) > LONGEST_URL:
        return False
    try:
        parts = urlsplit(value)
        # Reading `port` is what validates it.
        plausible = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        return bool(plausible) and not _NOT_IN_URL.search(value)
    except ValueError:
        return False


def out_of_reach(url: str, context: Mapping[str, Any] | None) -> str | None:
    """Why ClickSend cannot reach the host of a URL, as a sentence that begins with the field's name; None if it can."""
    if context is not None and context.items() >= ON_THIS_MACHINE.items():
        return None
    host = _as_resolved(urlsplit(url).hostname or "")
    address = _ip(host)
    if address is None and not _INSIDE.fullmatch(host) and "." in host:
        return None
    if address is not None and _is_public(address):
        return None
    return "names a place that only this machine or its network can reach, and ClickSend has to: use a public URL"


def page_instead_of_file(url: str, context: Mapping[str, Any] | None) -> str | None:
    """Why a URL leads to a page about a file, as a sentence that begins with the field's name; None if it does not."""
    if context is not None and context.items() >= ON_THIS_MACHINE.items():
        return None
    parts = urlsplit(url)
    host = (parts.hostname or "").lower().rstrip(".")
    for page in _PAGES:
        if page.host.fullmatch(host) and page.path.fullmatch(parts.path) and not _asks_for_file(parts, page):
            return f"is a page of {page.site}, not the file: use the direct download link, {page.instead}"
    return None


def ending(url: str) -> str:
    """The extension of the file that a URL names, in lower case and without the dot; "" if there is none."""
    name = urlsplit(url).path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _as_resolved(host: str) -> str:
    """A host as lenient resolvers read it: percent-encoding, full-width letters and foreign full stops decoded."""
    return normalize("NFKC", unquote(host)).replace("\u3002", ".").lower().rstrip(".")


def _asks_for_file(parts: SplitResult, page: _Page) -> bool:
    query = parse_qs(parts.query)
    return any(query.get(name) == [value] for name, value in page.unless.items())


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """A host as an IP address, in any spelling that resolvers take: 127.1, 0x7f000001, 0177.0.0.1, 2130706433."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    parts = host.split(".")
    if len(parts) > 4 or not all(_PART_OF_IPV4.fullmatch(part) for part in parts):
        return None
    try:
        *first, last = (int(part[2:] or "0", 16) if part[:2] == "0x" else int(part, _base(part)) for part in parts)
        number = last + sum(byte << 8 * (3 - place) for place, byte in enumerate(first))
        fits = all(byte < 256 for byte in first) and last < 256 ** (4 - len(first))
        return IPv4Address(number) if fits else IPv4Address(0)
    except ValueError:
        return IPv4Address(0)  # digits and dots but no address: unreachable


def _base(part: str) -> int:
    return 8 if part.startswith("0") else 10


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and int(address) >> 32 in (0, 0x64FF9B << 64):  # ::a.b.c.d, and NAT64
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global
    return address.is_global and not address.is_multicast
