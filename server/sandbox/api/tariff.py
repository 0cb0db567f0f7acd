"""Prices, and how amounts are written. All money is Decimal, in the account's currency.

The same figures apply in every currency: the sandbox imitates a price list and does not convert.
"""

from decimal import Decimal

SMS_PART = {
    "AU": Decimal("0.0792"),
    "CN": Decimal("0.0450"),
    "GB": Decimal("0.0550"),
    "IN": Decimal("0.0850"),
    "NZ": Decimal("0.1050"),
    "SG": Decimal("0.0690"),
    "US": Decimal("0.0243"),
}
SMS_PART_ELSEWHERE = Decimal("0.0990")
MMS = {"AU": Decimal("0.5500"), "US": Decimal("0.0500")}
MMS_ELSEWHERE = Decimal("0.7500")
LETTER_BLACK = Decimal("1.2700")
LETTER_COLOUR = Decimal("1.4700")

CURRENCIES = {
    "AU": ("AUD", "$", "c", "Australian Dollars"),
    "GB": ("GBP", "£", "p", "British Pounds"),
    "NZ": ("NZD", "$", "c", "New Zealand Dollars"),
    "SG": ("SGD", "$", "c", "Singapore Dollars"),
    "IN": ("INR", "₹", "p", "Indian Rupees"),
    "US": ("USD", "$", "c", "US Dollars"),
}


def sms_price(country: str, parts: int) -> Decimal:
    """The price of a text message of so many parts to a country."""
    return SMS_PART.get(country, SMS_PART_ELSEWHERE) * parts


def mms_price(country: str) -> Decimal:
    """The price of a picture message to a country."""
    return MMS.get(country, MMS_ELSEWHERE)


def letter_price(colour: bool) -> Decimal:
    """The price of a letter of one page."""
    return LETTER_COLOUR if colour else LETTER_BLACK


def currency(country: str) -> dict[str, str]:
    """The `_currency` object of an account in a country; US dollars if it is not in the table."""
    short, dollars, cents, long = CURRENCIES.get(country, CURRENCIES["US"])
    return {
        "currency_name_short": short,
        "currency_prefix_d": dollars,
        "currency_prefix_c": cents,
        "currency_name_long": long,
    }


def four_places(amount: Decimal) -> str:
    """An amount as the answers to send and price requests write it: "0.0792"."""
    return f"{amount:.4f}"


def six_places(amount: Decimal) -> str:
    """An amount as balances and the history write it: "0.079200"."""
    return f"{amount:.6f}"


def json_number(amount: Decimal) -> int | float:
    """An amount where the service answers with a number; as recorded, whole amounts are integers."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
