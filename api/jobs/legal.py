"""What the law says of one product's price: the reference price, and what may be announced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN, Market
from pricing.errors import NoRulesForMarket
from pricing.law.emergency_cap import check_emergency_price, in_force
from pricing.law.packs import Evidence, PriorBasis, RulePack, Verdict
from pricing.law.price_history import NEVER, PriceHistory, instant, moment_of
from pricing.law.reference_price import (
    Announcement,
    PriorStatus,
    check_reduction,
    largest_reduction,
    prior_prices,
    whole_percent,
)
from pricing.money import Money
from storage.decision_inputs.limit_inputs import Keys, costs_in_force
from storage.law.market_rules import (
    MarketRules,
    StoredEmergency,
    StoredReduction,
    list_emergencies,
    list_market_rules,
    reduction_in_force,
)
from storage.law.rule_packs import RulePacks
from storage.prices.asked_prices import asked_prices
from storage.prices.charged_prices import transactions
from storage.products.keys import key_ids
from storage.products.markets import list_markets
from storage.products.product_frame import product_frame
from storage.products.products import chosen_products, product_id


@dataclass(frozen=True, slots=True)
class Ground:
    """What every question about one product in one market rests on.

    Attributes:
        market: the market.
        rules: under which law it sells.
        pack: the rules of the day.
        category: the product's category.
        applied: the prices that everybody was asked, promotions taken off; one key.
        charged: the prices that the prior-price rule counts; one key.
        perishable: the goods spoil or expire soon.
        reduction: the announced reduction in force at the time asked about.
        cost: unit cost in minor units on that day, for caps of goods without an earlier price;
            UNKNOWN where none is known in the market's currency.
    """

    market: Market
    rules: MarketRules
    pack: RulePack
    category: str
    applied: PriceHistory
    charged: PriceHistory
    perishable: bool
    reduction: StoredReduction | None
    cost: int


@dataclass(frozen=True, slots=True)
class ReferencePrice:
    """The price that a reduction must be measured from at a time.

    Attributes:
        sku: the product.
        market: the market.
        currency: of its prices.
        at: the time asked about, UTC.
        jurisdiction: whose rules.
        prior: the reference price; None where there is none, or no rule.
        status: how it came about, as `PriorStatus` in lower case; `no_rule` where none holds.
        price: the price in force at the time; None where the product was not on sale.
        percent_at_most: largest whole percentage that may be announced at that price.
        reduction: the announced reduction that the price in force is, if any.
        evidence: window, rows, article; None where no rule holds.
        emergency: the verdict on the price in force under a declared emergency; None without one.
        pack: the rules.
    """

    sku: str
    market: str
    currency: str
    at: datetime
    jurisdiction: str
    prior: Money | None
    status: str
    price: Money | None
    percent_at_most: int
    reduction: StoredReduction | None
    evidence: Evidence | None
    emergency: Verdict | None
    pack: RulePack


def ground_of(
    conn: Connection,
    packs: RulePacks,
    sku: str,
    market: str,
    at: datetime,
    steps_since: datetime | None = None,
) -> Ground:
    """All that is stored of a product's prices and of the law they are under.

    Args:
        conn: an open transaction.
        packs: the rules.
        sku: the product.
        market: the market.
        at: the time asked about; what is planned until then counts, too.
        steps_since: when the first step of a reduction began that is asked about.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        NoRulesForMarket: nobody said under which law the market sells, or there are no rules for
            its jurisdiction at that time.
    """
    product_id(conn, sku)
    places = {item.code: item for item in list_markets(conn)}
    reduction = reduction_in_force(conn, sku, market, at)
    place = places[market]
    rules = list_market_rules(conn).get(market)
    if rules is None:
        raise NoRulesForMarket(
            f"nobody said under which law market {market!r} sells; run "
            f"`pricewright legal market {market} --jurisdiction CODE`"
        )
    pack = packs.at(rules.jurisdiction, at.astimezone(ZoneInfo(place.time_zone)).date())
    told = (
        [] if reduction is None else [reduction.announced.starts, reduction.announced.steps_since]
    )
    starts = [moment for moment in (at, steps_since, *told) if moment is not None]
    starts += [stored.emergency.declared_at for stored in _declared(conn, rules, pack, at)]
    days = max([rule.days for rule in (pack.prior_price, pack.emergency_cap) if rule], default=0)
    applied = asked_prices(
        conn,
        market,
        skus=[sku],
        until=at + timedelta(seconds=1),
        # Two days more than the window: it begins at a local midnight.
        promotions_since=min(starts) - timedelta(days=days + 2),
    ).asked
    charged = applied
    if pack.prior_price is not None and pack.prior_price.basis is PriorBasis.TRANSACTED:
        _, charged = transactions(conn, market, skus=[sku])
    category = str(product_frame(conn, chosen_products(conn, skus=[sku]))["category"].iloc[0])
    return Ground(
        market=place,
        rules=rules,
        pack=pack,
        category=category,
        applied=_one_key(applied),
        charged=_one_key(charged),
        perishable=category in rules.perishable_categories,
        reduction=reduction,
        cost=_cost(conn, sku, place, at),
    )


def _cost(conn: Connection, sku: str, market: Market, at: datetime) -> int:
    product, place = key_ids(conn, np.array([sku]), np.array([market.code]))
    day = np.array([at.astimezone(ZoneInfo(market.time_zone)).date()], dtype="datetime64[D]")
    chosen = chosen_products(conn, skus=[sku])
    keys = Keys(product, place, np.zeros(1, dtype=np.int64), [market], day, chosen)
    return int(costs_in_force(conn, keys).cost[0])


def reference_price(
    conn: Connection,
    packs: RulePacks,
    sku: str,
    market: str,
    at: datetime,
    *,
    reduced_to: int | None = None,
) -> ReferencePrice:
    """The reference price of a product at a time, with its evidence.

    While an announced reduction is in force the window ends where that one started; otherwise it
    ends at the time asked about.

    Args:
        conn: an open transaction.
        packs: the rules.
        sku: the product.
        market: the market.
        at: the time asked about.
        reduced_to: the price of a reduction that is asked about, minor units. If everybody is asked
            that price already, the window ends where that began: a reduction is not measured from
            itself.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        NoRulesForMarket: nobody said under which law the market sells, or there are no rules for
            its jurisdiction at that time.
    """
    ground = ground_of(conn, packs, sku, market, at)
    zone = ZoneInfo(ground.market.time_zone)
    announced = ground.reduction.announced if ground.reduction else None
    current = _price_at(ground.applied, at)
    starts = at if announced is None else announced.starts
    if announced is None and reduced_to is not None:
        starts = _asked_since(ground.applied, reduced_to, at)
    question = Announcement(
        starts=starts,
        price=max(current, 1),
        perishable=ground.perishable,
        steps_since=None if announced is None else announced.steps_since,
    )
    prior, status, percent = UNKNOWN, "no_rule", 0
    if ground.pack.prior_price is not None:
        steps = NEVER if question.steps_since is None else instant(question.steps_since)
        found = prior_prices(
            ground.charged,
            np.array([instant(starts)]),
            zone,
            ground.pack.prior_price,
            perishable=np.array([ground.perishable]),
            steps_since=np.array([steps]),
        )
        prior = int(found.price[0])
        status = PriorStatus(int(found.status[0])).name.lower()
        if current != UNKNOWN:
            percent = int(whole_percent(largest_reduction(found, np.array([current])))[0])
    return ReferencePrice(
        sku=sku,
        market=market,
        currency=ground.market.currency,
        at=at,
        jurisdiction=ground.rules.jurisdiction,
        prior=_money(prior, ground.market),
        status=status,
        price=_money(current, ground.market),
        percent_at_most=percent,
        reduction=ground.reduction,
        evidence=check_reduction(question, ground.charged, zone, ground.pack).evidence,
        emergency=None if current == UNKNOWN else _emergency(conn, ground, current, at),
        pack=ground.pack,
    )


def judge_announcement(
    conn: Connection, packs: RulePacks, sku: str, market: str, announced: Announcement
) -> tuple[Verdict, ...]:
    """The verdicts on a reduction: on its announcement, and on its price in an emergency.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        NoRulesForMarket: nobody said under which law the market sells, or there are no rules for
            its jurisdiction at that time.
    """
    ground = ground_of(conn, packs, sku, market, announced.starts, announced.steps_since)
    told = replace(announced, perishable=announced.perishable or ground.perishable)
    zone = ZoneInfo(ground.market.time_zone)
    verdict = check_reduction(told, ground.charged, zone, ground.pack)
    emergency = _emergency(conn, ground, announced.price, announced.starts)
    return (verdict,) if emergency is None else (verdict, emergency)


def _emergency(conn: Connection, ground: Ground, price: int, at: datetime) -> Verdict | None:
    """The strictest verdict of the emergencies in force."""
    verdicts = [
        check_emergency_price(
            price,
            ground.applied,
            stored.emergency,
            ZoneInfo(ground.market.time_zone),
            ground.pack,
            at=at,
            category=ground.category,
            cost=ground.cost,
        )
        for stored in _declared(conn, ground.rules, ground.pack, at)
    ]
    return min(
        verdicts, key=lambda verdict: verdict.facts.get("cap", np.iinfo(np.int64).max), default=None
    )


def _declared(
    conn: Connection, rules: MarketRules, pack: RulePack, at: datetime
) -> list[StoredEmergency]:
    """The emergencies in force."""
    rule = pack.emergency_cap
    if rule is None:
        return []
    declared = list_emergencies(conn, rules.jurisdiction)
    return [stored for stored in declared if in_force(stored.emergency, rule, at)]


def _asked_since(history: PriceHistory, price: int, at: datetime) -> datetime:
    """Since when a price is asked without interruption; `at` where another one is by then."""
    since = at
    for row in np.flatnonzero(history.since < instant(at))[::-1].tolist():
        if history.price[row] != price:
            break
        since = moment_of(history.since[row])
    return since


def _price_at(history: PriceHistory, at: datetime) -> int:
    moment = np.array([instant(at)])
    now = history.lowest(moment, np.array([instant(at + timedelta(seconds=1))]))
    return int(now[0])


def _one_key(history: PriceHistory) -> PriceHistory:
    """A history of one key also where nothing is on record."""
    return history if history.keys == 1 else PriceHistory.of(1, key=[], since=[], price=[])


def _money(minor: int, market: Market) -> Money | None:
    return None if minor == UNKNOWN else Money(minor, market.currency)
