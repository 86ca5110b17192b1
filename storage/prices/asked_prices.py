"""What everybody was asked for a product, and when: list prices, and public promotions on them.

The law compares with what customers were asked, whatever made it so. Whoever reads prices for the
law reads them here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.catalogue import UNKNOWN, Market
from pricing.law.price_history import PriceHistory, TimeArray, instant, local_midnight, seconds
from pricing.promotions.cart import MILLION, Line
from storage.bulk import read_columns
from storage.prices.charged_prices import OF_BOOK, aligned, applied_prices
from storage.products.cart_facts import market_by_code
from storage.products.costs import COST_MINOR
from storage.products.markets import market_id
from storage.products.product_frame import product_frame
from storage.products.products import chosen_products
from storage.promotions.public import Stretch, public_stretches
from storage.tables import costs, price_limits, products


@dataclass(frozen=True, slots=True)
class AskedPrices:
    """What everybody was asked in a market.

    Attributes:
        sku: (n,) sorted.
        listed: the list prices that were in force, keys in the order of `sku`.
        asked: the same with public promotions taken off.
    """

    sku: StrArray
    listed: PriceHistory
    asked: PriceHistory

    def of(self, wanted: StrArray) -> AskedPrices:
        """Of these SKUs, in their order; empty histories where nothing is on record."""
        return AskedPrices(
            wanted,
            aligned(self.sku, self.listed, wanted),
            aligned(self.sku, self.asked, wanted),
        )


def asked_prices(
    conn: Connection,
    market: str,
    *,
    until: datetime,
    skus: Collection[str] | None = None,
    since: datetime | None = None,
    promotions_since: datetime | None = None,
) -> AskedPrices:
    """What everybody was asked for each product of a market, and will be as far as is planned.

    That is the list price, or what a single unit cost in a cart of nobody in particular under the
    promotions that ran: without a code, a membership, other products or a sum to be spent. No
    promotion took it below the product's cost with tax or the owner's minimum of the day. Only
    prices of price books are lowered: what sales say of the time before was paid as it is.

    Where a setting makes promotions go by priority, or keeps to minimum advertised prices,
    customers may have been asked more than this says, and never less.

    Args:
        conn: an open transaction.
        market: market code.
        until: what is asked from then on does not matter; may lie ahead.
        skus: these products only.
        since: what was in force before this time is not asked for; see `applied_prices`.
        promotions_since: promotions before this time do not matter; `since` where None.

    Raises:
        UnknownMarket: there is no such market.
    """
    sku, listed = applied_prices(conn, market, skus=skus, since=since)
    place = market_by_code(conn, market)
    first = since if promotions_since is None else promotions_since
    stretches = public_stretches(conn, place, since=first, until=until)
    if not stretches or not len(listed):
        return AskedPrices(sku, listed, listed)
    lines = _lines(conn, place, sku, skus)
    floors = aligned(*_floors(conn, place, skus), sku)
    return AskedPrices(sku, listed, _promoted(listed, lines, floors, stretches))


def _promoted(
    listed: PriceHistory, lines: Sequence[Line], floors: PriceHistory, stretches: Sequence[Stretch]
) -> PriceHistory:
    """List prices with what the promotions of each stretch make of them."""
    starts = np.array([int(seconds(_one(each.starts))[0]) for each in stretches])
    ends = np.array([int(seconds(_one(each.ends))[0]) for each in stretches])
    of_book = np.char.startswith(listed.source, OF_BOOK) & listed.on_sale()
    began = seconds(listed.since)
    first = np.searchsorted(ends, began, side="right")
    last = np.searchsorted(starts, listed.until, side="left")
    # What is told later of the same moment takes the place of what was told before.
    rows = {
        (key, since): (price, source)
        for key, since, price, source in zip(
            listed.key.tolist(),
            began.tolist(),
            listed.price.tolist(),
            listed.source.tolist(),
            strict=True,
        )
    }
    for row in np.flatnonzero(of_book & (first < last)).tolist():
        number, source = int(listed.key[row]), str(listed.source[row])
        line = msgspec.structs.replace(lines[number], price=int(listed.price[row]))
        for place in range(int(first[row]), int(last[row])):
            stretch = stretches[place]
            opens = max(int(starts[place]), int(began[row]))
            closes = min(int(ends[place]), int(listed.until[row]))
            if opens >= closes:  # both in the same second
                continue
            promoted = f"{source}, promotion {' + '.join(stretch.names)}"
            for moment, asked in _in_stretch(stretch, line, floors, number, opens, closes):
                told = promoted if asked < line.price else source
                rows[number, moment] = (max(asked, 1), told)  # a history has no price of nothing
                if closes < listed.until[row]:
                    rows[number, closes] = (line.price, source)
    return PriceHistory.of(
        listed.keys,
        key=[key for key, _ in rows],
        since=np.array([since for _, since in rows], dtype=np.int64).astype("datetime64[s]"),
        price=[price for price, _ in rows.values()],
        source=[source for _, source in rows.values()],
    )


def _in_stretch(
    stretch: Stretch, line: Line, floors: PriceHistory, key: int, opens: int, closes: int
) -> Iterator[tuple[int, int]]:
    """(from when, what is asked) of one list price while the same promotions run."""
    free = stretch.prices.of(line)
    if free == line.price:
        return
    rows = slice(*np.searchsorted(floors.key, [key, key + 1]).tolist())
    moments = seconds(floors.since[rows])
    at = int(np.searchsorted(moments, opens, side="right")) - 1
    values = floors.price[rows].tolist()
    steps = [(opens, values[at] if at >= 0 else UNKNOWN)]
    steps += [
        (moment, values[place])
        for place, moment in enumerate(moments.tolist())
        if opens < moment < closes
    ]
    for moment, floor in steps:
        if floor <= free:
            yield moment, free
        else:
            yield moment, stretch.prices.of(msgspec.structs.replace(line, floor=floor))


def _lines(
    conn: Connection, market: Market, sku: StrArray, skus: Collection[str] | None
) -> list[Line]:
    """A cart line of one unit of each product, without a price yet."""
    frame = product_frame(conn, chosen_products(conn, skus=skus)).set_index("sku").loc[sku.tolist()]
    rate = round(market.tax_rate * MILLION)
    lines = []
    for name, category, brand in zip(sku.tolist(), frame["category"], frame["brand"], strict=True):
        parts = str(category).split("/")
        lines.append(
            Line(
                id=name,
                sku=name,
                quantity=1,
                price=0,
                categories=tuple("/".join(parts[: i + 1]) for i in range(len(parts))),
                brand=str(brand),
                tax_rate=rate,
            )
        )
    return lines


def _floors(
    conn: Connection, market: Market, skus: Collection[str] | None
) -> tuple[StrArray, PriceHistory]:
    """SKUs, sorted, and the price below which no promotion takes each of them, from day to day."""
    rate = round(market.tax_rate * MILLION)
    number = market_id(conn, market.code)
    chosen = chosen_products(conn, skus=skus)
    columns = []
    for table, value in ((costs, COST_MINOR), (price_limits, price_limits.c.minimum_minor)):
        query = (
            sa.select(products.c.sku, table.c.valid_from, value)
            .join_from(table, products)
            .where(table.c.market_id == number)
        )
        if chosen is not None:
            query = query.where(table.c.product_id.in_(chosen))
        columns.append(read_columns(conn, query, ("str", "day", "money")))
    cost, limit = columns
    cost[2] = np.where(cost[2] == UNKNOWN, UNKNOWN, -(-cost[2] * (MILLION + rate) // MILLION))
    sku = np.unique(np.concatenate([cost[0], limit[0]]))
    steps = [_steps(sku, part, ZoneInfo(market.time_zone)) for part in (cost, limit)]
    key = np.concatenate([each.key for each in steps])
    since = np.concatenate([each.since for each in steps])
    in_force = [_at(each, key, since) for each in steps]
    return sku, PriceHistory.of(
        len(sku), key=key, since=since, price=np.maximum(in_force[0], in_force[1])
    )


def _steps(sku: StrArray, columns: Sequence[NDArray[Any]], zone: ZoneInfo) -> PriceHistory:
    names, days, values = columns
    distinct, place = np.unique(days, return_inverse=True)
    midnights = np.array(
        [instant(local_midnight(day, zone)) for day in distinct.tolist()], dtype="datetime64[s]"
    )
    return PriceHistory.of(
        len(sku), key=np.searchsorted(sku, names), since=midnights[place], price=values
    )


def _at(history: PriceHistory, key: IntArray, since: TimeArray) -> IntArray:
    """(m,) what a history says of keys at moments; UNKNOWN before its first row."""
    if not len(history):
        return np.full(len(key), UNKNOWN)
    moments = np.unique(np.concatenate([history.since, since]))
    ranks = len(moments)
    known = history.key * ranks + np.searchsorted(moments, history.since)
    rows = np.searchsorted(known, key * ranks + np.searchsorted(moments, since), side="right") - 1
    there = (rows >= 0) & (history.key[np.maximum(rows, 0)] == key)
    return np.where(there, history.price[np.maximum(rows, 0)], UNKNOWN)


def _one(moment: datetime) -> TimeArray:
    return np.array([instant(moment)], dtype="datetime64[s]")
