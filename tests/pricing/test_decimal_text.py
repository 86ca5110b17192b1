"""One way to read a decimal string."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricing.decimal_text import parse_decimal, parse_number
from pricing.errors import MoneyError, NoDecimal
from pricing.money import Money

NO_DECIMALS = [
    "1,250", "12,50", "1.250,00", "1'250", "1 250", "1_250", " 12.50", "12.50 ", "12.50\n",
    "12.5.0", "1e", "0x1", "", ".", "-", "+-1", "--1", "NaN", "Infinity", "-inf", "€12",
    "12.50 EUR", "12%", "\uff11\uff12", "\u0661\u0662", "\u00b2", "twelve", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_DECIMALS)
def test_what_could_mean_something_else_is_refused_with_the_cure(text: str) -> None:
    for read in (parse_decimal, parse_number):
        with pytest.raises(NoDecimal, match="digits with a point before the decimals") as refusal:
            read(text)
        assert repr(text) in str(refusal.value)
    with pytest.raises(MoneyError):
        Money.parse(text, "EUR")


@pytest.mark.parametrize("text", ["1e3", "1E-05", "2.5e+2"])
def test_an_exponent_is_no_way_to_write_money(text: str) -> None:
    assert parse_number(text) == float(text)
    with pytest.raises(NoDecimal):
        parse_decimal(text)
    with pytest.raises(MoneyError, match="no decimal string"):
        Money.parse(text, "EUR")


@given(value=st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12)))
def test_what_a_program_writes_is_read_exactly(value: Decimal) -> None:
    assert parse_decimal(f"{value:f}") == value
    assert parse_number(f"{value:f}") == float(value)


@given(text=st.text(alphabet="0123456789.,-+ _'eE\u0661\uff11", max_size=12))
@example("007.50")
@example("+5")
@example(".5")
@example("5.")
def test_only_digits_one_point_and_a_sign_are_read_and_mean_what_they_say(text: str) -> None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    plain = digits.replace(".", "", 1).isdigit() and digits.isascii()
    try:
        value = parse_decimal(text)
    except NoDecimal:
        assert not plain
    else:
        assert plain
        assert value == Decimal(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(NoDecimal) as refusal:
        parse_decimal("1," * 10_000)
    assert len(str(refusal.value)) < 200
