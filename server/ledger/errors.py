"""Errors of the ledger. Each means that nothing was written, so nothing may be sent."""


class LedgerUnavailable(Exception):
    """The ledger's database cannot be read or written; a paid call must not be made."""


class LedgerMisconfigured(LedgerUnavailable):
    """It stays unavailable until a person changes something: a driver is missing, or a name or permission is wrong."""
