"""Which rules hold in which market, declared emergencies, announced reductions, logged inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.law.packs import Emergency, Verdict
from pricing.law.reference_price import Announcement
from storage.database import require_writer, take_turns
from storage.errors import InvalidRecord, NotStored
from storage.law.tables import announced_reductions as reductions
from storage.law.tables import emergencies, market_rules, price_input_log
from storage.products.markets import market_id
from storage.products.products import product_id
from storage.tables import markets, products


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Under which law a market sells.

    Attributes:
        market: market code.
        jurisdiction: of the rule packs.
        perishable_categories: categories whose goods spoil or expire soon.
        set_at: since when this is so, UTC.
        set_by: who said so.
    """

    market: str
    jurisdiction: str
    perishable_categories: tuple[str, ...]
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True)
class StoredEmergency:
    """An emergency with its number."""

    emergency_id: int
    emergency: Emergency
    note: str
    recorded_by: str


@dataclass(frozen=True, slots=True)
class StoredReduction:
    """A reduction that was announced.

    Attributes:
        reduction_id: its number.
        announced: what was shown.
        ends_at: when it ends, UTC; None until somebody ends it.
        recorded_at: when it was recorded, UTC.
        recorded_by: by whom.
    """

    reduction_id: int
    announced: Announcement
    ends_at: datetime | None
    recorded_at: datetime
    recorded_by: str


def set_market_rules(
    conn: Connection,
    market: str,
    jurisdiction: str,
    *,
    at: datetime,
    by: str,
    perishable_categories: Sequence[str] = (),
) -> None:
    """Say under which law a market sells; what was said before is replaced.

    Raises:
        UnknownMarket: there is no such market.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "market rules")
    number = market_id(conn, market)
    conn.execute(market_rules.delete().where(market_rules.c.market_id == number))
    conn.execute(
        market_rules.insert().values(
            market_id=number,
            jurisdiction=jurisdiction,
            perishable_categories=sorted(set(perishable_categories)),
            set_at=at,
            set_by=by,
        )
    )


def list_market_rules(conn: Connection) -> dict[str, MarketRules]:
    """The rules of each market that has some, by market code."""
    query = sa.select(market_rules, markets.c.code).join_from(market_rules, markets)
    return {
        row.code: MarketRules(
            row.code,
            row.jurisdiction,
            tuple(row.perishable_categories),
            row.set_at,
            row.set_by,
        )
        for row in conn.execute(query.order_by(markets.c.code))
    }


def declare_emergency(
    conn: Connection, emergency: Emergency, *, at: datetime, by: str, note: str = ""
) -> int:
    """Switch the caps of a jurisdiction on from a date; returns the emergency's number.

    Raises:
        InvalidRecord: it would end before it begins.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    if emergency.ends_at is not None and emergency.ends_at <= emergency.declared_at:
        raise InvalidRecord("an emergency must end after it was declared")
    statement = emergencies.insert().values(
        jurisdiction=emergency.jurisdiction,
        declared_at=emergency.declared_at,
        ends_at=emergency.ends_at,
        categories=list(emergency.categories),
        note=note,
        recorded_at=at,
        recorded_by=by,
    )
    number: int = conn.execute(statement.returning(emergencies.c.emergency_id)).scalar_one()
    return number


