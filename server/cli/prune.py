"""Pruning: old entries of the ledger are deleted, but never one that still prevents a repeat or counts in a budget."""

import math
import sys
from argparse import ArgumentTypeError

from server.config.settings import Settings
from server.ledger.ledger import DAY, Ledger


class NotPruned(Exception):
    """Nothing was deleted; the text says why, and what to do."""


def days(text: str) -> float:
    """A number of days, as an argument of a command."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ArgumentTypeError("must be a number of days, 0 or more")
    return value


def prune(ledger: Ledger, older_than: float, settings: Settings, *, now: float, unasked: bool) -> int:
    """Delete what is older than a number of days, once a person has agreed; the number of deleted entries.

    `now`: Unix seconds; `unasked`: nobody is asked. Raises NotPruned and LedgerUnavailable.
    """
    least = _needed(settings) / DAY
    if older_than < least:
        raise NotPruned(
            f"--prune {older_than:g} would delete what duplicates and the day's budget are still told by: "
            f"{least:g} days is the least"
        )
    before = now - older_than * DAY
    if not unasked:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise NotPruned("--prune asks first, and there is no terminal: add --yes")
        count = ledger.count_old(before)
        sys.stderr.write(f"Delete {in_words(count)} older than {older_than:g} days for good? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise NotPruned("nothing was deleted")
    return ledger.prune(before)


def in_words(count: int) -> str:
    """A number of entries, in words."""
    return "1 entry" if count == 1 else f"{count:,} entries"


def _needed(settings: Settings) -> float:
    """Seconds for which a completed entry is still needed: a day, or the longest window of any caller."""
    from server.hosting.callers_file import read_registry

    callers = read_registry(settings.hosting.http_callers, settings).callers
    windows = [settings.limits.duplicate_window, *(caller.limits.duplicate_window for caller in callers)]
    return max(DAY, settings.limits.approval_seconds, *windows)
