"""Reading amounts and percentages of a promotion in its currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from pricing.errors import MoneyError
from pricing.money import Money
from pricing.promotions.cart import MAX_AMOUNT, MILLION
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.scopes import ScopeIndex


@dataclass(frozen=True, slots=True)
class Reader:
    """What benefits are built with.

    Attributes:
        currency: of all amounts.
        scopes: the product sets met so far.
    """

    currency: str
    scopes: ScopeIndex = field(default_factory=ScopeIndex)

    def minor(self, amount: Decimal, path: str) -> int:
        """An amount in minor units, zero or more."""
        try:
            minor = Money.parse(amount, self.currency).minor
        except MoneyError as error:
            raise InvalidPromotion(path, str(error)) from None
        if not 0 <= minor <= MAX_AMOUNT:
            raise InvalidPromotion(path, f"{amount} must be zero or more, and not astronomic")
        return minor

    def minor_or_none(self, amount: Decimal | None, path: str) -> int | None:
        """The same, where None means that nothing is said."""
        return None if amount is None else self.minor(amount, path)

    def positive(self, amount: Decimal, path: str) -> int:
        """An amount in minor units, above zero."""
        minor = self.minor(amount, path)
        if not minor:
            raise InvalidPromotion(path, "must be more than zero")
        return minor

    def rate(self, percent: Decimal, path: str) -> int:
        """A percentage in millionths."""
        if not percent.is_finite() or not 0 < percent <= 100:
            raise InvalidPromotion(path, f"{percent} must be above 0 and at most 100")
        rate = percent * (MILLION // 100)
        if rate != rate.to_integral_value():
            raise InvalidPromotion(path, f"{percent} has more than four decimals")
        return int(rate)
