"""The demo plays its day to the end, and fails loudly when a step does not do what it says."""

import subprocess
import sys

import pytest
from support import offered

from server.cli import demo


def test_the_demo_ends_well_and_shows_every_call_with_its_envelope() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", "demo"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(offered.SLUGS)} tools" in done.stdout
    assert done.stdout.count("  -> CLICKSEND_") == done.stdout.count("  <- ") > 15
    assert "2 of 3 were accepted and queued: do NOT send those again" in done.stdout
    assert "is in the past" in done.stdout
    assert "\033" not in done.stdout


def test_a_step_that_disappoints_ends_the_demo_with_status_1_and_the_reason(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_CUSTOMERS", b"phone,first_name,last_name,custom_1\n+61422222233,Ben,Okafor,silver\n")
    assert demo.run() == 1
    assert "THE DEMO FAILED: 3 contacts were imported, the list has 1" in capfd.readouterr().err
