"""The callers file: who may call over HTTP, with their tokens, accounts and limits, as the operator wrote them."""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from server.config.callers import Caller
from server.config.limits import Limits
from server.config.setting import PREFIX
from server.config.settings import OF_CALLERS, Credentials, Settings
from server.config.surface import Surface
from server.runtime.env import WrongSetting
from tools.action import Effect

_SETTINGS = {variable.name.removeprefix(PREFIX).lower(): variable for variable in OF_CALLERS}
_KEYS = ("name", "token_sha256", "subject", "username", "api_key", "scopes", "limits")
_VARIABLE = "CLICKSEND_MCP_HTTP_CALLERS"
Group = TypeVar("Group", Limits, Surface)

log = logging.getLogger("clicksend_mcp")

NAME_RULE = "1 to 64 letters, digits or . _ @ -"

SCOPES: Mapping[str, frozenset[Effect]] = {
    "read": frozenset({Effect.READ}),
    "write": frozenset({Effect.WRITE, Effect.DELETE}),
    "send": frozenset({Effect.SEND}),
}


@dataclass(frozen=True)
class Registered:
    """A caller in the file, authenticated by a token of its own or by the subject of an OAuth access token."""

    caller: Caller
    token_sha256: bytes | None
    subject: str | None


class Registry:
    """The callers of a file, by their credentials."""

    def __init__(self, registered: tuple[Registered, ...]) -> None:
        self._registered = registered

    @property
    def callers(self) -> list[Caller]:
        """All of them."""
        return [entry.caller for entry in self._registered]

    def by_token(self, token: str) -> Caller | None:
        """The caller with this token; in constant time, so that a guess learns nothing from a delay."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        caller = None
        for entry in self._registered:
            if entry.token_sha256 is not None and hmac.compare_digest(entry.token_sha256, digest):
                caller = entry.caller
        return caller

    def by_subject(self, subject: str) -> Caller | None:
        """The caller with this subject, as the issuer names it."""
        return next((entry.caller for entry in self._registered if entry.subject == subject), None)


def read_registry(file: str | None, settings: Settings) -> Registry:
    """Read the file of callers; what an entry leaves out is as in the settings. Raises WrongSetting."""
    if file is None:
        return Registry(())
    try:
        content = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise WrongSetting(f"{_VARIABLE} cannot be read: {type(fault).__name__}") from None
    _check_rights(Path(file), holds_keys="api_key" in str(content))
    entries = content.pop("caller", None)
    if content or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise WrongSetting(f"{_VARIABLE} must have [[caller]] entries, and nothing else")
    registered = tuple(_registered(entry, settings) for entry in entries)
    for key in ("token_sha256", "subject"):
        _check_unique([value for entry in registered if (value := getattr(entry, key)) is not None], key)
    _check_unique([entry.caller.name for entry in registered], "name")
    return Registry(registered)


def _check_rights(file: Path, *, holds_keys: bool) -> None:
    """Refuse a file that others may change, and warn of keys that others may read. Windows has no such bits."""
    if os.name == "nt":
        return
    mode = file.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WrongSetting(f"{_VARIABLE} can be changed by others than its owner: chmod go-w {file}")
    if holds_keys and mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning("%s holds API keys and can be read by others than its owner: chmod go-r %s", _VARIABLE, file)


def _check_unique(values: list[Any], key: str) -> None:
    if len(set(values)) < len(values):
        raise WrongSetting(f"{_VARIABLE}: two callers have the same {key}")


def _registered(entry: Mapping[str, Any], settings: Settings) -> Registered:
    name = entry.get("name")
    if not isinstance(name, str) or not is_name(name):
        raise WrongSetting(f"{_VARIABLE}: each caller needs a name of {NAME_RULE}")
    wrong = f"{_VARIABLE}, caller {name}:"
    if unknown := [key for key in entry if key not in _KEYS]:
        raise WrongSetting(f"{wrong} {unknown[0]} is none of {', '.join(_KEYS)}")
    if texts := [key for key in _KEYS[1:5] if not isinstance(entry.get(key, ""), str)]:
        raise WrongSetting(f"{wrong} {texts[0]} must be a text")
    digest = entry.get("token_sha256")
    if digest is not None and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise WrongSetting(f"{wrong} token_sha256 must have 64 hexadecimal digits, as `clicksend-mcp token` prints")
    if (digest is None) == (entry.get("subject") is None):
        raise WrongSetting(f"{wrong} it needs either token_sha256 or subject")
    if entry.get("subject") == "":
        raise WrongSetting(f"{wrong} subject must not be empty")
    if ("username" in entry) != ("api_key" in entry):
        raise WrongSetting(f"{wrong} username and api_key go together")
    credentials = settings.credentials
    if "username" in entry:
        credentials = Credentials(entry["username"], entry["api_key"])
        if not entry["username"] or ":" in entry["username"] or not entry["api_key"]:
            raise WrongSetting(f"{wrong} username and api_key must not be empty, nor username contain a colon")
    elif credentials is None:
        raise WrongSetting(f"{wrong} it needs username and api_key, because the server has no account of its own")
    own = _own(entry.get("limits", {}), wrong)
    caller = Caller(
        credentials,
        _with(settings.limits, own),
        _with(settings.surface, own),
        name=name,
        effects=_effects_of(entry.get("scopes", list(SCOPES)), wrong),
        config_error=settings.config_error,
    )
    return Registered(caller, bytes.fromhex(digest) if digest else None, entry.get("subject"))


def _effects_of(scopes: object, wrong: str) -> frozenset[Effect]:
    """What scopes allow: read, write or send. Raises WrongSetting."""
    if not isinstance(scopes, list) or not all(scope in list(SCOPES) for scope in scopes):
        raise WrongSetting(f"{wrong} scopes must be a list of {', '.join(SCOPES)}")
    return frozenset(effect for scope in scopes for effect in SCOPES[scope])


def _own(table: object, wrong: str) -> dict[str, Any]:
    """What a caller's table of limits sets, by the names of fields; each is read like the variable of its name."""
    if not isinstance(table, dict):
        raise WrongSetting(f"{wrong} limits must be a table")
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in _SETTINGS:
            raise WrongSetting(f"{wrong} limits.{name} is none of {', '.join(sorted(_SETTINGS))}")
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        try:
            values[_SETTINGS[name].field] = _SETTINGS[name].read(text.strip())
        except WrongSetting as fault:
            raise WrongSetting(f"{wrong} limits.{name} {fault}") from None
    return values


def _with(group: Group, values: Mapping[str, Any]) -> Group:
    """A group of settings with those of the values that are its own."""
    names = {entry.name for entry in fields(group)}
    return replace(group, **{name: value for name, value in values.items() if name in names})


def is_name(name: str) -> bool:
    """Whether a caller can be called so."""
    return re.fullmatch(r"[\w.@-]{1,64}", name, re.ASCII) is not None


def new_token() -> tuple[str, str]:
    """A token for a new caller, and the digest of it that is kept."""
    token = f"csmcp_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()
