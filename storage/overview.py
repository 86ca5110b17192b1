"""How much waits and how fresh everything is, counted by the database: what a day begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.competitors.sites import Crawl
from storage.competitors.tables import match_reviews, quarantine
from storage.jobs.job_tables import jobs
from storage.releases.tables import price_book_drafts
from storage.tables import crawls, decision_runs, fits, imports, markets, products, sites


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person.

    Attributes:
        drafts: proposals of prices without the consent that they need.
        reviews: matches in doubt.
        held_offers: competitors' prices that can hardly be right.
        failed_jobs: jobs that failed since the time that was asked for.
    """

    drafts: int
    reviews: int
    held_offers: int
    failed_jobs: int


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """The newest file of a kind that was brought in.

    Attributes:
        kind: `sales`, `costs`, and so on.
        file_name: of the file.
        rows: it had.
        finished_at: when it was in, UTC.
    """

    kind: str
    file_name: str
    rows: int
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class FitHead:
    """The newest fit, without its curves.

    Attributes:
        fit_id: its number.
        created_at: when it was made, UTC.
        window_start, window_end: first and last period of the sales that it learned from.
        rows: sales rows in it.
        method: how it was made.
        report: what the fit said of itself.
    """

    fit_id: int
    created_at: datetime
    window_start: date
    window_end: date
    rows: int
    method: str
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SiteVisit:
    """A competitor's site and its newest visit.

    Attributes:
        site: its name.
        market: code of our market that it is in.
        crawl: the newest crawl; None where nobody went there yet.
    """

    site: str
    market: str
    crawl: Crawl | None


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What of the first steps was taken.

    Attributes:
        products: some were brought in.
        decided: when prices were last decided, UTC; None if never.
    """

    products: bool
    decided: datetime | None


def count_waiting(conn: Connection, *, failed_since: datetime) -> Waiting:
    """Count what waits for a person; jobs only if they failed since this time."""
    failed = jobs.c.status == "failed", jobs.c.finished_at >= failed_since
    counts = [
        (price_book_drafts, (price_book_drafts.c.status == "draft",)),
        (match_reviews, (match_reviews.c.status == "pending",)),
        (quarantine, (quarantine.c.status == "held",)),
        (jobs, failed),
    ]
    queries = [
        sa.select(sa.func.count()).select_from(table).where(*which).scalar_subquery()
        for table, which in counts
    ]
    return Waiting(*conn.execute(sa.select(*queries)).one())


def newest_imports(conn: Connection) -> tuple[BroughtIn, ...]:
    """The newest file of each kind, by kind."""
    newest = sa.select(sa.func.max(imports.c.import_id)).group_by(imports.c.kind)
    query = sa.select(
        imports.c.kind, imports.c.file_name, imports.c.rows, imports.c.finished_at
    ).where(imports.c.import_id.in_(newest))
    return tuple(BroughtIn(*row) for row in conn.execute(query.order_by(imports.c.kind)))


def newest_fit(conn: Connection) -> FitHead | None:
    """The newest fit; None before the first."""
    query = sa.select(
        fits.c.fit_id,
        fits.c.created_at,
        fits.c.window_start,
        fits.c.window_end,
        fits.c.rows,
        fits.c.method,
        fits.c.report,
    )
    row = conn.execute(query.order_by(fits.c.fit_id.desc()).limit(1)).one_or_none()
    return None if row is None else FitHead(*row)


def site_visits(conn: Connection) -> tuple[SiteVisit, ...]:
    """Every site with its newest visit, by name; what others reported of it is none."""
    newest = (
        sa.select(sa.func.max(crawls.c.crawl_id))
        .where(crawls.c.site_id == sites.c.site_id)
        .where(crawls.c.report["reported"].as_string().is_(None))
        .correlate(sites)
        .scalar_subquery()
    )
    shown = ("crawl_id", "started_at", "finished_at", "status", "pages", "offers", "failures")
    query = (
        sa.select(
            sites.c.name,
            markets.c.code,
            *(crawls.c[name] for name in shown),
            crawls.c.report,
        )
        .join_from(sites, markets)
        .outerjoin(crawls, crawls.c.crawl_id == newest)
        .order_by(sites.c.name)
    )
    return tuple(
        SiteVisit(name, market, None if number is None else Crawl(number, name, *rest))
        for name, market, number, *rest in conn.execute(query)
    )


def beginnings(conn: Connection) -> Beginnings:
    """What of the first steps was taken."""
    there = conn.scalar(sa.select(sa.exists(sa.select(products.c.product_id))))
    decided = conn.scalar(sa.select(sa.func.max(decision_runs.c.created_at)))
    return Beginnings(bool(there), decided)
