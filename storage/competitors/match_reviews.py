"""The review queue of matches: pairs that a person decides, once, for good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pricing.events.competitors import MatchAnswered, MatchReopened
from storage.competitors.sites import site_number
from storage.competitors.tables import match_reviews as table
from storage.database import require_writer
from storage.errors import AlreadyDecided, NotTakenBack, ReviewNotFound
from storage.events.store import record
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


def read_review(conn: Connection, review_id: int) -> Review:
    """One pair.

    Raises:
        ReviewNotFound: no review has this number.
    """
    found = conn.execute(_reviews().where(table.c.review_id == review_id)).one_or_none()
    if found is None:
        raise ReviewNotFound(f"there is no review {review_id}")
    return Review(*found)


def features_of(conn: Connection, review_id: int) -> tuple[float, ...]:
    """What the score of a pair was made of; empty where there is no such review."""
    query = sa.select(table.c.features).where(table.c.review_id == review_id)
    return tuple(conn.scalar(query) or ())


def pending_beside(
    conn: Connection, beside: Review | None = None, *, backwards: bool = False
) -> Review | None:
    """The open pair that comes after another one in the queue, or before it.

    Args:
        conn: a connection.
        beside: the pair; it need not be open any more. None for the likeliest of all.
        backwards: the one before.

    Returns:
        The pair; the first one where none comes after, the last one where none comes before; None
        where no pair is open.
    """
    order = [table.c.score.desc(), table.c.review_id]
    if backwards:
        order = [table.c.score, table.c.review_id.desc()]
    pending = _reviews().where(table.c.status == "pending").order_by(*order).limit(1)
    rest = pending if beside is None else pending.where(_comes_after(beside, backwards=backwards))
    row = conn.execute(rest).one_or_none()
    if row is None and beside is not None:
        row = conn.execute(pending).one_or_none()
    return None if row is None else Review(*row)


def place_in_queue(conn: Connection, review: Review) -> tuple[int, int]:
    """Which of the open pairs this one is, from 1, and how many there are."""
    before = sa.func.count().filter(_comes_after(review, backwards=True))
    query = sa.select(before, sa.func.count()).where(table.c.status == "pending")
    ahead, total = conn.execute(query).one()
    return ahead + 1, total


def answered_by(conn: Connection, person: str, *, limit: int = 10) -> tuple[Review, ...]:
    """The pairs that somebody answered, the latest first; not those that were answered with one."""
    same = table.alias("same")
    with_one = sa.exists().where(
        table.c.status == "different",
        same.c.status == "same",
        same.c.site_id == table.c.site_id,
        same.c.url == table.c.url,
        same.c.decided_at == table.c.decided_at,
        same.c.decided_by == table.c.decided_by,
    )
    query = (
        _reviews()
        .where(table.c.decided_by == person, ~with_one)
        .order_by(table.c.decided_at.desc(), table.c.review_id.desc())
        .limit(limit)
    )
    return tuple(Review(*row) for row in conn.execute(query))


def decide(conn: Connection, review_id: int, *, same: bool, by: str, at: datetime) -> Review:
    """Answer a pair. To confirm one rejects the other open pairs of its page.

    Raises:
        ReviewNotFound: no review has this number.
        AlreadyDecided: it was answered otherwise; withdraw that with `reopen` first.
        NotWriting: the transaction was opened to read.
    """
    _keep_from_others(conn, review_id)
    found = read_review(conn, review_id)
    status = "same" if same else "different"
    if found.status not in {"pending", status}:
        raise AlreadyDecided(
            f"review {review_id} was answered {found.status!r} by {found.decided_by}"
        )
    if found.status == status:
        return found
    answer = {"status": status, "decided_at": at, "decided_by": by}
    conn.execute(table.update().where(table.c.review_id == review_id).values(**answer))
    if same:
        conn.execute(
            table.update()
            .where(*_of_page(conn, found), table.c.status == "pending")
            .values(**{**answer, "status": "different"})
        )
    record(
        conn,
        MatchAnswered(
            review=review_id, competitor=found.site, url=found.url, sku=found.sku, same=same
        ),
        at=at,
        actor=by,
    )
    return read_review(conn, review_id)


def reopen(
    conn: Connection, review_id: int, *, by: str, at: datetime, only_of: str | None = None
) -> Review:
    """Take an answer back: the pair is open again, and those that were rejected with it are, too.

    Args:
        conn: a transaction that writes.
        review_id: the pair.
        by: who takes it back.
        at: now, aware.
        only_of: take it back only if this person gave it; None for whoever did.

    Raises:
        ReviewNotFound: no review has this number.
        NotTakenBack: it is open, or somebody else answered it.
        NotWriting: the transaction was opened to read.
    """
    _keep_from_others(conn, review_id)
    found = read_review(conn, review_id)
    if found.status == "pending":
        raise NotTakenBack(f"review {review_id} is open; there is no answer to take back")
    answered = found.decided_by or ""
    if only_of not in {None, answered}:
        raise NotTakenBack(f"review {review_id} was answered {found.status!r} by {answered}")
    with_it: list[int] = []
    if found.status == "same":
        rejected = (
            *_of_page(conn, found),
            table.c.status == "different",
            table.c.decided_at == found.decided_at,
            table.c.decided_by == answered,
        )
        query = sa.select(table.c.review_id).where(*rejected).order_by(table.c.review_id)
        with_it = list(conn.scalars(query))
    conn.execute(
        table.update()
        .where(table.c.review_id.in_([review_id, *with_it]))
        .values(status="pending", decided_at=None, decided_by=None)
    )
    record(
        conn,
        MatchReopened(
            review=review_id, competitor=found.site, url=found.url, sku=found.sku,
            same=found.status == "same", answered_by=answered, with_it=tuple(with_it),
        ),
        at=at,
        actor=by,
    )  # fmt: skip
    return read_review(conn, review_id)


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


def _keep_from_others(conn: Connection, review_id: int) -> None:
    """Nobody else answers this pair before the end of the transaction."""
    require_writer(conn)
    query = sa.select(table.c.review_id).where(table.c.review_id == review_id)
    conn.execute(query.with_for_update())


def _of_page(conn: Connection, review: Review) -> tuple[sa.ColumnElement[bool], ...]:
    """The pairs of the same page."""
    return table.c.url == review.url, table.c.site_id == site_number(conn, review.site)


def _comes_after(review: Review, *, backwards: bool) -> sa.ColumnElement[bool]:
    """Which pairs come after this one in the queue, or before it."""
    score, number = table.c.score, table.c.review_id
    if backwards:
        return (score > review.score) | ((score == review.score) & (number < review.review_id))
    return (score < review.score) | ((score == review.score) & (number > review.review_id))


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
