"""What a decision run proposes to change of the prices that are asked now."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from pricing.deciding.actions import Action
from pricing.price_book import PUBLIC
from storage.prices.price_books import entry_at
from storage.tables import decisions
from storage.tables import price_book_entries as entries


def changes_what_is_asked(
    rows: sa.FromClause, asked: sa.ColumnElement[Any], live: int
) -> sa.ColumnElement[bool]:
    """True of decisions that would change a price of the live book, as a part of a query.

    A decision that leaves the price as it found it leaves what is asked now. That is not always
    the price that it found: it may have been made as of a past time. Prices of members follow: they
    stay where the public one stays and is another by now than the one that they were made from.

    Args:
        rows: the table of decisions, or a query with its columns.
        asked: what each of them is asked for now; NULL where the live book says nothing of it.
        live: version of the live book; 0 for none.
    """
    public = decisions.alias("public")
    public_asked = entry_at(public, live, entries.c.price_minor)
    overtaken = sa.exists().where(
        public.c.run_id == rows.c.run_id,
        public.c.product_id == rows.c.product_id,
        public.c.market_id == rows.c.market_id,
        public.c.tier == PUBLIC,
        _unmoved(public),
        public.c.previous_minor != public_asked,
    )
    return sa.and_(
        rows.c.price_minor.is_distinct_from(asked),
        sa.case(
            (rows.c.tier == PUBLIC, sa.or_(asked.is_(None), sa.not_(_unmoved(rows)))),
            else_=sa.not_(overtaken),
        ),
    )


def _unmoved(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(
        rows.c.action != Action.CHANGE,
        rows.c.price_minor.is_not_distinct_from(rows.c.previous_minor),
    )
