"""One run of the matrix: prepare, call, let it go wrong, call again, and look at what is left."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from fault_checks import Told, Truth, violations
from fault_ledgers import Place
from fault_plan import SECRET, SMS, Call, Plan
from fault_servers import LOGGED, InProcess, Process, Server, Spec
from fault_upstream import Upstream, upstream

from server.guard.fingerprint import fingerprint
from server.sandbox.serve import RunningSandbox
from tools.catalog import catalog

_TOO_LONG = 120  # seconds for a run
READ = "CLICKSEND_GET_STATISTICS_SMS"
FREE = "+61411111111"  # a test number, which costs nothing


@dataclass
class Result:
    """What is kept of a run."""

    number: int
    fault: str
    action: str
    met: bool = False  # whether the fault came about: a call may end before it, for want of budget
    sent: int = 0
    told: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    processes: bool = False
    budget: bool = False


async def run(plan: Plan, sandbox: RunningSandbox, control: httpx.AsyncClient, place: Place) -> Result:
    """Do a run, check it, and leave nothing behind."""
    result = Result(plan.number, plan.fault.name, plan.call.slug.removeprefix("CLICKSEND_"))
    result.processes, result.budget = plan.processes, plan.budget is not None
    LOGGED.set([])
    try:
        async with asyncio.timeout(_TOO_LONG), upstream(sandbox, control, plan) as clicksend:
            course = _Run(plan, clicksend, place, result)
            try:
                await course.go()
            finally:
                course.end_servers()
    except Exception as fault:
        result.violations.append(f"THE RUN BROKE: {type(fault).__name__}: {fault}")
    finally:
        place.remove()
    return result


class _Run:
    """The course of a run."""

    def __init__(self, plan: Plan, clicksend: Upstream, place: Place, result: Result) -> None:
        self._plan = plan
        self._clicksend = clicksend
        self._place = place
        self._result = result
        self._told: list[Told] = []
        self._servers: list[Server] = []

    async def go(self) -> None:
        """All of it."""
        call, rival = await self._clicksend.prepare()
        await self._clicksend.break_(call)
        first = self._start(self._spec(first=True))
        if self._plan.fault.where == "ledger" and self._plan.fault.step == "before":
            await self._take_ledger_from(first)
        if self._plan.fault.where == "late":
            await first.call(READ, {})  # the connection of a read is kept, and the answer too many comes on it
            await self._clicksend.answered_too_often()
        if self._plan.fault.where == "replaced":
            await self._use_ledger(first)
            if self._plan.fault.step == "before":
                self._place.replace()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._first_call(first, call))
            if self._plan.next == "second server at once":
                second = self._start(self._spec())
                tasks.create_task(self._call(second, call))
            if rival is not None:
                other = self._start(self._spec())
                tasks.create_task(self._call(other, rival))
        await self._afterwards(first, call)
        truth = await self._look(call, rival)
        self._result.violations += violations(truth, self._told)
        self._note(truth)

    async def _take_ledger_from(self, server: Server) -> None:
        """A server that has used its ledger already keeps connections to it; the other kind has to open it."""
        if self._plan.fault_times == 1:
            await self._use_ledger(server)
        self._place.take_away()

    async def _use_ledger(self, server: Server) -> None:
        await server.call(SMS, {"messages": [{"to": FREE, "body": "an earlier call"}]})

    def end_servers(self) -> None:
        """Leave no server behind, should the run have broken off: somebody would wait for its process for ever."""
        for server in self._servers:
            if server.alive:
                server.kill()

    def _spec(self, *, first: bool = False) -> Spec:
        fault = self._plan.fault
        killed = first and fault.where == "kill" and fault.step != "left"
        return Spec(
            url=self._clicksend.url,
            username=self._clicksend.username,
            secret=SECRET,
            ledger=self._place.url,
            budget=self._plan.budget,
            deadline=self._plan.deadline,
            kill_at=fault.step if killed else "",
            disk_full=first and fault.where == "disk" and fault.step == "before",
        )

    def _start(self, spec: Spec) -> Server:
        server: Server = Process(spec) if self._plan.processes else InProcess(spec)
        self._servers.append(server)
        return server

    async def _call(self, server: Server, call: Call) -> None:
        """One delivery of a call, and what it is told."""
        envelope = await server.call(call.slug, call.arguments)
        self._told.append(Told(call, envelope))

    async def _first_call(self, server: Server, call: Call) -> None:
        """The call that the fault is about."""
        fault = self._plan.fault
        async with asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(self._call(server, call))
            if fault.where == "twice":
                tasks.create_task(self._call(server, call))
            if fault.order and fault.step in ("left", "between"):
                await self._until_met(calling)
            if fault.where == "cancel":
                await asyncio.sleep(self._plan.pause if fault.step == "early" else 0)
                if not calling.done():
                    calling.cancel()
                    self._told.append(Told(call, None))
            elif fault.where == "connection" and self._plan.variant:
                await asyncio.sleep(0.3)
                await self._clicksend.heal()
            elif not calling.done():
                self._strike(server)

    async def _until_met(self, calling: asyncio.Task[None]) -> None:
        """Wait until the request has left, or the call has ended without one."""
        meeting = asyncio.create_task(self._clicksend.met())
        await asyncio.wait({meeting, calling}, return_when=asyncio.FIRST_COMPLETED)
        meeting.cancel()

    def _strike(self, server: Server) -> None:
        """What goes wrong while the request is on its way."""
        fault = self._plan.fault
        if fault.where == "ledger" and fault.step == "between":
            self._place.take_away()
        elif fault.where == "replaced" and fault.step == "between":
            self._place.replace()
        elif isinstance(server, Process) and fault.step == "left":
            server.kill()
        elif isinstance(server, Process) and fault.where == "disk" and fault.step == "between":
            server.fill_disk()

    async def _afterwards(self, first: Server, call: Call) -> None:
        """What the agent does next. The ledger is back then, in every other run; what else was wrong may go on."""
        if self._plan.fault.where == "replaced" or (self._plan.fault.where == "ledger" and self._plan.number % 2):
            self._place.give_back()
        match self._plan.next:
            case "again":
                await self._again(first, call)
            case "again twice":
                await self._again(first, call)
                await self._again(first, call)
            case "restart":
                await first.close()
                await self._again(first, call)
        for server in self._servers:
            if server.alive:
                await server.close()
        self._place.give_back()

    async def _again(self, server: Server, call: Call) -> None:
        """The same call once more; a server that has died is started anew."""
        if not server.alive:
            server = self._start(self._spec())
        await self._call(server, call)

    async def _look(self, call: Call, rival: Call | None) -> Truth:
        """Let abandoned sends be looked up as they are some minutes later, then gather the truth."""
        hits = await self._clicksend.hits()
        await self._clicksend.heal()
        await self._clicksend.quiet(hits)
        self._place.age()
        closing = InProcess(Spec(**{**vars(self._spec()), "budget": None, "deadline": 15.0}))
        envelope = await closing.call(SMS, {"messages": [{"to": FREE, "body": "the last call"}]})
        await closing.close()
        assert envelope is not None
        truth = Truth(self._plan, hits=hits, log=LOGGED.get(), rows=self._place.rows())
        if not envelope["successful"]:
            self._result.violations.append(f"THE LAST CALL FAILED: {envelope['error']}")
        for one in (call, rival):
            if one is not None:
                name = _name(one)
                truth.calls[name], truth.effects[name] = one, await self._clicksend.effect(one)
        truth.campaigns = [one for one in await self._clicksend.campaigns() if one["status"] != "Failed"]
        truth.charged = await self._clicksend.charged()
        truth.sent = await self._clicksend.sent()
        return truth

    def _is_met(self, truth: Truth) -> bool:
        """Whether the fault of the plan came about."""
        match self._plan.fault.where:
            case "sandbox":
                return truth.hits > 0
            case "late":
                return self._clicksend.late_answers > 0
            case "kill" | "cancel":
                return any(one.envelope is None for one in self._told)
            case "ledger" | "replaced" | "disk":
                return any(map(_ledger_failed, self._told)) or any("could not be written" in one for one in truth.log)
            case _:
                return True

    def _note(self, truth: Truth) -> None:
        """Keep what the tables and a replay need."""
        result = self._result
        result.sent = sum(effect.times > 0 and bool(effect.ids) for effect in truth.effects.values())
        for one in self._told:
            result.told[one.kind or "other"] = result.told.get(one.kind or "other", 0) + 1
        plan = self._plan
        result.met = self._is_met(truth)
        result.story = [
            f"{plan}",
            *(f"told {one.call.slug}: {one.kind}: {one.error or _cut(one.envelope)}" for one in self._told),
            *(f"truth: {effect}" for effect in truth.effects.values()),
            f"charged {truth.charged}, budget {plan.budget}, fault met {truth.hits} requests",
            *(f"ledger: {row['action']} {row['state']} {row['cost']} {row['message_ids']}" for row in truth.rows),
            *truth.log,
        ]


def _ledger_failed(told: Told) -> bool:
    return "ledger of sends cannot be used" in told.error


def _name(call: Call) -> str:
    action = catalog()[call.slug]
    return fingerprint(action.request(action.input.model_validate(call.arguments)))


def _cut(envelope: dict[str, Any] | None) -> str:
    return str(envelope)[:300]
