"""Crawl one site: the call that the jobs make."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final

from sqlalchemy.engine import Connection

from scrapers.errors import CrawlFailed, CrawlRunning
from scrapers.health import CRAWL_DEGRADED, Vitals, findings
from scrapers.outcomes import CrawlProgress, CrawlReport, Outcome, PageFailure
from scrapers.sites import Site, site_fields
from storage.database import open_engine, require_migrated, writing
from storage.outbox import enqueue
from storage.pages import outcomes_of
from storage.sites import (
    Crawl,
    crawls_of,
    finish_crawl,
    resume_crawl,
    save_site,
    start_crawl,
)


@dataclass(slots=True)
class _Messages:
    """What the worker said last."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    finished: bool = False
    cut_off: bool = False


def run_crawl(
    site: Site,
    *,
    database_url: str,
    limit: int | None = None,
    since: datetime | None = None,
    resume: bool = True,
    progress: Callable[[CrawlProgress], None] | None = None,
) -> CrawlReport:
    """Crawl a site in a child process; its offers and price changes are stored as it goes.

    Args:
        site: the shop.
        database_url: where to store; the database must be migrated.
        limit: most pages to read as products, or None.
        since: pages that the site says have not changed since then are left out; aware, or None.
        resume: go on with the site's last crawl where that was cut off, instead of beginning anew.
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
        started_at = datetime.now(UTC)
        with writing(engine) as conn:
            save_site(
                conn,
                site.name,
                start_url=site.start_url,
                kind=site.kind.value,
                market=site.market,
                currency=site.currency,
                definition=site_fields(site),
            )
            crawl_id = _begin(conn, site, started_at, resume=resume)
        messages = _Messages(failed="the crawl was interrupted", cut_off=True)
        try:
            request = {
                "site": site_fields(site),
                "database_url": database_url,
                "crawl_id": crawl_id,
                "limit": limit,
                "since": None if since is None else since.isoformat(),
            }
            messages = _run_worker(request, progress or (lambda _: None))
            if messages.finished:
                messages.failed = _why_nothing_was_read(messages.summary)
                messages.finished = not messages.failed
        finally:
            finished_at = datetime.now(UTC)
            with writing(engine) as conn:
                _finish(conn, site, crawl_id, finished_at, messages)
    finally:
        engine.dispose()
    if not messages.finished:
        raise CrawlFailed(f"site {site.name!r}: {messages.failed}")
    return _report(site, crawl_id, started_at, finished_at, messages.summary)


_STALE: Final = timedelta(minutes=10)
"""A crawl on another machine that has stored nothing for so long is dead."""

_RESUMED: Final = timedelta(hours=24)
"""An older crawl is begun anew: what it stored is no longer today's price."""


def _begin(conn: Connection, site: Site, now: datetime, *, resume: bool) -> int:
    """The number of a new crawl, or of the one that goes on.

    Raises:
        CrawlRunning: another process is at it.
    """
    me = {"host": socket.gethostname(), "pid": os.getpid(), "begun": now.isoformat()}
    last = next(iter(crawls_of(conn, site.name, limit=1)), None)
    cut_off = False
    if last is not None and last.status == "running":
        if _alive(conn, last, now):
            raise CrawlRunning(
                f"site {site.name!r} is being crawled by process {last.report.get('pid')} on "
                f"{last.report.get('host')}; wait for it or stop it"
            )
        cut_off = True
    elif last is not None and last.status == "failed":
        cut_off = bool(last.report.get("cut_off"))
    if last is None or not cut_off or not resume or now - last.started_at > _RESUMED:
        if last is not None and last.status == "running":
            error = {"error": "the crawl was killed"}
            finish_crawl(conn, last.crawl_id, at=now, status="failed", report=error)
        return start_crawl(conn, site.name, at=now, report=me)
    resume_crawl(conn, last.crawl_id, report=me)
    return last.crawl_id


