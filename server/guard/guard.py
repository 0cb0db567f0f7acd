"""The guard between a valid call and ClickSend: limits, price, approval, and the ledger before anything departs."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace

import anyio

from server.clicksend.errors import ClickSendError
from server.config.callers import Caller
from server.config.settings import Settings
from server.guard import identity
from server.guard.admission import FREE, Admission
from server.guard.call import Call
from server.guard.contacts import with_contacts
from server.guard.decisions import Approved, Denied, Question
from server.guard.error_text import over_limit
from server.guard.fingerprint import digest, exactly, fingerprint
from server.guard.preview import Quote, describe, describe_request, quote_of
from server.guard.reconcile import Read
from server.guard.recorded import Recorded
from server.guard.repeats import Repeats
from server.ledger.errors import LedgerUnavailable
from server.ledger.ledger import Abandoned, Duplicate, Entry, Ledger, OverBudget, new_id
from server.runtime.progress import report
from tools.action import Action, Effect
from tools.audience import Audience, OutboundMessage
from tools.route import Request

_WRITES_ITS_END_WITHIN = 30  # seconds after its deadline, for a send to be settled; later it is abandoned; our rule
_LONGEST_QUESTION = 10_000  # characters that a person may be asked to read; our rule

log = logging.getLogger("clicksend_mcp")


class Guard:
    """Guards the calls of one caller. `ledger`: that of all callers; `read`: reads from ClickSend as the caller."""

    def __init__(self, caller: Caller, settings: Settings, ledger: Ledger, read: Read) -> None:
        self._limits = caller.limits
        self._account_name = caller.credentials.username if caller.credentials else ""
        self._account = digest(identity.service(settings.base_url), identity.username(self._account_name))[:32]
        self._caller = digest(self._account, caller.name)[:32]
        self._caller_name = caller.name
        self._ledger = ledger
        self._read = read
        self._abandoned_after = settings.total_timeout + _WRITES_ITS_END_WITHIN
        self._waits = settings.reconcile_after
        self._keeps_texts = settings.ledger.keeps_texts
        window = caller.limits.duplicate_window
        self._repeats = Repeats(ledger, self._account, read, window, self._abandoned_after)

    async def admit(self, call: Call, approved: Approved | None) -> Admission | Question:
        """Let a call proceed, or ask for a person's approval first. Raises Denied if it must not proceed."""
        try:
            return await self._admit(call, approved)
        except LedgerUnavailable as fault:
            raise Denied(
                f"The ledger of sends cannot be used ({fault}), and nothing is sent unrecorded: a person has to see to "
                "CLICKSEND_MCP_LEDGER of this server"
            ) from None

    async def _admit(self, call: Call, approved: Approved | None) -> Admission | Question:
        audience = call.action.audience(call.arguments) if call.action.audience else Audience(())
        self._deny_deferred_sends(call.action, audience)
        if call.action.effect is not Effect.SEND:
            return await self._admit_change(call, approved)
        if call.action.audience and (self._limits.limits_recipients or self._may_ask):
            audience = await with_contacts(audience, self._read)
            self._check_recipients(audience.messages)
            report(f"Checked {audience.size:,} recipients against the limits")
        entry = self._entry(call, audience.size)
        if self._limits.prices_first:
            await self._deny_repeat(call.action, entry)  # before anybody is asked about it
            quote = await self._quote(call)
            entry = replace(entry, cost=quote.cost)
            report(f"Priced at {quote.cost} {quote.currency}")
            self._check_cost(quote)
            if question := await self._preview(call, approved, audience, entry, quote):
                return question
        entry = await self._record(call.action, entry)
        report("Recorded in the ledger")
        return Recorded(call.action, entry, self._repeats, self._waits)

    async def _admit_change(self, call: Call, approved: Approved | None) -> Admission | Question:
        """Admit what sends nothing. A person is asked about deletions if the operator wants that."""
        if call.action.effect is Effect.DELETE and self._limits.approval.deletes:
            question = self._question(f"{describe_request(call.action, call.request)}\nFor good?", call.request)
            return await self._with_approval(question, approved) or FREE
        return FREE

    async def _preview(
        self, call: Call, approved: Approved | None, audience: Audience, entry: Entry, quote: Quote
    ) -> Question | None:
        """The question to a person, if one has to approve. Raises Denied with the preview in a dry run."""
        label = _list_label(audience)
        if self._limits.dry_run:
            await self._check_budget(entry)
            preview = describe(call.action, audience.messages, quote, self._account_name, label)
            raise Denied(f"DRY RUN (CLICKSEND_MCP_DRY_RUN): checked and priced, not sent.\n{preview}", quote.answer)
        if not self._must_ask(quote):
            return None
        preview = describe(call.action, audience.messages, quote, self._account_name, label, call.request)
        question = self._question(f"{preview}\nSend this?", call.request, quote, audience.messages)
        return await self._with_approval(question, approved)

    def _deny_deferred_sends(self, action: Action, audience: Audience) -> None:
        """Deny what would be sent later without this server: by a rule, or to a list as it will be then."""
        if not self._limits.restricts_sends or not audience.messages:
            return
        if action.effect is not Effect.SEND:
            raise Denied("A rule that sends by itself would send later, unseen and past the limits of this server")
        limits = self._limits.limits_recipients or self._limits.limits_cost
        if limits and audience.list_id is not None and audience.has_schedule:
            raise Denied(
                "A scheduled campaign goes to whoever is on its list then, past the limits of this server: send it "
                "without a schedule when it is time"
            )

    async def _deny_repeat(self, action: Action, entry: Entry) -> None:
        window = self._limits.duplicate_window
        same = await self._ledger.same(entry, window=window) if window else None
        if same is not None:
            raise await self._repeats.denial(action, same)

    async def _record(self, action: Action, entry: Entry) -> Entry:
        try:
            # A cancellation in between would leave an entry behind that nobody settles.
            with anyio.CancelScope(shield=True):
                entry = await self._start(entry)
        except Duplicate as duplicate:
            raise await self._repeats.denial(action, duplicate.entry) from None
        except OverBudget as over:
            raise _denied_by(over) from None
        return entry

    async def _start(self, entry: Entry) -> Entry:
        window, budget = self._limits.duplicate_window, self._limits.max_cost_per_day
        while True:
            try:
                return await self._ledger.start(entry, window=window, budget=budget, lasts=self._abandoned_after)
            except Abandoned as abandoned:  # by processes that ended before they could settle their sends
                for abandoned_entry in abandoned.entries:
                    await self._repeats.resolve(abandoned_entry)

    async def _check_budget(self, entry: Entry) -> None:
        if self._limits.max_cost_per_day is None:
            return
        try:
            await self._ledger.check_budget(entry, self._limits.max_cost_per_day)
        except OverBudget as over:
            raise _denied_by(over) from None

    def _check_cost(self, quote: Quote) -> None:
        limit = self._limits.max_cost_per_call
        if limit is not None and quote.cost > limit:
            reason = f"It costs {quote.cost} {quote.currency}, more than {limit}"
            raise Denied(over_limit(reason, "CLICKSEND_MCP_MAX_COST_PER_CALL"))

    def _must_ask(self, quote: Quote) -> bool:
        above = self._limits.approval.above
        return self._limits.approval.always or (above is not None and quote.cost > above)

    @property
    def _may_ask(self) -> bool:
        return self._limits.approval.always or self._limits.approval.above is not None

    def _question(
        self,
        text: str,
        request: Request,
        quote: Quote | None = None,
        messages: Sequence[OutboundMessage] = (),
    ) -> Question:
        """A question about exactly this request, price and recipients. Raises Denied if it is too long."""
        if len(text) > _LONGEST_QUESTION:
            raise Denied(
                f"This needs a person's approval, and what it would send does not fit into one question "
                f"({len(text):,} characters, at most {_LONGEST_QUESTION:,}): split it into several calls"
            )
        price = "" if quote is None else str(quote.cost)
        numbers = sorted(message.to or "" for message in messages)
        token = digest(self._caller, exactly(request), price, text, *numbers)
        return Question(text, token)

    async def _with_approval(self, question: Question, approved: Approved | None) -> Question | None:
        """None if exactly this question was approved, else the question. An approval with a nonce is valid once."""
        if approved is None or approved.token != question.token:
            return question
        if approved.nonce is not None and not await self._ledger.use(approved.nonce):
            raise Denied("This approval was used already; ask again for another one")
        return None

    def _check_recipients(self, messages: Sequence[OutboundMessage]) -> None:
        """Raise Denied unless all recipients may be contacted."""
        if not self._limits.limits_recipients:
            return
        from server.guard.limits import check  # slow to import: it loads the numbering plans

        check(messages, self._limits)

    async def _quote(self, call: Call) -> Quote:
        """What ClickSend would charge for a call. Raises Denied if it names no price."""
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
        body, evidence = call.request.body or {}, call.action.evidence
        entry_id = new_id()
        marks = tuple(digest(entry_id, *key) for key in evidence.keys_sent(body)) if evidence else ()
        return Entry(
            id=entry_id,
            account=self._account,
            caller=self._caller,
            caller_name=self._caller_name,
            action=call.action.slug,
            fingerprint=fingerprint(call.request),
            recipients=recipients,
            marks=marks,
            request=json.dumps(body, ensure_ascii=False) if self._keeps_texts else None,
        )


def _denied_by(over: OverBudget) -> Denied:
    reason = f"It costs {over.cost}, and of the {over.budget} for 24 hours {over.spent} are spent or reserved"
    return Denied(over_limit(reason, "CLICKSEND_MCP_MAX_COST_PER_DAY"))


def _list_label(audience: Audience) -> str:
    """The recipients of a contact list in a few words; "" if each message names its own."""
    if audience.list_id is None:
        return ""
    counted = f", {audience.size} contacts" if audience.is_counted else ""
    later = " now, and whoever is on it then" if audience.has_schedule else ""
    return f"everybody on contact list {audience.list_id}{counted}{later}"
