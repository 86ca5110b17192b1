"""Markets: where prices hold."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Market
from storage.database import take_turns
from storage.errors import InvalidRecord, UnknownMarket
from storage.tables import markets as table


def list_markets(conn: Connection) -> tuple[Market, ...]:
    """All markets, sorted by code."""
    rows = conn.execute(sa.select(table))
    found = [
        Market(
            code=row.code,
            currency=row.currency,
            time_zone=row.time_zone,
            channel=row.channel,
            tax_rate=row.tax_rate,
            name=row.name,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda market: market.code))


def add_markets(conn: Connection, markets: Iterable[Market]) -> None:
    """Add markets, or bring those that exist up to date.

    Raises:
        InvalidRecord: an existing market would change its currency; the amounts stored for it
            would change their worth. Add a market under another code instead.
        NotWriting: the transaction was opened to read.
    """
    # An import numbers new markets before it writes them, so numbers are given here and not by
    # the database; whoever gives one waits for the other.
    take_turns(conn, "markets")
    next_id = (conn.scalar(sa.select(sa.func.max(table.c.market_id))) or 0) + 1
    existing = {market.code: market for market in list_markets(conn)}
    for market in markets:
        values = {
            "name": market.name,
            "channel": market.channel,
            "currency": market.currency,
            "time_zone": market.time_zone,
            "tax_rate": market.tax_rate,
        }
        old = existing.get(market.code)
        if old is None:
            conn.execute(table.insert().values(market_id=next_id, code=market.code, **values))
            next_id += 1
        elif old.currency != market.currency:
            raise InvalidRecord(
                f"market {market.code!r} has prices in {old.currency} and cannot change to "
                f"{market.currency}; add a market under another code"
            )
        elif old != market:
            conn.execute(table.update().where(table.c.code == market.code).values(**values))
        existing[market.code] = market


def market_ids(conn: Connection) -> dict[str, int]:
    """The database's number of each market code."""
    return {row.code: row.market_id for row in conn.execute(sa.select(table))}


def market_id(conn: Connection, code: str) -> int:
    """The database's number of one market.

    Raises:
        UnknownMarket: no market has this code; the message lists those that exist.
    """
    known = market_ids(conn)
    if code not in known:
        raise UnknownMarket(f"market {code!r} is unknown; known markets: {sorted(known)}")
    return known[code]
