"""What the tests of the guard need: the helpers of the server's tests, and a ledger of each kind."""

from support.ledgers import _without_certificates, any_ledger, ledger, postgres  # noqa: F401 - fixtures
