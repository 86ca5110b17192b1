"""Price books: numbered states of all prices, kept as what changed in each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.money import Money
from pricing.price_book import PUBLIC, PriceBook
from storage.bulk import read_columns, refresh_statistics
from storage.database import take_turns
from storage.errors import ClockBehind, PriceBookNotFound, RunNotFound
from storage.freezes import frozen_markets, require_unfrozen
from storage.governance_tables import draft_parts
from storage.keys import market_codes_of, skus_of
from storage.markets import list_markets, market_id
from storage.products import product_id
from storage.tables import decision_runs, decisions, markets
from storage.tables import price_book_entries as entries
from storage.tables import price_books as books

_KEY: Final = ("product_id", "market_id", "tier")


@dataclass(frozen=True, slots=True)
class PublishedBook:
    """A version without its prices.

    Attributes:
        version: grows with time.
        published_at: when it went live, UTC.
        status: `live` or `superseded`.
        run_id: the decision run that it carries out.
        note: why, in the words of who published it.
        changes: how many prices it changed.
    """

    version: int
    published_at: datetime
    status: str
    run_id: int | None
    note: str
    changes: int


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price from the version that set it; None took the price off."""

    version: int
    published_at: datetime
    price: Money | None
    run_id: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """Those prices of a draft that go live in one stage."""

    draft_id: int
    stage: int


def publish(
    conn: Connection, run_id: int, *, at: datetime, note: str = "", part: Part | None = None
) -> int:
    """Make the prices of a decision run live; returns the new version.

    Only what differs from the live book is written. Prices that the run says nothing about stay,
    and so do those of frozen markets. Publishing the run that is live already changes nothing and
    returns its version. A tier price above the public one is lowered to it, always.

    Args:
        conn: a transaction that may write.
        run_id: the run.
        at: when it goes live.
        note: kept with the version.
        part: only these of its prices; all where None.

    Raises:
        RunNotFound: no run has this number.
        PricesFrozen: somebody pulled the kill switch.
        ClockBehind: `at` lies before the last publication.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    require_unfrozen(conn)
    if (
        conn.scalar(sa.select(decision_runs.c.run_id).where(decision_runs.c.run_id == run_id))
        is None
    ):
        raise RunNotFound(f"there is no decision run {run_id}")
    live = conn.execute(
        sa.select(books.c.version, books.c.run_id).where(books.c.status == "live")
    ).one_or_none()
    if live is not None and live.run_id == run_id and part is None:
        number: int = live.version
        return number
    version = _new_live_version(conn, run_id=run_id, at=at, note=note)
    state = state_of(version).subquery()
    changed = (
        sa.select(
            decisions.c.product_id,
            decisions.c.market_id,
            decisions.c.tier,
            sa.literal(version),
            decisions.c.price_minor,
            decisions.c.run_id,
        )
        .outerjoin(
            state,
            sa.and_(
                state.c.product_id == decisions.c.product_id,
                state.c.market_id == decisions.c.market_id,
                state.c.tier == decisions.c.tier,
            ),
        )
        .where(
            decisions.c.run_id == run_id,
            decisions.c.price_minor.is_not(None),
            decisions.c.price_minor.is_distinct_from(state.c.price_minor),
        )
    )
    frozen = frozen_markets(conn)
    if frozen:
        changed = changed.where(decisions.c.market_id.not_in(frozen))
    if part is not None:
        changed = changed.join(
            draft_parts,
            sa.and_(
                draft_parts.c.product_id == decisions.c.product_id,
                draft_parts.c.market_id == decisions.c.market_id,
            ),
        ).where(draft_parts.c.draft_id == part.draft_id, draft_parts.c.stage == part.stage)
    names = ("product_id", "market_id", "tier", "version", "price_minor", "run_id")
    conn.execute(entries.insert().from_select(names, changed))
    _cap_tiers(conn, version)
    refresh_statistics(conn, entries)
    return version


def roll_back(conn: Connection, to: int, *, at: datetime, note: str = "") -> int:
    """Bring every price back to what it was in a version; returns the new version that does so.

    Prices that did not exist then are taken off. Nothing is deleted: the version rolled back from
    stays on record.

    Args:
        conn: a transaction that may write.
        to: the version whose prices come back.
        at: when they do.
        note: kept with the new version.

    Raises:
        PriceBookNotFound: there is no such version.
        ClockBehind: `at` lies before the last publication.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    if conn.scalar(sa.select(books.c.version).where(books.c.version == to)) is None:
        raise PriceBookNotFound(f"there is no price book {to}")
    version = _new_live_version(conn, run_id=None, at=at, note=note)
    # Only keys with an entry after that version can differ from it. For each of them the index
    # finds the entry that counted then and the one that counts now.
    key = (
        sa.select(*(entries.c[name] for name in _KEY))
        .where(entries.c.version > to)
        .distinct()
        .subquery("moved")
    )
    then = _entry_at(key, to, entries.c.price_minor)
    restored = sa.select(
        *(key.c[name] for name in _KEY),
        sa.literal(version),
        then,
        _entry_at(key, to, entries.c.run_id),
    ).where(then.is_distinct_from(_entry_at(key, version, entries.c.price_minor)))
    names = (*_KEY, "version", "price_minor", "run_id")
    conn.execute(entries.insert().from_select(names, restored))
    refresh_statistics(conn, entries)
    return version


