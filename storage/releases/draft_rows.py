"""What a draft changes, a row a price, as columns: for tables that sort and filter all of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from storage.bulk import read_columns
from storage.products.keys import market_codes_of
from storage.releases.amendments import amended_keys, proposed_decisions
from storage.releases.book_diff import changes_of_live
from storage.releases.drafts import Draft
from storage.tables import products


@dataclass(frozen=True, slots=True, eq=False)
class DraftRows:
    """The n prices that a draft changes of the live book.

    Attributes:
        product: (n,) number of the product.
        place: (n,) number of the market.
        sku: (n,) the product.
        title: (n,) what it is called; blank where it has no title.
        market: (n,) code of the market.
        tier: (n,) whose price it is.
        before: (n,) int, price in force in minor units; UNKNOWN where there is none.
        after: (n,) int, price proposed.
        revenue: (n,) expected revenue a period, major units; NaN where nobody knows.
        revenue_before: (n,) at the price that was in force when the run decided.
        profit: (n,) expected profit a period.
        profit_before: (n,) at the price that was in force when the run decided.
        action: (n,) `Action` codes.
        broken_before: (n,) `Limit` bits that the price before does not meet.
        lower_limit: (n,) `Limit` bits of the lowest price allowed.
        upper_limit: (n,) `Limit` bits of the highest.
        at_lower: (n,) True where a lower price would be better and is not allowed.
        at_upper: (n,) True where a higher one would.
        path: (n,) which strategies spoke; blank where nobody noted it.
        amended: (n,) True where somebody set the price by hand.
    """

    product: IntArray
    place: IntArray
    sku: StrArray
    title: StrArray
    market: StrArray
    tier: StrArray
    before: IntArray
    after: IntArray
    revenue: FloatArray
    revenue_before: FloatArray
    profit: FloatArray
    profit_before: FloatArray
    action: IntArray
    broken_before: IntArray
    lower_limit: IntArray
    upper_limit: IntArray
    at_lower: BoolArray
    at_upper: BoolArray
    path: StrArray
    amended: BoolArray

    def __len__(self) -> int:
        return len(self.sku)


def decided_rows(conn: Connection, draft: Draft) -> DraftRows:
    """All prices that a draft's run changes of the live book, by product, market and tier."""
    return _read(conn, proposed_decisions(draft.run_id, None))


def with_amendments(conn: Connection, draft: Draft, decided: DraftRows) -> DraftRows:
    """The same with what people made of them: only the prices that were amended are read.

    Args:
        conn: an open transaction.
        draft: the draft.
        decided: its `decided_rows`, of the book that is live.
    """
    product, place = amended_keys(conn, draft.draft_id)
    if not len(product):
        return decided
    amended = proposed_decisions(draft.run_id, draft.draft_id, amended_only=True)
    instead = _read(conn, amended)
    markets = 1 + max(place.max(), decided.place.max(initial=0))
    stays = ~np.isin(decided.product * markets + decided.place, product * markets + place)
    columns = {
        item.name: np.concatenate([getattr(decided, item.name)[stays], getattr(instead, item.name)])
        for item in fields(DraftRows)
    }
    order = np.lexsort([columns[name] for name in ("tier", "place", "product")])
    return DraftRows(**{name: values[order] for name, values in columns.items()})


def _read(conn: Connection, proposed: sa.Subquery) -> DraftRows:
    changes = changes_of_live(conn, proposed).subquery("changes")
    column = changes.c
    query = (
        sa.select(
            column.product_id,
            products.c.sku,
            sa.func.coalesce(products.c.title, ""),
            column.market_id,
            column.tier,
            column.before,
            column.after,
            column.revenue,
            column.revenue_before,
            column.profit,
            column.profit_before,
            column.action,
            column.broken_before,
            column.lower_limit,
            column.upper_limit,
            column.at_lower,
            column.at_upper,
            column.path,
            column.amended,
        )
        .join_from(changes, products, products.c.product_id == column.product_id)
        .order_by(column.product_id, column.market_id, column.tier)
    )
    product, sku, title, place, *rest = read_columns(
        conn,
        query,
        (
            *(
                "int",
                "str",
                "str",
                "int",
                "str",
                "money",
                "money",
                "float",
                "float",
                "float",
                "float",
            ),
            *("int", "int", "int", "int", "bool", "bool", "str", "bool"),
        ),
    )
    return DraftRows(product, place, sku, title, market_codes_of(conn, place), *rest)
