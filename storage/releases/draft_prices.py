"""The prices that would be in force if a draft went live now, whole."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.price_book import PUBLIC, PriceBook
from storage.bulk import read_columns
from storage.errors import DraftNotFound
from storage.prices.price_books import KEY, entry_at, live_edition, state_of
from storage.products.keys import market_codes_of, skus_of
from storage.products.markets import list_markets
from storage.releases.amendments import amenders_of, proposed_decisions
from storage.releases.freezes import frozen_markets
from storage.releases.proposals import changes_what_is_asked
from storage.releases.tables import price_book_drafts as drafts
from storage.tables import price_book_entries as entries

_FIRST = 1


def draft_book(conn: Connection, draft_id: int, *, at: datetime) -> PriceBook:
    """All prices as they would be with all stages of a draft live, over the book of now.

    As where it goes live, prices of frozen markets stay, and a tier price above the public one is
    lowered to it. The book has the number of the live one, under which it would be seen.

    Args:
        conn: a connection.
        draft_id: the draft.
        at: the time that the book bears.

    Raises:
        DraftNotFound: there is no such draft.
    """
    run_id = conn.scalar(sa.select(drafts.c.run_id).where(drafts.c.draft_id == draft_id))
    if run_id is None:
        raise DraftNotFound(f"there is no draft {draft_id}")
    edition = live_edition(conn)
    live = 0 if edition is None else edition[0]
    rows = proposed_decisions(run_id, draft_id if amenders_of(conn, draft_id) else None)
    asked = entry_at(rows, live, entries.c.price_minor)
    changed = sa.select(*(rows.c[name] for name in KEY), rows.c.price_minor).where(
        rows.c.price_minor.is_not(None),
        rows.c.market_id.not_in(frozen_markets(conn)),
        changes_what_is_asked(rows, asked, live),
    )
    new, state = changed.subquery("new"), state_of(live).subquery("state")
    replaced = sa.exists().where(*(new.c[name] == state.c[name] for name in KEY))
    kept = sa.select(*(state.c[name] for name in KEY), state.c.price_minor).where(
        state.c.price_minor.is_not(None), ~replaced
    )
    prices = sa.union_all(changed, kept)
    product, market, tier, price = read_columns(conn, prices, ("int", "int", "str", "int"))
    for row in np.flatnonzero(tier != PUBLIC).tolist():
        same = (product == product[row]) & (market == market[row]) & (tier == PUBLIC)
        price[row] = min([price[row], *price[same].tolist()])
    return PriceBook.of(
        version=live or _FIRST,
        published_at=at,
        sku=skus_of(conn, product),
        market=market_codes_of(conn, market),
        tier=tier,
        price=price,
        currencies={item.code: item.currency for item in list_markets(conn)},
    )
