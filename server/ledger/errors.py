"""What can go wrong with the ledger. Nothing was written then, so nothing may be sent."""


class LedgerUnavailable(Exception):
    """The ledger's database cannot be read or written; a paid call must not be made."""


class LedgerMisconfigured(LedgerUnavailable):
    """Nor will it be before a person has changed something: a driver is missing, a name or a right is wrong."""
