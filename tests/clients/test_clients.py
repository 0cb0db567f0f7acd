"""Clients that are not ours, against the real server: they list, call, read failures, and ask a person."""

import json

import pytest
from client_runs import CLIENTS, PRICE, PROTOCOLS, TO, TRANSPORTS, Client, Runs
from support import offered

pytestmark = pytest.mark.timeout(600)  # for the first test of each run, which waits for a few programs

CANNOT_ASK = [client for client in CLIENTS if not client.asks]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_tools_are_listed_in_the_era_that_was_chosen(runs: Runs, client: Client, transport: str) -> None:
    seen = runs.of(client, transport)

    assert seen.protocol == PROTOCOLS[client.era]
    assert seen.tools == offered.SLUGS


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_success_reaches_the_agent(runs: Runs, client: Client, transport: str) -> None:
    said = runs.of(client, transport).said["price"]

    envelope = json.loads(said.text)
    assert not said.failed
    assert envelope["successful"] is True
    assert "error" not in envelope
    assert json.loads(envelope["data"])["data"]["total_price"] == PRICE


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_error_of_a_failure_reaches_the_agent(runs: Runs, client: Client, transport: str) -> None:
    said = runs.of(client, transport).said

    assert "ClickSend refused with HTTP 403" in said["refused"].text
    assert "did you mean schedule? Nothing was sent." in said["wrong"].text
    # An agent that is told in words alone has nothing but these words.
    assert {said["refused"].failed, said["wrong"].failed} in ({True}, {None})


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.asks], ids=str)
def test_a_yes_sends_one_message_and_a_no_sends_none(runs: Runs, client: Client, transport: str) -> None:
    seen = runs.of(client, transport)

    assert seen.sent == [f"Yes, {client}"]
    assert json.loads(seen.said["approved"].text)["successful"] is True
    assert "did not approve it. Nothing was sent." in seen.said["declined"].text
    assert [TO in question for question in seen.questions] == [True, True]
    assert [f"Text: Yes, {client}" in question for question in seen.questions] == [True, False]


@pytest.mark.parametrize("client", CANNOT_ASK, ids=str)
def test_where_nobody_can_be_asked_nothing_is_sent_and_the_agent_is_told_why(
    runs: Runs, client: Client, transport: str
) -> None:
    seen = runs.of(client, transport)

    assert seen.sent == []
    assert "this client cannot ask one. Nothing was sent." in seen.said["approved"].text
