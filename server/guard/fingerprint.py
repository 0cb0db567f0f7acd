"""The fingerprint of a call: the same for every spelling of what reaches the same people in the same way.

Calls are the same if they differ only in the order of messages, the spelling of numbers and URLs, surrounding blanks
or line ends. VERSION is part of it: no call is a repeat of one whose fingerprint another version made.
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
    """A digest of texts and their borders, 64 hexadecimal digits."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(request: Request) -> str:
    """The fingerprint of a request, 64 hexadecimal digits."""
    return digest(str(VERSION), request.method, request.path, _compact(canonical(request.body)))


def exactly(request: Request) -> str:
    """A digest of a request to the letter, 64 hexadecimal digits."""
    return digest(request.method, request.path, _compact(request.query), _compact(request.body))


def canonical(value: Any, name: str = "") -> Any:
    """A part of a request's body in canonical form; `name`: its field."""
    if isinstance(value, Mapping):
        # Labels and empty values change nothing about who gets what and when.
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
    """A URL as it is fetched: scheme and host in small letters, no default port, no fragment."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return text
    scheme, host = url.scheme.lower(), (url.hostname or "").rstrip(".")
    address = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(scheme):
        address += f":{port}"
    user = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
    return urlunsplit((scheme, user + address, url.path or "/", url.query, ""))


def _compact(value: Any) -> str:
    """JSON without blanks; Python's repr for a text with half a surrogate pair, which JSON cannot hold."""
    try:
        return to_json(value).decode()
    except ValueError:
        return repr(value)
