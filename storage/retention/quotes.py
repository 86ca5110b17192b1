"""Quotes that came to nothing. One that was committed is what an order paid: it is pinned."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.promotions.tables import group_members, order_returns, quotes, redemptions


def forget_quotes(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete quotes that expired or were cancelled before a time; returns how many.

    With them goes what was held for them and given back, which adds up to nothing. Pinned is what
    is open, what was ever committed, what a return or a group refers to.

    Args:
        conn: a transaction that writes.
        before: the time, aware.
        limit: most quotes.
    """
    require_writer(conn)
    of_order = sa.exists().where(
        redemptions.c.quote_id == quotes.c.quote_id,
        redemptions.c.event.in_(("committed", "reversed")),
    )
    returned = sa.exists().where(order_returns.c.quote_id == quotes.c.quote_id)
    in_group = sa.exists().where(group_members.c.quote_id == quotes.c.quote_id)
    some = list(
        conn.scalars(
            sa.select(quotes.c.quote_id)
            .where(
                quotes.c.status.in_(("expired", "cancelled")),
                quotes.c.settled_at < before,
                ~of_order, ~returned, ~in_group,
            )
            .limit(limit)
        )
    )  # fmt: skip
    conn.execute(redemptions.delete().where(redemptions.c.quote_id.in_(some)))
    return conn.execute(quotes.delete().where(quotes.c.quote_id.in_(some))).rowcount
