"""Costs that prices may move by, and the yes of a person to one that is far from them.

The first cost that a run uses is trusted. From then on a cost is measured against the last one that
was trusted, not against the one before it: three small slips are one large one. A cost that is too
far away (`pricing.deciding.sanity.unconfirmed_costs`) holds its price until it is confirmed or
corrected.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray
from pricing.catalogue import UNKNOWN, Catalogue
from pricing.deciding.guardrails import Limit
from pricing.deciding.sanity import unconfirmed_costs
from pricing.events.prices import ConfirmedCost, CostsConfirmed
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.database import require_writer
from storage.decision_inputs.limit_inputs import Keys
from storage.errors import CostNotHeld
from storage.events.store import record
from storage.products.costs import COST_MINOR
from storage.products.keys import key_ids
from storage.tables import costs, decisions
from storage.tables import trusted_costs as table

_DOUBTFUL: Final = (
    Limit.MISSING_COST
    | Limit.IMPLAUSIBLE_COST
    | Limit.CURRENCY_MISMATCH
    | Limit.UNCONFIRMED_COST
    | Limit.CLOCK_BEHIND
)
"""A run that held a price by one of these used no cost of it."""


@dataclass(frozen=True, slots=True)
class HeldCost:
    """A cost that holds its price until somebody says yes.

    Attributes:
        sku: the product.
        market: the market.
        cost: the cost in force, which is not trusted.
        trusted: the one that is.
    """

    sku: str
    market: str
    cost: Money
    trusted: Money


def costs_trusted(conn: Connection, keys: Keys, *, at: datetime) -> IntArray:
    """(n,) the cost that was trusted at a time, minor units.

    Where no run has used one yet it is the one before that in force; UNKNOWN where there is none.
    """
    newest = (
        sa.select(table.c.product_id, table.c.market_id, sa.func.max(table.c.since).label("since"))
        .where(table.c.since <= at)
        .group_by(table.c.product_id, table.c.market_id)
        .subquery()
    )
    query = sa.select(table.c.product_id, table.c.market_id, table.c.cost_minor).join_from(
        table,
        newest,
        sa.and_(
            *(table.c[name] == newest.c[name] for name in ("product_id", "market_id", "since"))
        ),
    )
    if keys.chosen is not None:
        query = query.where(table.c.product_id.in_(keys.chosen))
    trusted = _aligned(conn, query, keys)
    new = trusted == UNKNOWN
    if not new.any():
        return trusted
    return np.where(new, _costs_before(conn, keys), trusted)


def _costs_before(conn: Connection, keys: Keys) -> IntArray:
    """(n,) the cost that went before that in force on the day; UNKNOWN where there is none."""
    found = np.full(len(keys.product), UNKNOWN, dtype=np.int64)
    for day in np.unique(keys.day):
        place = sa.func.row_number().over(
            partition_by=(costs.c.product_id, costs.c.market_id),
            order_by=costs.c.valid_from.desc(),
        )
        query = sa.select(
            costs.c.product_id, costs.c.market_id, COST_MINOR.label("cost"), place.label("place")
        ).where(costs.c.valid_from <= day.item())
        if keys.chosen is not None:
            query = query.where(costs.c.product_id.in_(keys.chosen))
        ranked = query.subquery()
        second = sa.select(ranked.c.product_id, ranked.c.market_id, ranked.c.cost).where(
            ranked.c.place == 2, ranked.c.cost.is_not(None)
        )
        found = np.where(keys.day == day, _aligned(conn, second, keys), found)
    return found


def _aligned(conn: Connection, query: sa.Select[tuple[int, int, int]], keys: Keys) -> IntArray:
    product, place, cost = read_columns(conn, query, ("int", "int", "money"))
    if not len(cost):
        return np.full(len(keys.product), UNKNOWN, dtype=np.int64)
    wanted = pd.MultiIndex.from_arrays([keys.product, keys.place])
    rows = pd.MultiIndex.from_arrays([product, place]).get_indexer(wanted)
    return np.where(rows >= 0, cost[np.maximum(rows, 0)], UNKNOWN).astype(np.int64)


def trust_first_costs(conn: Connection, run_id: int, *, at: datetime) -> int:
    """Trust the costs of a stored run where none was trusted before; returns how many.

    Args:
        conn: an open transaction.
        run_id: the run, with its decisions.
        at: as of when it decided, aware.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    here = (table.c.product_id == decisions.c.product_id) & (
        table.c.market_id == decisions.c.market_id
    )
    used = sa.select(
        decisions.c.product_id,
        decisions.c.market_id,
        sa.literal(at, table.c.since.type),
        decisions.c.cost_minor,
        sa.literal(""),
    ).where(
        decisions.c.run_id == run_id,
        decisions.c.tier == PUBLIC,
        decisions.c.cost_minor > 0,
        decisions.c.held_by.bitwise_and(int(_DOUBTFUL)) == 0,
        sa.not_(sa.exists().where(here)),
    )
    return conn.execute(table.insert().from_select(list(table.c.keys()), used)).rowcount


def held_costs(known: Catalogue, *, limit: int | None = None) -> tuple[HeldCost, ...]:
    """The costs of a catalogue that wait for a yes, by product and market."""
    return tuple(
        HeldCost(
            str(known.sku[row]),
            known.market[row],
            Money(int(known.cost[row]), known.currency(row)),
            Money(int(known.trusted_cost[row]), known.currency(row)),
        )
        for row in np.flatnonzero(unconfirmed_costs(known))[:limit].tolist()
    )


def confirm_costs(
    conn: Connection,
    known: Catalogue,
    *,
    at: datetime,
    by: str,
    expected: Collection[tuple[str, str, Money]] | None = None,
) -> tuple[HeldCost, ...]:
    """Trust every cost of a catalogue that waits for a yes; returns them.

    Args:
        conn: an open transaction.
        known: the rows, as `read_catalogue` reads them at `at`.
        at: when, aware; from then on these costs are trusted.
        by: who says so.
        expected: what the person has seen, product, market and cost; None where that does not
            matter.

    Raises:
        CostNotHeld: nothing waits, or other costs than the expected ones do.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    waiting = held_costs(known)
    if not waiting:
        raise CostNotHeld("no cost waits for a confirmation here; see `pricewright costs held`")
    seen = {(item.sku, item.market, item.cost) for item in waiting}
    if expected is not None and set(expected) != seen:
        told = ", ".join(f"{item.sku} in {item.market} at {item.cost}" for item in waiting[:5])
        raise CostNotHeld(f"other costs wait by now: {told}; look again and confirm those")
    rows = np.flatnonzero(unconfirmed_costs(known))
    product, place = key_ids(conn, known.sku[rows], known.market.take(rows).values())
    keys = [
        {"product_id": number, "market_id": market, "since": at}
        for number, market in zip(product.tolist(), place.tolist(), strict=True)
    ]
    # A yes of the same moment as a first use goes before it.
    same = (table.c[name] == sa.bindparam(f"of_{name}") for name in keys[0])
    earlier = [{f"of_{name}": value for name, value in key.items()} for key in keys]
    conn.execute(table.delete().where(*same), earlier)
    cost = known.cost[rows].tolist()
    values = [
        {**key, "cost_minor": minor, "confirmed_by": by}
        for key, minor in zip(keys, cost, strict=True)
    ]
    conn.execute(table.insert(), values)
    named = tuple(
        ConfirmedCost(
            sku=item.sku, market=item.market, cost=str(item.cost), before=str(item.trusted)
        )
        for item in waiting[:100]
    )
    record(conn, CostsConfirmed(count=len(waiting), costs=named), at=at, actor=by)
    return waiting
