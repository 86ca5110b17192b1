"""Which markets and categories a decision run, and so a draft, is about."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.access.scopes import Scope
from storage.tables import decisions, markets, products


def reach_of_run(conn: Connection, run_id: int) -> Scope:
    """The markets and categories of the prices that a run decided."""
    of_run = decisions.c.run_id == run_id
    markets_of = (
        sa.select(markets.c.code)
        .join(decisions, decisions.c.market_id == markets.c.market_id)
        .where(of_run)
        .distinct()
    )
    categories_of = (
        sa.select(products.c.category)
        .join(decisions, decisions.c.product_id == products.c.product_id)
        .where(of_run)
        .distinct()
    )
    return Scope.of(conn.scalars(markets_of), conn.scalars(categories_of))
