"""What the law leaves of the prices of a catalogue, from the prices and announcements on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import BoolArray, IntArray, StrArray
from pricing.catalogue import UNKNOWN, Catalogue, Market
from pricing.law.emergency_cap import in_force
from pricing.law.legal_bounds import Announcements, LegalBounds, legal_bounds
from pricing.law.packs import Emergency, Finding, PriorBasis, RulePack
from pricing.law.price_history import NEVER, instant
from storage.law.market_rules import MarketRules, list_emergencies, list_market_rules
from storage.law.rule_packs import RulePacks, load_rule_packs
from storage.law.tables import announced_reductions as reductions
from storage.prices.asked_prices import AskedPrices, asked_prices
from storage.prices.charged_prices import aligned, transactions
from storage.products.markets import list_markets, market_id
from storage.tables import products

_BY_NAME: Final = 20_000
"""Up to so many products are asked for by name; beyond, the whole market is read."""

_NOT_BINDING: Final = frozenset({Finding.EXEMPT.value, Finding.NOT_ANNOUNCED.value})


@dataclass(frozen=True, slots=True)
class _Place:
    """One market with its law."""

    market: Market
    rules: MarketRules
    pack: RulePack
    zone: ZoneInfo


def stored_legal_bounds(
    conn: Connection, packs: RulePacks, catalogue: Catalogue, *, at: datetime
) -> LegalBounds:
    """The lawful prices of every row of a catalogue at a time.

    Markets of which nobody said under which law they sell have no bounds. Where no emergency is in
    force and nothing is announced, no price is read.

    Args:
        conn: an open transaction.
        packs: the rules.
        catalogue: n rows.
        at: when prices that are decided now begin to apply, aware.

    Raises:
        InvalidRulePack: there are no rules for a market's jurisdiction at that time.
    """
    bounds = LegalBounds.none(len(catalogue))
    rules = list_market_rules(conn)
    for code, market in enumerate(catalogue.markets):
        rows = np.flatnonzero(catalogue.market.codes == code)
        if market.code not in rules or len(rows) == 0:
            continue
        zone = ZoneInfo(market.time_zone)
        told = rules[market.code]
        pack = packs.at(told.jurisdiction, at.astimezone(zone).date())
        place = _Place(market, told, pack, zone)
        for some, found in (
            _of_emergencies(conn, place, catalogue, rows, at),
            _of_announcements(conn, place, catalogue, rows, at),
        ):
            if len(some):
                bounds = bounds.put(some, found)
    return bounds


def law_may_bind(conn: Connection, at: datetime, packs: RulePacks | None = None) -> bool:
    """False where certainly no price has a legal bound at a time: a cheap question.

    True where a market is under some law and a reduction that it announced is not over, or a cap is
    in force in its jurisdiction.

    Args:
        conn: an open transaction.
        at: the time, aware.
        packs: the rules; those that are shipped where None.

    Raises:
        InvalidRulePack: there are no rules for a jurisdiction with an emergency at that time.
    """
    rules = list_market_rules(conn)
    if not rules:
        return False
    announced = sa.select(reductions.c.reduction_id).where(_not_over(at)).limit(1)
    if conn.scalar(announced) is not None:
        return True
    declared = list_emergencies(conn)
    if not declared:
        return False
    known = packs or load_rule_packs()
    for market in list_markets(conn):
        if market.code not in rules:
            continue
        code = rules[market.code].jurisdiction
        mine = [item.emergency for item in declared if item.emergency.jurisdiction == code]
        if not mine:
            continue
        cap = known.at(code, at.astimezone(ZoneInfo(market.time_zone)).date()).emergency_cap
        if cap is not None and any(in_force(emergency, cap, at) for emergency in mine):
            return True
    return False


def _not_over(at: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(reductions.c.ends_at.is_(None), reductions.c.ends_at > at)


def _of_emergencies(
    conn: Connection, place: _Place, catalogue: Catalogue, rows: IntArray, at: datetime
) -> tuple[IntArray, LegalBounds]:
    """Rows that a declared emergency covers, and their caps."""
    rule = place.pack.emergency_cap
    declared = [
        stored.emergency
        for stored in list_emergencies(conn, place.rules.jurisdiction)
        if rule is not None and in_force(stored.emergency, rule, at)
    ]
    if rule is None or not declared:
        return np.empty(0, np.int64), LegalBounds.none(0)
    rows = rows[_covered(catalogue, rows, declared)]
    first = min(emergency.declared_at for emergency in declared)
    history = _asked(conn, place, catalogue.sku[rows], first, rule.days, until=at)
    return rows, legal_bounds(
        history.asked,
        place.pack,
        place.zone,
        at=at,
        emergencies=declared,
        category=catalogue.category.take(rows),
        cost=catalogue.cost[rows],
    )


def _covered(catalogue: Catalogue, rows: IntArray, declared: Sequence[Emergency]) -> BoolArray:
    if any(not emergency.categories for emergency in declared):
        return np.ones(len(rows), dtype=np.bool_)
    named = {name for emergency in declared for name in emergency.categories}
    inside = np.array([name in named for name in catalogue.category.names], dtype=np.bool_)
    return inside[catalogue.category.codes[rows]]


def _of_announcements(
    conn: Connection, place: _Place, catalogue: Catalogue, rows: IntArray, at: datetime
) -> tuple[IntArray, LegalBounds]:
    """Rows with an announced reduction that stands or is to come, and what it leaves."""
    nothing = np.empty(0, np.int64), LegalBounds.none(0)
    rule = place.pack.prior_price
    if rule is None:
        return nothing
    told = _announced(conn, place.market.code, at)
    order = np.argsort(catalogue.sku[rows], kind="stable")
    skus = catalogue.sku[rows][order]
    where = {
        sku: int(rows[order[found]])
        for sku in {row.sku for row in told}
        if (found := int(np.searchsorted(skus, sku))) < len(skus) and skus[found] == sku
    }
    told = [row for row in told if row.sku in where]
    if not told:
        return nothing
    some = np.array(sorted(set(where.values())), dtype=np.int64)
    key = {row: place_ for place_, row in enumerate(some.tolist())}
    perishable = set(place.rules.perishable_categories)
    announcements = Announcements(
        key=np.array([key[where[row.sku]] for row in told]),
        starts=np.array([instant(row.starts_at) for row in told]),
        price=np.array([row.price_minor for row in told]),
        shown_prior=np.array([_or_unknown(row.shown_prior_minor) for row in told]),
        shown_share=np.array([(row.shown_percent or 0.0) / 100.0 for row in told]),
        steps_since=np.array(
            [NEVER if row.steps_since is None else instant(row.steps_since) for row in told]
        ),
        perishable=np.array(
            [
                row.verdict.get("facts", {}).get("status") == "before_reduction"
                or catalogue.category[where[row.sku]] in perishable
                for row in told
            ]
        ),
    )
    first = min([row.steps_since or row.starts_at for row in told])
    until = max([at, *(row.starts_at for row in told)])
    history = _asked(conn, place, catalogue.sku[some], first, rule.days, until=until)
    charged = None
    if rule.basis is PriorBasis.TRANSACTED:
        names, sold = transactions(conn, place.market.code, skus=catalogue.sku[some].tolist())
        charged = aligned(names, sold, catalogue.sku[some])
    return some, legal_bounds(
        history.asked,
        place.pack,
        place.zone,
        at=at,
        announcements=announcements,
        charged=charged,
        listed=history.listed,
    )


def _announced(conn: Connection, market: str, at: datetime) -> list[sa.Row[tuple[object, ...]]]:
    """Reductions to come, and of those in force the one of each product that started last."""
    query = (
        sa.select(reductions, products.c.sku)
        .join_from(reductions, products)
        .where(
            reductions.c.market_id == market_id(conn, market),
            _not_over(at),
        )
        .order_by(reductions.c.starts_at, reductions.c.reduction_id)
    )
    rows = [
        row
        for row in conn.execute(query)
        if not _NOT_BINDING & set(row.verdict.get("findings", ()))
    ]
    standing = {row.sku: row for row in rows if row.starts_at <= at}
    return [*standing.values(), *(row for row in rows if row.starts_at > at)]


def _asked(
    conn: Connection, place: _Place, skus: StrArray, start: datetime, days: int, *, until: datetime
) -> AskedPrices:
    """What was asked for these products from before a window that ends at `start`, in order."""
    chosen = skus.tolist() if len(skus) <= _BY_NAME else None
    # Two days more than the window: it begins at a local midnight.
    since = start - timedelta(days=days + 2)
    found = asked_prices(conn, place.market.code, skus=chosen, since=since, until=until)
    return found.of(skus)


def _or_unknown(minor: int | None) -> int:
    return UNKNOWN if minor is None else minor
