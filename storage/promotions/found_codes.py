"""Looking up unique codes, one by one as carts bring them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.bulk import listed
from storage.promotions.tables import promotion_codes


@dataclass(frozen=True, slots=True)
class FoundCode:
    """A unique code: what it opens, and for whom if not for everybody."""

    promotion_id: int
    printed: str
    customer: str | None


def find_codes(conn: Connection, folded: Iterable[str]) -> dict[str, FoundCode]:
    """Those of these folded codes that are unique codes of a promotion."""
    t = promotion_codes
    query = sa.select(t.c.code, t.c.promotion_id, t.c.printed, t.c.customer)
    rows = conn.execute(query.where(t.c.code.in_(listed(conn, folded))))
    return {row.code: FoundCode(row.promotion_id, row.printed, row.customer) for row in rows}
