"""The gate between a validated call and ClickSend: limits, price, approval, and the ledger before anything leaves."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import anyio

from schemas.base import Arguments
from server.callers import Caller
from server.cleaning import without_unseen
from server.errors import ClickSendError, LedgerUnavailable
from server.guard.ledger import Abandoned, Duplicate, Entry, Ledger, OverBudget, State, new_id
from server.guard.lookup import Found, Read, digest, look_up
from server.guard.preview import Quote, describe, quote_of
from server.guard.questions import Approved, Question
from server.progress import tell
from server.result import compact
from server.wording import beyond
from tools.action import Action, Effect, Request
from tools.catalog import CATALOG
from tools.reach import Outgoing, Reach

_CONTACTS = "CLICKSEND_GET_LISTS_CONTACTS"
_CONTACTS_A_PAGE = 100
_MOST_CONTACTS = 20_000  # of a campaign
_IDS_NAMED = 20
_LONGEST_ID = 100  # characters; ClickSend's have 36
_MOST_IDS = 20_000  # of a send
_LABELS = ("source", "country")  # of a message; its number is international

log = logging.getLogger("clicksend_mcp")


class Stopped(Exception):
    """A call that must not go on; `reason` is for the model, `answer` what ClickSend said, if it was asked."""

    def __init__(self, reason: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer


@dataclass(frozen=True)
class Permit:
    """The leave to go on; with the entry that stands in the ledger for it, if it is a send."""

    entry: Entry | None = None


class Guard:
    """Guards the calls of one caller. `service`: where ClickSend is; `ledger`: that of all callers.

    `lookups`: seconds to wait before each search for a lost outcome.
    """

    def __init__(
        self,
        caller: Caller,
        service: str,
        ledger: Ledger,
        read: Read,
        deadline: float,
        lookups: Sequence[float],
    ) -> None:
        self._policy = caller.policy
        self._account_name = caller.credentials.username if caller.credentials else ""
        self._account = digest(service, self._account_name)[:32]
        self._caller = digest(self._account, caller.name)[:32]
        self._caller_name = caller.name
        self._ledger = ledger
        self._read = read
        self._abandoned_after = deadline + 30
        self._lookups = lookups

    async def admit(self, action: Action, arguments: Arguments, approved: Approved | None) -> Permit | Question:
        """Let a call go on, or ask for a person's approval first. Raises Stopped if it must not."""
        try:
            return await self._admit(action, arguments, approved)
        except LedgerUnavailable as fault:
            raise Stopped(
                f"The ledger of sends cannot be used ({fault}), and nothing is sent unrecorded: a person has to see to "
                "CLICKSEND_MCP_LEDGER of this server"
            ) from None

    async def settle(
        self, permit: Permit, state: State, answer: Mapping[str, Any] | None = None, ids: Sequence[str] = ()
    ) -> None:
        """Write how a send ended; `ids` of its messages, where the answer does not have them."""
        if permit.entry is None:
            return
        cost = Decimal(0) if state == "refused" else _total_price(answer)
        try:
            await self._ledger.finish(
                permit.entry.id,
                state,
                message_ids=ids or _ids(answer),
                cost=cost,
                recipients=_data(answer).get("_total_count"),  # of a campaign; the others are counted before
            )
        except LedgerUnavailable as fault:
            # It stays as started, and is looked up like a call whose process died.
            log.error("the end of a send could not be written to the ledger: %s", fault)

    async def find(self, permit: Permit) -> Found | None:
        """Search ClickSend's records for a send whose answer was lost; None if they do not tell of such sends."""
        if permit.entry is None or CATALOG[permit.entry.action].trace is None:
            return None
        found = None
        for number, wait in enumerate(self._lookups, 1):
            when = f" in {wait:g} s" if wait else ""
            tell(f"The answer was lost: search {number} of {len(self._lookups)} in ClickSend's records{when}")
            await anyio.sleep(wait)
            try:
                found = await self._found(permit.entry) or found
            except LedgerUnavailable:
                return found
            if found is not None and not found.missing:
                break
        return found

    async def _found(self, entry: Entry) -> Found | None:
        return await look_up(entry, lambda: self._ledger.others(self._account, besides=entry.id), self._read)

    async def _admit(self, action: Action, arguments: Arguments, approved: Approved | None) -> Permit | Question:
        reach = action.reach(arguments) if action.reach else Reach(())
        self._stop_unseen(action, reach)
        everybody: Sequence[Outgoing] = reach.outgoing
        if self._policy.limits_recipients and action.reach:
            everybody = await self._within_limits(reach)
            tell(f"Checked {len(everybody):,} recipients against the limits")
        if action.effect is not Effect.SEND:
            if action.effect is Effect.DELETE and self._policy.approval.deletes:
                what = arguments.model_dump_json(by_alias=True, exclude_none=True)
                question = self._question(f"{action.title} {what}, for good?", action, arguments, None)
                return await self._with_approval(question, approved) or Permit()
            return Permit()
        counted = reach.list_id is None or everybody is not reach.outgoing
        entry = self._entry(action, arguments, len(everybody) if counted else 0)
        if self._policy.needs_price:
            await self._stop_repeat(entry)  # before anybody is asked about it
            quote = await self._quote(action, arguments)
            entry = replace(entry, cost=quote.cost)
            tell(f"Priced at {quote.cost} {quote.currency}")
            self._check_cost(quote)
            preview = describe(action, everybody, quote, self._account_name, _whole(reach, everybody))
            if self._policy.dry_run:
                await self._check_budget(entry)
                raise Stopped(
                    f"DRY RUN (CLICKSEND_MCP_DRY_RUN): checked and priced, not sent.\n{preview}", quote.answer
                )
            if self._must_ask(quote):
                question = self._question(f"{preview}\nSend this?", action, arguments, quote)
                if asked := await self._with_approval(question, approved):
                    return asked
        permit = Permit(await self._record(entry))
        tell("Recorded in the ledger")
        return permit

    def _stop_unseen(self, action: Action, reach: Reach) -> None:
        """Refuse what would be sent later without this server: to a list as it is then, or by a rule, unpriced."""
        if not self._policy.limited or not reach.outgoing:
            return
        if action.effect is not Effect.SEND and self._policy.needs_price:
            raise Stopped("A rule that sends by itself would spend later, past the limits of this server")
        limits = self._policy.limits_recipients or self._policy.limits_cost
        if limits and reach.list_id is not None and any(one.at for one in reach.outgoing):
            raise Stopped(
                "A scheduled campaign goes to whoever is on its list then, past the limits of this server: send it "
                "without a schedule when it is time"
            )

    async def _stop_repeat(self, entry: Entry) -> None:
        window = self._policy.duplicate_window
        same = await self._ledger.same(entry, window=window) if window else None
        if same is not None:
            raise await self._repeat(same)

    async def _record(self, entry: Entry) -> Entry:
        try:
            # Once it is written, whoever wrote it has to know, so that it is ended too.
            with anyio.CancelScope(shield=True):
                entry = await self._start(entry)
        except Duplicate as duplicate:
            raise await self._repeat(duplicate.entry) from None
        except OverBudget as over:
            raise _stopped_by(over) from None
        return entry

    async def _start(self, entry: Entry) -> Entry:
        window, budget = self._policy.duplicate_window, self._policy.max_cost_per_day
        while True:
            try:
                return await self._ledger.start(entry, window=window, budget=budget, lasts=self._abandoned_after)
            except Abandoned as left:  # by processes that ended before they could write how it went
                for one in left.entries:
                    await self._look_up(one)

    async def _check_budget(self, entry: Entry) -> None:
        if self._policy.max_cost_per_day is None:
            return
        try:
            await self._ledger.check_budget(entry, self._policy.max_cost_per_day)
        except OverBudget as over:
            raise _stopped_by(over) from None

    def _check_cost(self, quote: Quote) -> None:
        limit = self._policy.max_cost_per_call
        if limit is not None and quote.cost > limit:
            reason = f"It costs {quote.cost} {quote.currency}, more than {limit}"
            raise Stopped(beyond(reason, "CLICKSEND_MCP_MAX_COST_PER_CALL"))

    def _must_ask(self, quote: Quote) -> bool:
        above = self._policy.approval.above
        return self._policy.approval.always or (above is not None and quote.cost > above)

    def _question(self, text: str, action: Action, arguments: Arguments, quote: Quote | None) -> Question:
        price = "" if quote is None else str(quote.cost)
        token = digest(self._caller, _fingerprint(action.request(arguments)), price, text)
        return Question(text, token)

    async def _with_approval(self, question: Question, approved: Approved | None) -> Question | None:
        """The question if it has not been approved as it stands; an approval that can be replayed counts once."""
        if approved is None or approved.token != question.token:
            return question
        if approved.once is not None and not await self._ledger.use(approved.once):
            raise Stopped("This approval was used already; ask again for another one")
        return None

    async def _within_limits(self, reach: Reach) -> Sequence[Outgoing]:
        """Everybody who would be contacted; raises Stopped unless they all may be."""
        from server.guard.recipients import BeyondLimits, check  # with the numbering plans of the world

        everybody = await self._everybody(reach)
        try:
            check(everybody, self._policy)
        except BeyondLimits as refusal:
            raise Stopped(refusal.reason) from None
        return everybody

    async def _everybody(self, reach: Reach) -> Sequence[Outgoing]:
        """Every single message that would go out, a contact list taken apart."""
        if reach.list_id is None:
            if any(one.to is None and one.country is None for one in reach.outgoing):
                raise Stopped(beyond("it cannot be told who would be contacted", "on recipients"))
            return reach.outgoing
        (pattern,) = reach.outgoing
        outgoing: list[Outgoing] = []
        tell(f"Reading contact list {reach.list_id}, to check everybody on it against the limits", 0)
        read = 0
        for page in range(1, _MOST_CONTACTS // _CONTACTS_A_PAGE + 2):
            query = {"page": page, "limit": _CONTACTS_A_PAGE}
            data = await self._page(CATALOG[_CONTACTS].route.fill({"list_id": reach.list_id, **query}))
            numbers = [row.get("phone_number") for row in data["data"] if isinstance(row, dict)]
            outgoing += [pattern._replace(to=number) for number in numbers if number]
            read, total = read + len(data["data"]), data.get("total")
            of = f" of {total:,}" if isinstance(total, int) else ""
            tell(f"Read {read:,}{of} contacts, to check them against the limits", read, total if of else None)
            if page >= data.get("last_page", 0):
                return outgoing
        raise Stopped(f"The list has over {_MOST_CONTACTS} contacts, more than a campaign may have")

    async def _page(self, request: Request) -> Mapping[str, Any]:
        try:
            data = (await self._read(CATALOG[_CONTACTS], request)).get("data")
        except ClickSendError as fault:
            raise Stopped(f"The contacts could not be checked against this server's limits: {fault.reason}") from None
        if not isinstance(data, dict) or not isinstance(data.get("data"), list):
            raise Stopped("The contacts could not be checked against this server's limits: unknown shape")
        return data

    async def _quote(self, action: Action, arguments: Arguments) -> Quote:
        request = action.price_request(arguments)
        quote, reason = None, "ClickSend names none for it"
        if request is not None:
            tell("Asking ClickSend for the price")
            try:
                quote = quote_of(await self._read(CATALOG["CLICKSEND_SMS_PRICE_POST"], request))
            except ClickSendError as fault:
                reason = fault.reason
        if quote is None:
            raise Stopped(f"No price could be had ({reason}), and this server sends nothing without one")
        return quote

    def _entry(self, action: Action, arguments: Arguments, recipients: int) -> Entry:
        request = action.request(arguments)
        body = request.body or {}
        entry_id = new_id()
        marks = tuple(digest(entry_id, *mark) for mark in action.trace.sent(body)) if action.trace else ()
        return Entry(
            id=entry_id,
            account=self._account,
            caller=self._caller,
            caller_name=self._caller_name,
            action=action.slug,
            fingerprint=_fingerprint(request),
            recipients=recipients,
            marks=marks,
            request=json.dumps(body, ensure_ascii=False) if self._policy.ledger_keeps_texts else None,
        )

    async def _look_up(self, entry: Entry) -> Entry:
        """An entry whose outcome is unknown, after another look into ClickSend's records."""
        found = await self._found(entry)
        state: State = "accepted" if found is not None and not found.missing else "unknown"
        ids = found.ids if found and found.ids else entry.message_ids
        await self._ledger.finish(entry.id, state, message_ids=ids, cost=None)
        return replace(entry, state=state, message_ids=ids)

    async def _repeat(self, entry: Entry) -> Stopped:
        """Why the same call is not made again, and how a second one is made on purpose."""
        if entry.state == "unknown" or (entry.state == "started" and entry.age > self._abandoned_after):
            entry = await self._look_up(entry)
        ids = f" ({', '.join(entry.message_ids[:_IDS_NAMED])})" if entry.message_ids else ""
        left = max(1, self._policy.duplicate_window - entry.age)
        again = f"For a second copy on purpose {_how_to_differ(entry.action)}, or wait {left} s"
        match entry.state:
            case "accepted":
                told = f"The same call was accepted {entry.age} s ago{ids}, so it was not sent again. {again}"
            case "partly":
                told = (
                    f"The same call was accepted in part {entry.age} s ago{ids}, so it was not sent again: send only "
                    f"what was refused then, corrected. {again}"
                )
            case "started":
                told = f"The same call is under way since {entry.age} s, so it was not sent again. Look again later"
            case _:
                shown = CATALOG[entry.action].shown_by or "the ClickSend dashboard"
                told = (
                    f"The same call was made {entry.age} s ago and its outcome is unknown{ids}, so it was not sent "
                    f"again: look in {shown}. {again}"
                )
        return Stopped(told)


def _stopped_by(over: OverBudget) -> Stopped:
    reason = f"It costs {over.cost}, and of the {over.budget} for 24 hours {over.spent} are spent or reserved"
    return Stopped(beyond(reason, "CLICKSEND_MCP_MAX_COST_PER_DAY"))


def _how_to_differ(slug: str) -> str:
    return "give another name" if "CAMPAIGN" in slug else "give another custom_string"


def _whole(reach: Reach, everybody: Sequence[Outgoing]) -> str:
    if reach.list_id is None:
        return ""
    counted = f", {len(everybody)} contacts" if everybody is not reach.outgoing else ""
    return f"everybody on contact list {reach.list_id}{counted}"


def _fingerprint(request: Request) -> str:
    """The same for the same input, in whatever order its messages come; names come in the order of their models."""
    return digest(request.method, request.path, compact(_canonical(request.body)))


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        # What makes no difference to who gets what and when makes no other call either.
        return {
            name: item if isinstance(item, str) else _canonical(item)
            for name, item in value.items()
            if item and name not in _LABELS
        }
    if isinstance(value, list):
        return sorted(compact(_canonical(item)) for item in value)
    return value


def _data(answer: Mapping[str, Any] | None) -> Mapping[str, Any]:
    data = (answer or {}).get("data")
    return data if isinstance(data, Mapping) else {}


def _total_price(answer: Mapping[str, Any] | None) -> Decimal | None:
    """What an answer says it cost; None if it does not say."""
    price = _data(answer).get("total_price")
    try:
        return Decimal(str(price)) if price is not None else None
    except ArithmeticError:
        return None


def _ids(answer: Mapping[str, Any] | None) -> list[str]:
    """The ids of what an answer accepted."""
    data = _data(answer)
    if "sms_campaign_id" in data:
        found = [data["sms_campaign_id"]]
    else:
        entries = data.get("messages") or data.get("recipients") or []
        accepted = (one for one in entries if isinstance(one, Mapping) and one.get("status") == "SUCCESS")
        found = [one.get("message_id") for one in accepted]
    # They are told later, as they are: an answer may hold anything in their place.
    ids = (without_unseen(str(one))[:_LONGEST_ID] for one in found if isinstance(one, str | int))
    return ["".join(filter(str.isprintable, one)) for one in ids][:_MOST_IDS]
