"""How a promotion runs: what was redeemed, against its plan and against what is in stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.bulk import listed
from storage.database import require_writer
from storage.promotions.tables import promotion_alerts, promotion_usage, quotes, redemptions
from storage.promotions.usage import UsedUp, used_up
from storage.promotions.versions import StoredPromotion
from storage.tables import products, stock


@dataclass(frozen=True, slots=True)
class PromotionFigures:
    """A promotion in numbers; amounts in minor units of its currency.

    Attributes:
        at: when they were true.
        offered: quotes that it was part of.
        committed: of which so many were redeemed, and not cancelled later.
        held: reserved by quotes that are still open.
        given_minor: given away by what was redeemed.
        by_funder: what each funder pays of what is taken, held included.
        taken: what is taken of the limits, held included.
        conversion: committed / offered; None before the first offer.
        order_minor: mean total of the orders; None before the first.
        margin_minor: what the goods of these orders brought without tax, less their cost, plus
            what other funders than `ours` pay; only orders whose costs are all known.
        margin_orders: how many orders that is.
        budget_share, units_share: of the budget and units, taken; None where there is no limit.
        planned_share: what should be by now; None where neither a plan nor an end is known.
        stock_units: in stock of the products that it sells; None where nothing is known.
        runs_out_at: when the first of its products runs out at the pace so far; None if not known.
        scarcest_sku: which product that is.
        ends_at: its last moment.
    """

    at: datetime
    offered: int
    committed: int
    held: int
    given_minor: int
    by_funder: dict[str, int]
    taken: UsedUp
    conversion: float | None
    order_minor: float | None
    margin_minor: int
    margin_orders: int
    budget_share: float | None
    units_share: float | None
    planned_share: float | None
    stock_units: float | None
    runs_out_at: datetime | None
    scarcest_sku: str | None
    ends_at: datetime | None


def figures_of(conn: Connection, promotion: StoredPromotion, *, at: datetime) -> PromotionFigures:
    """The figures of a promotion, all versions together."""
    number, terms = promotion.promotion_id, promotion.terms
    taken = used_up(conn, {number: at.date()}, by_sku=True).get(number, UsedUp())
    counts = _events(conn, number)
    committed = counts["committed"] - counts["reversed"]
    offered = counts["reserved"] + counts["offered"]
    orders = _orders(conn, number)
    by_funder = _by_funder(conn, number)
    limits = terms.promotion.limits
    budget = None if limits.budget is None else terms.minor(limits.budget)
    stock_units, runs_out_at, scarcest = _cover(conn, promotion, taken, at)
    # Funders' sums hold what is only reserved, too; that part is left out here.
    others = sum(minor for funder, minor in by_funder.items() if funder != "ours")
    others = others * counts["given"] // taken.minor if taken.minor else 0
    return PromotionFigures(
        at=at,
        offered=offered,
        committed=committed,
        held=counts["reserved"] - counts["released"] - counts["from_reserved"],
        given_minor=counts["given"],
        by_funder=by_funder,
        taken=taken,
        conversion=committed / offered if offered else None,
        order_minor=orders.total / orders.n if orders.n else None,
        margin_minor=int((orders.margin or 0) + others),
        margin_orders=orders.known or 0,
        budget_share=taken.minor / budget if budget else None,
        units_share=taken.units / limits.units if limits.units else None,
        planned_share=planned_share(promotion, at),
        stock_units=stock_units,
        runs_out_at=runs_out_at,
        scarcest_sku=scarcest,
        ends_at=promotion.ends_at,
    )


def planned_share(promotion: StoredPromotion, at: datetime) -> float | None:
    """The share of budget and units that should be used by a moment.

    By the plan, straight between its points; without one evenly from the first to the last moment;
    None where there is no end to go by.
    """
    points = [(point.at, point.percent) for point in promotion.terms.plan]
    start, end = promotion.starts_at or promotion.created_at, promotion.ends_at
    if not points:
        if end is None:
            return None
        points = [(start, Decimal(0)), (end, Decimal(100))]
    if start < points[0][0]:
        points.insert(0, (start, Decimal(0)))
    if at <= points[0][0]:
        return float(points[0][1]) / 100
    for (since, low), (until, high) in pairwise(points):
        if at < until:
            passed = (at - since) / (until - since)
            return (float(low) + passed * float(high - low)) / 100
    return float(points[-1][1]) / 100


def first_alert(conn: Connection, promotion: StoredPromotion, kind: str, *, at: datetime) -> bool:
    """Note that somebody is told; False if somebody was told of this version already."""
    require_writer(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    noted = conn.execute(
        insert(promotion_alerts)
        .values(promotion_id=promotion.promotion_id, version=promotion.version, kind=kind, at=at)
        .on_conflict_do_nothing()
        .returning(promotion_alerts.c.kind)
    ).one_or_none()
    return noted is not None


def _events(conn: Connection, number: int) -> dict[str, int]:
    """Rows by event; `given` in minor units, and how many committed ones had been reserved."""
    t = redemptions
    query = (
        sa.select(t.c.event, sa.func.count(), sa.func.sum(t.c.amount_minor))
        .where(t.c.promotion_id == number)
        .group_by(t.c.event)
    )
    names = ("offered", "reserved", "committed", "released", "reversed")
    counts = dict.fromkeys(names, 0)
    given = dict.fromkeys(names, 0)
    for event, n, minor in conn.execute(query):
        counts[event], given[event] = n, int(minor)
    counts["given"] = given["committed"] - given["reversed"]
    reserved = (
        sa.select(sa.func.count())
        .select_from(t.join(quotes, quotes.c.quote_id == t.c.quote_id))
        .where(t.c.promotion_id == number, t.c.event == "committed", quotes.c.reserved)
    )
    counts["from_reserved"] = conn.scalar(reserved) or 0
    return counts


def _in_force(number: int) -> sa.ColumnElement[bool]:
    """Redemptions of a promotion whose order was not cancelled."""
    return sa.and_(
        redemptions.c.promotion_id == number,
        redemptions.c.event == "committed",
        quotes.c.status == "committed",
    )


def _orders(conn: Connection, number: int) -> sa.Row[Any]:
    margin = quotes.c.net_minor - quotes.c.cost_minor
    query = (
        sa.select(
            sa.func.count().label("n"),
            sa.func.sum(quotes.c.total_minor).label("total"),
            sa.func.sum(margin).label("margin"),
            sa.func.count(quotes.c.cost_minor).label("known"),
        )
        .select_from(redemptions.join(quotes, quotes.c.quote_id == redemptions.c.quote_id))
        .where(_in_force(number))
    )
    return conn.execute(query).one()


def _by_funder(conn: Connection, number: int) -> dict[str, int]:
    """Taken by funder: kept as a sum, so that no row need be read again."""
    t = promotion_usage
    query = sa.select(t.c.key, t.c.amount_minor).where(
        t.c.promotion_id == number, t.c.scope == "funder", t.c.amount_minor > 0
    )
    return {row.key: row.amount_minor for row in conn.execute(query)}


def _cover(
    conn: Connection, promotion: StoredPromotion, taken: UsedUp, at: datetime
) -> tuple[float | None, datetime | None, str | None]:
    """Units in stock of what it sells, when the first product runs out, and which one."""
    pace = {sku: units for sku, units in taken.by_sku.items() if units > 0}
    if not pace:
        return None, None, None
    counted = (
        sa.select(
            stock.c.product_id, stock.c.market_id, sa.func.max(stock.c.counted_at).label("day")
        )
        .where(stock.c.counted_at <= at.date())
        .group_by(stock.c.product_id, stock.c.market_id)
        .subquery()
    )
    query = (
        sa.select(products.c.sku, sa.func.sum(stock.c.units))
        .join_from(
            stock,
            counted,
            sa.and_(
                counted.c.product_id == stock.c.product_id,
                counted.c.market_id == stock.c.market_id,
                counted.c.day == stock.c.counted_at,
            ),
        )
        .join(products, products.c.product_id == stock.c.product_id)
        .where(products.c.sku.in_(listed(conn, pace)))
        .group_by(products.c.sku)
    )
    in_stock = {row[0]: float(row[1]) for row in conn.execute(query)}
    if not in_stock:
        return None, None, None
    began = promotion.starts_at or promotion.created_at
    running = max(at - began, timedelta(minutes=1))
    covers = {sku: running * (units / pace[sku]) for sku, units in in_stock.items()}
    scarcest = min(covers, key=lambda sku: (covers[sku], sku))
    try:
        runs_out = at + covers[scarcest]
    except OverflowError:
        return sum(in_stock.values()), None, None
    return sum(in_stock.values()), runs_out, scarcest
