"""Price strings as shops print them, and machine values as they put them into data."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.extract import parse_machine_price, parse_price

# text, amount, currency
READ = [
    ("€12.99", "12.99", "EUR"),
    ("12,99 €", "12.99", "EUR"),
    ("1'299.-", "1299", None),
    ("CHF 1’299.50", "1299.50", "CHF"),
    ("€12⁹⁹", "12.99", "EUR"),
    ("35€99", "35.99", "EUR"),
    ("12,5 万円", "125000", "JPY"),
    ("１２９９円", "1299", "JPY"),
    ("١٢٫٥٠ ر.س", "12.50", "SAR"),
    ("KWD 24.990", "24.990", "KWD"),
    ("1.299,50 €", "1299.50", "EUR"),
    ("1.299 €", "1299", "EUR"),
    ("$1,299.00", "1299.00", None),
    ("US$1,299.00", "1299.00", "USD"),
    ("₹1,29,999.00", "129999.00", "INR"),
    ("1 299,00 Kč", "1299.00", "CZK"),
    ("44 890 тг.", "44890", "KZT"),
    ("R$ 1.299", "1299", "BRL"),
    ("1.299.000 ₫", "1299000", "VND"),
    ("€ 1.299,-", "1299", "EUR"),
    ("$.75", "0.75", None),
    ("-20% 12,00 €", "12.00", "EUR"),
    ("Save £5 £15", "15", "GBP"),
    ("12,99 € (1 kg = 24,99 €)", "12.99", "EUR"),
    ("3,99 € (3,99 € / 1 l)", "3.99", "EUR"),
    ("$20 $20", "20", None),
    ("99p", "0.99", "GBP"),
    ("75¢", "0.75", None),
    ("£1,299.00 inc VAT (£1,082.50 ex VAT)", "1299.00", "GBP"),
    ("1.299,00 € inkl. MwSt.", "1299.00", "EUR"),
    ("10,00 € zzgl. 4,99 € Versand", "10.00", "EUR"),
    ("$19.99 + $5 shipping", "19.99", None),
    ("US $12.50 / piece", "12.50", "USD"),
    ("1億2000万円", "120000000", "JPY"),
    ("1,5億円", "150000000", "JPY"),
    ("$10.00 - $10.00", "10.00", None),
    ("KD 1.250", "1.250", "KWD"),
    ("BHD 0.350", "0.350", "BHD"),
    ("Price - 12,99 €", "12.99", "EUR"),
]


@pytest.mark.parametrize(("text", "amount", "currency"), READ)
def test_a_price_is_read_as_a_customer_reads_it(
    text: str, amount: str, currency: str | None
) -> None:
    reading = parse_price(text)
    assert (reading.amount, reading.currency) == (Decimal(amount), currency)


# text, why there is no single price in it
REFUSED = [
    ("3 for $10", "several pieces"),
    ("2 x 24,99 €", "several pieces"),
    ("4x 24,99€", "instalment"),
    ("9,99 € / Monat", "instalment"),
    ("10,00 € - 20,00 €", "range"),
    ("€2,50/kg", "per unit"),
    ("2,49 €/100 g", "per unit"),
    ("12,50 € / 10 Stück", "per unit"),
    ("¥1,299起", "'from'"),
    ("120,00 € netto", "before tax"),
    ("0p", "no amount"),
    ("ab 19,99 €", "'from'"),
    ("from $10", "'from'"),
    ("12.99 $ 15.99 $", "several amounts"),
    ("was $20.00", "former"),
    ("0,00 €", "no amount"),
    ("Free", "no amount"),
    ("-5 €", "less than nothing"),
    ("−5,00 €", "less than nothing"),
    ("€-5", "less than nothing"),
    ("1,299.00.00", "two ways"),
    ("Buy 1 get 1", "several pieces"),
    ("", "no amount"),
    ("500 g", "no amount"),
    ("9" * 500, "too long"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_text_that_is_no_price_of_one_piece_gives_no_amount_but_a_reason(
    text: str, reason: str
) -> None:
    reading = parse_price(text)
    assert reading.amount is None
    assert reason in reading.reason


@pytest.mark.parametrize(
    ("text", "now", "former"),
    [
        ("was £20 now £15", "15", "20"),
        ("Statt 20,00 € jetzt nur 15,00 €", "15.00", "20.00"),
        ("UVP 99,99 € 79,99 €", "79.99", "99.99"),
    ],
)
def test_a_former_price_beside_the_price_is_the_list_price(
    text: str, now: str, former: str
) -> None:
    reading = parse_price(text)
    assert (reading.amount, reading.list_amount) == (Decimal(now), Decimal(former))


def test_a_sign_of_several_countries_is_decided_by_the_currency_expected() -> None:
    assert parse_price("$5").currency is None
    assert parse_price("$5", currency="CAD").currency == "CAD"
    assert parse_price("US$5", currency="CAD").currency == "USD"
    assert parse_price("EUR 5", currency="CAD").currency == "EUR"


@given(
    whole=st.integers(1, 9_999_999),
    cents=st.integers(0, 99),
    style=st.sampled_from(["€{:,}.{:02}", "{:,}.{:02} EUR", "EUR {:,}.{:02}", "£{:,}.{:02}"]),
)
def test_a_price_printed_with_groups_and_two_decimals_is_read_back(
    whole: int, cents: int, style: str
) -> None:
    printed = style.format(whole, cents)
    expected = Decimal(whole) + Decimal(cents) / 100
    assert parse_price(printed).amount == expected
    continental = printed.translate(str.maketrans(",.", ".,"))
    assert parse_price(continental).amount == expected


@given(st.text(max_size=120))
def test_any_text_gives_a_positive_amount_or_a_reason(text: str) -> None:
    reading = parse_price(text)
    assert (reading.amount is None) == bool(reading.reason)
    assert reading.amount is None or reading.amount > 0


# value, amount where nothing is known of the currency
MACHINE: list[tuple[object, str | None]] = [
    ("1299.00", "1299.00"),
    (1299, "1299"),
    (12.5, "12.5"),
    ("1299.0000", "1299.0000"),
    ("1,299.00", "1299.00"),
    ("12,99", "12.99"),
    ("$24.99", "24.99"),
    ("499€\n499€\n499", "499"),
    ("71,91 €\n79,90 €", None),
    ("109\n99", None),
    ("12 99", None),
    ("1 299,00", "1299.00"),
    ("1.299", None),
    ("19.990", None),
    ("NaN", None),
    ("-5", None),
    (0, None),
    ("abc", None),
    ("1e5", None),
    (None, None),
    (True, None),
    ([1], None),
    (float("inf"), None),
    ("99999999999999999999", None),
]


@pytest.mark.parametrize(("value", "amount"), MACHINE)
def test_a_machine_value_has_the_point_as_its_decimal_mark(
    value: object, amount: str | None
) -> None:
    assert parse_machine_price(value) == (None if amount is None else Decimal(amount))


def test_three_digits_after_the_point_mean_what_the_currency_makes_of_them() -> None:
    assert parse_machine_price("24.990", currency="KWD") == Decimal("24.990")
    assert parse_machine_price("24.990", currency="CLP") == 24990
    assert parse_machine_price("24.990", currency="EUR") is None
