"""Routes: where an action's input goes, and the request that it makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Request:
    """What is sent to ClickSend: an encoded path, a query and a JSON body.

    `template`: the path with names in place of values, the same for all calls; telemetry shows it.
    """

    method: Method
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    template: str = field(default="", compare=False)


@dataclass(frozen=True)
class Route:
    """Where an action's input goes: into `{name}` of the path, the rest into a GET's query or else into the body."""

    method: Method
    path: str

    @property
    def names(self) -> frozenset[str]:
        """The names of the values that the path takes."""
        return frozenset(re.findall(r"{(\w+)}", self.path))

    def fill(self, values: Mapping[str, Any]) -> Request:
        """The request with each value in its place. Values in the path are encoded: none can lead to another path.

        Raises KeyError if a value of the path is missing.
        """
        in_path = self.names
        path = self.path.format_map({name: quote(str(values[name]), safe="") for name in in_path})
        rest = {name: value for name, value in values.items() if name not in in_path}
        if self.method == "GET":
            return Request(self.method, path, query=rest, template=self.path)
        return Request(self.method, path, body=rest or None, template=self.path)


def get(path: str) -> Route:
    """A route that reads."""
    return Route("GET", path)


def post(path: str) -> Route:
    """A route that creates, sends or calculates."""
    return Route("POST", path)


def put(path: str) -> Route:
    """A route that replaces or changes."""
    return Route("PUT", path)


def delete(path: str) -> Route:
    """A route that deletes."""
    return Route("DELETE", path)
