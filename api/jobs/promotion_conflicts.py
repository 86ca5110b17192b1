"""What is wrong with a promotion before it runs: sales under cost, and reductions that are none.

The engine never goes under a floor. Here it is asked what it would do without one: where it would
go under, the floor is going to cut the discount, and customers get less than was announced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final

import numpy as np
from sqlalchemy.engine import Connection

from api.errors import NoRulesForMarket
from api.jobs.legal import reference_price
from pricing.catalogue import UNKNOWN, Catalogue, Market
from pricing.errors import InvalidRulePack
from pricing.money import Money
from pricing.promotions.cart import MILLION, Cart, Customer, Line
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import (
    AmountOff,
    AnyPromotion,
    BuyGet,
    GroupBuy,
    NForPrice,
    PercentOff,
    QuantityTiers,
    SpecialPrice,
    SpendAndSave,
)
from pricing.promotions.promotion_set import PromotionSet
from storage.catalogue import read_catalogue
from storage.markets import list_markets
from storage.promotion_terms import Terms, engine_promotion, joined
from storage.rule_packs import RulePacks

MOST_PRODUCTS: Final = 30
"""So many products of a promotion are tried in each market: those with the thinnest margin."""

_MOST_LOOKED_AT: Final = 2_000
_MOST_UNITS: Final = 200
_CODE: Final = "\0any"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something wrong, at the product where it is worst.

    Attributes:
        kind: `below_cost`, or `above_reference`: not lower than the price that the law measures
            a reduction from.
        promotions: one or two.
        market: where.
        sku: which product.
        quantity: units in the cart that shows it.
        at: when.
        paid: for all of them.
        bound: their cost with tax, or the reference price.
    """

    kind: str
    promotions: tuple[str, ...]
    market: str
    sku: str
    quantity: int
    at: datetime
    paid: Money
    bound: Money

    def __str__(self) -> str:
        names = " and ".join(repr(name) for name in self.promotions)
        if self.kind == "below_cost":
            return (
                f"{names} would sell {self.quantity} x {self.sku!r} in {self.market!r} for "
                f"{self.paid}, under their cost of {self.bound}"
            )
        return (
            f"{names} sells {self.sku!r} in {self.market!r} for {self.paid}, which is no "
            f"reduction: its reference price is {self.bound}"
        )


def conflicts_of(
    conn: Connection, packs: RulePacks, terms: Terms, others: Iterable[Terms], *, now: datetime
) -> tuple[Conflict, ...]:
    """What is wrong with a promotion, alone or with one other.

    Tried are carts of one product each, with as many units as the promotions want, in every market
    of their currency and for a customer whom both admit. Bundles over several products and three
    promotions at once are not tried.

    Args:
        conn: an open transaction.
        packs: the rules of law.
        terms: the promotion.
        others: those that may run beside it.
        now: the time; what runs later is tried at its first moment.
    """
    beside = [other for other in others if other.currency == terms.currency]
    found = []
    for market in list_markets(conn):
        if market.currency != terms.currency:
            continue
        shelf = _Shelf(read_catalogue(conn, at=now, market=market.code), market)
        found += list(_in_market(conn, packs, shelf, terms, beside, now))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Try:
    """A product with the units, what is paid for them, and what they cost with tax."""

    sku: str
    quantity: int
    paid: int
    floor: int


