"""Price books as they are read: numbered states of all prices, kept as what changed in each.

`storage.releases.publishing` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.money import Money
from pricing.price_book import PUBLIC, PriceBook
from storage.bulk import read_columns
from storage.errors import PriceBookNotFound
from storage.products.keys import market_codes_of, skus_of
from storage.products.markets import list_markets, market_id
from storage.products.products import product_id
from storage.tables import markets
from storage.tables import price_book_entries as entries
from storage.tables import price_books as books

KEY: Final = ("product_id", "market_id", "tier")


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
    columns = (ranked.c[name] for name in (*KEY, "price_minor", "run_id"))
    return sa.select(*columns).where(ranked.c.place == 1)


def entry_at(key: sa.FromClause, version: int, column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """What a column of a key's entry was as of a version, in a query; NULL where there was none.

    Where few keys are asked for, or all of them are walked through anyway, the index answers each
    at once; `state_of` ranks the whole history first.
    """
    entry = entries.alias()
    return (
        sa.select(entry.c[column.name])
        .where(*(entry.c[name] == key.c[name] for name in KEY), entry.c.version <= version)
        .order_by(entry.c.version.desc())
        .limit(1)
        .correlate(key)
        .scalar_subquery()
    )


def prices_at(version: int) -> sa.Subquery:
    """The public prices of a version, as a part of a query: product_id, market_id, price_minor."""
    state = state_of(version).subquery()
    return (
        sa.select(state.c.product_id, state.c.market_id, state.c.price_minor)
        .where(state.c.tier == PUBLIC, state.c.price_minor.is_not(None))
        .subquery("prices_in_force")
    )
