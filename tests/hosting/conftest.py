"""What the tests of many callers need: the helpers of the server's and the guard's tests, and a ledger of each kind."""

import pytest
from support.guarding import control
from support.ledgers import _without_certificates, any_ledger, ledger, postgres  # noqa: F401 - fixtures

from server.sandbox.serve import RunningSandbox


@pytest.fixture
def sandbox(sandbox: RunningSandbox) -> RunningSandbox:
    """As everywhere, but one may ask for the account as often as one likes."""
    control(sandbox, "PATCH", "settings", {"rate_limit": False})
    return sandbox
