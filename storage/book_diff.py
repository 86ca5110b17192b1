"""What differs between two price books, or between the live one and a draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.decisions import Reason
from pricing.money import Money
from storage.bulk import read_columns
from storage.decisions import decision_of
from storage.drafts import Draft
from storage.errors import DecisionNotFound, PriceBookNotFound
from storage.keys import market_codes_of, skus_of
from storage.markets import list_markets
from storage.price_books import live_version, state_of
from storage.tables import decisions
from storage.tables import price_books as books


@dataclass(frozen=True, slots=True)
class BookChange:
    """One price that differs.

    Attributes:
        sku: the product.
        market: the market.
        tier: the tier.
        before: the older price; None where there was none.
        after: the newer one; None where it was taken off.
        run_id: the decision run that set the newer price; None for a rollback or a tier cap.
        reasons: why, as that run recorded it.
    """

    sku: str
    market: str
    tier: str
    before: Money | None
    after: Money | None
    run_id: int | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class ExpectedEffect:
    """What the changes in one currency should bring a period, by the runs that made them.

    Attributes:
        currency: ISO 4217 code.
        changes: changes of which a run expected something.
        revenue_before: expected revenue at the prices that those runs replaced.
        revenue: at the newer prices.
        profit_before: expected profit at the prices that those runs replaced.
        profit: at the newer prices.
    """

    currency: str
    changes: int
    revenue_before: float
    revenue: float
    profit_before: float
    profit: float


@dataclass(frozen=True, slots=True)
class BookDiff:
    """What differs.

    Attributes:
        older: version compared from; None before the first.
        newer: version or draft compared with, such as `12` or `draft 3`.
        changes: how many prices differ.
        raised: how many of them went up.
        lowered: down.
        added: are new.
        removed: were taken off.
        average_change: mean of |after - before| / before over those with both.
        effects: what the changes should bring, a currency each.
        largest: the largest changes, new and removed prices first.
    """

    older: int | None
    newer: str
    changes: int
    raised: int
    lowered: int
    added: int
    removed: int
    average_change: float
    effects: tuple[ExpectedEffect, ...]
    largest: tuple[BookChange, ...]


def diff_books(conn: Connection, older: int, newer: int, *, limit: int = 20) -> BookDiff:
    """What changed from one version to another, in either direction of time.

    Raises:
        PriceBookNotFound: one of them does not exist.
    """
    known = set(conn.scalars(sa.select(books.c.version).where(books.c.version.in_((older, newer)))))
    for version in (older, newer):
        if version not in known:
            raise PriceBookNotFound(f"there is no price book {version}")
    # Every key of a version is in all later ones, if only as taken off.
    early, late = (state_of(v).subquery() for v in sorted((older, newer)))
    joined = late.outerjoin(early, _same_key(late, early))
    before, after = (early, late) if older <= newer else (late, early)
    key = late
    query = (
        _columns(key, before.c.price_minor, after.c.price_minor, after.c.run_id)
        .select_from(joined.outerjoin(decisions, _decided(key, after.c.run_id)))
        .where(before.c.price_minor.is_distinct_from(after.c.price_minor))
    )
    return _summed(conn, query, older, str(newer), limit)


def diff_draft(conn: Connection, draft: Draft, *, limit: int = 20) -> BookDiff:
    """What a draft would change of the live book."""
    live = live_version(conn)
    state = state_of(live or 0).subquery()
    query = (
        _columns(decisions, state.c.price_minor, decisions.c.price_minor, decisions.c.run_id)
        .select_from(decisions.outerjoin(state, _same_key(decisions, state)))
        .where(
            decisions.c.run_id == draft.run_id,
            decisions.c.price_minor.is_not(None),
            decisions.c.price_minor.is_distinct_from(state.c.price_minor),
        )
    )
    return _summed(conn, query, live, f"draft {draft.draft_id}", limit)


def _same_key(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in ("product_id", "market_id", "tier")))


def _decided(key: sa.FromClause, run_id: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.and_(decisions.c.run_id == run_id, _same_key(key, decisions))


def _columns(
    key: sa.FromClause,
    before: sa.ColumnElement[Any],
    after: sa.ColumnElement[Any],
    run_id: sa.ColumnElement[Any],
) -> sa.Select[Any]:
    return sa.select(
        key.c.product_id,
        key.c.market_id,
        key.c.tier,
        before,
        after,
        run_id,
        decisions.c.revenue_before,
        decisions.c.revenue,
        decisions.c.profit_before,
        decisions.c.profit,
    )


def _summed(
    conn: Connection, query: sa.Select[Any], older: int | None, newer: str, limit: int
) -> BookDiff:
    product, place, tier, before, after, run, *expected = read_columns(
        conn,
        query,
        ("int", "int", "str", "money", "money", "money", "float", "float", "float", "float"),
    )
    both = (before != UNKNOWN) & (after != UNKNOWN)
    size = np.full(len(before), np.inf)
    size[both] = np.abs(after[both] - before[both]) / before[both]
    market = market_codes_of(conn, place)
    order = np.lexsort((market, skus_of(conn, product), -size))[:limit]
    currencies = {item.code: item.currency for item in list_markets(conn)}
    return BookDiff(
        older=older,
        newer=newer,
        changes=len(before),
        raised=int((both & (after > before)).sum()),
        lowered=int((both & (after < before)).sum()),
        added=int((before == UNKNOWN).sum()),
        removed=int((after == UNKNOWN).sum()),
        average_change=float(size[both].mean()) if both.any() else 0.0,
        effects=_effects(market, currencies, expected),
        largest=_largest(conn, order, (product, place, tier, before, after, run), currencies),
    )


def _effects(
    market: NDArray[np.str_], currencies: dict[str, str], expected: list[FloatArray]
) -> tuple[ExpectedEffect, ...]:
    money = np.array([currencies[code] for code in market.tolist()], dtype=np.str_)
    known = np.isfinite(np.stack(expected)).all(axis=0) if len(market) else np.empty(0, np.bool_)
    effects = []
    for currency in np.unique(money[known]).tolist():
        rows = known & (money == currency)
        sums = [float(column[rows].sum()) for column in expected]
        effects.append(ExpectedEffect(currency, int(rows.sum()), *sums))
    return tuple(effects)


def _largest(
    conn: Connection,
    rows: IntArray,
    columns: tuple[NDArray[Any], ...],
    currencies: dict[str, str],
) -> tuple[BookChange, ...]:
    product, place, tier, before, after, run = (column[rows] for column in columns)
    skus, codes = skus_of(conn, product), market_codes_of(conn, place)
    changes = []
    for sku, code, of_tier, old, new, run_id in zip(
        skus.tolist(),
        codes.tolist(),
        tier.tolist(),
        before.tolist(),
        after.tolist(),
        run.tolist(),
        strict=True,
    ):
        number = None if run_id == UNKNOWN else run_id
        changes.append(
            BookChange(
                sku=sku,
                market=code,
                tier=of_tier,
                before=None if old == UNKNOWN else Money(old, currencies[code]),
                after=None if new == UNKNOWN else Money(new, currencies[code]),
                run_id=number,
                reasons=_reasons(conn, sku, code, of_tier, number),
            )
        )
    return tuple(changes)


def _reasons(
    conn: Connection, sku: str, market: str, tier: str, run_id: int | None
) -> tuple[Reason, ...]:
    if run_id is None:
        return ()
    try:
        return decision_of(conn, sku, market, tier, run_id).decision.reasons
    except DecisionNotFound:
        return ()
