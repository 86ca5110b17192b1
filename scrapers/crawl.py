"""Crawl one site: the call that the jobs make."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from sqlalchemy.engine import Connection

from scrapers.errors import CrawlFailed
from scrapers.outcomes import CrawlProgress, CrawlReport, Outcome, PageFailure
from scrapers.sites import Site, site_fields
from storage.database import open_engine, require_migrated, writing
from storage.sites import finish_crawl, save_site, start_crawl


@dataclass(slots=True)
class _Messages:
    """What the worker said last."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    finished: bool = False


def run_crawl(
    site: Site,
    *,
    database_url: str,
    limit: int | None = None,
    progress: Callable[[CrawlProgress], None] | None = None,
) -> CrawlReport:
    """Crawl a site in a child process; its offers and price changes are stored as it goes.

    Args:
        site: the shop.
        database_url: where to store; the database must be migrated.
        limit: most pages to read as products, or None.
        progress: called in this thread whenever the worker reports.

    Raises:
        CrawlFailed: the shop can not be reached or forbids us, or the worker died. The crawl is
            noted as failed; batches of offers stored before that stay.
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
            )
            crawl_id = start_crawl(conn, site.name, at=started_at)
        messages = _Messages(failed="the crawl was interrupted")
        try:
            request = {
                "site": site_fields(site),
                "database_url": database_url,
                "crawl_id": crawl_id,
                "limit": limit,
            }
            messages = _run_worker(request, progress or (lambda _: None))
        finally:
            finished_at = datetime.now(UTC)
            with writing(engine) as conn:
                _finish(conn, crawl_id, finished_at, messages)
    finally:
        engine.dispose()
    if not messages.finished:
        raise CrawlFailed(f"site {site.name!r}: {messages.failed}")
    return _report(site, crawl_id, started_at, finished_at, messages.summary)


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
            messages.failed = f"the crawl worker ended with status {status}: {_tail(log)}"
    return messages


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


def _finish(conn: Connection, crawl_id: int, at: datetime, messages: _Messages) -> None:
    summary = dict(messages.summary)
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
        complete=summary["complete"],
        outcomes=dict(summary["outcomes"]),
        failures=tuple(
            PageFailure(f["url"], Outcome(f["outcome"]), f["detail"]) for f in summary["failures"]
        ),
    )
