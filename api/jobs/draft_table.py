"""The rows of a draft as a table asks for them: searched, filtered, sorted, a page at a time.

All rows of a draft are read once and kept as columns, so that each further question of 100,000
of them is answered from memory; after an amendment only the amended rows are read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Final, Literal, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.engine import Connection, Engine

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import PACE, Limit
from pricing.deciding.strategies import OPTIMISED
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.database import reading
from storage.prices.price_books import live_edition
from storage.products.markets import list_markets
from storage.releases.amendments import amendments_of
from storage.releases.draft_rows import DraftRows, decided_rows, with_amendments
from storage.releases.drafts import Draft, read_draft


class Cause(StrEnum):
    """What a change mainly comes of; the first that holds."""

    AMENDED = "amended"
    """Somebody set the price by hand."""
    LAW = "law"
    """The law moved it, or stopped it."""
    REPAIR = "repair"
    """The price in force breaks a limit."""
    PACE = "pace"
    """It is on its way and may go only so far at once."""
    LIMIT = "limit"
    """A limit stops it short of what is best."""
    STRATEGY = "strategy"
    """A rule of yours decided it."""
    MEMBERS = "members"
    """It is for members, and follows the public price."""
    GAIN = "gain"
    """It earns more."""
    EVEN = "even"
    """It is not expected to earn more: another aim than profit moved it."""
    OTHER = "other"
    """Nobody can say what it earns."""


Sort = Literal["sku", "market", "before", "after", "change", "revenue", "profit"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a draft.

    Attributes:
        search: part of a SKU or a title, in any case.
        sku: part of a SKU.
        market: only this one.
        cause: only of this.
        direction: only prices that go `up`, go `down`, or are `new`.
        sort: by what; `revenue` and `profit` as shares of the currency's, so that currencies mix.
        descending: the largest first. What nobody knows comes last either way.
        offset: rows to skip.
        limit: rows at most.
    """

    search: str = ""
    sku: str = ""
    market: str = ""
    cause: Cause | None = None
    direction: Literal["", "up", "down", "new"] = ""
    sort: Sort = "profit"
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One price that a draft changes.

    Attributes:
        sku: the product.
        title: what it is called.
        market: the market.
        tier: whose price.
        before: in force; None where there is none.
        after: proposed.
        change: (after - before) / before; None without a price before.
        revenue_gain: expected a period, major units of the currency; None where nobody knows.
        profit_gain: expected a period.
        cause: what it mainly comes of.
        limits: those that bind, or that the price before breaks.
    """

    sku: str
    title: str
    market: str
    tier: str
    before: Money | None
    after: Money
    change: float | None
    revenue_gain: float | None
    profit_gain: float | None
    cause: Cause
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some rows of a draft, and how many there are.

    Attributes:
        rows: those wanted.
        total: how many match.
    """

    rows: tuple[ReviewRow, ...]
    total: int


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """The rows of one state of a draft, ready to be searched and sorted."""

    rows: DraftRows
    text: pa.Array
    cause: IntArray
    change: FloatArray
    revenue_gain: FloatArray
    profit_gain: FloatArray
    revenue_share: FloatArray
    profit_share: FloatArray
    currency: Mapping[str, str]


_CAUSES: Final = tuple(Cause)
_KEPT: Final = 3
_Kept = TypeVar("_Kept")
_NOTHING: Final = 1e-9
"""A gain below this share of the profit is rounding."""


@dataclass(slots=True)
class _Shelf:
    """The drafts that were looked at last: what is read once is asked many times.

    A key names the state of the database that the rows follow from, so nothing here goes stale:
    another price book, an amendment, or a restored backup has another key.
    """

    decided: OrderedDict[object, DraftRows] = field(default_factory=OrderedDict)
    kept: OrderedDict[object, _Prepared] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def find(self, conn: Connection, draft: Draft) -> _Prepared:
        amendments = amendments_of(conn, draft.draft_id)
        of_run = (
            str(conn.engine.url),
            live_edition(conn),
            (draft.draft_id, draft.run_id, draft.created_at),
        )
        key = (
            of_run,
            (len(amendments), max((item.amended_at for item in amendments), default=None)),
            tuple((item.sku, item.market, item.price) for item in amendments),
        )
        with self.lock:  # two tables that open at once read it once

            def amended() -> DraftRows:
                decided = _from(self.decided, of_run, lambda: decided_rows(conn, draft))
                return with_amendments(conn, draft, decided)

            return _from(self.kept, key, lambda: _prepared(conn, amended()))


def _from(shelf: OrderedDict[object, _Kept], key: object, make: Callable[[], _Kept]) -> _Kept:
    """What stands under a key, made where nothing does; the longest unused goes."""
    if key not in shelf:
        shelf[key] = make()
        if len(shelf) > _KEPT:
            shelf.popitem(last=False)
    shelf.move_to_end(key)
    return shelf[key]


_SHELF: Final = _Shelf()


def review_page(engine: Engine, draft_id: int, wanted: Wanted) -> ReviewPage:
    """Those rows of a draft that are wanted.

    Raises:
        DraftNotFound: there is no such draft.
    """
    with reading(engine) as conn:
        found = _SHELF.find(conn, read_draft(conn, draft_id))
    rows = _matching(found, wanted)
    rows = rows[_order(found, rows, wanted)]
    page = rows[wanted.offset : wanted.offset + wanted.limit]
    return ReviewPage(tuple(_row(found, row) for row in page.tolist()), len(rows))


