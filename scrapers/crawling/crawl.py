"""Crawl one site: the call that the jobs make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import msgspec
from sqlalchemy.engine import Connection, Engine

from pricing.events.competitors import CrawlDegraded
from scrapers.crawling.child import CrawlChild, Heard
from scrapers.crawling.lease import LEASE
from scrapers.errors import CrawlFailed, CrawlRunning
from scrapers.offers.crawl_health import Vitals, findings
from scrapers.outcomes import CrawlProgress, CrawlReport, Outcome, PageFailure
from scrapers.sites import Site, site_fields, site_from
from storage.competitors.sites import (
    Crawl,
    crawls_of,
    finish_crawl,
    resume_crawl,
    save_site,
    site_definitions,
    start_crawl,
)
from storage.database import open_engine, require_migrated, writing
from storage.errors import LeaseHeld, UnknownSite
from storage.events.store import record
from storage.jobs.leases import Lease, find_lease, give_back, hand_on, take_lease

RESUMED: Final = timedelta(hours=24)
"""An older crawl is begun anew: what it stored is no longer today's price."""


def lease_name(site: str) -> str:
    """The name of the lease under which a site is crawled."""
    return f"site {site}"


def run_crawl(
    site: Site,
    *,
    database_url: str,
    limit: int | None = None,
    since: datetime | None = None,
    resume: bool = True,
    browser: str = "",
    progress: Callable[[CrawlProgress], None] | None = None,
) -> CrawlReport:
    """Crawl a site in a child process; its offers and price changes are stored as it goes.

    Args:
        site: the shop.
        database_url: where to store; the database must be migrated.
        limit: most pages to read as products, or None.
        since: pages that the site says have not changed since then are left out; aware, or None.
        resume: go on with the site's last crawl where that was cut off, instead of beginning anew.
        browser: path of a Chromium for pages that must be rendered; empty to look for one.
        progress: called in this thread whenever the worker reports.

    Raises:
        CrawlFailed: the shop can not be reached or forbids us, or the worker died. The crawl is
            noted as failed; batches of offers stored before that stay, and the next crawl goes on
            from there if this one was cut off.
        CrawlRunning: another process is crawling this site.
        StorageError: the database can not be used, or the site's market is unknown.
    """
    engine = open_engine(database_url)
    try:
        require_migrated(engine)
        run = CrawlRun.begin(engine, site, at=datetime.now(UTC), resume=resume)
    finally:
        engine.dispose()
    return run.finish(database_url, limit=limit, since=since, browser=browser, progress=progress)


def _as_stored(conn: Connection, name: str) -> Site:
    definition = site_definitions(conn).get(name)
    if definition is None:
        raise UnknownSite(f"site {name!r} was forgotten meanwhile")
    return site_from(definition, f"site {name!r} of the database")


def _store(conn: Connection, site: Site) -> None:
    save_site(
        conn,
        site.name,
        start_url=site.start_url,
        kind=site.kind.value,
        market=site.market,
        currency=site.currency,
        definition=site_fields(site),
    )


