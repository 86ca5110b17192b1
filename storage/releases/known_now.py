"""What is known of prices at the moment at which they go live: costs, set limits, doubts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray
from pricing.catalogue import UNKNOWN, Catalogue, Labels, Market
from pricing.deciding.guardrails import Limit
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.decision_inputs.limit_inputs import Keys, costs_in_force, limits_in_force
from storage.decision_inputs.trusted_costs import costs_trusted
from storage.products.keys import skus_of
from storage.products.markets import list_markets, market_ids
from storage.products.product_frame import product_frame
from storage.products.products import chosen_products
from storage.tables import decisions

_BY_NAME: Final = 20_000


def known_now(
    conn: Connection, product: IntArray, place: IntArray, at: datetime, run_id: int | None
) -> tuple[Catalogue, IntArray]:
    """Costs and set limits of now of the pairs of product and market, and the row of each change.

    Less than `read_catalogue` reads: what a price was does not matter here, and the cost that is
    trusted only where the run `run_id` held a price for another one.
    """
    pairs, rows = np.unique(np.stack([place, product]), axis=1, return_inverse=True)
    place, product = pairs
    sku = skus_of(conn, product)
    names = np.unique(sku)
    chosen = chosen_products(conn, skus=names.tolist()) if len(names) <= _BY_NAME else None
    frame = product_frame(conn, chosen).loc[product]
    numbered = numbered_markets(conn)
    numbers, of = np.unique(place, return_inverse=True)
    there = [numbered[number] for number in numbers.tolist()]
    days = [np.datetime64(at.astimezone(ZoneInfo(m.time_zone)).date(), "D") for m in there]
    day = np.array(days, dtype="datetime64[D]")[of]
    keys = Keys(product, place, of, there, day, chosen)
    n = len(product)
    cost, allowed = costs_in_force(conn, keys), limits_in_force(conn, keys)
    known = Catalogue(
        sku=sku,
        market=Labels(of, tuple(market.code for market in there)),
        markets=tuple(there),
        category=Labels.of(frame["category"].to_numpy(dtype=np.str_)),
        brand=Labels(np.zeros(n, dtype=np.int64), ("",)),
        price=np.full(n, UNKNOWN),
        cost=cost.cost,
        stock=np.full(n, np.nan),
        trusted_cost=_trusted(conn, keys, run_id, at),
        money_currency=cost.currency,
        minimum_price=allowed["minimum_price"],
        maximum_price=allowed["maximum_price"],
        rrp=allowed["rrp"],
        map_floor=allowed["map_floor"],
    )
    return known, rows.reshape(-1)


def _trusted(conn: Connection, keys: Keys, run_id: int | None, at: datetime) -> IntArray:
    """(n,) the cost that is trusted where the run held a price for another one, else UNKNOWN."""
    found = np.full(len(keys.product), UNKNOWN, dtype=np.int64)
    if run_id is None:
        return found
    product, place = read_columns(conn, _held_for_their_cost(run_id), ("int", "int"))
    if not len(product):
        return found
    held = pd.MultiIndex.from_arrays([product, place])
    here = pd.MultiIndex.from_arrays([keys.product, keys.place]).isin(held)
    return np.where(here, costs_trusted(conn, keys, at=at), UNKNOWN)


def _held_for_their_cost(run_id: int) -> sa.Select[Any]:
    """Pairs of product and market whose public price a run held for an unconfirmed cost."""
    return sa.select(decisions.c.product_id, decisions.c.market_id).where(
        decisions.c.run_id == run_id,
        decisions.c.tier == PUBLIC,
        decisions.c.held_by.bitwise_and(int(Limit.UNCONFIRMED_COST)) != 0,
    )


def numbered_markets(conn: Connection) -> dict[int, Market]:
    """All markets by their number."""
    places = {market.code: market for market in list_markets(conn)}
    return {number: places[code] for code, number in market_ids(conn).items()}