def end_emergency(conn: Connection, emergency_id: int, *, ends_at: datetime) -> None:
    """Set the end of an emergency.

    Raises:
        NotStored: there is no such emergency.
        InvalidRecord: it would end before it begins.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    found = {item.emergency_id: item for item in list_emergencies(conn)}
    if emergency_id not in found:
        raise NotStored(f"there is no emergency {emergency_id}")
    if ends_at <= found[emergency_id].emergency.declared_at:
        raise InvalidRecord(f"emergency {emergency_id} must end after it was declared")
    this = emergencies.c.emergency_id == emergency_id
    conn.execute(emergencies.update().where(this).values(ends_at=ends_at))


def list_emergencies(
    conn: Connection, jurisdiction: str | None = None
) -> tuple[StoredEmergency, ...]:
    """All emergencies on record, the oldest first."""
    query = sa.select(emergencies).order_by(emergencies.c.declared_at, emergencies.c.emergency_id)
    if jurisdiction is not None:
        query = query.where(emergencies.c.jurisdiction == jurisdiction)
    return tuple(
        StoredEmergency(
            row.emergency_id,
            Emergency(row.jurisdiction, row.declared_at, row.ends_at, tuple(row.categories)),
            row.note,
            row.recorded_by,
        )
        for row in conn.execute(query)
    )


def record_reduction(
    conn: Connection,
    sku: str,
    market: str,
    announced: Announcement,
    verdict: Verdict,
    *,
    at: datetime,
    by: str,
    ends_at: datetime | None = None,
) -> int:
    """Keep an announcement with the verdict that it rests on; returns its number.

    Raises:
        InvalidRecord: the verdict is not lawful; an unlawful reduction is not announced.
        UnknownProduct, UnknownMarket: no such product or market.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    if not verdict.lawful:
        wrong = ", ".join(finding.value for finding in verdict.findings)
        raise InvalidRecord(f"the reduction of {sku!r} in {market!r} is not lawful: {wrong}")
    if ends_at is not None and ends_at <= announced.starts:
        raise InvalidRecord(f"the reduction of {sku!r} in {market!r} must end after it starts")
    statement = reductions.insert().values(
        product_id=product_id(conn, sku),
        market_id=market_id(conn, market),
        starts_at=announced.starts,
        ends_at=ends_at,
        steps_since=announced.steps_since,
        price_minor=announced.price,
        shown_prior_minor=announced.shown_prior,
        shown_percent=announced.shown_percent,
        verdict=verdict,
        recorded_at=at,
        recorded_by=by,
    )
    number: int = conn.execute(statement.returning(reductions.c.reduction_id)).scalar_one()
    return number


def reduction_in_force(
    conn: Connection, sku: str, market: str, at: datetime
) -> StoredReduction | None:
    """The announced reduction that holds at a time, the one that started last; None for none.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    query = (
        sa.select(reductions)
        .where(
            reductions.c.product_id == product_id(conn, sku),
            reductions.c.market_id == market_id(conn, market),
            reductions.c.starts_at <= at,
            sa.or_(reductions.c.ends_at.is_(None), reductions.c.ends_at > at),
        )
        .order_by(reductions.c.starts_at.desc(), reductions.c.reduction_id.desc())
        .limit(1)
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _stored_reduction(row)


def open_reductions(
    conn: Connection, at: datetime, *, limit: int = 1000
) -> tuple[tuple[str, str, StoredReduction], ...]:
    """SKU, market and reduction of all that are not over at a time, the first to start first."""
    query = (
        sa.select(reductions, products.c.sku, markets.c.code)
        .join_from(reductions, products)
        .join(markets, reductions.c.market_id == markets.c.market_id)
        .where(sa.or_(reductions.c.ends_at.is_(None), reductions.c.ends_at > at))
        .order_by(reductions.c.starts_at, reductions.c.reduction_id)
        .limit(limit)
    )
    return tuple((row.sku, row.code, _stored_reduction(row)) for row in conn.execute(query))


def _stored_reduction(row: sa.Row[Any]) -> StoredReduction:
    return StoredReduction(
        reduction_id=row.reduction_id,
        announced=Announcement(
            starts=row.starts_at,
            price=row.price_minor,
            shown_prior=row.shown_prior_minor,
            shown_percent=row.shown_percent,
            steps_since=row.steps_since,
        ),
        ends_at=row.ends_at,
        recorded_at=row.recorded_at,
        recorded_by=row.recorded_by,
    )


def end_reduction(conn: Connection, reduction_id: int, *, ends_at: datetime) -> None:
    """Say when an announced reduction ends.

    Raises:
        NotStored: there is no such reduction.
        InvalidRecord: it would end before it starts.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    this = reductions.c.reduction_id == reduction_id
    starts = conn.scalar(sa.select(reductions.c.starts_at).where(this))
    if starts is None:
        raise NotStored(f"there is no announced reduction {reduction_id}")
    if ends_at <= starts:
        raise InvalidRecord(f"reduction {reduction_id} must end after it starts")
    conn.execute(reductions.update().where(this).values(ends_at=ends_at))


def logged_inputs(
    conn: Connection, sku: str, market: str, *, limit: int | None = None
) -> tuple[dict[str, Any], ...]:
    """What prices of one product were computed from, the newest first.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    log = price_input_log
    query = (
        sa.select(
            log.c.at, log.c.tier, log.c.price_minor, log.c.public_minor, log.c.inputs, log.c.verdict
        )
        .where(
            log.c.product_id == product_id(conn, sku), log.c.market_id == market_id(conn, market)
        )
        .order_by(log.c.log_id.desc())
        .limit(limit)
    )
    return tuple(dict(row._mapping) for row in conn.execute(query))  # noqa: SLF001
