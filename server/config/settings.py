"""Settings: the environment as one frozen value, with every fault in it in words.

A fault does not stop the server: hosts hide a server that exits, so each call is answered with the fault instead.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from server.config.http import Hosting
from server.config.ledger import LedgerSettings
from server.config.limits import Limits
from server.config.setting import PREFIX, Theme, setting, values, variables
from server.config.surface import Surface
from server.runtime.addresses import is_loopback
from server.runtime.env import WrongSetting, comma_separated, plain_text, seconds, whole_number

CLICKSEND_URL: Final = "https://rest.clicksend.com"  # documented
_EXAMPLE: Final = re.compile(
    r"<.*>|\[.*\]|your[ _-](own|api|clicksend|account|user|name|key|password|secret).*|x{3,}|\.{3}|changeme|example",
    re.IGNORECASE,
)
_ALIKE: Final = 0.6  # least similarity of two names, from 0 to 1; our rule
# Labels of at most 63 letters, digits and inner hyphens: RFC 1123.
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")


@dataclass(frozen=True)
class Credentials:
    """What ClickSend's HTTP Basic authentication takes; the secret never shows in a repr.

    An API username with its key, or an account's name with its password (documented).
    """

    username: str
    secret: str = field(repr=False)


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise WrongSetting("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise WrongSetting("must be text or json")
    return text


def _waits(text: str) -> tuple[float, ...]:
    waits = () if text == "none" else comma_separated(text)
    if not all(re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?", wait) for wait in waits):
        raise WrongSetting("must be seconds separated by commas, such as 0,3,5, or none")
    return tuple(map(float, waits))


def _base_url(text: str) -> str:
    try:
        url = urlsplit(text)
        # urlsplit checks the port only when it is read.
        plausible = url.scheme in ("http", "https") and _is_host(url.hostname or "") and url.port != 0
    except ValueError:
        plausible = False
    if not plausible or url.query or url.fragment or re.search(r"\s", text):
        raise WrongSetting(f"must be a URL such as {CLICKSEND_URL}")
    if url.username or url.password:
        raise WrongSetting("must not contain credentials")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise WrongSetting("must be https; plain http is only for this machine")
    return text.rstrip("/").removesuffix("/v3")


def _is_host(name: str) -> bool:
    """Whether this is an IP address, or may be a host name in ASCII."""
    try:
        ip_address(name)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(name)) and not name.rpartition(".")[2].isdecimal()
    return True


@dataclass(frozen=True)
class _Account:
    """The ClickSend account, as the environment names it."""

    username: str | None = setting(plain_text, None, "API username of the ClickSend account")
    api_key: str | None = setting(plain_text, None, "API key of that account", secret=True)
    password: str | None = setting(plain_text, None, "the account's password, where there is no API key", secret=True)
    base_url: str = setting(_base_url, CLICKSEND_URL, "where ClickSend is; plain http for this machine only")

    @property
    def credentials(self) -> Credentials | None:
        secret = self.api_key or self.password
        return Credentials(self.username, secret) if self.username and secret else None


@dataclass(frozen=True)
class Settings:
    """How this server reaches ClickSend, and what its operator allows. Times are in seconds.

    `reconcile_after`: the waits before each search for a send whose answer was lost. `inbox`: the URL at which the
    sandbox shows what would have been sent, if its users can open it. `config_error`: what is missing or wrong, in
    sentences; while there is any, no call is made.
    """

    credentials: Credentials | None = None
    base_url: str = CLICKSEND_URL
    connect_timeout: float = setting(seconds, 5.0, "seconds to reach ClickSend")
    read_timeout: float = setting(seconds, 30.0, "seconds without a byte of the answer")
    total_timeout: float = setting(seconds, 60.0, "seconds for the whole call, repeats included")
    attempts: int = setting(whole_number(1, 10), 4, "how often a call may be sent, where a repeat is safe")
    reconcile_after: tuple[float, ...] = setting(
        _waits, (0, 3, 5), "seconds before each search for a send whose answer was lost, or none", former="LOOKUPS"
    )
    max_result_tokens: int = setting(
        whole_number(1_000, 1_000_000), 20_000, "longer results are shortened, about in tokens"
    )
    log_level: str = setting(_level, "WARNING", "DEBUG, INFO (each call), WARNING or ERROR, on stderr", theme=Theme.LOG)
    log_format: str = setting(_log_format, "text", "text, or json for programs that collect logs", theme=Theme.LOG)
    limits: Limits = field(default_factory=Limits)
    surface: Surface = field(default_factory=Surface)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    hosting: Hosting = field(default_factory=Hosting)
    sandbox: bool = False
    inbox: str | None = None
    config_error: str | None = None

    def log_error(self) -> None:
        """Log, once at the start, why every call will be refused."""
        if self.config_error:
            logging.getLogger("clicksend_mcp").warning("every call will be refused: %s", self.config_error)


_ACCOUNT: Final = variables(_Account, Theme.CLICKSEND, "CLICKSEND_")
_CONNECTION: Final = variables(Settings, Theme.CLICKSEND)
_LIMITS: Final = variables(Limits, Theme.LIMITS)
_SURFACE: Final = variables(Surface, Theme.TOOLS)
_LEDGER: Final = variables(LedgerSettings, Theme.LEDGER)
_HOSTING: Final = variables(Hosting, Theme.HTTP)
OF_CALLERS: Final = tuple(variable for variable in (*_LIMITS, *_SURFACE) if variable.per_caller)
STOPPING: Final = (*_LIMITS, *_SURFACE, *_LEDGER, *_HOSTING)  # a wrong one stops the start
VARIABLES: Final = (*_ACCOUNT, *_CONNECTION, *STOPPING)
_CREDENTIALS: Final = tuple(variable.name for variable in _ACCOUNT if variable.field != "base_url")


def from_environment(environment: Mapping[str, str], *, credentials_needed: bool = True) -> Settings:
    """Read the settings; what is missing or wrong is described in `config_error`.

    Raises WrongSetting for a wrong limit, ledger or option of serving over HTTP: no call may be made without it.
    """
    read, problems = _read(environment)
    account = _Account(**values(_ACCOUNT, read))
    credentials = account.credentials
    examples = any(_is_example(environment.get(name, "")) for name in _CREDENTIALS)
    if credentials is None and credentials_needed and not examples:
        problems.append(
            "No ClickSend credentials: set CLICKSEND_USERNAME and CLICKSEND_API_KEY in the environment of this server "
            "(in the host's configuration, under env), or start it with --sandbox to try it without an account"
        )
    elif credentials is not None and ":" in credentials.username:
        problems.append("CLICKSEND_USERNAME must not contain a colon")
    return Settings(
        credentials=credentials,
        base_url=account.base_url,
        limits=Limits(**values(_LIMITS, read)),
        surface=Surface(**values(_SURFACE, read)),
        ledger=LedgerSettings(**values(_LEDGER, read)),
        hosting=Hosting(**values(_HOSTING, read)),
        config_error=". ".join(problems) or None,
        **values(_CONNECTION, read),
    )


def _read(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values of the variables that are set, and a sentence for each wrong or unknown one."""
    by_name = {variable.name: variable for variable in VARIABLES}
    read: dict[str, Any] = {}
    problems = []
    for name, text in environment.items():
        if name in by_name and by_name[name] in STOPPING and text.strip().startswith("${"):
            raise WrongSetting(f"{name} is a placeholder that the host has not filled in")
        if name in _CREDENTIALS and _is_example(text):
            problems.append(f"{name} is still the example of the documentation: put the account's own in its place")
        elif name in by_name and _is_set(text):
            try:
                read[name] = by_name[name].read(text.strip())
            except WrongSetting as fault:
                if by_name[name] in STOPPING:
                    raise WrongSetting(f"{name} {fault}") from None
                problems.append(f"{name} {fault}")
        elif name not in by_name and (problem := _misspelt(name)):
            problems.append(problem)
    return read, problems


