"""What differs between two price books, or between the live one and a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN
from pricing.deciding.decisions import Reason
from pricing.money import Money
from storage.bulk import read_columns
from storage.errors import DecisionNotFound, PriceBookNotFound
from storage.prices.decisions import decision_of
from storage.prices.price_books import KEY, entry_at, live_version
from storage.products.keys import market_codes_of, skus_of
from storage.products.markets import list_markets, market_ids
from storage.releases.amendments import amenders_of, proposed_decisions
from storage.releases.drafts import Draft
from storage.releases.proposals import changes_what_is_asked
from storage.tables import decisions
from storage.tables import price_book_entries as entries
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


def diff_books(
    conn: Connection, older: int, newer: int, *, limit: int = 20, offset: int = 0
) -> BookDiff:
    """What changed from one version to another, in either direction of time.

    The database sums; only the page that is asked for is read.

    Args:
        conn: an open transaction.
        older: version compared from.
        newer: version compared with.
        limit: how many of the largest changes to show.
        offset: how many of them to skip.

    Raises:
        PriceBookNotFound: one of them does not exist.
    """
    known = set(conn.scalars(sa.select(books.c.version).where(books.c.version.in_((older, newer)))))
    for version in (older, newer):
        if version not in known:
            raise PriceBookNotFound(f"there is no price book {version}")
    low, high = sorted((older, newer))
    # Only keys with an entry in between can differ.
    moved = sa.and_(entries.c.version > low, entries.c.version <= high)
    after: sa.ColumnElement[Any]
    run_id: sa.ColumnElement[Any]
    if high - low == 1 and older < newer:
        key = sa.select(entries).where(moved).subquery("moved")
        after, run_id = key.c.price_minor, key.c.run_id
    else:
        names = (entries.c[name] for name in KEY)
        key = sa.select(*names).where(moved).distinct().subquery("moved")
        after = entry_at(key, newer, entries.c.price_minor)
        run_id = entry_at(key, newer, entries.c.run_id)
    changes = sa.select(
        *(key.c[name] for name in KEY),
        entry_at(key, older, entries.c.price_minor).label("before"),
        after.label("after"),
        run_id.label("run_id"),
    ).subquery("changes")
    expected = decisions.alias("expected")
    joined = changes.outerjoin(
        expected, sa.and_(expected.c.run_id == changes.c.run_id, _same_key(expected, changes))
    )
    return _summed(conn, changes, joined, expected, older, str(newer), (limit, offset))


def diff_draft(conn: Connection, draft: Draft, *, limit: int = 20, offset: int = 0) -> BookDiff:
    """What a draft would change of the live book. See `diff_books`."""
    live = live_version(conn)
    whole = draft_changes(conn, draft).subquery("whole")
    columns = (whole.c[name] for name in (*KEY, "before", "after", "run_id", *_EXPECTED))
    # Made once: in a sub-select, SQLite looks the price before up again wherever it is named.
    changes = sa.select(*columns).cte("changes").prefix_with("MATERIALIZED")
    return _summed(
        conn, changes, changes, changes, live, f"draft {draft.draft_id}", (limit, offset)
    )


def draft_changes(conn: Connection, draft: Draft) -> sa.Select[Any]:
    """What a draft would change of the live book, as a query.

    It has the columns of `decisions`, `before`, `after`, and `amended`.
    """
    amended = draft.draft_id if amenders_of(conn, draft.draft_id) else None
    return changes_of_live(conn, proposed_decisions(draft.run_id, amended))


def changes_of_live(conn: Connection, proposed: sa.Subquery) -> sa.Select[Any]:
    """What of `proposed_decisions` would change the live book. See `draft_changes`."""
    live = live_version(conn) or 0
    asked = entry_at(proposed, live, entries.c.price_minor)
    after = proposed.c.price_minor
    return sa.select(*proposed.c, asked.label("before"), after.label("after")).where(
        after.is_not(None), changes_what_is_asked(proposed, asked, live)
    )


def _same_key(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in KEY))


_EXPECTED: Final = ("revenue_before", "revenue", "profit_before", "profit")


def _summed(
    conn: Connection,
    changes: sa.FromClause,
    joined: sa.FromClause,
    expected: sa.FromClause,
    older: int | None,
    newer: str,
    page: tuple[int, int],
) -> BookDiff:
    """Sums of all changes, a market each, and one page of the largest."""
    before, after = changes.c.before, changes.c.after
    differs = before.is_distinct_from(after)
    size = sa.cast(sa.func.abs(after - before), sa.Double) / before
    known = sa.and_(*(expected.c[name].is_not(None) for name in _EXPECTED))
    sums = conn.execute(
        sa.select(
            changes.c.market_id,
            sa.func.count(),
            _count(after > before),
            _count(after < before),
            _count(before.is_(None)),
            _count(after.is_(None)),
            sa.func.coalesce(sa.func.sum(size), 0.0),
            _count(known),
            *(
                sa.func.coalesce(sa.func.sum(sa.case((known, expected.c[name]))), 0.0)
                for name in _EXPECTED
            ),
        )
        .select_from(joined)
        .where(differs)
        .group_by(changes.c.market_id)
    ).all()
    limit, offset = page
    rows = read_columns(
        conn,
        sa.select(*(changes.c[name] for name in (*KEY, "before", "after", "run_id")))
        .where(differs)
        # New and removed prices have no size and come first.
        .order_by(
            sa.case((size.is_(None), 0), else_=1),
            size.desc(),
            changes.c.product_id,
            changes.c.market_id,
            changes.c.tier,
        )
        .limit(limit)
        .offset(offset),
        ("int", "int", "str", "money", "money", "money"),
    )
    place = {market.code: market for market in list_markets(conn)}
    of = {number: place[code].currency for code, number in market_ids(conn).items()}
    total = [sum(row[column] for row in sums) for column in range(1, 7)]
    changed, raised, lowered, added, removed, moved = total
    return BookDiff(
        older=older,
        newer=newer,
        changes=changed,
        raised=raised,
        lowered=lowered,
        added=added,
        removed=removed,
        average_change=moved / max(changed - added - removed, 1),
        effects=_effects(sums, of),
        largest=_largest(conn, rows, {code: item.currency for code, item in place.items()}),
    )


def _count(holds: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((holds, 1), else_=0)), 0)


def _effects(
    sums: Sequence[sa.Row[Any]], currency_of: Mapping[int, str]
) -> tuple[ExpectedEffect, ...]:
    """Sums a market as sums a currency."""
    found: dict[str, list[float]] = {}
    for row in sums:
        so_far = found.setdefault(currency_of[row[0]], [0.0] * 5)
        so_far[:] = [had + float(more) for had, more in zip(so_far, tuple(row)[7:], strict=True)]
    return tuple(
        ExpectedEffect(currency, int(known), *values)
        for currency, (known, *values) in sorted(found.items())
        if known
    )


def _largest(
    conn: Connection, columns: list[NDArray[Any]], currencies: Mapping[str, str]
) -> tuple[BookChange, ...]:
    product, place, tier, before, after, run = columns
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
