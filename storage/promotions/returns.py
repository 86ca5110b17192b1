"""What went back for orders: only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.promotion_terms import Terms, terms_from
from storage.promotions.tables import order_returns as table
from storage.promotions.tables import promotion_versions

Kind = Literal["return", "group_failed", "group_grew"]


@dataclass(frozen=True, slots=True)
class StoredReturn:
    """Money that went back for an order.

    Attributes:
        kind: `return`: units came back; `group_failed`: its group buy was not reached;
            `group_grew`: it reached a better price than was paid.
        reference: as the shop named the return; None for none.
        units: that came back, by line.
        gifts: units of gifts that came back, by promotion.
        amount_minor: that went back.
        document: the answer that the client got.
    """

    at: datetime
    kind: Kind
    reference: str | None
    units: Mapping[str, int]
    gifts: Mapping[str, int]
    amount_minor: int
    document: Mapping[str, Any]


def returns_of(conn: Connection, quote_id: str) -> tuple[StoredReturn, ...]:
    """Everything that went back for an order, the oldest first."""
    query = (
        sa.select(*(table.c[name] for name in StoredReturn.__dataclass_fields__))
        .where(table.c.quote_id == quote_id)
        .order_by(table.c.return_id)
    )
    return tuple(StoredReturn(*row) for row in conn.execute(query))


def add_return(conn: Connection, quote_id: str, entry: StoredReturn) -> None:
    """Write down what goes back for an order; hold it with `quotes.hold_order` before."""
    require_writer(conn)
    values = {name: getattr(entry, name) for name in StoredReturn.__dataclass_fields__}
    conn.execute(table.insert().values(quote_id=quote_id, **values))


def terms_as_of(conn: Connection, versions: Mapping[int, int]) -> dict[int, Terms]:
    """Terms of promotions, by number, at the versions that an order was quoted under."""
    t = promotion_versions
    found: dict[int, Terms] = {}
    query = sa.select(t.c.promotion_id, t.c.version, t.c.document).where(
        t.c.promotion_id.in_(sorted(versions))
    )
    for number, version, document in conn.execute(query):
        if versions[number] == version:
            found[number] = terms_from(document)
    return found