class _Shelf:
    """The products of one market whose cost is known, the thinnest margin first."""

    def __init__(self, catalogue: Catalogue, market: Market) -> None:
        self.market = market
        self.rate = round(market.tax_rate * MILLION)
        known = np.flatnonzero(catalogue.cost != UNKNOWN)
        floor = -(-catalogue.cost[known] * (MILLION + self.rate) // MILLION)
        price = catalogue.price[known]
        order = np.argsort(floor / price, kind="stable")
        category, brand = catalogue.category.values(), catalogue.brand.values()
        self.lines = [
            (
                str(catalogue.sku[row]),
                int(catalogue.price[row]),
                int(cost),
                str(category[row]),
                str(brand[row]),
            )
            for row, cost in zip(known[order].tolist(), floor[order].tolist(), strict=True)
        ]

    def tries(self, together: Sequence[Terms], at: datetime) -> Iterator[_Try]:
        """Products on which all these promotions apply at once, without a floor."""
        promotions = joined(engine_promotion(terms, _code(terms)) for terms in together)
        if len(promotions) < len(together):
            return
        compiled = PromotionSet(promotions, self.market.currency, self.market.time_zone)
        wanted = {promotion.id for promotion in promotions}
        tried = 0
        for sku, price, floor, category, brand in self.lines[:_MOST_LOOKED_AT]:
            quantity = max(
                _units(promotion, price, self.market.currency) for promotion in promotions
            )
            parts = category.split("/")
            line = Line(
                id="1",
                sku=sku,
                quantity=quantity,
                price=price,
                categories=tuple("/".join(parts[: i + 1]) for i in range(len(parts))),
                brand=brand,
                tax_rate=self.rate,
            )
            answer = evaluate(_cart(line, together, self.market, at), compiled)
            if {entry.id for entry in answer.applied if entry.amount} >= wanted:
                yield _Try(sku, quantity, answer.goods, floor * quantity)
                tried += 1
                if tried == MOST_PRODUCTS:
                    return


def _in_market(
    conn: Connection,
    packs: RulePacks,
    shelf: _Shelf,
    terms: Terms,
    beside: Sequence[Terms],
    now: datetime,
) -> Iterator[Conflict]:
    market = shelf.market
    alone = _moment([terms], now)
    guilty: set[str] = set()
    if alone is not None:
        tries = list(shelf.tries([terms], alone))
        guilty = {one.sku for one in tries if one.paid < one.floor}
        yield from _worst(tries, (terms.name,), market, alone)
        yield from _no_reduction(conn, packs, terms, tries, market, alone)
    for other in beside:
        both = _moment([terms, other], now)
        if both is not None:
            tries = [one for one in shelf.tries([terms, other], both) if one.sku not in guilty]
            yield from _worst(tries, (terms.name, other.name), market, both)


def _worst(
    tries: Iterable[_Try], names: tuple[str, ...], market: Market, at: datetime
) -> Iterator[Conflict]:
    under = [one for one in tries if one.paid < one.floor]
    if under:
        worst = min(under, key=lambda one: (one.paid - one.floor, one.sku))
        yield Conflict(
            "below_cost",
            names,
            market.code,
            worst.sku,
            worst.quantity,
            at,
            Money(worst.paid, market.currency),
            Money(worst.floor, market.currency),
        )


def _no_reduction(
    conn: Connection,
    packs: RulePacks,
    terms: Terms,
    tries: Iterable[_Try],
    market: Market,
    at: datetime,
) -> Iterator[Conflict]:
    """The product with the most wrong announcement, if the promotion announces reduced prices."""
    promotion = terms.promotion
    shown_to_all = not (promotion.code or promotion.codes or terms.unique_codes)
    if not (shown_to_all and isinstance(promotion, SpecialPrice | PercentOff | AmountOff)):
        return
    found = []
    for one in tries:
        try:
            reference = reference_price(conn, packs, one.sku, market.code, at)
        except (NoRulesForMarket, InvalidRulePack):
            return
        prior, unit = reference.prior, one.paid // one.quantity
        if prior is not None and unit >= prior.minor:
            found.append((prior.minor - unit, one.sku, unit, prior))
    if found:
        _, sku, unit, prior = min(found, key=lambda each: each[:2])
        paid = Money(unit, market.currency)
        yield Conflict("above_reference", (terms.name,), market.code, sku, 1, at, paid, prior)


def _moment(together: Sequence[Terms], now: datetime) -> datetime | None:
    """The first moment from now on at which all of them run; None if there is none soon."""
    windows = [terms.window() for terms in together]
    at = now
    for _ in range(100):
        phases = [window.phase(at) for window in windows]
        if all(phase == "live" for phase, _, _ in phases):
            return at
        if any(phase == "expired" for phase, _, _ in phases):
            return None
        at = max(until for phase, _, until in phases if phase != "live")
    return None


def _code(terms: Terms) -> str:
    return f"{_CODE}{terms.name}"[:60] if terms.unique_codes else ""


def _cart(line: Line, together: Sequence[Terms], market: Market, at: datetime) -> Cart:
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
        lines=(line,),
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


def _units(promotion: AnyPromotion, price: int, currency: str) -> int:
    """Units of a product at this price that a promotion wants in a cart."""
    units = max(1, promotion.needs.quantity)
    spend = promotion.needs.spend
    match promotion:
        case QuantityTiers():
            units = max(units, *(tier.quantity for tier in promotion.tiers))
        case NForPrice():
            units = max(units, promotion.quantity)
        case BuyGet():
            units = max(units, promotion.buy + promotion.get)
        case SpendAndSave():
            spend = max(spend, promotion.spend, *(tier.spend for tier in promotion.tiers))
    needed = Money.parse(spend, currency).minor
    return min(max(units, -(-needed // price)), _MOST_UNITS)
