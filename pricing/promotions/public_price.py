"""What promotions make of the price that everybody is asked.

That is what one unit costs in a cart of its own, for a customer of whom nothing is known and who
shows nothing. What asks for a code, a membership, more units or a sum first is an offer to some.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from pricing.promotions.cart import Cart, Line
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import (
    AnyPromotion,
    Gift,
    GroupBuy,
    ShippingOff,
    SpecialPrice,
    SpendAndSave,
    When,
)
from pricing.promotions.promotion_set import PromotionSet

_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When carts are priced: windows are taken off, so any moment is as good as another."""


def public_part(promotion: AnyPromotion) -> AnyPromotion | None:
    """A promotion as far as it may lower the price of a single unit for everybody; None if never.

    Conditions on the customer, the place and the number of units stay in it: a cart of nobody in
    particular with one unit does not meet them, or does. A sum to be spent is taken for a condition
    also where a single unit costs that much.
    """
    if promotion.code or promotion.codes or promotion.needs.spend > 0:
        return None
    match promotion:
        case GroupBuy() | ShippingOff() | Gift():
            return None
        case SpendAndSave() if promotion.tiers:
            tiers = tuple(tier for tier in promotion.tiers if tier.spend <= 0)
            return msgspec.structs.replace(promotion, tiers=tiers) if tiers else None
        case SpendAndSave() if promotion.spend > 0:
            return None
    return promotion


class PublicPrices:
    """Prices of single units in one market while the same promotions run; remembers its answers."""

    def __init__(
        self, promotions: Iterable[AnyPromotion], currency: str, market: str, channel: str
    ) -> None:
        """Compile.

        Args:
            promotions: public parts of those that run, whatever their windows say.
            currency: ISO 4217 code.
            market: its code, for promotions that name markets.
            channel: its channel, likewise.
        """
        running = [msgspec.structs.replace(each, when=When()) for each in promotions]
        self._compiled = PromotionSet(running, currency)
        self._named = {
            sku for each in running if isinstance(each, SpecialPrice) for sku in each.prices
        }
        self._cart = (currency, market, channel)
        self._known: dict[tuple[int, int, str], int] = {}

    def of(self, line: Line) -> int:
        """What one unit is asked for, minor units; `line` is one unit at its list price.

        No promotion takes it below `line.floor`; a list price below that stays as it is.
        """
        own = line.sku if line.sku in self._named else ""
        key = (self._compiled.scopes.of_line(line), line.price, own)
        asked = self._known.get(key)
        if asked is None:
            # Floors differ from product to product and seldom bind, so they stay out of the key.
            asked = self._known[key] = self._paid(msgspec.structs.replace(line, floor=0))
        return asked if asked >= line.floor else self._paid(line)

    def _paid(self, line: Line) -> int:
        currency, market, channel = self._cart
        cart = Cart(currency=currency, at=_ANY_TIME, lines=(line,), market=market, channel=channel)
        return evaluate(cart, self._compiled).goods
