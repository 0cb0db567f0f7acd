"""The fixtures of the tests of the guard: a ledger of each kind, and HTTP clients that start quickly."""

from support.ledgers import _without_certificates, any_ledger, ledger, postgres  # noqa: F401 - fixtures
