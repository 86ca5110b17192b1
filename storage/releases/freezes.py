"""The kill switch: while prices are frozen nothing new goes live; what is live is served on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.events.prices import FreezeLifted, FreezeStarted
from storage.database import take_turns
from storage.errors import PricesFrozen
from storage.events.store import record
from storage.products.markets import market_id
from storage.releases.tables import price_freezes as table
from storage.tables import markets


@dataclass(frozen=True, slots=True)
class Freeze:
    """Frozen prices.

    Attributes:
        freeze_id: its number.
        market: the market that is frozen; None for all.
        frozen_at: since when, UTC.
        frozen_by: by whom.
        reason: why.
    """

    freeze_id: int
    market: str | None
    frozen_at: datetime
    frozen_by: str
    reason: str


def freeze(
    conn: Connection, *, at: datetime, by: str, reason: str, market: str | None = None
) -> int:
    """Freeze the prices of one market or of all; returns the freeze's number.

    Raises:
        UnknownMarket: there is no such market.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")  # what is being published is either before this or refused by it
    number = None if market is None else market_id(conn, market)
    statement = table.insert().values(market_id=number, frozen_at=at, frozen_by=by, reason=reason)
    freeze_id: int = conn.execute(statement.returning(table.c.freeze_id)).scalar_one()
    record(conn, FreezeStarted(market=market, reason=reason), at=at, actor=by)
    return freeze_id


def unfreeze(conn: Connection, *, at: datetime, by: str, market: str | None = None) -> int:
    """Lift all freezes, or those of one market; returns how many were lifted.

    Raises:
        UnknownMarket: there is no such market.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    these: list[sa.ColumnElement[bool]] = [table.c.lifted_at.is_(None)]
    if market is not None:
        these.append(table.c.market_id == market_id(conn, market))
    lifted = conn.execute(table.update().where(*these).values(lifted_at=at, lifted_by=by)).rowcount
    if lifted:
        record(conn, FreezeLifted(market=market, lifted=lifted), at=at, actor=by)
    return lifted


def freezes_in_force(conn: Connection) -> tuple[Freeze, ...]:
    """All that is frozen now, the oldest first."""
    query = (
        sa.select(
            table.c.freeze_id,
            markets.c.code,
            table.c.frozen_at,
            table.c.frozen_by,
            table.c.reason,
        )
        .join_from(table, markets, isouter=True)
        .where(table.c.lifted_at.is_(None))
        .order_by(table.c.freeze_id)
    )
    return tuple(Freeze(*row) for row in conn.execute(query))


def require_unfrozen(conn: Connection) -> None:
    """Refuse to go on while the prices of all markets are frozen.

    Raises:
        PricesFrozen: they are; the message says by whom and why.
    """
    for item in freezes_in_force(conn):
        if item.market is None:
            raise PricesFrozen(
                f"prices are frozen by {item.frozen_by} since {item.frozen_at:%Y-%m-%d %H:%M} UTC: "
                f"{item.reason}; lift it with `pricewright unfreeze`"
            )


def frozen_markets(conn: Connection) -> list[int]:
    """Numbers of the markets that are frozen by themselves."""
    query = sa.select(table.c.market_id).where(
        table.c.lifted_at.is_(None), table.c.market_id.is_not(None)
    )
    return sorted({number for number in conn.scalars(query) if number is not None})
