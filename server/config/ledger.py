"""The ledger's settings: where it is, and what it keeps."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from server.config.setting import setting
from server.runtime.env import WrongSetting, plain_text, yes_or_no

_DATABASES: Final = ("postgresql", "postgres", "postgresql+psycopg", "sqlite")


def is_server_url(location: str) -> bool:
    """Whether a ledger is in a database server, which other machines can reach, and not in a file."""
    return "://" in location and not location.startswith("sqlite:")


def _location(text: str) -> str:
    """A path, or the URL of a database, which is not opened before the first paid call."""
    try:
        url = urlsplit(plain_text(text))
        is_valid = "://" not in text or (
            url.scheme in _DATABASES and url.port != 0
        )  # urlsplit checks the port when it is read
    except ValueError:
        is_valid = False
    if not is_valid:
        raise WrongSetting("must be a path, or a URL such as postgresql://user@host/database")
    return text if is_server_url(text) else _file(text)


def _file(text: str) -> str:
    """An absolute path: a relative one would name another ledger in each folder that a host starts the server in."""
    path = text.removeprefix("sqlite:///")
    with suppress(RuntimeError):  # there is no such user
        path = str(Path(path).expanduser()) + ("/" if path.endswith("/") else "")
    if not Path(path).is_absolute():
        raise WrongSetting("must be an absolute path, such as ~/ledger.sqlite3 or /var/lib/clicksend/ledger.sqlite3")
    with suppress(OSError):
        if path.endswith("/") or Path(path).is_dir():
            raise WrongSetting("is a directory: add the name of a file")
    return path


@dataclass(frozen=True)
class LedgerSettings:
    """`location`: a path, or the URL of a database; None for a file in the user's state directory."""

    location: str | None = setting(
        _location,
        None,
        "path of the ledger, or postgresql://...",
        shown="a SQLite file",
        per_caller=False,
        name="LEDGER",
        secret=True,  # its URL may hold a password
    )
    keeps_texts: bool = setting(
        yes_or_no, False, "1 keeps numbers and texts in the ledger", per_caller=False, name="LEDGER_KEEPS_TEXTS"
    )

    @property
    def server_url(self) -> str | None:
        """The URL of the ledger, if it is in a database server; None otherwise."""
        return self.location if self.location is not None and is_server_url(self.location) else None
