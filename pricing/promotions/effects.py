"""What happens to one unit's price: a percentage, an amount, or a new price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pricing.promotions.cart import MILLION


def share(amount: int, rate: int) -> int:
    """`rate` millionths of an amount, halves rounded up."""
    return (amount * rate + MILLION // 2) // MILLION


class Effect(Protocol):
    """Takes something off one unit."""

    def off(self, price: int, regular: int, sku: str) -> int:
        """Minor units off a unit, 0 or more, before the floor is looked at."""


@dataclass(frozen=True, slots=True)
class PercentEffect:
    """A percentage of the price, or of the regular price.

    Of a regular price of 100 that is marked down to 90, 20 % of the original takes off 20.
    """

    rate: int
    of_regular: bool = False

    def off(self, price: int, regular: int, sku: str) -> int:  # noqa: ARG002
        """As `Effect.off`."""
        return share(regular if self.of_regular else price, self.rate)


@dataclass(frozen=True, slots=True)
class AmountEffect:
    """A fixed amount off."""

    amount: int

    def off(self, price: int, regular: int, sku: str) -> int:  # noqa: ARG002
        """As `Effect.off`."""
        return self.amount


@dataclass(frozen=True, slots=True)
class PriceEffect:
    """A fixed price, by SKU or for all; no effect on units that are cheaper or not listed."""

    price: int | None
    prices: Mapping[str, int]

    def off(self, price: int, regular: int, sku: str) -> int:  # noqa: ARG002
        """As `Effect.off`."""
        new = self.prices.get(sku, self.price)
        return 0 if new is None or new > price else price - new
