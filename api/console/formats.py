"""Numbers, money and times as a visitor's language writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal, format_percent

from pricing.currencies import decimals

if TYPE_CHECKING:
    from babel import Locale

    from pricing.money import Money

NONE = "\N{EN DASH}"
"""What stands where nothing is known."""
_MINUS = "\N{MINUS SIGN}"
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Formats:
    """How values are written.

    Attributes:
        locale: of the language.
        zone: time zone of the times shown; of the market where a page is about one.
        now: the time of the request, UTC.
    """

    locale: Locale
    zone: ZoneInfo
    now: datetime

    def at(self, time_zone: str) -> Self:
        """The same in another time zone, an IANA name."""
        return replace(self, zone=ZoneInfo(time_zone))

    def money(self, money: Money | None, *, signed: bool = False) -> str:
        """An exact amount with its currency; signed for a difference."""
        if money is None:
            return NONE
        digits = decimals(money.currency)
        return self._currency(money.minor / 10**digits, money.currency, digits, signed=signed)

    def estimate(
        self, major: float | None, currency: str, *, digits: int | None = None, signed: bool = False
    ) -> str:
        """An expected amount in major units, which need not be a whole number of minor ones."""
        if major is None or not math.isfinite(major):
            return NONE
        places = decimals(currency) if digits is None else digits
        return self._currency(major, currency, places, signed=signed)

    def number(self, value: float | None, digits: int = 0, *, signed: bool = False) -> str:
        """A number with its grouping, and so many digits behind the mark."""
        if value is None or not math.isfinite(value):
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        written = format_decimal(abs(value), pattern, locale=self.locale)
        return _sign(round(value, digits), signed=signed) + written

    def percent(self, share: float | None, digits: int = 1, *, signed: bool = False) -> str:
        """A share as per cent: 0.05 is 5 %."""
        if share is None or not math.isfinite(share):
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
        written = format_percent(abs(share), pattern, locale=self.locale)
        return _sign(round(share, digits + 2), signed=signed) + written

    def moment(self, moment: datetime | None) -> str:
        """A day and a time to the minute; the year where it is not this one."""
        if moment is None:
            return NONE
        here = moment.astimezone(self.zone)
        skeleton = "MMMd" if here.year == self.now.astimezone(self.zone).year else "yMMMd"
        return f"{self._day(here.date(), skeleton)} {self.clock(moment)}"

    def full_moment(self, moment: datetime) -> str:
        """A time with everything: for whoever points at it."""
        return format_datetime(moment.astimezone(self.zone), "long", locale=self.locale)

    def clock(self, moment: datetime) -> str:
        """The time of a day."""
        return format_time(moment.astimezone(self.zone), "HH:mm", locale=self.locale)

    def day(self, day: date) -> str:
        """A day with its year."""
        return format_date(day, "medium", locale=self.locale)

    def ago(self, moment: datetime | None) -> str:
        """How long ago, or in how long."""
        if moment is None:
            return NONE
        return format_timedelta(moment - self.now, add_direction=True, locale=self.locale)

    def duration(self, length: timedelta) -> str:
        """A length of time in its largest unit."""
        return format_timedelta(length, locale=self.locale, threshold=1.5)

    def iso(self, moment: datetime) -> str:
        """For machines."""
        return moment.astimezone(UTC).isoformat()

    def _day(self, day: date, skeleton: str) -> str:
        patterns = self.locale.datetime_skeletons
        return format_date(day, patterns[skeleton].pattern, locale=self.locale)

    def _currency(self, major: float, currency: str, digits: int, *, signed: bool) -> str:
        pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
        written = format_currency(
            abs(major), currency, pattern, locale=self.locale, currency_digits=False
        )
        return _sign(round(major, digits), signed=signed) + written


def _sign(value: float, *, signed: bool) -> str:
    if value < 0:
        return _MINUS
    return "+" if signed and value > 0 else ""
