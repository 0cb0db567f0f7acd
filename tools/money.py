"""Money as ClickSend writes it: one reader for quotes, answers and records."""

import re
from decimal import Decimal
from typing import Final

_MOST: Final = 10**9  # of any currency; an answer that names more is wrong: our rule
_PLAIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")  # ClickSend writes 4 or 6 decimals (recorded); the bounds: our rule


def amount(value: object) -> Decimal | None:
    """An amount of money in the account's currency, which ClickSend gives as a number or as text (documented).

    None for what is not finite, is negative, is a billion or more, or is text other than plain digits. Never raises.
    """
    if isinstance(value, str):
        return Decimal(value) if _PLAIN.fullmatch(value) else None
    # The bounds come first: the digits of a huge number take seconds to write.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < _MOST:
        return None
    return Decimal(str(value))
