"""The gate between a validated call and ClickSend: limits, price, approval, and the ledger before anything leaves."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import anyio

from server.clicksend.errors import ClickSendError
from server.config.callers import Caller
from server.guard import identity
from server.guard.admission import FREE, Admission
from server.guard.call import Call
from server.guard.decisions import Approved, Question
from server.guard.error_text import how_to_differ, in_the_records, next_steps, over_limit
from server.guard.fingerprint import digest, exactly, fingerprint
from server.guard.preview import Quote, describe, describe_request, quote_of
from server.guard.reconcile import Found, Read, reconcile
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Abandoned, Duplicate, Entry, Ledger, OverBudget, State, new_id
from server.runtime.progress import report
from tools.action import Action, Effect, Request
from tools.answer import Answer
from tools.audience import Audience, OutboundMessage
from tools.catalog import CATALOG
from tools.outcome import Verdict

_CONTACTS = "CLICKSEND_GET_LISTS_CONTACTS"
_CONTACTS_A_PAGE = 100
_MOST_CONTACTS = 20_000  # of a campaign
_IDS_NAMED = 20
_LONGEST_QUESTION = 10_000  # characters that a person may be asked to read

log = logging.getLogger("clicksend_mcp")


class Denied(Exception):
    """A call that must not go on; `reason` is for the model, `answer` what ClickSend said, if it was asked.

    `repeats`: the same call was made before, and may have had an effect then.
    """

    def __init__(self, reason: str, answer: Answer | None = None, *, repeats: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answer = answer
        self.repeats = repeats


class Guard:
    """Guards the calls of one caller. `service`: where ClickSend is; `ledger`: that of all callers.

    `reconcile_after`: seconds to wait before each search for a lost outcome.
    """

    def __init__(
        self,
        caller: Caller,
        service: str,
        ledger: Ledger,
        read: Read,
        deadline: float,
        reconcile_after: Sequence[float],
    ) -> None:
        self._policy = caller.policy
        self._account_name = caller.credentials.username if caller.credentials else ""
        self._account = digest(identity.service(service), identity.username(self._account_name))[:32]
        self._caller = digest(self._account, caller.name)[:32]
        self._caller_name = caller.name
        self._ledger = ledger
        self._read = read
        self._abandoned_after = deadline + 30
        self._lookups = reconcile_after

    async def admit(self, call: Call, approved: Approved | None) -> Admission | Question:
        """Let a call go on, or ask for a person's approval first. Raises Denied if it must not."""
        try:
            return await self._admit(call, approved)
        except LedgerUnavailable as fault:
            raise Denied(
                f"The ledger of sends cannot be used ({fault}), and nothing is sent unrecorded: a person has to see to "
                "CLICKSEND_MCP_LEDGER of this server"
            ) from None

    async def found(self, entry: Entry, known: Collection[str] = ()) -> Found | None:
        """What ClickSend's records show of an entry now."""
        return await reconcile(entry, partial(self._ledger.others, self._account, entry.id), self._read, known)

    async def _admit(self, call: Call, approved: Approved | None) -> Admission | Question:
        action = call.action
        reach = action.audience(call.arguments) if action.audience else Audience(())
        self._deny_deferred_sends(action, reach)
        if action.effect is not Effect.SEND:
            if action.effect is Effect.DELETE and self._policy.approval.deletes:
                question = self._question(f"{describe_request(action, call.request)}\nFor good?", call.request)
                return await self._with_approval(question, approved) or FREE
            return FREE
        everybody: Sequence[OutboundMessage] = reach.messages
        if action.audience and (self._policy.limits_recipients or self._may_ask):
            everybody = await self._recipients(reach)
            self._check_recipients(everybody)
            report(f"Checked {len(everybody):,} recipients against the limits")
        counted = reach.list_id is None or everybody is not reach.messages
        entry = self._entry(call, len(everybody) if counted else 0)
        if self._policy.prices_first:
            await self._deny_repeat(entry)  # before anybody is asked about it
            quote = await self._quote(call)
            entry = replace(entry, cost=quote.cost)
            report(f"Priced at {quote.cost} {quote.currency}")
            self._check_cost(quote)
            whole = _describe_list(reach, everybody)
            if self._policy.dry_run:
                await self._check_budget(entry)
                preview = describe(action, everybody, quote, self._account_name, whole)
                raise Denied(f"DRY RUN (CLICKSEND_MCP_DRY_RUN): checked and priced, not sent.\n{preview}", quote.answer)
            if self._must_ask(quote):
                told = describe(action, everybody, quote, self._account_name, whole, call.request)
                question = self._question(f"{told}\nSend this?", call.request, quote, everybody)
                if asked := await self._with_approval(question, approved):
                    return asked
        admission = _Recorded(self, self._ledger, await self._record(entry), self._lookups)
        report("Recorded in the ledger")
        return admission

    def _deny_deferred_sends(self, action: Action, reach: Audience) -> None:
        """Refuse what would be sent later without this server: by a rule, or to a list as it is then."""
        if not self._policy.restricts_sends or not reach.messages:
            return
        if action.effect is not Effect.SEND:
            raise Denied("A rule that sends by itself would send later, unseen and past the limits of this server")
        limits = self._policy.limits_recipients or self._policy.limits_cost
        if limits and reach.list_id is not None and any(one.at for one in reach.messages):
            raise Denied(
                "A scheduled campaign goes to whoever is on its list then, past the limits of this server: send it "
                "without a schedule when it is time"
            )

    async def _deny_repeat(self, entry: Entry) -> None:
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
            raise _denied_by(over) from None
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
            raise _denied_by(over) from None

    def _check_cost(self, quote: Quote) -> None:
        limit = self._policy.max_cost_per_call
        if limit is not None and quote.cost > limit:
            reason = f"It costs {quote.cost} {quote.currency}, more than {limit}"
            raise Denied(over_limit(reason, "CLICKSEND_MCP_MAX_COST_PER_CALL"))

    def _must_ask(self, quote: Quote) -> bool:
        above = self._policy.approval.above
        return self._policy.approval.always or (above is not None and quote.cost > above)

    @property
    def _may_ask(self) -> bool:
        return self._policy.approval.always or self._policy.approval.above is not None

    def _question(
        self,
        text: str,
        request: Request,
        quote: Quote | None = None,
        everybody: Sequence[OutboundMessage] = (),
    ) -> Question:
        """A question about exactly this request, price and recipients. Raises Denied if it is too long."""
        if len(text) > _LONGEST_QUESTION:
            raise Denied(
                f"This needs a person's approval, and what it would send does not fit into one question "
                f"({len(text):,} characters, at most {_LONGEST_QUESTION:,}): split it into several calls"
            )
        price = "" if quote is None else str(quote.cost)
        numbers = sorted(one.to or "" for one in everybody)
        token = digest(self._caller, exactly(request), price, text, *numbers)
        return Question(text, token)

    async def _with_approval(self, question: Question, approved: Approved | None) -> Question | None:
        """The question if it has not been approved as it stands; an approval that can be replayed counts once."""
        if approved is None or approved.token != question.token:
            return question
        if approved.nonce is not None and not await self._ledger.use(approved.nonce):
            raise Denied("This approval was used already; ask again for another one")
        return None

    def _check_recipients(self, everybody: Sequence[OutboundMessage]) -> None:
        """Raise Denied unless everybody who would be contacted may be."""
        if not self._policy.limits_recipients:
            return
        from server.guard.limits import OverLimit, check  # with the numbering plans of the world

        try:
            check(everybody, self._policy)
        except OverLimit as refusal:
            raise Denied(refusal.reason) from None

    async def _recipients(self, reach: Audience) -> Sequence[OutboundMessage]:
        """Every single message that would go out, a contact list taken apart."""
        if reach.list_id is None:
            return reach.messages
        (pattern,) = reach.messages
        outgoing: list[OutboundMessage] = []
        report(f"Reading contact list {reach.list_id}, to check everybody on it against the limits", 0)
        read = 0
        for page in range(1, _MOST_CONTACTS // _CONTACTS_A_PAGE + 2):
            query = {"page": page, "limit": _CONTACTS_A_PAGE}
            rows, paging = await self._page(CATALOG[_CONTACTS].route.fill({"list_id": reach.list_id, **query}))
            numbers = [row.get("phone_number") for row in rows if isinstance(row, dict)]
            outgoing += [pattern._replace(to=str(number)) for number in numbers if number]
            read, total = read + len(rows), paging.get("total")
            of = f" of {total:,}" if isinstance(total, int) else ""
            report(f"Read {read:,}{of} contacts, to check them against the limits", read, total if of else None)
            if page >= paging.get("last_page", 0):
                return outgoing
        raise Denied(f"The list has over {_MOST_CONTACTS} contacts, more than a campaign may have")

    async def _page(self, request: Request) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The rows of a page, and what is said of the pages."""
        try:
            answer = await self._read(request)
        except ClickSendError as fault:
            raise Denied(f"The contacts could not be checked against this server's limits: {fault.reason}") from None
        if answer.rows is None:
            raise Denied("The contacts could not be checked against this server's limits: unknown shape")
        return answer.rows, answer.fields

    async def _quote(self, call: Call) -> Quote:
        request = call.action.price_request(call.arguments)
        quote, reason = None, "ClickSend names none for all of it"
        if request is not None:
            report("Asking ClickSend for the price")
            try:
                quote = quote_of(await self._read(request), request.body)
            except ClickSendError as fault:
                reason = fault.reason
        if quote is None:
            raise Denied(f"No price could be had ({reason}), and this server sends nothing without one")
        return quote

    def _entry(self, call: Call, recipients: int) -> Entry:
        body, trace = call.request.body or {}, call.action.evidence
        entry_id = new_id()
        marks = tuple(digest(entry_id, *mark) for mark in trace.sent(body)) if trace else ()
        return Entry(
            id=entry_id,
            account=self._account,
            caller=self._caller,
            caller_name=self._caller_name,
            action=call.action.slug,
            fingerprint=fingerprint(call.request),
            recipients=recipients,
            marks=marks,
            request=json.dumps(body, ensure_ascii=False) if self._policy.ledger_keeps_texts else None,
        )

    async def _look_up(self, entry: Entry) -> tuple[Entry, Found | None]:
        """An entry whose outcome is unknown, after another look into ClickSend's records, and what that found."""
        found = await self.found(entry, entry.message_ids)
        state: State = "accepted" if found is not None and not found.missing else "unknown"
        ids = found.ids if found and found.ids else entry.message_ids
        await self._ledger.finish(entry.id, state, message_ids=ids, cost=None)
        return replace(entry, state=state, message_ids=ids), found

    async def _repeat(self, entry: Entry) -> Denied:
        """Why the same call is not made again, and how a second one is made on purpose."""
        found = None
        if entry.state == "unknown" or (entry.state == "started" and entry.age > self._abandoned_after):
            entry, found = await self._look_up(entry)
        ids = f" ({', '.join(entry.message_ids[:_IDS_NAMED])})" if entry.message_ids else ""
        left = max(1, self._policy.duplicate_window - entry.age)
        again = f"For a second copy on purpose {how_to_differ(CATALOG[entry.action])}, or wait {left} s"
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
                action = CATALOG[entry.action]
                shown = in_the_records(action, entry.message_ids, found.missing if found else None)
                told = (
                    f"The same call was made {entry.age} s ago and its outcome is unknown, so it was not sent again. "
                    f"{shown} {next_steps(action)} The same call as it is would be held back for another {left} s"
                )
        return Denied(told, repeats=True)


class _Recorded(Admission):
    """The leave for a send that stands in the ledger."""

    is_recorded = True

    def __init__(self, guard: Guard, ledger: Ledger, entry: Entry, reconcile_after: Sequence[float]) -> None:
        self._guard = guard
        self._ledger = ledger
        self._entry = entry
        self._lookups = reconcile_after

    async def settle(
        self, state: State, answer: Answer | None = None, verdict: Verdict | None = None, ids: Sequence[str] = ()
    ) -> None:
        try:
            await self._ledger.finish(
                self._entry.id,
                state,
                message_ids=list(dict.fromkeys([*(answer.ids if answer else ()), *ids])),
                cost=_booked(state, self._entry.cost, answer.price if answer else None, verdict),
                recipients=answer.contacts if answer else None,  # of a campaign; the others are counted before
            )
        except LedgerUnavailable as fault:
            # It stays as started, and is looked up like a call whose process died.
            log.error("the end of a send could not be written to the ledger: %s", fault)

    async def find(self, known: Collection[str] = ()) -> Found | None:
        if CATALOG[self._entry.action].evidence is None:
            return None
        found = None
        for number, wait in enumerate(self._lookups, 1):
            when = f" in {wait:g} s" if wait else ""
            report(f"The outcome is not clear: search {number} of {len(self._lookups)} in ClickSend's records{when}")
            await anyio.sleep(wait)
            try:
                found = await self._guard.found(self._entry, known) or found
            except LedgerUnavailable:
                return found
            if found is not None and not found.missing:
                break
        return found


def _denied_by(over: OverBudget) -> Denied:
    reason = f"It costs {over.cost}, and of the {over.budget} for 24 hours {over.spent} are spent or reserved"
    return Denied(over_limit(reason, "CLICKSEND_MCP_MAX_COST_PER_DAY"))


def _describe_list(reach: Audience, everybody: Sequence[OutboundMessage]) -> str:
    if reach.list_id is None:
        return ""
    counted = f", {len(everybody)} contacts" if everybody is not reach.messages else ""
    later = " now, and whoever is on it then" if any(one.at for one in reach.messages) else ""
    return f"everybody on contact list {reach.list_id}{counted}{later}"


def _booked(state: State, quote: Decimal | None, price: Decimal | None, verdict: Verdict | None) -> Decimal | None:
    """What a send costs the day's budget; None for what was reserved.

    Whatever price the answer names, what was accepted costs no less than its share of the quote.
    """
    if state == "refused":
        return Decimal(0)
    if state == "partly" and quote is not None and verdict is not None:
        quote = quote * verdict.accepted / (verdict.accepted + len(verdict.refused))
    known = [amount for amount in (quote, price) if amount is not None]
    return max(known, default=None)
