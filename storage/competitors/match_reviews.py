"""The review queue of matches: pairs that a person decides, once, for good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.competitors.sites import site_number
from storage.competitors.tables import match_reviews as table
from storage.database import require_writer
from storage.errors import AlreadyDecided, ReviewNotFound
from storage.products.products import product_ids
from storage.tables import products, sites


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pair for a person to look at.

    Attributes:
        url: the competitor's page.
        title: the competitor's title.
        sku: our product that it may be.
        score: the chance, 0..1.
        features: what the score was made of.
    """

    url: str
    title: str
    sku: str
    score: float
    features: Sequence[float]


@dataclass(frozen=True, slots=True)
class Review:
    """A pair in the queue, or decided.

    Attributes:
        status: `pending`, `same` or `different`.
        our_title: our product's title.
    """

    review_id: int
    site: str
    url: str
    title: str
    sku: str
    our_title: str
    score: float
    status: str
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """What people have said of a site's pages.

    Attributes:
        same: product of each page that was confirmed, by URL.
        different: pairs (SKU, URL) that are not the same.
    """

    same: dict[str, str]
    different: frozenset[tuple[str, str]]


def propose(conn: Connection, site: str, proposals: Collection[Proposal], *, at: datetime) -> None:
    """Put pairs into the queue. One that is there keeps its answer; if open, its score is renewed.

    Raises:
        UnknownSite: no site has this name.
    """
    require_writer(conn)
    if not proposals:
        return
    known = product_ids(conn, {proposal.sku for proposal in proposals})
    site_id = site_number(conn, site)
    rows = [
        {
            "site_id": site_id, "url": p.url, "title": p.title, "product_id": known[p.sku],
            "score": p.score, "features": list(p.features), "status": "pending", "created_at": at,
        }
        for p in proposals
        if p.sku in known
    ]  # fmt: skip
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    renewed = {name: statement.excluded[name] for name in ("title", "score", "features")}
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["site_id", "url", "product_id"],
            set_=renewed,
            where=table.c.status == "pending",
        ),
        rows,
    )


def reviews(
    conn: Connection, *, status: str | None = "pending", limit: int = 50
) -> tuple[Review, ...]:
    """Pairs of the queue, the likeliest first."""
    query = _reviews().order_by(table.c.score.desc(), table.c.review_id).limit(limit)
    if status is not None:
        query = query.where(table.c.status == status)
    return tuple(Review(*row) for row in conn.execute(query))


def decide(conn: Connection, review_id: int, *, same: bool, by: str, at: datetime) -> Review:
    """Answer a pair. To confirm one rejects the other open pairs of its page.

    Raises:
        ReviewNotFound: no review has this number.
        AlreadyDecided: it was answered otherwise; withdraw that with `reopen` first.
    """
    require_writer(conn)
    found = conn.execute(_reviews().where(table.c.review_id == review_id)).one_or_none()
    if found is None:
        raise ReviewNotFound(f"there is no review {review_id}")
    status = "same" if same else "different"
    if found.status not in {"pending", status}:
        raise AlreadyDecided(
            f"review {review_id} was answered {found.status!r} by {found.decided_by}"
        )
    answer = {"status": status, "decided_at": at, "decided_by": by}
    if found.status == "pending":
        conn.execute(table.update().where(table.c.review_id == review_id).values(**answer))
    if same:
        conn.execute(
            table.update()
            .where(
                table.c.url == found.url,
                table.c.site_id == site_number(conn, found.name),
                table.c.status == "pending",
            )
            .values(**{**answer, "status": "different"})
        )
    return Review(*conn.execute(_reviews().where(table.c.review_id == review_id)).one())


def reopen(conn: Connection, review_id: int) -> None:
    """Take an answer back: the pair is open again. Only a person does that.

    Raises:
        ReviewNotFound: no review has this number.
    """
    require_writer(conn)
    done = conn.execute(
        table.update()
        .where(table.c.review_id == review_id)
        .values(status="pending", decided_at=None, decided_by=None)
    )
    if done.rowcount != 1:
        raise ReviewNotFound(f"there is no review {review_id}")


def decided(conn: Connection, site: str) -> Decided:
    """What people have said of a site's pages; no machine overturns it."""
    query = (
        sa.select(table.c.url, products.c.sku, table.c.status)
        .join_from(table, products, table.c.product_id == products.c.product_id)
        .join(sites, table.c.site_id == sites.c.site_id)
        .where(sites.c.name == site, table.c.status != "pending")
    )
    rows = conn.execute(query).all()
    return Decided(
        same={row.url: row.sku for row in rows if row.status == "same"},
        different=frozenset((row.sku, row.url) for row in rows if row.status == "different"),
    )


def lessons(conn: Connection) -> tuple[list[list[float]], list[bool]]:
    """Features and answers of every decided pair, of all sites, in the order of the queue."""
    query = (
        sa.select(table.c.features, table.c.status)
        .where(table.c.status != "pending")
        .order_by(table.c.review_id)
    )
    rows = [row for row in conn.execute(query) if row.features]
    return [list(row.features) for row in rows], [row.status == "same" for row in rows]


def _reviews() -> sa.Select[Any]:
    return (
        sa.select(
            table.c.review_id,
            sites.c.name,
            table.c.url,
            table.c.title,
            products.c.sku,
            products.c.title,
            table.c.score,
            table.c.status,
            table.c.created_at,
            table.c.decided_at,
            table.c.decided_by,
        )
        .join_from(table, sites, table.c.site_id == sites.c.site_id)
        .join(products, table.c.product_id == products.c.product_id)
    )
