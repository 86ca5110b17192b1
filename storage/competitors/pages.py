"""What became of each page of a crawl, and what a server told of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.competitors.tables import crawl_pages, site_pages
from storage.database import require_writer
from storage.tables import crawls, sites

HELD: Final = "held"
"""Outcome of a page that was observed and whose price is in quarantine."""


@dataclass(frozen=True, slots=True)
class PageState:
    """What to send with the next request of a page, so that it need not be sent again.

    Attributes:
        etag, last_modified: as the server gave them.
        content_hash: of the body that was read last.
        reader: version of the extraction that read it; another one reads it anew.
    """

    url: str
    etag: str | None
    last_modified: str | None
    content_hash: str | None
    reader: str


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of a product page in a crawl.

    Attributes:
        outcome: `observed`, `missing`, `blocked`, `failed`, `gone`, ...; of these only the first
            says anything about a price. `held`: it was observed and its price is not believed yet.
        detail: why, for a person.
    """

    url: str
    outcome: str
    detail: str
    done_at: datetime


def page_states(conn: Connection, site: str, *, reader: str) -> dict[str, PageState]:
    """The pages of a site that this version of the extraction has read, by URL."""
    columns = [site_pages.c[field.name] for field in fields(PageState)]
    query = (
        sa.select(*columns)
        .join_from(site_pages, sites, site_pages.c.site_id == sites.c.site_id)
        .where(sites.c.name == site, site_pages.c.reader == reader)
    )
    return {row.url: PageState(*row) for row in conn.execute(query)}


def save_page_states(conn: Connection, crawl_id: int, states: Collection[PageState]) -> None:
    """Keep what the server told of these pages; what it told before is replaced."""
    require_writer(conn)
    if not states:
        return
    site_id = conn.scalar(sa.select(crawls.c.site_id).where(crawls.c.crawl_id == crawl_id))
    names = [field.name for field in fields(PageState)]
    rows = [{"site_id": site_id, **dict(zip(names, astuple(s), strict=True))} for s in states]
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(site_pages)
    changed = {name: statement.excluded[name] for name in names if name != "url"}
    conn.execute(
        statement.on_conflict_do_update(index_elements=["site_id", "url"], set_=changed), rows
    )


def note_outcomes(conn: Connection, crawl_id: int, outcomes: Iterable[PageOutcome]) -> None:
    """Note that these pages of the crawl are done; a page counts once, the first time."""
    require_writer(conn)
    rows = [
        {"crawl_id": crawl_id, "url": o.url, "outcome": o.outcome, "detail": o.detail[:500],
         "done_at": o.done_at}
        for o in outcomes
    ]  # fmt: skip
    if not rows:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(crawl_pages)
    conn.execute(statement.on_conflict_do_nothing(index_elements=["crawl_id", "url"]), rows)


def outcomes_of(conn: Connection, crawl_id: int) -> dict[str, PageOutcome]:
    """The pages of a crawl that are done, by URL."""
    columns = [crawl_pages.c[field.name] for field in fields(PageOutcome)]
    query = sa.select(*columns).where(crawl_pages.c.crawl_id == crawl_id)
    return {row.url: PageOutcome(*row) for row in conn.execute(query)}


def gaps_of(conn: Connection, url: str, site: str) -> tuple[PageOutcome, ...]:
    """The times at which a page was looked at and gave no price, the oldest first."""
    columns = [crawl_pages.c[field.name] for field in fields(PageOutcome)]
    query = (
        sa.select(*columns)
        .join_from(crawl_pages, crawls, crawl_pages.c.crawl_id == crawls.c.crawl_id)
        .join(sites, crawls.c.site_id == sites.c.site_id)
        .where(sites.c.name == site, crawl_pages.c.url == url, crawl_pages.c.outcome != "observed")
        .order_by(crawl_pages.c.done_at)
    )
    return tuple(PageOutcome(*row) for row in conn.execute(query))
