"""Plain resources: records that an account creates, lists, views, updates and deletes, and that do nothing else."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from server.sandbox.api.answers import Answer, Call, Operation, Row, listing, not_found, required_text
from server.sandbox.state.models import keep

Reader = Callable[[Mapping[str, Any], str], Any]
Verb = Literal["create", "list", "view", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Resource:
    """Records of one kind; each is an integer id and its fields.

    `fields` maps the name of a field to the function that reads it from a body; that raises Refusal (400) for a value
    it does not accept, and for a missing one that is required. Lists can be searched and sorted by every field.
    """

    path: str  # "/v3/sms/templates"
    id_field: str  # "template_id"
    noun: str  # "template", for the messages of the envelope
    fields: Mapping[str, Reader]
    verbs: tuple[Verb, ...] = ("create", "list", "view", "update", "delete")

    def operations(self) -> tuple[Operation, ...]:
        """The operation of each verb."""
        record_path = f"{self.path}/{{{self.id_field}}}"
        operations: dict[Verb, Operation] = {
            "create": ("POST", self.path, self.create),
            "list": ("GET", self.path, self.view_all),
            "view": ("GET", record_path, self.view),
            "update": ("PUT", record_path, self.update),
            "delete": ("DELETE", record_path, self.delete),
        }
        return tuple(operations[verb] for verb in self.verbs)

    def create(self, call: Call) -> Answer:
        """POST {path}"""
        fields = {name: read(call.body, name) for name, read in self.fields.items()}
        record = {self.id_field: call.world.next_id(self.path), **fields}
        keep(self._records(call), record[self.id_field], record, call.world.limits.others)
        return Answer(record, f"The {self.noun} is there.")

    def view_all(self, call: Call) -> Answer:
        """GET {path}, the oldest first unless asked otherwise."""
        searchable = {name: name for name in (self.id_field, *self.fields)}
        return Answer(listing(call, list(self._records(call).values()), dict, fields=searchable))

    def view(self, call: Call) -> Answer:
        """GET {path}/{id}"""
        return Answer(self._find(call))

    def update(self, call: Call) -> Answer:
        """PUT {path}/{id}: omitted fields keep their values."""
        record = self._find(call)
        record |= {name: read(call.body, name) for name, read in self.fields.items() if name in call.body}
        return Answer(record, f"The {self.noun} has changed.")

    def delete(self, call: Call) -> Answer:
        """DELETE {path}/{id}"""
        del self._records(call)[self._find(call)[self.id_field]]
        return Answer([], f"The {self.noun} is gone.")

    def _records(self, call: Call) -> OrderedDict[int, Row]:
        return call.account.records[self.path]

    def _find(self, call: Call) -> Row:
        """The record in the path. Raises Refusal (404) when the account has none with this id."""
        record = self._records(call).get(call.path_id(self.id_field))
        if record is None:
            raise not_found(f"No {self.noun} has this id.")
        return record


RESOURCES = (
    Resource(
        path="/v3/sms/templates",
        id_field="template_id",
        noun="template",
        fields={"template_name": required_text, "body": required_text},
    ),
)
