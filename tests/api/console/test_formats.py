"""Numbers, money and times in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from api.console.formats import NONE, Formats
from pricing.currencies import decimals
from pricing.money import Money

NOW = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)
ENGLISH = Formats(Locale("en"), ZoneInfo("Europe/Berlin"), NOW)
CHINESE = Formats(Locale("zh", script="Hans"), ZoneInfo("Asia/Shanghai"), NOW)
MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("money", "english", "chinese"),
    [
        (Money(499, "EUR"), "€4.99", "€4.99"),
        (Money(123_456_789, "CNY"), "CN¥1,234,567.89", "¥1,234,567.89"),
        (Money(780, "JPY"), "¥780", "JP¥780"),
        (Money(-1_500, "KWD"), f"{MINUS}KWD1.500", f"{MINUS}KWD1.500"),
        (None, NONE, NONE),
    ],
)
def test_money_has_its_currency_and_its_places(
    money: Money | None, english: str, chinese: str
) -> None:
    assert ENGLISH.money(money).replace("\xa0", "") == english
    assert CHINESE.money(money).replace("\xa0", "") == chinese


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CNY", "USD"]))
def test_no_minor_unit_is_lost(minor: int, currency: str) -> None:
    for formats in (ENGLISH, CHINESE):
        written = formats.money(Money(minor, currency))
        digits = int("".join(letter for letter in written if letter.isdigit()))
        assert digits == abs(minor)
        assert written.startswith(MINUS) == (minor < 0)
        _, mark, behind = written.partition(".")
        assert len(behind if mark else "") == decimals(currency)


def test_what_rounds_to_nothing_has_no_sign() -> None:
    assert ENGLISH.estimate(-0.3, "EUR", digits=0, signed=True) == "€0"
    assert ENGLISH.percent(-0.0004, signed=True) == "0.0%"
    assert ENGLISH.number(0.2, signed=True) == "0"
    assert ENGLISH.number(1234.5, 1, signed=True) == "+1,234.5"
    assert ENGLISH.percent(-0.051) == f"{MINUS}5.1%"
    assert ENGLISH.number(float("nan")) == ENGLISH.percent(None) == NONE


def test_times_are_those_of_the_zone() -> None:
    assert ENGLISH.moment(NOW) == "Nov 30 08:05"
    assert ENGLISH.at("Asia/Tokyo").moment(NOW) == "Nov 30 16:05"
    assert ENGLISH.moment(NOW - timedelta(days=400)) == "Oct 26, 2025 08:05"
    assert CHINESE.moment(NOW) == "11月30日 15:05"
    assert CHINESE.day(date(2026, 2, 1)) == "2026年2月1日"
    assert ENGLISH.full_moment(NOW).endswith("+0100")
    assert ENGLISH.iso(NOW) == "2026-11-30T07:05:00+00:00"


def test_how_long_ago() -> None:
    assert ENGLISH.ago(NOW - timedelta(hours=3)) == "3 hours ago"
    assert CHINESE.ago(NOW - timedelta(hours=3)) == "3小时前"
    assert ENGLISH.ago(NOW + timedelta(days=2)) == "in 2 days"
    assert ENGLISH.duration(timedelta(minutes=90)) == "2 hours"
    assert ENGLISH.ago(None) == NONE
