"""The account behind the credentials."""

from schemas.base import Arguments


class Account(Arguments):
    """The account: name, country, balance, currency, time zone and settings."""