def _entry_at(key: sa.FromClause, version: int, column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """What a column of a key's entry was as of a version; NULL where there was none."""
    entry = entries.alias()
    return (
        sa.select(entry.c[column.name])
        .where(*(entry.c[name] == key.c[name] for name in _KEY), entry.c.version <= version)
        .order_by(entry.c.version.desc())
        .limit(1)
        .correlate(key)
        .scalar_subquery()
    )


def _new_live_version(conn: Connection, *, run_id: int | None, at: datetime, note: str) -> int:
    """A further version in place of the live one, without prices yet."""
    newest = conn.execute(
        sa.select(books.c.version, books.c.published_at).order_by(books.c.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None and at < newest.published_at:
        raise ClockBehind(
            f"price book {newest.version} went live at {newest.published_at}, which is later than "
            f"{at}; check this computer's clock"
        )
    conn.execute(books.update().where(books.c.status == "live").values(status="superseded"))
    version = 1 if newest is None else int(newest.version) + 1
    conn.execute(
        books.insert().values(
            version=version, published_at=at, run_id=run_id, status="live", note=note
        )
    )
    return version


def _cap_tiers(conn: Connection, version: int) -> None:
    """Lower every tier price of the live book that exceeds the public price to that price."""
    if conn.scalar(sa.select(entries.c.tier).where(entries.c.tier != PUBLIC).limit(1)) is None:
        return
    tiers, public = state_of(version).subquery("tiers"), state_of(version).subquery("public")
    above = (
        sa.select(tiers.c.product_id, tiers.c.market_id, tiers.c.tier, public.c.price_minor)
        .join(
            public,
            sa.and_(
                public.c.product_id == tiers.c.product_id,
                public.c.market_id == tiers.c.market_id,
                public.c.tier == PUBLIC,
            ),
        )
        .where(tiers.c.tier != PUBLIC, tiers.c.price_minor > public.c.price_minor)
    )
    for row in conn.execute(above).all():
        key = {"product_id": row[0], "market_id": row[1], "tier": row[2], "version": version}
        this = sa.and_(*(entries.c[name] == value for name, value in key.items()))
        conn.execute(entries.delete().where(this))
        conn.execute(entries.insert().values(**key, price_minor=row[3], run_id=None))


def live_version(conn: Connection) -> int | None:
    """Number of the book in force; None before the first."""
    return conn.scalar(sa.select(books.c.version).where(books.c.status == "live"))


def live_edition(conn: Connection) -> tuple[int, datetime] | None:
    """Number of the book in force and when it was published; None before the first.

    The number alone does not name a book for ever: a backup put in place of the database may have
    another book under it.
    """
    query = sa.select(books.c.version, books.c.published_at).where(books.c.status == "live")
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.version, row.published_at)


def version_at(conn: Connection, at: datetime) -> int | None:
    """Number of the book that was in force at a time; None before the first."""
    query = sa.select(sa.func.max(books.c.version)).where(books.c.published_at <= at)
    version: int | None = conn.scalar(query)
    return version


def list_price_books(
    conn: Connection, *, version: int | None = None, limit: int = 50
) -> tuple[PublishedBook, ...]:
    """The newest versions, or the one asked for, without their prices; the newest first."""
    changes = (
        sa.select(sa.func.count())
        .where(entries.c.version == books.c.version)
        .correlate(books)
        .scalar_subquery()
    )
    query = (
        sa.select(
            books.c.version,
            books.c.published_at,
            books.c.status,
            books.c.run_id,
            books.c.note,
            changes,
        )
        .order_by(books.c.version.desc())
        .limit(limit)
    )
    if version is not None:
        query = query.where(books.c.version == version)
    return tuple(PublishedBook(*row) for row in conn.execute(query))


def load_price_book(conn: Connection, version: int | None = None) -> PriceBook:
    """All prices of a version, or of the one in force.

    Raises:
        PriceBookNotFound: no such version, or none was published yet.
    """
    query = sa.select(books.c.version, books.c.published_at)
    query = query.where(books.c.status == "live" if version is None else books.c.version == version)
    head = conn.execute(query).one_or_none()
    if head is None:
        raise PriceBookNotFound(
            "no price book was published yet; run `pricewright publish`"
            if version is None
            else f"there is no price book {version}"
        )
    state = state_of(head.version).subquery()
    prices = sa.select(
        state.c.product_id, state.c.market_id, state.c.tier, state.c.price_minor
    ).where(state.c.price_minor.is_not(None))
    product, market, tier, price = read_columns(conn, prices, ("int", "int", "str", "int"))
    return PriceBook.of(
        version=head.version,
        published_at=head.published_at,
        sku=skus_of(conn, product),
        market=market_codes_of(conn, market),
        tier=tier,
        price=price,
        currencies={item.code: item.currency for item in list_markets(conn)},
    )


def price_history(
    conn: Connection, sku: str, market: str, tier: str = PUBLIC
) -> tuple[PriceChange, ...]:
    """Every change of one price, the oldest first.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    query = (
        sa.select(
            entries.c.version,
            books.c.published_at,
            entries.c.price_minor,
            entries.c.run_id,
            markets.c.currency,
        )
        .join_from(entries, books)
        .join(markets, entries.c.market_id == markets.c.market_id)
        .where(
            entries.c.product_id == product_id(conn, sku),
            entries.c.market_id == market_id(conn, market),
            entries.c.tier == tier,
        )
        .order_by(entries.c.version)
    )
    return tuple(
        PriceChange(
            version=row.version,
            published_at=row.published_at,
            price=None if row.price_minor is None else Money(row.price_minor, row.currency),
            run_id=row.run_id,
        )
        for row in conn.execute(query)
    )


def state_of(version: int) -> sa.Select[*tuple[Any, ...]]:
    """Every key as of a version, as a query: its ids, `tier`, `price_minor` and `run_id`.

    `price_minor` is NULL where the price was taken off; `run_id` is that of the run that set it.
    """
    key = (entries.c.product_id, entries.c.market_id, entries.c.tier)
    newest_first = sa.func.row_number().over(partition_by=key, order_by=entries.c.version.desc())
    ranked = (
        sa.select(*key, entries.c.price_minor, entries.c.run_id, newest_first.label("place"))
        .where(entries.c.version <= version)
        .subquery()
    )
    columns = (ranked.c[name] for name in (*_KEY, "price_minor", "run_id"))
    return sa.select(*columns).where(ranked.c.place == 1)


def prices_at(version: int) -> sa.Subquery:
    """The public prices of a version, as a part of a query: product_id, market_id, price_minor."""
    state = state_of(version).subquery()
    return (
        sa.select(state.c.product_id, state.c.market_id, state.c.price_minor)
        .where(state.c.tier == PUBLIC, state.c.price_minor.is_not(None))
        .subquery("prices_in_force")
    )