def _alive(conn: Connection, crawl: Crawl, now: datetime) -> bool:
    """Whether the process that crawls still does."""
    pid = crawl.report.get("pid")
    if crawl.report.get("host") == socket.gethostname() and isinstance(pid, int):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return pid != os.getpid()  # our own number, given anew, is not the one that died
    seen = max((page.done_at for page in outcomes_of(conn, crawl.crawl_id).values()),
               default=crawl.started_at)  # fmt: skip
    return now - seen < _STALE


def _run_worker(
    request: Mapping[str, object], progress: Callable[[CrawlProgress], None]
) -> _Messages:
    """Run the child to its end and collect what it says."""
    messages = _Messages()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "scrapers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
        try:
            if worker.stdin is None or worker.stdout is None:
                raise CrawlFailed("the crawl worker has no pipes")
            with worker.stdin as pipe:
                json.dump(request, pipe)  # not on the command line: it may hold a password
            for line in worker.stdout:
                _take(line, messages, progress)
            status = worker.wait()
        finally:
            _end(worker)
        if not messages.finished and not messages.failed:
            messages.cut_off = True
            messages.failed = f"the crawl worker ended with status {status}: {_tail(log)}"
    return messages


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


def _take(line: str, messages: _Messages, progress: Callable[[CrawlProgress], None]) -> None:
    """One line of the worker."""
    said = json.loads(line)
    match said.pop("event"):
        case "progress":
            progress(CrawlProgress(**said))
        case "report":
            messages.summary, messages.finished = said["summary"], True
        case "failed":
            messages.summary, messages.failed = said.get("summary", {}), said["message"]
            messages.cut_off = bool(said.get("cut_off"))


def _end(worker: subprocess.Popen[str]) -> None:
    """Leave no child behind: ask it to stop, then make it."""
    if worker.stdout is not None:
        worker.stdout.close()
    if worker.poll() is None:
        worker.terminate()
        try:
            worker.wait(timeout=10)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _tail(log: IO[str]) -> str:
    log.seek(0)
    lines = log.read()[-4000:].strip().splitlines()
    return " | ".join(lines[-3:]) or "it left no log"


def _finish(conn: Connection, site: Site, crawl_id: int, at: datetime, messages: _Messages) -> None:
    """Note how the crawl ended, and tell if it went worse than the site's crawls usually do."""
    before = [
        Vitals.of_report(crawl.report)
        for crawl in crawls_of(conn, site.name)
        if crawl.status == "finished" and crawl.report.get("whole")
    ]
    summary = dict(messages.summary)
    summary["cut_off"] = messages.cut_off
    outcomes: Mapping[str, int] = summary.get("outcomes", {})
    failures = sum(n for name, n in outcomes.items() if Outcome(name).failure)
    if messages.failed:
        summary["error"] = messages.failed
    finish_crawl(
        conn,
        crawl_id,
        at=at,
        status="finished" if messages.finished else "failed",
        pages=int(summary.get("pages", 0)),
        offers=int(summary.get("offers", 0)),
        failures=failures,
        report=summary,
    )
    alert = crawl_alert(site, crawl_id, at, summary, before, failed=messages.failed)
    if alert is not None:
        enqueue(conn, CRAWL_DEGRADED, site.name, alert, at=at)


def crawl_alert(
    site: Site,
    crawl_id: int,
    at: datetime,
    summary: Mapping[str, Any],
    before: Sequence[Vitals],
    *,
    failed: str,
) -> dict[str, object] | None:
    """The facts of a crawl that went badly, as they go out on the wire; None if it went well.

    Args:
        site: the competitor.
        crawl_id: number of the crawl.
        at: when it ended, UTC.
        summary: what the worker reported.
        before: the site's crawls before, the newest first.
        failed: why it failed; empty if it did not.
    """
    facts: dict[str, object] = {
        "competitor": site.name, "market": site.market, "crawl": crawl_id, "at": at.isoformat(),
    }  # fmt: skip
    if failed:
        return {**facts, "failed": failed, "findings": []}
    found = findings(Vitals.of_report(summary), before) if summary.get("whole") else ()
    moved = list(summary.get("moved_in", ()))
    if not found and not moved:
        return None
    return {**facts, "failed": "", "findings": [asdict(f) for f in found], "moved_in": moved}


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
