"""Money is read in one way, in quotes, answers and records."""

from decimal import Decimal

import pytest

from tools.money import amount


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0.07, "0.07"),
        ("0.0700", "0.0700"),
        (12, "12"),
        ("999999999.123456789012", "999999999.123456789012"),
        (0, "0"),
        (1e-7, "0.0000001"),
    ],
)
def test_an_amount_is_read(written: object, read: str) -> None:
    assert amount(written) == Decimal(read)


@pytest.mark.parametrize(
    "written",
    [
        None,
        True,
        False,
        "",
        " 1",
        "1 ",
        "-5.00",
        -5,
        -0.07,
        "1e-7",
        "1e900000",
        "NaN",
        "Infinity",
        float("nan"),
        float("inf"),
        10**9,
        10**4000,
        "1000000000",
        "1,234.50",
        "1_000",
        "$5",
        "0.07\n",
        "\u0661.5",
        ".5",
        "5.",
        {},
        ["1"],
    ],
)
def test_what_is_no_amount_is_none(written: object) -> None:
    """A price that cannot be one is no price."""
    assert amount(written) is None
