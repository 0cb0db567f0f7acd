"""What the tests of trouble need: the helpers of the server's and the guard's tests, and ledgers."""

import sys
from pathlib import Path

import pytest
from support import hosting
from support.ledgers import _without_certificates, ledger, postgres  # noqa: F401 - fixtures


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program starts with shorter bounds, which `BOUNDS` in its environment names."""
    program = (sys.executable, str(Path(__file__).with_name("hurried.py")))
    monkeypatch.setattr(hosting, "PROGRAM", program)
