"""The child process of a crawl: `python -m scrapers.worker`.

Twisted's reactor runs once in a process, and a page that takes memory or crashes a parser must not
take the caller down; so each crawl has a process of its own. It reads one JSON object from
standard input (`site`, `database_url`, `crawl_id`, `limit`, `since`) and writes JSON lines to
standard output:
`{"event": "progress", ...}` while it runs, then one `{"event": "report", ...}` or
`{"event": "failed", "message": ...}`. The log goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from datetime import datetime
from time import monotonic
from typing import Final

from scrapy.crawler import AsyncCrawlerProcess

from scrapers.offer_store import OfferStore
from scrapers.outcomes import CrawlProgress, Ledger
from scrapers.settings import crawl_settings
from scrapers.sites import Site, site_from
from scrapers.spiders import SPIDERS
from storage.database import open_engine
from storage.errors import StorageError

STOPPED: Final = "the crawl was stopped before its end"

_PROGRESS_EVERY: Final = 0.1  # seconds


def crawl_here(
    site: Site,
    *,
    database_url: str,
    crawl_id: int,
    limit: int | None,
    since: datetime | None = None,
) -> Ledger:
    """Crawl a site in this process; can be called once.

    Raises:
        StorageError: the database can not be read at the start.
    """
    ledger = Ledger(site.name)
    engine = open_engine(database_url)
    try:
        store = OfferStore(engine, site, crawl_id, ledger)
        process = AsyncCrawlerProcess(crawl_settings(site))
        crawler = process.create_crawler(SPIDERS[site.kind])
        process.crawl(
            crawler,
            site=site,
            ledger=ledger,
            store=store,
            report=_Reporter(),
            limit=limit,
            since=since,
        )
        process.start()
    finally:
        engine.dispose()
    match crawler.stats.get_value("finish_reason"):
        case "shutdown":
            ledger.fail(STOPPED)
        case "closespider_pagecount":
            ledger.complete = False
    if ledger.outcomes.total() == 0 and not ledger.fatal:
        ledger.fail("the crawl ended before its first page")
    return ledger


class _Reporter:
    """Writes progress, but not more often than an eye can follow."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: CrawlProgress) -> None:
        now = monotonic()
        if now - self._last >= _PROGRESS_EVERY:
            self._last = now
            emit("progress", asdict(progress))


def emit(event: str, fields: dict[str, object]) -> None:
    """One JSON line for the parent. Without a parent there is nobody to crawl for."""
    try:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)  # Scrapy ends gracefully on this


def main() -> int:
    """Read the request, crawl, report; the exit status is 1 where the crawl failed."""
    request = json.loads(sys.stdin.read())
    site = site_from(request["site"], "crawl request")
    try:
        ledger = crawl_here(
            site,
            database_url=request["database_url"],
            crawl_id=request["crawl_id"],
            limit=request["limit"],
            since=datetime.fromisoformat(request["since"]) if request.get("since") else None,
        )
    except StorageError as error:
        emit("failed", {"message": f"the database can not be used: {error}"})
        return 1
    emit("progress", asdict(ledger.progress()))
    if ledger.fatal:
        stopped = ledger.fatal == STOPPED
        emit("failed", {"message": ledger.fatal, "summary": ledger.summary(), "cut_off": stopped})
        return 1
    whole = ledger.complete and request["limit"] is None and not request.get("since")
    emit("report", {"summary": {**ledger.summary(), "whole": whole}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