def _misspelt(name: str) -> str | None:
    """A sentence on a variable that is meant for this program and is no setting; None for those of other programs."""
    bare = _bare(name)
    if bare in _BY_BARE_NAME:
        return f"{name} is not a setting: write {_BY_BARE_NAME[bare]}"
    if not bare.startswith(_bare(PREFIX)):
        return None
    # Compared without their common prefix, which would make any two names look alike.
    names = {_bare(variable.name.removeprefix(PREFIX)): variable.name for variable in VARIABLES}
    nearest = get_close_matches(bare.removeprefix(_bare(PREFIX)), names, n=1, cutoff=_ALIKE)
    return f"{name} is not a setting" + (f": perhaps {names[nearest[0]]} is meant" if nearest else "")


def _bare(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


_BY_BARE_NAME: Final = {
    _bare(name): variable.name for variable in VARIABLES for name in (variable.name, variable.former) if name
}


def _is_set(text: str) -> bool:
    """Whether a variable has a value. For an empty field some hosts pass on an empty text, or their own placeholder."""
    return bool(text.strip()) and not text.strip().startswith("${")


def _is_example(text: str) -> bool:
    """Whether a credential is a placeholder from documentation; no real one looks like these."""
    return _EXAMPLE.fullmatch(text.strip()) is not None
