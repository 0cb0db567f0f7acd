"""Settings: the environment as one frozen value, with every fault in it told in words.

A fault does not stop the server: hosts hide a server that exits, so the answer to each call tells it.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from server.config import http, policy
from server.config.http import Hosting
from server.config.policy import Policy
from server.runtime.env import Variable, WrongSetting, comma_separated, plain_text, seconds, whole_number
from server.runtime.sockets import is_loopback

CLICKSEND_URL: Final = "https://rest.clicksend.com"
_OWN_PREFIX: Final = "CLICKSEND_MCP_"
_CREDENTIALS: Final = ("CLICKSEND_USERNAME", "CLICKSEND_API_KEY", "CLICKSEND_PASSWORD")
_EXAMPLE: Final = re.compile(
    r"<.*>|\[.*\]|your[ _-](own|api|clicksend|account|user|name|key|password|secret).*|x{3,}|\.{3}|changeme|example",
    re.IGNORECASE,
)
_ALIKE: Final = 0.6  # of two names, from 0 to 1
_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")


@dataclass(frozen=True)
class Credentials:
    """What ClickSend's HTTP Basic authentication asks for; the secret never shows in a repr."""

    username: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """How this server reaches ClickSend, and what its operator allows. Times are in seconds.

    `reconcile_after`: the waits before each search for a send whose answer was lost.

    `problem` says in a sentence what is missing or wrong; while there is one, no call is made.
    """

    credentials: Credentials | None = None
    base_url: str = CLICKSEND_URL
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    total_timeout: float = 60.0
    attempts: int = 4
    max_result_tokens: int = 20_000
    log_level: str = "WARNING"
    log_format: str = "text"
    reconcile_after: tuple[float, ...] = (0, 3, 5)
    policy: Policy = field(default_factory=Policy)
    hosting: Hosting = field(default_factory=Hosting)
    sandbox: bool = False
    inbox: str | None = None  # where the sandbox shows what would have been sent, if its users can look there
    config_error: str | None = None

    def log_error(self) -> None:
        """Log once, at the start, why every call will be refused."""
        if self.config_error:
            logging.getLogger("clicksend_mcp").warning("every call will be refused: %s", self.config_error)


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
        # The port is checked only when it is asked for.
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


_CONNECTION: Final = (
    Variable("CLICKSEND_USERNAME", "none", "API username of the ClickSend account", plain_text),
    Variable("CLICKSEND_API_KEY", "none", "API key of that account", plain_text),
    Variable("CLICKSEND_PASSWORD", "none", "the account's password, where there is no API key", plain_text),
    Variable("CLICKSEND_BASE_URL", CLICKSEND_URL, "where ClickSend is; plain http for this machine only", _base_url),
    Variable("CLICKSEND_MCP_CONNECT_TIMEOUT", "5", "seconds to reach ClickSend", seconds),
    Variable("CLICKSEND_MCP_READ_TIMEOUT", "30", "seconds without a byte of the answer", seconds),
    Variable("CLICKSEND_MCP_TOTAL_TIMEOUT", "60", "seconds for the whole call, repeats included", seconds),
    Variable(
        "CLICKSEND_MCP_ATTEMPTS", "4", "how often a call may be sent, where a repeat is safe", whole_number(1, 10)
    ),
    Variable(
        "CLICKSEND_MCP_RECONCILE_AFTER",
        "0,3,5",
        "seconds before each search for a send whose answer was lost, or none",
        _waits,
    ),
    Variable(
        "CLICKSEND_MCP_MAX_RESULT_TOKENS",
        "20000",
        "longer results are shortened, about in tokens",
        whole_number(1_000, 1_000_000),
    ),
    Variable("CLICKSEND_MCP_LOG_LEVEL", "WARNING", "DEBUG, INFO (each call), WARNING or ERROR, on stderr", _level),
    Variable("CLICKSEND_MCP_LOG_FORMAT", "text", "text, or json for programs that collect logs", _log_format),
)
_STOPPING: Final = (*policy.VARIABLES, *http.VARIABLES)  # a wrong one stops the start
VARIABLES: Final = (*_CONNECTION, *_STOPPING)


def _is_host(name: str) -> bool:
    """Whether this can be an address, or a name in ASCII."""
    try:
        ip_address(name)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(name)) and not name.rpartition(".")[2].isdecimal()
    return True


def from_environment(environment: Mapping[str, str], *, credentials_needed: bool = True) -> Settings:
    """Read the settings; whatever is missing or wrong ends up in `problem`.

    Raises WrongSetting for a limit, or an option of serving over HTTP, that is wrong: no call may be made without it.
    """
    given, problems = _read(environment)
    credentials = _credentials(given)
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
        base_url=given.get("CLICKSEND_BASE_URL", CLICKSEND_URL),
        policy=Policy(**_fields(given, policy.VARIABLES)),
        hosting=Hosting(**_fields(given, http.VARIABLES)),
        config_error=". ".join(problems) or None,
        **_fields(given, _CONNECTION),
    )


def _fields(given: Mapping[str, Any], variables: tuple[Variable, ...]) -> dict[str, Any]:
    """The values of our own variables by the names of the fields they fill."""
    own = (variable.name for variable in variables if variable.name.startswith(_OWN_PREFIX))
    return {name.removeprefix(_OWN_PREFIX).lower(): given[name] for name in own if name in given}


def _read(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values that are set and sound, and a sentence for each one that is not."""
    known = {variable.name: variable for variable in VARIABLES}
    values: dict[str, Any] = {}
    problems = []
    for name, text in environment.items():
        if name in known and known[name] in _STOPPING and text.strip().startswith("${"):
            raise WrongSetting(f"{name} is a placeholder that the host has not filled in")
        if name in _CREDENTIALS and _is_example(text):
            problems.append(f"{name} is still the example of the documentation: put the account's own in its place")
        elif name in known and _is_set(text):
            try:
                values[name] = known[name].read(text.strip())
            except WrongSetting as fault:
                if known[name] in _STOPPING:
                    raise WrongSetting(f"{name} {fault}") from None
                problems.append(f"{name} {fault}")
        elif name not in known and (problem := _misspelt(name)):
            problems.append(problem)
    return values, problems


def _misspelt(name: str) -> str | None:
    """A sentence on a variable that is meant for this program and is none of its; None for those of others."""
    bare = _bare(name)
    for right in VARIABLES:
        if bare == _bare(right.name):
            return f"{name} is not a setting: write {right.name}"
    if not bare.startswith(_bare(_OWN_PREFIX)):
        return None
    # What all begin with would make any two of them look alike.
    own = {_bare(right.name.removeprefix(_OWN_PREFIX)): right.name for right in VARIABLES}
    nearest = get_close_matches(bare.removeprefix(_bare(_OWN_PREFIX)), own, n=1, cutoff=_ALIKE)
    return f"{name} is not a setting" + (f": perhaps {own[nearest[0]]} is meant" if nearest else "")


def _bare(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


def _is_set(text: str) -> bool:
    """Some hosts pass on an empty field, or their own placeholder, where the user has entered nothing."""
    return bool(text.strip()) and not text.strip().startswith("${")


def _is_example(text: str) -> bool:
    """Whether a credential is what a page shows where people's own belongs; none of ClickSend's looks so."""
    return _EXAMPLE.fullmatch(text.strip()) is not None


def _credentials(given: Mapping[str, Any]) -> Credentials | None:
    username = given.get("CLICKSEND_USERNAME")
    secret = given.get("CLICKSEND_API_KEY") or given.get("CLICKSEND_PASSWORD")
    return Credentials(username, secret) if username and secret else None
