"""What the tests of the guard need: the helpers of the server's tests, and a ledger of each kind."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "server"))  # hosting and scripted, also when only this folder is run

from ledgers import _without_certificates, any_ledger, ledger, postgres  # noqa: F401 - fixtures