class CrawlRun:
    """A crawl that this process has begun: nobody else crawls the site until it has ended.

    Attributes:
        site: the shop.
        crawl_id: number of the crawl.
        started_at: when it, or the part of it that is made now, began, UTC.
    """

    def __init__(
        self, site: Site, crawl_id: int, started_at: datetime, lease: Lease, resumed: int
    ) -> None:
        self.site = site
        self.crawl_id = crawl_id
        self.started_at = started_at
        self._lease = lease
        self._resumed = resumed
        self._for_good = False
        self._child = CrawlChild()

    @classmethod
    def begin(
        cls,
        engine: Engine,
        site: Site,
        *,
        at: datetime,
        resume: bool = True,
        stored: bool = False,
    ) -> Self:
        """Write down that this process crawls the site, and go on with a crawl that was cut off.

        Args:
            engine: the database.
            site: the shop.
            at: now, UTC.
            resume: go on with a crawl that was cut off, instead of beginning anew.
            stored: crawl the site as the database describes it by now, which is left as it is;
                without, what is given here is stored.

        Raises:
            CrawlRunning: another process is crawling this site.
            InvalidSites: what is stored of it can not be read.
            UnknownSite: it was to be stored already, and is not (any more).
            StorageError: the database can not be used, or the site's market is unknown.
        """
        with writing(engine) as conn:
            return cls.begin_in(conn, site, at=at, resume=resume, stored=stored)

    @classmethod
    def begin_in(
        cls,
        conn: Connection,
        site: Site,
        *,
        at: datetime,
        resume: bool = True,
        stored: bool = False,
    ) -> Self:
        """As `begin`, within a transaction that writes."""
        try:
            lease = take_lease(conn, lease_name(site.name), at=at, lasts=LEASE)
        except LeaseHeld:
            held = find_lease(conn, lease_name(site.name))
            raise CrawlRunning(_running(site.name, held)) from None
        if stored:
            site = _as_stored(conn, site.name)
        else:
            _store(conn, site)
        last = next(iter(crawls_of(conn, site.name, limit=1, visits=True)), None)
        if last is not None and resume and was_cut_off(last) and at - last.started_at < RESUMED:
            resumed = int(last.report.get("resumed", 0)) + 1
            report = {"begun": at.isoformat(), "resumed": resumed}
            resume_crawl(conn, last.crawl_id, report=report)
            return cls(site, last.crawl_id, at, lease, resumed)
        if last is not None and last.status == "running":
            error_of = {"error": "the crawl was killed"}
            finish_crawl(conn, last.crawl_id, at=at, status="failed", report=error_of)
        number = start_crawl(conn, site.name, at=at, report={"begun": at.isoformat()})
        return cls(site, number, at, lease, 0)

    @classmethod
    def taken_up(
        cls, conn: Connection, name: str, ticket: Mapping[str, Any], at: datetime
    ) -> Self | None:
        """Go on with what another process has begun, by its `ticket`; None if that was taken over.

        The lease gets a new token: a worker that still runs under an older one, because it outlives
        the process that was killed above it, stores nothing more and stops.

        Args:
            conn: a transaction that writes.
            name: of the site.
            ticket: of the crawl that was begun.
            at: now, UTC.

        Raises:
            UnknownSite: it was forgotten meanwhile.
        """
        lease = hand_on(conn, lease_name(name), ticket["token"], until=at + LEASE)
        if lease is None:
            return None
        started_at = datetime.fromisoformat(ticket["started_at"])
        site = _as_stored(conn, name)
        return cls(site, ticket["crawl"], started_at, lease, ticket["resumed"])

    @property
    def ticket(self) -> dict[str, Any]:
        """What another process needs to go on with this crawl, as JSON."""
        return {
            "crawl": self.crawl_id,
            "token": self._lease.token,
            "started_at": self.started_at.isoformat(),
            "resumed": self._resumed,
        }

    def finish(
        self,
        database_url: str,
        *,
        limit: int | None = None,
        since: datetime | None = None,
        browser: str = "",
        progress: Callable[[CrawlProgress], None] | None = None,
        stored: Callable[[Connection, CrawlReport], None] = lambda _conn, _report: None,
    ) -> CrawlReport:
        """Do the crawl; returns when it has ended. Can be called once.

        Args:
            database_url: of the database in which it was begun.
            limit: as in `run_crawl`.
            since: as there.
            browser: as there.
            progress: as there.
            stored: called in the transaction that notes that the crawl has come to its end.

        Raises:
            CrawlFailed: as in `run_crawl`.
        """
        heard = Heard(failed="the crawl was interrupted", cut_off=True, stopped=True)
        request = {
            "site": site_fields(self.site),
            "database_url": database_url,
            "crawl_id": self.crawl_id,
            "lease": {"name": self._lease.name, "token": self._lease.token},
            "limit": limit,
            "since": None if since is None else since.isoformat(),
            "browser": browser,
        }
        engine = open_engine(database_url)
        try:
            heard = self._child.run(request, progress or (lambda _: None))
            if heard.finished:
                heard.failed = _why_nothing_was_read(heard.summary)
                heard.finished = not heard.failed
        finally:
            finished_at = datetime.now(UTC)
            with writing(engine) as conn:
                # Whoever has taken the lease since goes on with this crawl, and says how it ends.
                if give_back(conn, self._lease):
                    self._note_end(conn, finished_at, heard)
                    if heard.finished:
                        stored(conn, self._report(finished_at, heard))
            engine.dispose()
        if not heard.finished:
            raise CrawlFailed(f"site {self.site.name!r}: {heard.failed}")
        return self._report(finished_at, heard)

    def _report(self, finished_at: datetime, heard: Heard) -> CrawlReport:
        return _report(self.site, self.crawl_id, self.started_at, finished_at, heard.summary)

    def stop(self, *, for_good: bool = False) -> None:
        """Ask for an early end, from another thread.

        The next crawl goes on from there, unless it is stopped for good.
        """
        self._for_good = for_good
        self._child.stop()

    def kill(self) -> None:
        """End it at once, from another thread."""
        self._child.kill()

    def _note_end(self, conn: Connection, at: datetime, heard: Heard) -> None:
        """Note how the crawl ended, and tell if it went worse than the site's crawls usually do."""
        before = [
            Vitals.of_report(crawl.report)
            for crawl in crawls_of(conn, self.site.name)
            if crawl.status == "finished" and crawl.report.get("whole")
        ]
        cut_off = heard.cut_off and not self._for_good
        summary = {**heard.summary, "cut_off": cut_off, "resumed": self._resumed}
        outcomes: Mapping[str, int] = summary.get("outcomes", {})
        failures = sum(n for name, n in outcomes.items() if Outcome(name).failure)
        if heard.failed:
            summary["error"] = heard.failed
        finish_crawl(
            conn,
            self.crawl_id,
            at=at,
            status="finished" if heard.finished else "failed",
            pages=int(summary.get("pages", 0)),
            offers=int(summary.get("offers", 0)),
            failures=failures,
            report=summary,
        )
        if heard.stopped:
            return  # by us: that says nothing about the shop
        alert = crawl_alert(self.site, self.crawl_id, at, summary, before, failed=heard.failed)
        if alert is not None:
            record(conn, alert, at=at)


