"""The load run in short: 64 callers at once, each gets its own answers, and nothing is sent twice."""

from pathlib import Path

import pytest
from load_calls import Agent, Tally
from load_run import CALLERS, Run, load, page
from support.guarding import Place

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


async def test_64_callers_on_three_accounts_are_told_what_is_theirs(postgres: Place, tmp_path: Path) -> None:
    run = await load(tmp_path, postgres, replicas=2, callers=CALLERS, seconds=4)
    assert run.tally.errors == {}
    assert run.tally.mixed_up == []
    assert run.not_once == []
    assert len(run.tally.took) == 6
    assert {account for account, _ in run.tally.sent} == {"acme", "beta", "corp"}
    assert sum(run.served) == run.tally.calls + CALLERS  # each has made a list before
    assert all(served > CALLERS for served in run.served)
    text = page(run, [run])
    assert f"| calls | {run.tally.calls:,} |" in text


@pytest.mark.parametrize("trouble", ["errors", "mixed_up", "not_once"])
def test_a_run_is_good_only_if_nothing_went_wrong(trouble: str) -> None:
    tally = Tally()
    tally.took["GET_LISTS"].append(1.0)
    run = Run(1, 1, 1.0, tally, [], [])
    assert run.good
    if trouble == "errors":
        tally.errors["GET_LISTS: 502"] += 1
    elif trouble == "mixed_up":
        tally.mixed_up.append("acme/1: send")
    else:
        run.not_once.append("acme text")
    assert not run.good


async def test_an_answer_of_somebody_else_is_noticed() -> None:
    class Confused:
        """A caller who gets the answers of another."""

        username = "acme"

        async def call(self, tool: str, arguments: object) -> object:
            return _Foreign()

    tally = Tally()
    agent = Agent(Confused(), 1, tally)  # type: ignore[arg-type]
    for kind in (agent.send, agent.price, agent.history, agent.lists, agent.contacts):
        await kind()
    assert tally.mixed_up == [f"acme/1: {what}" for what in ("send", "price", "history", "lists", "contacts")]


class _Foreign:
    status = 200
    error = ""
    envelope = {"successful": True}  # noqa: RUF012
    data = {  # noqa: RUF012
        "messages": [{"body": "beta/2 text 1", "custom_string": "beta/2"}],
        "data": [{"body": "beta/2 text 1", "list_name": "beta/2"}],
        "first_name": "beta/2 1",
        "list_id": 7,
    }
