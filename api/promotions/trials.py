"""Carts on which promotions are tried before they run, at live prices and without floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice, product
from typing import Final

import numpy as np

from pricing.catalogue import UNKNOWN, Catalogue, Market
from pricing.money import Money
from pricing.promotions.cart import MILLION, Cart, Customer, Line
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import (
    AddOn,
    AnyPromotion,
    Bundle,
    BuyGet,
    GroupBuy,
    NForPrice,
    Products,
    QuantityTiers,
    SpendAndSave,
)
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.scopes import ScopeIndex
from storage.promotion_terms import Terms, engine_promotion, joined

MOST_PRODUCTS: Final = 30
"""So many products of a promotion are tried in each market: those with the thinnest margin."""

_MOST_LOOKED_AT: Final = 2_000
_MOST_UNITS: Final = 200
_MOST_SETS: Final = 60
"""Carts of several products that are tried for promotions that want several."""

_CHOICES: Final = 3
"""Products with the thinnest margin that are tried for each part of such a cart."""

_CODE: Final = "\0any"


@dataclass(frozen=True, slots=True)
class Trial:
    """A cart on which all promotions in question apply.

    Attributes:
        name: its SKUs, ` + ` between them.
        skus: the same as a set.
        quantity: units in all.
        paid: for all of them, minor units.
        cost: of all, with tax; of products whose cost nobody knows nothing.
        floor: the lowest that all may be sold for: their cost, or what limits allow.
    """

    name: str
    skus: frozenset[str]
    quantity: int
    paid: int
    cost: int
    floor: int


@dataclass(frozen=True, slots=True)
class _Shelved:
    """A product: its line for one unit, its cost with tax, and its lowest price."""

    line: Line
    cost: int
    floor: int


class Shelf:
    """The products of one market, the thinnest margin first."""

    def __init__(self, catalogue: Catalogue, market: Market, *, map_binds: bool) -> None:
        """Lay out.

        Args:
            catalogue: of one market.
            market: that market.
            map_binds: whether a minimum advertised price is a floor there.
        """
        self.market = market
        rate = round(market.tax_rate * MILLION)
        cost = np.where(
            catalogue.cost != UNKNOWN, -(-catalogue.cost * (MILLION + rate) // MILLION), 0
        )
        floor = np.maximum(cost, np.maximum(catalogue.minimum_price, 0))
        if map_binds:
            floor = np.maximum(floor, catalogue.map_floor)
        order = np.argsort(-floor / catalogue.price, kind="stable")[:_MOST_LOOKED_AT]
        category, brand = catalogue.category.values(), catalogue.brand.values()
        self._products = []
        for row in order.tolist():
            parts = str(category[row]).split("/")
            line = Line(
                id=str(catalogue.sku[row]),
                sku=str(catalogue.sku[row]),
                quantity=1,
                price=int(catalogue.price[row]),
                categories=tuple("/".join(parts[: i + 1]) for i in range(len(parts))),
                brand=str(brand[row]),
                tax_rate=rate,
            )
            self._products.append(_Shelved(line, int(cost[row]), int(floor[row])))

    def singles(self, together: Sequence[Terms], at: datetime) -> list[Trial]:
        """Carts of one product with a known floor, as many units as the promotions want."""
        compiled = self._compiled(together)
        if compiled is None:
            return []
        promotions = [terms.promotion for terms in together]
        carts = (
            [(shelved, self._units(promotions, shelved.line.price))]
            for shelved in self._products
            if shelved.floor
        )
        found = (self._try(compiled, together, cart, at) for cart in carts)
        return list(islice((trial for trial in found if trial), MOST_PRODUCTS))

    def sets(self, together: Sequence[Terms], at: datetime) -> list[Trial]:
        """Carts of several products, for promotions that want several or different ones.

        For each part that they name the products with the thinnest margin are tried, in all
        combinations up to a number.
        """
        promotions = [terms.promotion for terms in together]
        parts = list(dict.fromkeys(chain.from_iterable(map(_parts, promotions))))
        compiled = self._compiled(together) if len(parts) > 1 else None
        if compiled is None:
            return []
        scopes = ScopeIndex()
        bits = [1 << scopes.add(wanted) for wanted, _ in parts]
        belongs = [(s, scopes.of_line(s.line)) for s in self._products if s.floor]
        choices = [list(islice((s for s, own in belongs if own & bit), _CHOICES)) for bit in bits]
        trials = []
        for chosen in islice(product(*choices), _MOST_SETS):
            units: dict[str, tuple[_Shelved, int]] = {}
            for shelved, (_, count) in zip(chosen, parts, strict=True):
                before = units.get(shelved.line.sku, (shelved, 0))[1]
                units[shelved.line.sku] = (shelved, before + count)
            if len(units) > 1:
                cart = self._filled(promotions, list(units.values()))
                trials.append(self._try(compiled, together, cart, at))
        return [trial for trial in trials if trial]

    def least_reduced(self, terms: Terms, at: datetime) -> list[Trial]:
        """Carts of one unit, those that the promotion reduces least before the others."""
        compiled = self._compiled([terms])
        if compiled is None:
            return []
        found = []
        for shelved in self._products:
            trial = self._try(compiled, [terms], [(shelved, 1)], at)
            if trial:
                found.append((-trial.paid / shelved.line.price, trial.name, trial))
        return [trial for _, _, trial in sorted(found, key=lambda each: each[:2])[:MOST_PRODUCTS]]

    def _compiled(self, together: Sequence[Terms]) -> PromotionSet | None:
        """The promotions, if they can all run together."""
        promotions = joined(engine_promotion(terms, _code(terms)) for terms in together)
        if len(promotions) < len(together):
            return None
        return PromotionSet(promotions, self.market.currency, self.market.time_zone)

    def _try(
        self,
        compiled: PromotionSet,
        together: Sequence[Terms],
        units: Sequence[tuple[_Shelved, int]],
        at: datetime,
    ) -> Trial | None:
        """What a cart comes to; None if not all promotions apply to it."""
        lines = tuple(_of(shelved.line, count) for shelved, count in units)
        answer = evaluate(_cart(lines, together, self.market, at), compiled)
        wanted = {terms.name for terms in together}
        if not {entry.id for entry in answer.applied if entry.amount} >= wanted:
            return None
        return Trial(
            " + ".join(line.sku for line in lines),
            frozenset(line.sku for line in lines),
            sum(line.quantity for line in lines),
            answer.goods,
            sum(shelved.cost * count for shelved, count in units),
            sum(shelved.floor * count for shelved, count in units),
        )

    def _units(self, promotions: Sequence[AnyPromotion], price: int) -> int:
        """Units of one product at this price that promotions want in a cart."""
        needed = max(self._spend(promotion) for promotion in promotions)
        units = max(_quantity(promotion) for promotion in promotions)
        return min(max(units, -(-needed // max(1, price))), _MOST_UNITS)

    def _filled(
        self, promotions: Sequence[AnyPromotion], units: list[tuple[_Shelved, int]]
    ) -> list[tuple[_Shelved, int]]:
        """More of the first product, until the thresholds are passed."""
        needed = max(self._spend(promotion) for promotion in promotions)
        first, count = units[0]
        short = needed - sum(shelved.line.price * n for shelved, n in units)
        more = max(0, -(-short // max(1, first.line.price)))
        return [(first, min(count + more, _MOST_UNITS)), *units[1:]]

    def _spend(self, promotion: AnyPromotion) -> int:
        spend = promotion.needs.spend
        if isinstance(promotion, SpendAndSave):
            spend = max(spend, promotion.spend, *(tier.spend for tier in promotion.tiers))
        return Money.parse(spend, self.market.currency).minor


def _parts(promotion: AnyPromotion) -> list[tuple[Products, int]]:
    """Sets of products that a promotion wants in a cart, each with a number of units."""
    needs = promotion.needs
    wanted = [] if needs.products == Products() else [(needs.products, max(1, needs.quantity))]
    match promotion:
        case Bundle():
            return [*wanted, *((part.products, part.quantity) for part in promotion.parts)]
        case BuyGet() if promotion.get_products is not None:
            got = (promotion.get_products, promotion.get)
            return [*wanted, (promotion.products, promotion.buy), got]
        case AddOn():
            return [(needs.products, max(1, needs.quantity)), (promotion.products, 1)]
        case _:
            return [*wanted, (promotion.products, _quantity(promotion))]


def _quantity(promotion: AnyPromotion) -> int:
    """Units of its products that a promotion wants in a cart."""
    units = max(1, promotion.needs.quantity)
    match promotion:
        case QuantityTiers():
            return max(units, *(tier.quantity for tier in promotion.tiers))
        case NForPrice():
            return max(units, promotion.quantity)
        case BuyGet():
            return max(units, promotion.buy + promotion.get)
    return units


def _of(line: Line, count: int) -> Line:
    return Line(
        id=line.id,
        sku=line.sku,
        quantity=count,
        price=line.price,
        categories=line.categories,
        brand=line.brand,
        tax_rate=line.tax_rate,
    )


def _code(terms: Terms) -> str:
    return f"{_CODE}{terms.name}"[:60] if terms.unique_codes else ""


def _cart(lines: tuple[Line, ...], together: Sequence[Terms], market: Market, at: datetime) -> Cart:
    """A cart that all of them admit, if there is one."""
    audiences = [terms.promotion.for_ for terms in together]
    codes = (
        code
        for terms in together
        for code in (_code(terms), terms.promotion.code, *terms.promotion.codes[:1])
    )
    customer = Customer(
        id=_shared([a.customers for a in audiences]),
        segments=tuple(chain.from_iterable(a.segments for a in audiences)),
        lifecycle=_shared([a.lifecycle for a in audiences]),
        first_order=any(a.first_order for a in audiences),
        birthday=at.date(),
    )
    return Cart(
        currency=market.currency,
        at=at,
        lines=lines,
        market=market.code,
        channel=_shared([a.channels for a in audiences]) or market.channel,
        tier=_shared([a.tiers for a in audiences]) or "public",
        payment=_shared([a.payment for a in audiences]),
        customer=customer,
        codes=tuple(code for code in codes if code),
        group_sizes={
            terms.name: max(tier.size for tier in terms.promotion.tiers)
            for terms in together
            if isinstance(terms.promotion, GroupBuy)
        },
    )


def _shared(choices: Sequence[Sequence[str]]) -> str:
    """What is good for all who ask for something; empty if nobody does or nothing is."""
    asked = [set(choice) for choice in choices if choice]
    return min(set.intersection(*asked), default="") if asked else ""
