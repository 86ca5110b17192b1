"""Competitor offers that no decision rests on, and looks at pages that are long over.

A run of decisions read, of each page, the last offer up to its time and not older than it allowed
(see `storage.competitors.offers`). These are pinned: a decision can be made again with what it
knew. So is the newest offer of each page, which says what stands there while it does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from storage.competitors.tables import crawl_pages, quarantine
from storage.database import reading, writing
from storage.tables import crawls, decision_runs, offers

BATCH: Final = 1_000
"""Rows that go in one transaction: others wait for no more than these."""

MOST_AGE: Final = timedelta(days=365)
"""Of the offers of a run that does not say how old they were allowed to be; more cannot be set."""


def forget_offers(
    engine: Engine, *, before: datetime, going_on: Callable[[int], None] = lambda _: None
) -> int:
    """Delete offers observed before a time that nothing rests on; returns how many.

    Args:
        engine: the database.
        before: the time, aware.
        going_on: told after each batch how many are gone; what it raises ends the work.
    """
    gone = 0
    while True:
        with reading(engine) as conn:
            runs = _runs(conn)
            waiting = _unpinned(conn, before)
        if not waiting:
            return gone
        for start in range(0, len(waiting), BATCH):
            with writing(engine) as conn:
                if conn.dialect.name == "postgresql":
                    # No run of decisions is stored while what none rests on goes.
                    conn.execute(sa.text("LOCK TABLE decision_runs IN SHARE MODE"))
                if _runs(conn) != runs:
                    break  # a run was stored meanwhile: it may rest on some of these
                batch = waiting[start : start + BATCH]
                gone += conn.execute(offers.delete().where(offers.c.offer_id.in_(batch))).rowcount
            going_on(gone)
        else:
            return gone


def forget_pages(conn: Connection, *, before: datetime, limit: int = BATCH) -> int:
    """Delete what became of pages in crawls that ended before a time; not of a site's last crawl.

    Returns how many rows went, at most about `limit`; none is left where it is 0.
    """
    last = sa.select(sa.func.max(crawls.c.crawl_id)).group_by(crawls.c.site_id)
    over = sa.select(crawls.c.crawl_id).where(
        crawls.c.finished_at < before, crawls.c.status != "running", crawls.c.crawl_id.not_in(last)
    )
    some = (
        sa.select(crawl_pages.c.crawl_id, crawl_pages.c.url)
        .where(crawl_pages.c.crawl_id.in_(over))
        .limit(limit)
    )
    these = sa.tuple_(crawl_pages.c.crawl_id, crawl_pages.c.url)
    return conn.execute(crawl_pages.delete().where(these.in_(some))).rowcount


def forget_quarantine(conn: Connection, *, before: datetime, limit: int = BATCH) -> int:
    """Delete held prices that were let go or dropped before a time; returns how many."""
    key = quarantine.c.quarantine_id
    some = sa.select(key).where(quarantine.c.decided_at < before).limit(limit)
    return conn.execute(quarantine.delete().where(key.in_(some))).rowcount


def _runs(conn: Connection) -> tuple[int, int]:
    query = sa.select(sa.func.count(), sa.func.max(decision_runs.c.run_id))
    count, newest = conn.execute(query.select_from(decision_runs)).one()
    return count, newest or 0


def _unpinned(conn: Connection, before: datetime) -> list[int]:
    old = set(conn.scalars(sa.select(offers.c.offer_id).where(offers.c.observed_at < before)))
    if not old:
        return []
    page = offers.c.site_id, offers.c.url
    newest = sa.func.max(offers.c.offer_id)
    old.difference_update(conn.scalars(sa.select(newest).group_by(*page)))
    age = decision_runs.c.report["offer_max_age_seconds"].as_float()
    for at, seconds in conn.execute(sa.select(decision_runs.c.decided_at, age)).all():
        if not old:
            break
        most = MOST_AGE if seconds is None else timedelta(seconds=seconds)
        if at - most < before:
            seen = offers.c.observed_at.between(at - most, at)
            old.difference_update(conn.scalars(sa.select(newest).where(seen).group_by(*page)))
    return sorted(old)
