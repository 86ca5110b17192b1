"""Competitor sites and the crawls of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.errors import CrawlNotFound, UnknownSite
from storage.products.markets import market_id
from storage.tables import crawls, markets, sites


@dataclass(frozen=True, slots=True)
class Crawl:
    """One visit to a site.

    Attributes:
        status: `running`, `finished` or `failed`.
        pages: pages fetched.
        offers: offers stored.
        failures: pages that gave no offer although they should have.
        report: whatever else the crawler tells of it.
    """

    crawl_id: int
    site: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    pages: int
    offers: int
    failures: int
    report: Mapping[str, Any]


def save_site(
    conn: Connection,
    name: str,
    *,
    start_url: str,
    kind: str,
    market: str,
    currency: str,
    definition: Mapping[str, Any] | None = None,
) -> int:
    """Add a site, or bring it up to date; returns its number.

    Args:
        conn: a transaction that writes.
        name: its key.
        start_url: where a crawl begins.
        kind: how it is read.
        market: code of our market that it competes in.
        currency: ISO 4217 code in which it sells.
        definition: all of it, as `sites.yaml` would say it.

    Raises:
        UnknownMarket: there is no such market.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    values = {
        "start_url": start_url,
        "kind": kind,
        "market_id": market_id(conn, market),
        "currency": currency,
        "definition": dict(definition or {}),
    }
    number: int | None = conn.scalar(sa.select(sites.c.site_id).where(sites.c.name == name))
    if number is None:
        statement = sites.insert().values(name=name, **values).returning(sites.c.site_id)
        added: int = conn.execute(statement).scalar_one()
        return added
    conn.execute(sites.update().where(sites.c.site_id == number).values(**values))
    return number


def site_number(conn: Connection, name: str) -> int:
    """The database's number of a site.

    Raises:
        UnknownSite: no site has this name.
    """
    number: int | None = conn.scalar(sa.select(sites.c.site_id).where(sites.c.name == name))
    if number is None:
        raise UnknownSite(f"site {name!r} is unknown; save it first")
    return number


def site_definitions(conn: Connection) -> dict[str, Mapping[str, Any]]:
    """Every stored site as `sites.yaml` would say it, by name; those saved without are left out."""
    query = sa.select(sites.c.name, sites.c.definition).order_by(sites.c.name)
    return {row.name: row.definition for row in conn.execute(query) if row.definition}


def market_of(conn: Connection, name: str) -> str:
    """Code of our market that a site competes in, also of one that was forgotten.

    Raises:
        UnknownSite: no site has this name.
    """
    query = sa.select(markets.c.code).join_from(sites, markets).where(sites.c.name == name)
    code: str | None = conn.scalar(query)
    if code is None:
        raise UnknownSite(f"no competitor site is called {name!r}")
    return code


def remove_site(conn: Connection, name: str) -> None:
    """Forget how a site is crawled. Its offers and crawls stay, and its name can come back.

    Raises:
        UnknownSite: no site has this name, or it was removed before.
    """
    require_writer(conn)
    if name not in site_definitions(conn):
        raise UnknownSite(f"site {name!r} is unknown")
    conn.execute(sites.update().where(sites.c.name == name).values(definition=sa.null()))


def start_crawl(
    conn: Connection, site: str, *, at: datetime, report: Mapping[str, Any] | None = None
) -> int:
    """Note that a crawl of this site begins; returns the crawl's number.

    Args:
        conn: a transaction that writes.
        site: name of the site.
        at: now, UTC.
        report: what is known at the start, such as who crawls.

    Raises:
        UnknownSite: no site has this name; see `save_site`.
    """
    require_writer(conn)
    number = site_number(conn, site)
    statement = crawls.insert().values(
        site_id=number, started_at=at, status="running", report=dict(report or {})
    )
    crawl_id: int = conn.execute(statement.returning(crawls.c.crawl_id)).scalar_one()
    return crawl_id


def resume_crawl(conn: Connection, crawl_id: int, *, report: Mapping[str, Any]) -> None:
    """Note that a crawl that was cut off goes on.

    Raises:
        CrawlNotFound: no crawl has this number.
    """
    require_writer(conn)
    done = conn.execute(
        crawls.update()
        .where(crawls.c.crawl_id == crawl_id)
        .values(status="running", finished_at=None, report=dict(report))
    )
    if done.rowcount != 1:
        raise CrawlNotFound(f"there is no crawl {crawl_id}")


def note_progress(
    conn: Connection, crawl_id: int, *, pages: int, offers: int, failures: int
) -> None:
    """Note how far a crawl is that has not ended."""
    require_writer(conn)
    conn.execute(
        crawls.update()
        .where(crawls.c.crawl_id == crawl_id, crawls.c.status == "running")
        .values(pages=pages, offers=offers, failures=failures)
    )


def finish_crawl(
    conn: Connection,
    crawl_id: int,
    *,
    at: datetime,
    status: Literal["finished", "failed"],
    pages: int = 0,
    offers: int = 0,
    failures: int = 0,
    report: Mapping[str, Any] | None = None,
) -> None:
    """Note how a crawl ended.

    Raises:
        CrawlNotFound: no crawl has this number.
    """
    require_writer(conn)
    done = conn.execute(
        crawls.update()
        .where(crawls.c.crawl_id == crawl_id)
        .values(
            finished_at=at,
            status=status,
            pages=pages,
            offers=offers,
            failures=failures,
            report=report or {},
        )
    )
    if done.rowcount != 1:
        raise CrawlNotFound(f"there is no crawl {crawl_id}")


def crawls_of(
    conn: Connection, site: str | None = None, *, limit: int = 50, visits: bool = False
) -> tuple[Crawl, ...]:
    """The newest crawls, of one site or of all, the newest first.

    Args:
        conn: any transaction.
        site: name of the site; None for all.
        limit: at most so many.
        visits: leave out what others reported, for which nobody went to the shop.
    """
    query = _crawls().order_by(crawls.c.crawl_id.desc()).limit(limit)
    if site is not None:
        query = query.where(sites.c.name == site)
    if visits:
        query = query.where(crawls.c.report["reported"].as_string().is_(None))
    return tuple(Crawl(*row) for row in conn.execute(query))


def find_crawl(conn: Connection, site: str, crawl_id: int) -> Crawl:
    """One crawl of a site.

    Raises:
        CrawlNotFound: the site has no crawl of this number.
    """
    query = _crawls().where(sites.c.name == site, crawls.c.crawl_id == crawl_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise CrawlNotFound(f"site {site!r} has no crawl {crawl_id}")
    return Crawl(*row)


def _crawls() -> sa.Select[Any]:
    return sa.select(
        crawls.c.crawl_id,
        sites.c.name,
        crawls.c.started_at,
        crawls.c.finished_at,
        crawls.c.status,
        crawls.c.pages,
        crawls.c.offers,
        crawls.c.failures,
        crawls.c.report,
    ).join_from(crawls, sites)
