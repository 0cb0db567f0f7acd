"""Writes docs/clients.md from real runs of the clients and of the conformance suite."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from client_runs import CLIENTS, TRANSPORTS, Run, Runs
from conformance_runs import REVISIONS, Check, Suite
from environments import HERE

PAGE = HERE.parents[1] / "docs" / "clients.md"
PASS = "pass"
FAIL = "FAILS"
NO = "NO"
NOT_SCORED = "(not scored)"
SKIPPED = f"skipped by the suite {NOT_SCORED}"

_TEXT = """# Client compatibility

Written by `make clients` from real runs. The code and the pinned versions are in `tests/clients/`.

## Third-party clients

Each client starts the server over stdio, or connects to `clicksend-mcp http`, with the sandbox as ClickSend and
`CLICKSEND_MCP_APPROVAL=always`. **List**: how many tools it sees. **Call**: a price reaches the agent. **Failure**: a
refusal by ClickSend and a misspelt field both reach the agent, with the words of `error`. **Approval**: a person
approves one text and declines another; the sandbox counts what was sent. If a client cannot ask anybody, the text is
refused, and the agent is told why. The frameworks' agents are real; their models are scripts.

{clients}

## The conformance suite

`@modelcontextprotocol/conformance` {suite}, all scenarios that a revision lists for servers, against
`clicksend-mcp http`. Of the scored scenarios:

{passed}

**Not offered**: the server lacks the feature, and does not declare it. **Needs fixtures**: the scenario uses features
of the suite's own test server. A test fails if a scenario fails for any other reason than the one given, or if an
excused one passes. `input-required-result-validate-input` passes but proves little: it also calls a tool of that test
server, and accepts that an unknown tool is refused.

{scenarios}
"""


def page(runs: Runs, suite: Suite) -> str:
    """The whole page."""
    package = json.loads((HERE / "package.json").read_text("utf-8"))
    return _TEXT.format(
        clients=_table(("Client", "Protocol", "Transport", "List", "Call", "Failure", "Approval"), _clients(runs)),
        suite=package["dependencies"]["@modelcontextprotocol/conformance"],
        passed="\n".join(f"- {_sum(suite, revision)}" for revision in REVISIONS),
        scenarios=_table(("Scenario", *REVISIONS, "Why"), _scenarios(suite)),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _clients(runs: Runs) -> Iterator[tuple[str, ...]]:
    for client in CLIENTS:
        for transport in TRANSPORTS:
            run = runs.of(client, transport)
            versions = ", ".join(f"`{name}` {version}" for name, version in run.versions.items())
            name = f"{client.name}: {versions}"
            yield name, run.protocol, transport, str(len(run.tools)), _call(run), _failure(run), _approval(run)


def _call(run: Run) -> str:
    return "yes" if '"successful":true' in run.said["price"].text.replace(" ", "") else NO


def _failure(run: Run) -> str:
    told = "HTTP 403" in run.said["refused"].text and "did you mean schedule" in run.said["wrong"].text
    return "yes" if told else NO


def _approval(run: Run) -> str:
    if "this client cannot ask one" in run.said["approved"].text:
        return f"cannot ask: {len(run.sent)} sent"
    yes, no = (sum(text.startswith(word) for text in run.sent) for word in ("Yes", "No"))
    return f"yes: {yes} sent; no: {no} sent"


def _sum(suite: Suite, revision: str) -> str:
    """How many of the scored scenarios pass, and why others do not."""
    not_scored = suite.on(revision).not_scored
    counted = Counter[str]()
    for name, checks in _by_scenario(suite, revision).items():
        if name not in not_scored:
            counted["pass in part" if _in_part(checks) else _verdict(checks)] += 1
    return f"{revision}: " + ", ".join(f"{number} {verdict}" for verdict, number in counted.most_common()) + "."


def _by_scenario(suite: Suite, revision: str) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in suite.on(revision).checks:
        found.setdefault(check.scenario, []).append(check)
    return found


def _scenarios(suite: Suite) -> Iterator[tuple[str, ...]]:
    found = {revision: _by_scenario(suite, revision) for revision in REVISIONS}
    for name in dict.fromkeys(name for revision in REVISIONS for name in found[revision]):
        cells, reasons = [], dict[str, None]()
        for revision in REVISIONS:
            checks = found[revision].get(name, [])
            remark = f" {NOT_SCORED}" if name in suite.on(revision).not_scored else ""
            cells.append(_verdict(checks) + remark if checks else "")
            reasons |= dict.fromkeys(check.excuse.reason for check in checks if not check.passes and check.excuse)
        yield f"`{name}`", *cells, "; ".join(reasons)


def _verdict(checks: Sequence[Check]) -> str:
    """The outcome of a scenario, in a few words."""
    failing = [check for check in checks if not check.passes]
    passed = sum(check.status == "SUCCESS" for check in checks)
    if not failing:
        return PASS if passed else "skipped by the suite"
    kinds = " and ".join(sorted({check.excuse.kind if check.excuse else FAIL for check in failing}))
    return f"{passed} of {passed + len(failing)} checks pass, {kinds}" if _in_part(checks) else kinds


def _in_part(checks: Sequence[Check]) -> bool:
    """Whether only single checks are excused, and the others count."""
    return any(f"{check.scenario}:{check.name}" in check.excuse.of for check in checks if check.excuse)
