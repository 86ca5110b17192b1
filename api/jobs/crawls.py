"""Crawls that a process makes beside its other work: those that are due or were asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.engine import Engine

from api.settings import Settings
from scrapers.crawling.crawl import CrawlRun
from scrapers.crawling.timetable import stored_sites, timetable
from scrapers.errors import CrawlFailed, CrawlRunning, InvalidSites, ScraperError
from scrapers.sites import Site
from storage.database import reading, writing
from storage.errors import LeaseHeld, StorageError, UnknownSite
from storage.jobs.leases import Lease, give_back, renew_lease, take_lease

_log = structlog.get_logger(__name__)

SCHEDULE: Final = "crawl schedule"
"""The lease of the one process that begins the crawls that are due."""

MOST: Final = 8
"""Crawls at a time in one process, whoever asked for them."""

_KILL_SECONDS: Final = 3.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TooManyCrawls(ScraperError):
    """This process makes as many crawls as it can, or is about to stop."""


def crawl_desk(engine: Engine, settings: Settings) -> CrawlDesk:
    """The desk of a process with these settings."""
    return CrawlDesk(
        engine,
        settings.database_url,
        at_once=settings.crawls_at_once,
        browser=settings.chromium,
        lasts=timedelta(seconds=60 + 2 * settings.crawl_poll_seconds),
    )


class CrawlDesk:
    """Begins crawls and sees them through, each in a thread with a child process.

    Args:
        engine: the database.
        database_url: the same, for the children.
        at_once: crawls that the schedule may have under way at a time.
        browser: path of a Chromium for pages that must be rendered; empty to look for one.
        lasts: the schedule's lease; another process takes it over when nothing is heard for so
            long.
        clock: the time, UTC.
    """

    def __init__(
        self,
        engine: Engine,
        database_url: str,
        *,
        at_once: int = 2,
        browser: str = "",
        lasts: timedelta = timedelta(minutes=2),
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._engine = engine
        self._database_url = database_url
        self._at_once = at_once
        self._browser = browser
        self._lasts = lasts
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[str, tuple[CrawlRun, threading.Thread]] = {}
        self._stopping = False
        self._lease: Lease | None = None

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the sites that this process crawls now."""
        with self._lock:
            return tuple(self._runs)

    def start(
        self,
        site: Site,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        resume: bool = True,
    ) -> int:
        """Begin a crawl and return its number; it goes on beside the caller.

        Args:
            site: the shop; it is crawled as the database describes it at this moment.
            limit: as in `run_crawl`.
            since: as there.
            resume: as there.

        Raises:
            CrawlRunning: somebody is crawling the site.
            TooManyCrawls: this process makes as many as it can, or is about to stop.
            InvalidSites: what is stored of the site can not be read.
            UnknownSite: it was forgotten meanwhile.
            StorageError: the database can not be used.
        """
        with self._lock:
            if self._stopping:
                raise TooManyCrawls("the service is about to stop; ask again when it is back")
            if site.name in self._runs:
                raise CrawlRunning(f"site {site.name!r} is being crawled by this process")
            if len(self._runs) >= MOST:
                raise TooManyCrawls(f"{MOST} crawls are under way here; ask again later")
            at = self._clock()
            # It may have been described anew, or forgotten, since the caller read it.
            run = CrawlRun.begin(self._engine, site, at=at, resume=resume, stored=True)
            thread = threading.Thread(
                target=self._see_through, args=(run, limit, since), name=f"crawl {site.name}"
            )
            self._runs[site.name] = run, thread
            thread.start()
        _log.info("crawl began", site=site.name, crawl=run.crawl_id)
        return run.crawl_id

    def run_due(self) -> tuple[str, ...]:
        """Begin the crawls that are due, unless another process does that; gives their sites."""
        if not self._keeps_schedule():
            return ()
        now = self._clock()
        with reading(self._engine) as conn:
            planned = timetable(conn, stored_sites(conn).values(), now)
        begun = []
        for plan in planned:
            if not plan.is_due(now) or len(self.running) >= self._at_once:
                continue
            try:
                self.start(plan.site)
            except (CrawlRunning, TooManyCrawls, UnknownSite, InvalidSites):
                continue  # somebody was quicker
            begun.append(plan.site.name)
        return tuple(begun)

    def stop(self, wait: timedelta) -> bool:
        """End every crawl under way, in order where there is time; the next one goes on from there.

        Args:
            wait: how long that may take before what is left is killed.

        Returns:
            True if no crawl is under way any more.
        """
        with self._lock:
            self._stopping = True
            runs = list(self._runs.values())
        for run, _ in runs:
            run.stop()
        end = time.monotonic() + wait.total_seconds()
        for _, thread in runs:
            thread.join(max(0.0, end - _KILL_SECONDS - time.monotonic()))
        for run, thread in runs:
            if thread.is_alive():
                run.kill()
        for _, thread in runs:
            thread.join(max(0.0, end - time.monotonic()))
        if self._lease is not None:
            try:
                with writing(self._engine) as conn:
                    give_back(conn, self._lease)
            except StorageError as error:
                _log.warning("the schedule's lease ends by itself", why=str(error))
        return not any(thread.is_alive() for _, thread in runs)

    def _keeps_schedule(self) -> bool:
        """Whether this process is the one that begins what is due; takes over from a dead one."""
        now = self._clock()
        with writing(self._engine) as conn:
            held = self._lease
            if held is not None and renew_lease(
                conn, held.name, held.token, until=now + self._lasts
            ):
                return True
            try:
                self._lease = take_lease(conn, SCHEDULE, at=now, lasts=self._lasts)
            except LeaseHeld:
                self._lease = None
                return False
        _log.info("this process begins the crawls that are due")
        return True

    def _see_through(self, run: CrawlRun, limit: int | None, since: datetime | None) -> None:
        """Make a crawl and tell how it ended."""
        name = run.site.name
        try:
            report = run.finish(self._database_url, limit=limit, since=since, browser=self._browser)
        except (CrawlFailed, StorageError) as error:
            if self._stopping:
                _log.info("crawl stopped", site=name, crawl=run.crawl_id, why=str(error))
                return
            _log.warning("crawl failed", site=name, crawl=run.crawl_id, why=str(error))
        except Exception:  # noqa: BLE001  (logged; a thread has nobody to tell)
            _log.exception("crawl failed", site=name, crawl=run.crawl_id)
        else:
            _log.info("crawl ended", site=name, crawl=run.crawl_id, offers=report.offers,
                      changes=report.changes)  # fmt: skip
        finally:
            with self._lock:
                self._runs.pop(name, None)
