"""The MCP conformance suite passes wherever it does not ask for something that this server does not have."""

import pytest
from conformance_runs import REVISIONS, Suite, excuses

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_suite_finds_nothing_that_is_not_excused(suite: Suite, revision: str) -> None:
    verdict = suite.on(revision)

    assert verdict.status == 0, verdict.output
    assert [check for check in verdict.checks if not check.passes and not check.excuse] == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_excused_check_fails_for_the_reason_that_is_given_and_no_other(suite: Suite, revision: str) -> None:
    failing = [check for check in suite.on(revision).checks if not check.passes]
    excused = [(check, check.excuse) for check in failing if check.excuse]

    assert excused
    assert [check for check, excuse in excused if not any(text in check.message for text in excuse.says)] == []


def test_nothing_is_excused_that_passes(suite: Suite) -> None:
    failing = [check for revision in REVISIONS for check in suite.on(revision).checks if not check.passes]
    names = {check.scenario for check in failing} | {f"{check.scenario}:{check.name}" for check in failing}

    assert [name for name in excuses() if name not in names] == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_the_server_offers_was_really_looked_at(suite: Suite, revision: str) -> None:
    checks = suite.on(revision).checks
    passed = {check.scenario for check in checks} - {check.scenario for check in checks if not check.passes}

    assert {"tools-list", "server-sse-multiple-streams", "dns-rebinding-protection"} <= passed
    assert len(checks) > 60
