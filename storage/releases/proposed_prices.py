"""The public prices of a run against those that are asked, as the change budget measures them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN, Labels
from pricing.deciding.actions import Action
from pricing.money import Money
from pricing.price_book import PUBLIC
from pricing.releases.change_budget import ProposedPrices
from storage.bulk import read_columns
from storage.prices.price_books import entry_at
from storage.products.markets import list_markets, market_ids
from storage.products.products import product_ids
from storage.tables import decisions
from storage.tables import price_book_entries as entries

_UNCHANGED: Final[Mapping[tuple[str, str], Money | None]] = {}


def proposed_prices(
    conn: Connection,
    run_id: int,
    live: int | None,
    changes: Mapping[tuple[str, str], Money | None] = _UNCHANGED,
) -> ProposedPrices:
    """What a run proposes, amended, a row for each product and market by their numbers.

    What the run left as it found it stays as it is asked, whatever it found. Only what the budget
    looks at is read: the whole run and the whole book take ten times as long.

    Args:
        conn: an open transaction.
        run_id: the run.
        live: the price book to compare with; None for the prices that the run itself found.
        changes: prices instead of decided ones, by SKU and market; None proposes no price. They
            are of keys that the run decided. What is expected of them is what the decided price
            brings: nothing was computed for another one.
    """
    found = decisions.c.previous_minor
    query = (
        sa.select(
            decisions.c.product_id,
            decisions.c.market_id,
            found,
            found if live is None else entry_at(decisions, live, entries.c.price_minor),
            decisions.c.price_minor,
            decisions.c.action,
            decisions.c.revenue_before,
            decisions.c.elasticity,
            decisions.c.elasticity_std_error,
        )
        .where(decisions.c.run_id == run_id, decisions.c.tier == PUBLIC)
        .order_by(decisions.c.product_id, decisions.c.market_id)
    )
    product, market, previous, old, new, action, revenue, elasticity, error = read_columns(
        conn,
        query,
        ("int", "int", "money", "money", "money", "int", "float", "float", "float"),
    )
    stays = (action != Action.CHANGE) & (new == previous) & (old != UNKNOWN)
    new = np.where(stays, old, new)
    skus, codes = product_ids(conn, {sku for sku, _ in changes}), market_ids(conn)
    for (sku, code), price in changes.items():
        row = (product == skus[sku]) & (market == codes[code])
        new[row] = UNKNOWN if price is None else price.minor
    currency = {codes[item.code]: item.currency for item in list_markets(conn)}
    numbers, place = np.unique(market, return_inverse=True)
    return ProposedPrices(
        old=old,
        new=new,
        revenue=revenue,
        elasticity=elasticity,
        elasticity_std_error=error,
        currency=Labels.of([currency[number] for number in numbers.tolist()]).take(place),
    )
