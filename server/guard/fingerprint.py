"""The fingerprint of a call: the same for every spelling of what reaches the same people in the same way.

What differs only in the order of its messages, in how a number or a URL is written, in blanks at the end of a text or
in its line ends is one call. VERSION goes into it: entries of another version are other calls.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from unicodedata import normalize
from urllib.parse import urlsplit, urlunsplit

from pydantic_core import to_json

from schemas.phone import phone_key
from tools.route import Request

VERSION: Final = 2
_LABELS = ("source", "country")  # without effect on a message whose number is international; documented
_NUMBERS = ("to", "from")
_PORTS = {"http": 80, "https": 443}


def digest(*texts: str) -> str:
    """A digest of some texts and of where one ends and the next begins."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(request: Request) -> str:
    """The fingerprint of a request, 64 hexadecimal digits."""
    return digest(str(VERSION), request.method, request.path, _compact(canonical(request.body)))


def exactly(request: Request) -> str:
    """A digest of a request as it leaves, to the letter."""
    return digest(request.method, request.path, _compact(request.query), _compact(request.body))


def canonical(value: Any, name: str = "") -> Any:
    """A part of a request's body in its canonical form; `name`: what it is called there."""
    if isinstance(value, Mapping):
        # What makes no difference to who gets what and when makes no other call either.
        return {key: canonical(item, key) for key, item in value.items() if item and key not in _LABELS}
    if isinstance(value, list):
        return sorted(_compact(canonical(item)) for item in value)
    return _text(value, name) if isinstance(value, str) else value


def _text(text: str, name: str) -> str:
    if name in _NUMBERS:
        return phone_key(f"+{text}") if re.fullmatch("[1-9][0-9]{7,14}", text) else phone_key(text)
    if re.match("https?:", text, re.IGNORECASE) and not re.search(r"\s", text):
        return _url(text)
    return "\n".join(line.rstrip() for line in normalize("NFC", text).splitlines()).strip()


def _url(text: str) -> str:
    """A URL as it is fetched: host in small letters, no default port, no fragment."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return text
    scheme, host = url.scheme.lower(), (url.hostname or "").rstrip(".")
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(scheme):
        place += f":{port}"
    user = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
    return urlunsplit((scheme, user + place, url.path or "/", url.query, ""))


def _compact(value: Any) -> str:
    """JSON without a needless character; half a surrogate pair as it is."""
    try:
        return to_json(value).decode()
    except ValueError:
        return repr(value)