def _prepared(conn: Connection, rows: DraftRows) -> _Prepared:
    currency = {market.code: market.currency for market in list_markets(conn)}
    change = np.full(len(rows), np.nan)
    known = rows.before > 0
    change[known] = rows.after[known] / rows.before[known] - 1.0
    unsaid = rows.amended  # what a run expected is not what another price brings
    revenue = np.where(unsaid, np.nan, rows.revenue - rows.revenue_before)
    profit = np.where(unsaid, np.nan, rows.profit - rows.profit_before)
    codes, place = np.unique(rows.market, return_inverse=True)
    names, money = np.unique([currency[code] for code in codes.tolist()], return_inverse=True)
    of = money[place] if len(rows) else np.empty(0, dtype=np.int64)
    return _Prepared(
        rows=rows,
        text=pa.array([f"{sku}\n{title}" for sku, title in zip(rows.sku, rows.title, strict=True)]),
        cause=_causes(rows),
        change=change,
        revenue_gain=revenue,
        profit_gain=profit,
        revenue_share=revenue / _total(np.abs(rows.revenue_before), of, len(names)),
        profit_share=profit / _total(np.abs(rows.profit_before), of, len(names)),
        currency=currency,
    )


def _total(value: FloatArray, of: IntArray, groups: int) -> FloatArray:
    """(n,) the sum of each row's group; NaN where that is 0."""
    sums = np.bincount(of, np.nan_to_num(value), minlength=groups)
    return np.where(sums > 0, sums, np.nan)[of]


def _causes(rows: DraftRows) -> IntArray:
    """(n,) place of each row's cause among `Cause`."""
    binds = np.where(rows.at_lower, rows.lower_limit, 0) | np.where(
        rows.at_upper, rows.upper_limit, 0
    )
    sides = rows.lower_limit | rows.upper_limit
    moved = rows.action == Action.CHANGE
    holds: Mapping[Cause, BoolArray] = {
        Cause.AMENDED: rows.amended,
        Cause.LAW: ((binds | rows.broken_before) & int(Limit.LAW)) != 0,
        Cause.MEMBERS: rows.tier != PUBLIC,
        Cause.REPAIR: rows.broken_before != 0,
        Cause.PACE: moved & ((sides & int(PACE)) != 0) & ((binds & int(PACE)) != 0),
        Cause.LIMIT: binds != 0,
        Cause.STRATEGY: (rows.path != "") & (rows.path != OPTIMISED),
        Cause.GAIN: rows.profit > rows.profit_before + _NOTHING * np.abs(rows.profit_before),
        Cause.EVEN: np.isfinite(rows.profit - rows.profit_before),
    }
    found = np.full(len(rows), _CAUSES.index(Cause.OTHER))
    for cause, where in reversed(list(holds.items())):
        found[where] = _CAUSES.index(cause)
    return found


def _matching(found: _Prepared, wanted: Wanted) -> IntArray:
    rows = found.rows
    keep = np.ones(len(rows), dtype=np.bool_)
    if wanted.market:
        keep &= rows.market == wanted.market
    if wanted.cause is not None:
        keep &= found.cause == _CAUSES.index(wanted.cause)
    if wanted.direction == "new":
        keep &= rows.before == UNKNOWN
    elif wanted.direction:
        up = wanted.direction == "up"
        keep &= (rows.before != UNKNOWN) & (
            rows.after > rows.before if up else rows.after < rows.before
        )
    if wanted.search:
        keep &= _holds(found.text, wanted.search)
    if wanted.sku:
        keep &= _holds(pa.array(rows.sku), wanted.sku)
    return np.flatnonzero(keep)


def _holds(text: pa.Array, part: str) -> BoolArray:
    there = pc.match_substring(text, part, ignore_case=True)
    held: BoolArray = there.to_numpy(zero_copy_only=False)
    return held


def _order(found: _Prepared, rows: IntArray, wanted: Wanted) -> IntArray:
    """(m,) places of `rows` in the order wanted; equal ones stay by product and market."""
    columns = {
        "sku": found.rows.sku,
        "market": found.rows.market,
        "change": found.change,
        "revenue": found.revenue_share,
        "profit": found.profit_share,
        "before": _major(found, found.rows.before),
        "after": _major(found, found.rows.after),
    }
    values = columns[wanted.sort][rows]
    if values.dtype.kind == "U":
        _, values = np.unique(values, return_inverse=True)
    key: FloatArray = np.asarray(values, dtype=np.float64)
    order: IntArray = np.argsort(-key if wanted.descending else key, kind="stable")
    return order


def _major(found: _Prepared, minor: IntArray) -> FloatArray:
    codes, place = np.unique(found.rows.market, return_inverse=True)
    scale = np.array([10.0 ** decimals(found.currency[code]) for code in codes.tolist()])
    if not len(minor):
        return np.empty(0)
    major: FloatArray = np.where(minor == UNKNOWN, np.nan, minor / scale[place])
    return major


def _row(found: _Prepared, row: int) -> ReviewRow:
    rows = found.rows
    market = str(rows.market[row])
    currency = found.currency[market]
    binds = (int(rows.lower_limit[row]) if rows.at_lower[row] else 0) | (
        int(rows.upper_limit[row]) if rows.at_upper[row] else 0
    )
    before = int(rows.before[row])
    return ReviewRow(
        sku=str(rows.sku[row]),
        title=str(rows.title[row]),
        market=market,
        tier=str(rows.tier[row]),
        before=None if before == UNKNOWN else Money(before, currency),
        after=Money(int(rows.after[row]), currency),
        change=_known(found.change[row]),
        revenue_gain=_known(found.revenue_gain[row]),
        profit_gain=_known(found.profit_gain[row]),
        cause=_CAUSES[int(found.cause[row])],
        limits=Limit(binds | int(rows.broken_before[row])).names,
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
