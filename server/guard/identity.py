"""The identity of an account: one account at one ClickSend, however its address and username are spelt.

The ledger's entries and the day's budget are kept by it. The usual spellings, in small letters, are left as they are,
so that an entry is found again by later versions.
"""

import unicodedata
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_THIS_MACHINE = "127.0.0.1"


def service(base_url: str) -> str:
    """The address of ClickSend in one spelling."""
    url = urlsplit(base_url)
    scheme = url.scheme.lower()
    port = "" if url.port in (None, _PORTS.get(scheme)) else f":{url.port}"
    path = "".join(f"/{part}" for part in url.path.split("/") if part)
    return f"{scheme}://{_host(url.hostname or '')}{port}{path}"


def username(text: str) -> str:
    """A username in one spelling, with capitals and small letters alike.

    Whether ClickSend tells them apart is not documented. Two budgets for one account would be worse than one budget
    for two (our rule).
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _host(name: str) -> str:
    name = name.lower().rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return _THIS_MACHINE if name == "localhost" else name
    mapped = getattr(address, "ipv4_mapped", None) or address
    if str(mapped) in (_THIS_MACHINE, "::1"):
        return _THIS_MACHINE
    return f"[{mapped}]" if mapped.version == 6 else str(mapped)
