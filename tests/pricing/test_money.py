"""Money is exact, refuses what is not, and never loses a minor unit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.currencies import DECIMALS, decimals
from pricing.errors import CurrencyMismatch, MoneyError, UnknownCurrency
from pricing.money import Money, Rounding

currencies = st.sampled_from(["EUR", "CNY", "JPY", "KWD", "CLF"])
amounts = st.integers(min_value=-(10**12), max_value=10**12)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("129.00", "CNY", 12900), ("129", "JPY", 129), ("24.990", "KWD", 24990), ("-0.05", "EUR", -5)],
)
def test_an_amount_parses_with_the_decimals_of_its_currency(
    amount: str, currency: str, minor: int
) -> None:
    assert Money.parse(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "message"),
    [
        ("12.345", "EUR", "more than the 2 decimals of EUR"),
        ("1.5", "JPY", "more than the 0 decimals of JPY"),
        ("twelve", "EUR", "not a decimal number"),
        ("NaN", "EUR", "not finite"),
        ("Infinity", "EUR", "not finite"),
        ("", "EUR", "not a decimal number"),
    ],
)
def test_what_is_not_exact_money_is_refused_with_the_reason(
    amount: str, currency: str, message: str
) -> None:
    with pytest.raises(MoneyError, match=message):
        Money.parse(amount, currency)


def test_a_float_is_refused_because_it_is_not_exact() -> None:
    with pytest.raises(MoneyError, match="float"):
        Money.parse(0.1, "EUR")  # type: ignore[arg-type]
    with pytest.raises(MoneyError, match="int"):
        Money(1.0, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["eur", "EU", "XXX", "BTC", ""])
def test_a_code_that_is_no_currency_in_use_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        Money(1, code)


def test_currencies_have_the_decimals_of_iso_4217() -> None:
    assert {decimals(code) for code in ("EUR", "USD", "CNY")} == {2}
    assert {decimals(code) for code in ("JPY", "KRW", "VND", "ISK")} == {0}
    assert {decimals(code) for code in ("KWD", "BHD", "TND", "JOD")} == {3}
    assert len(DECIMALS) > 150


@given(amounts, currencies)
def test_the_wire_form_parses_back_to_the_same_money(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    wire = money.wire()
    assert Money.parse(wire["amount"], wire["currency"]) == money


@given(amounts, amounts, currencies)
def test_sums_and_comparisons_are_those_of_the_minor_units(a: int, b: int, currency: str) -> None:
    left, right = Money(a, currency), Money(b, currency)
    assert (left + right).minor == a + b
    assert (left - right).minor == a - b
    assert (left < right, left <= right, left > right, left >= right) == (
        a < b,
        a <= b,
        a > b,
        a >= b,
    )
    assert -left == Money.zero(currency) - left
    assert bool(left) == (a != 0)


def test_two_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatch, match="convert"):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        _ = Money(1, "EUR") < Money(1, "USD")


@given(amounts, st.fractions(-3, 3, max_denominator=997), st.sampled_from(list(Rounding)))
def test_a_product_is_rounded_once_and_as_decimal_would(
    minor: int, factor: Fraction, rounding: Rounding
) -> None:
    exact = minor * factor
    got = Money(minor, "EUR").times(factor, rounding).minor
    assert abs(got - exact) < 1
    # Decimal as the peer, wherever the exact product has a finite decimal expansion.
    as_decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    if Fraction(as_decimal) == exact:
        assert got == int(as_decimal.to_integral_value(rounding.value))


def test_rounding_has_no_default() -> None:
    assert Money.parse("0.125", "EUR", Rounding.HALF_EVEN).minor == 12
    assert Money.parse("0.125", "EUR", Rounding.HALF_UP).minor == 13
    assert Money.parse("-0.125", "EUR", Rounding.DOWN).minor == -12
