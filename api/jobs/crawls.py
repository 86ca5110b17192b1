"""Crawls as jobs: those that are due, and those that somebody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from sqlalchemy.engine import Connection, Engine

from api.work.asking import ask
from api.work.context import Context
from api.work.kinds import NETWORK, Kind
from models.refusals import Conflict
from scrapers.crawling.crawl import CrawlRun
from scrapers.crawling.timetable import stored_sites, timetable
from scrapers.errors import CrawlFailed, CrawlRunning, InvalidSites, ScraperError
from scrapers.outcomes import CrawlProgress, CrawlReport
from storage.database import reading, take_turns, writing
from storage.errors import ScopeTaken, UnknownSite
from storage.jobs.queue import list_jobs

_log = structlog.get_logger(__name__)

MOST: Final = 8
"""Crawls that are open at a time, whoever asked for them."""

_SCHEDULE: Final = "schedule"


class TooManyCrawls(ScraperError, Conflict):
    """As many crawls as can be are under way."""


class CrawlAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which shop to crawl, and how far.

    Attributes:
        site: its name, as the database knows it.
        limit: most pages to read as products.
        since: leave out pages that the sitemap says are unchanged since.
        resume: go on with a crawl that was cut off.
        ticket: of the crawl that was begun when the job was asked for; nobody gives one.
    """

    site: str
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    resume: bool = True
    ticket: dict[str, Any] | None = None


def ask_for_crawl(conn: Connection, asked: CrawlAsked, *, at: datetime, by: str) -> int:
    """Queue a crawl; returns the job's number. The crawl's own is in its request, as `ticket`.

    Raises:
        CrawlRunning: the site is being crawled, or waits to be.
        TooManyCrawls: as many as can be are under way.
        InvalidSites: what is stored of the site can not be read.
        UnknownSite: it was forgotten meanwhile.
    """
    take_turns(conn, "crawls")
    if len(_open(conn)) >= MOST:
        raise TooManyCrawls(f"{MOST} crawls are under way; ask again later")
    try:
        return ask(conn, CRAWL, asked, at=at, by=by, alone=True)
    except ScopeTaken as error:
        raise CrawlRunning(f"site {asked.site!r} is being crawled: {error}") from None


def ask_for_due_crawls(engine: Engine, *, at: datetime, most: int) -> tuple[str, ...]:
    """Queue crawls of the sites that are due; gives their names.

    Whoever asks first is the one: a site with an open crawl is left alone.

    Args:
        engine: the database.
        at: now, UTC.
        most: crawls that may be open when another one is begun.
    """
    with reading(engine) as conn:
        due = [plan.site for plan in timetable(conn, stored_sites(conn).values(), at)
               if plan.is_due(at)]  # fmt: skip
    begun = []
    for site in due:
        try:
            with writing(engine) as conn:
                take_turns(conn, "crawls")
                if len(_open(conn)) >= most:
                    break
                (plan,) = timetable(conn, [site], at)
                if not plan.is_due(at):
                    continue  # somebody was quicker
                ask_for_crawl(conn, CrawlAsked(site.name), at=at, by=_SCHEDULE)
        except (CrawlRunning, TooManyCrawls, UnknownSite, InvalidSites):
            continue
        begun.append(site.name)
    return tuple(begun)


def _open(conn: Connection) -> tuple[object, ...]:
    return list_jobs(conn, kind="crawl", statuses=("queued", "running"), limit=MOST)


def _asked(conn: Connection, job_id: int, asked: CrawlAsked, at: datetime, by: str) -> CrawlAsked:
    """Begin the crawl at once, so that whoever asked can follow it by its number."""
    del job_id, by
    site = stored_sites(conn).get(asked.site)
    if site is None:
        raise UnknownSite(f"there is no site {asked.site!r}")
    run = CrawlRun.begin_in(conn, site, at=at, resume=asked.resume, stored=True)
    return msgspec.structs.replace(asked, ticket=run.ticket)


def _crawl(asked: CrawlAsked, context: Context) -> Mapping[str, Any]:
    run = _taken_up(asked, context)
    _log.info("crawl began", site=asked.site, crawl=run.crawl_id)
    try:
        with context.stopping_by(lambda: run.stop(for_good=context.cancelled)):
            report = run.finish(
                context.given["database_url"],
                limit=asked.limit,
                since=asked.since,
                browser=context.given["chromium"],
                progress=lambda now: _show(context, now),
                stored=lambda conn, done: context.end(conn, _told(done)),
            )
    except CrawlFailed:
        context.check()  # stopped by us: that is no failure
        raise
    _log.info("crawl ended", site=asked.site, crawl=run.crawl_id, offers=report.offers,
              changes=report.changes)  # fmt: skip
    return _told(report)


def _taken_up(asked: CrawlAsked, context: Context) -> CrawlRun:
    """The crawl that was begun when it was asked for; what was cut off since then goes on."""
    at = context.now()
    with writing(context.engine) as conn:
        run = CrawlRun.taken_up(conn, asked.site, asked.ticket or {"token": ""}, at)
        if run is not None:
            return run
        site = stored_sites(conn).get(asked.site)
        if site is None:
            raise UnknownSite(f"site {asked.site!r} was forgotten meanwhile")
        return CrawlRun.begin_in(conn, site, at=at, stored=True)


def _show(context: Context, now: CrawlProgress) -> None:
    context.progress(f"{now.offers} offers of {now.pages} pages", now.pages, None)


def _told(report: CrawlReport) -> dict[str, Any]:
    names = ("pages", "offers", "matched", "changes", "held", "to_review", "complete")
    return {"crawl": report.crawl_id, **{name: getattr(report, name) for name in names}}


CRAWL: Final = Kind(
    "crawl",
    "Collect a competitor's prices.",
    CrawlAsked,
    _crawl,
    lane=NETWORK,
    scope=lambda asked: f"site {asked.site}",
    asked=_asked,
)