def _running(site: str, held: Lease | None) -> str:
    since = "" if held is None else f" since {held.since:%Y-%m-%d %H:%M} UTC by {held.holder}"
    return f"site {site!r} is being crawled{since}; wait for that crawl or stop it"


def was_cut_off(crawl: Crawl) -> bool:
    """Whether a crawl whose site nobody crawls now was ended before its end, and can go on."""
    if crawl.status == "running":
        return True
    return crawl.status == "failed" and bool(crawl.report.get("cut_off"))


_UNREADABLE: Final = (Outcome.FAILED, Outcome.BLOCKED, Outcome.FORBIDDEN)


def _why_nothing_was_read(summary: Mapping[str, Any]) -> str:
    """What to say of a crawl in which no product page could be fetched; empty if one could."""
    outcomes = Counter(summary.get("outcomes", {}))
    del outcomes[Outcome.LISTING.value]
    unread = [f"{outcomes[o.value]} {o.value}" for o in _UNREADABLE if outcomes[o.value]]
    if not unread or outcomes.keys() - {o.value for o in _UNREADABLE}:
        return ""
    first = next(iter(summary.get("failures", ())), {"url": "", "detail": ""})
    return f"no product page could be read: {', '.join(unread)}; {first['url']}: {first['detail']}"


def crawl_alert(
    site: Site,
    crawl_id: int,
    at: datetime,
    summary: Mapping[str, Any],
    before: Sequence[Vitals],
    *,
    failed: str,
) -> CrawlDegraded | None:
    """What is told of a crawl that went badly; None if it went well.

    Args:
        site: the competitor.
        crawl_id: number of the crawl.
        at: when it ended, UTC.
        summary: what the worker reported.
        before: the site's crawls before, the newest first.
        failed: why it failed; empty if it did not.
    """
    told = CrawlDegraded(
        competitor=site.name,
        market=site.market,
        crawl=crawl_id,
        at=at.isoformat(),
        failed=failed,
        findings=(),
    )
    if failed:
        return told
    found = findings(Vitals.of_report(summary), before) if summary.get("whole") else ()
    moved = tuple(summary.get("moved_in", ()))
    if not found and not moved:
        return None
    return msgspec.structs.replace(told, findings=tuple(found), moved_in=moved)


def _report(
    site: Site,
    crawl_id: int,
    started_at: datetime,
    finished_at: datetime,
    summary: Mapping[str, Any],
) -> CrawlReport:
    return CrawlReport(
        site=site.name,
        crawl_id=crawl_id,
        started_at=started_at,
        finished_at=finished_at,
        pages=summary["pages"],
        offers=summary["offers"],
        matched=summary["matched"],
        changes=summary["changes"],
        held=summary["held"],
        to_review=summary["to_review"],
        complete=summary["complete"],
        outcomes=dict(summary["outcomes"]),
        failures=tuple(
            PageFailure(f["url"], Outcome(f["outcome"]), f["detail"]) for f in summary["failures"]
        ),
    )
