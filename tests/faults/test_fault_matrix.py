"""A few hundred runs of the fault matrix; `make faults` does thousands, and writes their tables into the docs."""

import os

import pytest
from fault_ledgers import postgres_problem
from fault_matrix import SEED, matrix
from fault_plan import ACTIONS, BUDGETS, FAULTS, NEXT, plan
from fault_report import Part

pytestmark = pytest.mark.timeout(600)


def broken_promises(part: Part) -> list[str]:
    return [f"--ledger, --only {one.number}: {problem}" for one in part.results for problem in one.violations]


def test_whatever_goes_wrong_nothing_is_sent_twice_or_told_falsely_or_over_budget() -> None:
    part = matrix("sqlite", SEED, 0, 2 * len(FAULTS) * len(ACTIONS))

    assert not broken_promises(part)
    assert {one.fault for one in part.results if one.met} == {fault.name for fault in FAULTS}
    assert {kind for one in part.results for kind in one.told} == {
        "accepted",
        "partly",
        "refused",
        "unknown",
        "repeat",
        "none",
    }


def test_the_same_holds_for_processes_that_share_a_database() -> None:
    problem = postgres_problem()
    if problem and os.environ.get("REQUIRE_SERVICES") != "1":
        pytest.skip(problem)

    part = matrix("postgres", SEED, 0, 2 * len(FAULTS))

    assert not broken_promises(part)
    assert all(one.processes for one in part.results)


def test_a_run_follows_from_the_seed_and_its_number() -> None:
    def told(number: int) -> str:
        return str(plan(SEED, number, always_processes=False)).partition("'schedule'")[0]

    assert [told(number) for number in range(200)] == [told(number) for number in range(200)]
    assert told(5) != str(plan(SEED + 1, 5, always_processes=False)).partition("'schedule'")[0]


def test_the_runs_meet_every_fault_with_every_action_and_all_that_an_agent_does_next() -> None:
    plans = [plan(SEED, number, always_processes=False) for number in range(2000)]

    assert {(one.fault.name, one.call.slug) for one in plans} == {
        (fault.name, slug) for fault in FAULTS for slug in ACTIONS
    }
    assert {one.next for one in plans} == set(NEXT)
    budgets = {(one.budget is not None, one.rival is not None) for one in plans}
    assert len(budgets) >= len(BUDGETS)
