"""docs/clients.md says what the clients did; `make clients` writes it anew."""

import os
import re

import pytest
from client_runs import CLIENTS, TRANSPORTS, Runs
from clients_page import FAIL, NO, NOT_SCORED, PAGE, PASS, SKIPPED, page
from conformance_runs import REVISIONS, Suite, excuses
from support import offered

pytestmark = pytest.mark.timeout(600)  # it waits for all runs when it is run alone


def rows(section: str) -> list[list[str]]:
    """The rows of the table in a section of the page as it lies there, without their head."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.strip("|") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")] for line in lines[1:]]


def test_the_page_is_what_the_runs_come_to(runs: Runs, suite: Suite) -> None:
    written = page(runs, suite)
    if os.environ.get("UPDATE_CLIENTS"):
        PAGE.write_text(written, encoding="utf-8")

    assert PAGE.read_text("utf-8") == written, "docs/clients.md is stale: run `make clients`"
    assert f"| {NO} |" not in written
    assert FAIL not in written


def test_the_page_has_every_client_on_both_transports() -> None:
    table = rows("Third-party clients")

    assert [(row[0].partition(":")[0], row[2]) for row in table] == [
        (client.name, transport) for client in CLIENTS for transport in TRANSPORTS
    ]
    assert {row[3] for row in table} == {str(len(offered.SLUGS))}


def test_the_page_gives_a_reason_for_every_scenario_that_does_not_pass() -> None:
    table = rows("The conformance suite")

    reasons = {part for excuse in excuses().values() for part in excuse.reason.split("; ")}
    assert {part for *_, why in table for part in why.split("; ") if why} == reasons
    excused = {name.partition(":")[0] for name in excuses()}
    assert {row[0].strip("`") for row in table if row[-1]} == excused
    assert {cell for *cells, why in table for cell in cells[1:] if not why} <= {
        "",
        PASS,
        f"{PASS} {NOT_SCORED}",
        SKIPPED,
    }
    assert len(table[0]) == len(REVISIONS) + 2
