"""The child process of a crawl: `python -m scrapers.crawling.worker`.

Twisted's reactor runs once in a process, and a page that takes memory or crashes a parser must not
take the caller down; so each crawl has a process of its own. It reads one line of JSON from
standard input (`site`, `database_url`, `crawl_id`, `lease`, `limit`, `since`, `browser`) and writes
JSON lines to standard output:
`{"event": "progress", ...}` while it runs, then one `{"event": "report", ...}` or
`{"event": "failed", "message": ...}`. The log goes to standard error. When standard input ends, the
parent has ended, and so does the crawl.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from time import monotonic
from typing import Final

# Imported first, and not from within the reactor, where it takes longer: it inspects its callers.
from scrapy.core.downloader import contextfactory  # noqa: F401
from scrapy.crawler import AsyncCrawlerProcess

from scrapers.browser import find_browser
from scrapers.crawling.child import STOPPED
from scrapers.crawling.lease import LeaseKeeper
from scrapers.errors import CrawlFailed
from scrapers.manners.settings import crawl_settings
from scrapers.offers.store import OfferStore
from scrapers.outcomes import CrawlProgress, Ledger
from scrapers.sites import Site, site_from
from scrapers.spiders import SPIDERS
from storage.database import open_engine
from storage.errors import StorageError

_PROGRESS_EVERY: Final = 0.1  # seconds


def crawl_here(
    site: Site,
    store: OfferStore,
    ledger: Ledger,
    *,
    limit: int | None,
    since: datetime | None = None,
    browser: str = "",
) -> None:
    """Crawl a site in this process; can be called once. The ledger says how it went.

    Raises:
        CrawlFailed: its pages must be rendered, and there is no browser.
    """
    chromium = find_browser(browser) if site.render else None
    process = AsyncCrawlerProcess(crawl_settings(site, browser=chromium))
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
    match crawler.stats.get_value("finish_reason"):
        case "shutdown":
            ledger.fail(STOPPED)
        case "closespider_pagecount":
            ledger.complete = False
    if ledger.outcomes.total() == 0 and not ledger.fatal:
        ledger.fail("the crawl ended before its first page")


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
        end_early()


_ended: Final = threading.Event()


def end_early() -> None:
    """End the crawl in order, once: Scrapy takes a second signal for impatience."""
    if not _ended.is_set():
        _ended.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _when_input_ends(call: Callable[[], None]) -> None:
    """Call when the parent is gone; reads past Python's buffer, whose lock it would hold."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        call()

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def main() -> int:
    """Read the request, crawl, report; the exit status is 1 where the crawl failed."""
    request = json.loads(sys.stdin.readline())
    _when_input_ends(end_early)
    site = site_from(request["site"], "crawl request")
    ledger = Ledger(site.name)
    since = request.get("since")
    engine = open_engine(request["database_url"])
    keeper = LeaseKeeper(engine, request["lease"], request["crawl_id"], ledger, end_early)
    try:
        with keeper:
            store = OfferStore(engine, site, request["crawl_id"], ledger, fence=keeper.require_held)
            crawl_here(
                site,
                store,
                ledger,
                limit=request["limit"],
                since=datetime.fromisoformat(since) if since else None,
                browser=request.get("browser", ""),
            )
    except StorageError as error:
        emit("failed", {"message": f"the database can not be used: {error}"})
        return 1
    except CrawlFailed as error:
        emit("failed", {"message": str(error)})
        return 1
    finally:
        engine.dispose()
    emit("progress", asdict(ledger.progress()))
    if ledger.fatal:
        stopped = ledger.fatal == STOPPED
        emit("failed", {"message": ledger.fatal, "summary": ledger.summary(), "cut_off": stopped})
        return 1
    whole = ledger.complete and request["limit"] is None and not since
    emit("report", {"summary": {**ledger.summary(), "whole": whole}})
    return 0


if __name__ == "__main__":
    sys.exit(main())
