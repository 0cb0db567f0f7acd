"""Action: everything known about one thing an agent can do, in one declaration."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from inspect import cleandoc
from typing import Any, Literal

from schemas.base import Arguments
from schemas.portable import portable_schema
from tools.audience import AudienceOf
from tools.evidence import Evidence
from tools.outcome import Outcome, all_or_nothing
from tools.route import Request, Route

ViewOf = Literal["statistics", "messages", "campaign"]  # kinds of view; tools/view.py is loaded when one is shown


class Effect(Enum):
    """What an action does to the world; hints, limits and the treatment of failures follow from it."""

    READ = "reads"
    WRITE = "writes"
    DELETE = "deletes"  # removes what cannot be restored
    SEND = "sends"  # contacts people or spends money


@dataclass(frozen=True)
class Action:
    """One action of the catalogue.

    `input`: the model of its arguments; the docstring is the tool's description.
    `outcome`: how to read from ClickSend's answer whether all of what was asked was accepted.
    `verified_with`: the slug of the action that shows whether this one took effect, if there is one.
    `audience`: whom its arguments would contact. `price`: the route that prices the same body.
    `untrusted_fields`: the fields of its answers that outsiders have written.
    `evidence`: how a send whose answer was lost is found in ClickSend's records.
    `status_route`: where ClickSend reports the progress of what it goes on doing after its answer.
    `told_apart_by`: the field that makes a second copy of a send another call than the first (our rule).
    `view`: what a host that shows views displays of its answers.

    Routes and what they take are documented by ClickSend; where sources differ, a comment beside the action says so.
    """

    slug: str
    title: str
    input: type[Arguments]
    route: Route
    effect: Effect
    outcome: Outcome = all_or_nothing
    verified_with: str | None = None
    audience: AudienceOf | None = None
    price: Route | None = None
    evidence: Evidence | None = None
    told_apart_by: str = "custom_string"
    untrusted_fields: tuple[str, ...] = ()
    status_route: Route | None = None
    view: ViewOf | None = None

    @cached_property
    def description(self) -> str:
        """What a model reads to choose the tool."""
        return " ".join(cleandoc(self.input.__doc__ or "").split())

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The published JSON schema of the arguments."""
        return portable_schema(self.input)

    def request(self, arguments: Arguments) -> Request:
        """The request that validated arguments make."""
        return self.route.fill(_values(arguments))

    def price_request(self, arguments: Arguments) -> Request | None:
        """The request that asks for the price; None if ClickSend prices no such call."""
        if self.price is None:
            return None
        in_path = self.route.names
        return self.price.fill({name: value for name, value in _values(arguments).items() if name not in in_path})

    @cached_property
    def is_paged(self) -> bool:
        """Its answers are pages of a list."""
        return "limit" in self.input.model_fields

    @property
    def read_only(self) -> bool:
        """Changes nothing, anywhere."""
        return self.effect is Effect.READ

    @property
    def may_answer_nothing(self) -> bool:
        """An answer of 204 without a body (documented) is complete: it had nothing to return, and no price."""
        return self.effect in (Effect.WRITE, Effect.DELETE)

    @property
    def destructive(self) -> bool:
        """Deletes something for good, or cannot be undone."""
        return self.effect in (Effect.DELETE, Effect.SEND)

    @property
    def idempotent(self) -> bool:
        """A repeat changes nothing more. Never true of a send: clients may repeat what is idempotent."""
        return self.read_only or (self.effect is not Effect.SEND and self.route.method != "POST")


def _values(arguments: Arguments) -> dict[str, Any]:
    return arguments.model_dump(mode="json", by_alias=True, exclude_none=True)
