"""Exact money: an integer number of minor units in one currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Decimal,
    InvalidOperation,
)
from enum import StrEnum
from fractions import Fraction

from pricing.currencies import decimals
from pricing.decimal_text import parse_decimal
from pricing.errors import CurrencyMismatch, MoneyError, NoDecimal


class Rounding(StrEnum):
    """What becomes of a fraction of a minor unit. There is no default: each caller says."""

    HALF_EVEN = ROUND_HALF_EVEN
    HALF_UP = ROUND_HALF_UP
    DOWN = ROUND_DOWN
    FLOOR = ROUND_FLOOR
    CEILING = ROUND_CEILING


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents, fen, fils) of an ISO 4217 currency.

    Adding, subtracting and comparing take the same currency on both sides and stay exact;
    anything that could leave a fraction of a minor unit asks for a `Rounding`.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        decimals(self.currency)
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise MoneyError(
                f"minor units must be an int, not {self.minor!r}; "
                "use Money.parse for an amount with decimals"
            )

    @classmethod
    def parse(
        cls, amount: str | int | Decimal, currency: str, rounding: Rounding | None = None
    ) -> Money:
        """Money from an amount in major units, such as `"129.00"`.

        Args:
            amount: digits with `.` as decimal mark, no grouping; floats are refused because
                they are not exact.
            currency: ISO 4217 code.
            rounding: what to do with more decimals than the currency has; None refuses them.

        Raises:
            MoneyError: not a finite decimal number, or too many decimals and no rounding given.
            UnknownCurrency: `currency` is not in use.
        """
        if isinstance(amount, float):
            raise MoneyError(f"amount {amount!r} is a float; pass a string or a Decimal")
        try:
            value = Decimal(amount)
        except InvalidOperation:
            raise MoneyError(f"amount {amount!r} is not a decimal number like '12.50'") from None
        if not value.is_finite():
            raise MoneyError(f"amount {amount!r} is not finite")
        if isinstance(amount, str):
            try:
                value = parse_decimal(amount)
            except NoDecimal as error:
                raise MoneyError(f"amount {error}") from None
        scaled = value.scaleb(decimals(currency))
        if rounding is None and scaled != scaled.to_integral_value():
            raise MoneyError(
                f"amount {amount!r} has more than the {decimals(currency)} decimals of {currency}"
            )
        return cls(int(scaled.to_integral_value(rounding)), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in this currency."""
        return cls(0, currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact, with all of the currency's decimals."""
        return Decimal(self.minor).scaleb(-decimals(self.currency))

    @property
    def amount(self) -> str:
        """The amount in major units as it goes on the wire: `"129.00"`."""
        return f"{self.decimal:f}"

    def wire(self) -> dict[str, str]:
        """The JSON form: `{"amount": "129.00", "currency": "CNY"}`."""
        return {"amount": self.amount, "currency": self.currency}

    def times(self, factor: int | Decimal | Fraction, rounding: Rounding) -> Money:
        """This amount times an exact factor, rounded once to a whole minor unit."""
        exact = self.minor * Fraction(factor)
        return Money(_round(exact, rounding), self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __mul__(self, count: int) -> Money:
        return Money(self.minor * count, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"cannot combine {self} with {other}; convert one of them first")
        return other.minor


def _round(exact: Fraction, rounding: Rounding) -> int:
    """Round an exact fraction to an integer without passing through a finite decimal."""
    floor = exact.numerator // exact.denominator
    rest = exact - floor
    if rest == 0:
        return floor
    match rounding:
        case Rounding.FLOOR:
            return floor
        case Rounding.CEILING:
            return floor + 1
        case Rounding.DOWN:
            return floor if exact > 0 else floor + 1
        case Rounding.HALF_UP:
            away = floor + 1 if exact > 0 else floor
            return away if rest == Fraction(1, 2) else floor + (rest > Fraction(1, 2))
        case Rounding.HALF_EVEN:
            return round(exact)
