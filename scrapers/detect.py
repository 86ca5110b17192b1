"""What kind of shop stands at an address: each way in is tried, and the first that works is kept.

Every try is an ordinary crawl (polite, guarded, in a child process) into a database of its own.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from pricing.catalogue import Market
from scrapers.browser import find_browser
from scrapers.crawling.crawl import CrawlRun
from scrapers.errors import CrawlFailed
from scrapers.outcomes import CrawlReport
from scrapers.sites import Site, SiteKind
from storage.competitors.offers import ObservedOffer, latest_offers
from storage.database import migrate, open_engine, reading, writing
from storage.products.markets import add_markets

_FEED_ENDINGS = (".xml", ".tsv", ".csv", ".txt", ".xml.gz", ".tsv.gz", ".csv.gz")


@dataclass(frozen=True, slots=True)
class Detected:
    """A site that works.

    Attributes:
        site: ready to be written down.
        offers: what a few of its pages gave.
        report: of the crawl that found them.
        tried: what was tried before, and why it did not work.
    """

    site: Site
    offers: tuple[ObservedOffer, ...]
    report: CrawlReport
    tried: tuple[str, ...]


def detect_site(
    site: Site,
    *,
    pages: int = 10,
    patience: timedelta | None = None,
    browser: str = "",
    told: Callable[[str], None] | None = None,
) -> Detected:
    """Find out how a shop is best read.

    Args:
        site: its `start_url` is the address that is known; kind and start are found out.
        pages: product pages to read.
        patience: how long all of it may take; None for as long as it takes.
        browser: path of a Chromium; pages are rendered where all else brings nothing and there is
            one.
        told: called with each way before it is tried.

    Raises:
        CrawlFailed: no way brought an offer; the message says what was tried.
    """
    tried: list[str] = []
    end = None if patience is None else monotonic() + patience.total_seconds()
    for candidate in _candidates(site, rendered=_has_browser(browser)):
        way = f"{candidate.kind} at {candidate.start_url}"
        if candidate.render:
            way += ", rendered"
        left = None if end is None else end - monotonic()
        if left is not None and left <= 0.0:
            tried.append(f"{way}: no time was left for it")
            break
        if told is not None:
            told(way)
        try:
            report, offers = _try(candidate, pages, left, browser)
        except CrawlFailed as error:
            tried.append(f"{way}: {error}")
            continue
        if offers:
            return Detected(candidate, offers, report, tuple(tried))
        tried.append(f"{way}: no page gave an offer")
    raise CrawlFailed(f"site {site.name!r}: nothing worked: {'; '.join(tried)}")


def _candidates(site: Site, *, rendered: bool) -> Iterator[Site]:
    parts = urlsplit(site.start_url)
    base = f"{parts.scheme}://{parts.netloc}"
    if parts.path.lower().endswith(_FEED_ENDINGS):
        yield replace(site, kind=SiteKind.FEED)
    else:
        for kind in (SiteKind.SHOPIFY, SiteKind.WOOCOMMERCE, SiteKind.MAGENTO):
            yield replace(site, kind=kind, start_url=f"{base}/")
    starts = (site.start_url, f"{base}/robots.txt", f"{base}/sitemap.xml")
    for start in dict.fromkeys(starts):
        yield replace(site, kind=SiteKind.STOREFRONT, start_url=start)
    yield replace(site, kind=SiteKind.WATCH, urls=(site.start_url,))
    if rendered:
        yield replace(site, kind=SiteKind.STOREFRONT, render=True)
        yield replace(site, kind=SiteKind.WATCH, urls=(site.start_url,), render=True)


def _has_browser(browser: str) -> bool:
    try:
        find_browser(browser)
    except CrawlFailed:
        return False
    return True


def _try(
    site: Site, pages: int, seconds: float | None, browser: str
) -> tuple[CrawlReport, tuple[ObservedOffer, ...]]:
    with tempfile.TemporaryDirectory(prefix="pricewright-detect-") as folder:
        url = f"sqlite:///{Path(folder) / 'detect.db'}"
        engine = open_engine(url)
        try:
            migrate(engine)
            with writing(engine) as conn:
                add_markets(conn, [Market(site.market, site.currency)])
            run = CrawlRun.begin(engine, site, at=datetime.now(UTC))
            timer = None if seconds is None else threading.Timer(seconds, run.stop)
            if timer is not None:
                timer.daemon = True
                timer.start()
            try:
                report = run.finish(url, limit=pages, browser=browser)
            finally:
                if timer is not None:
                    timer.cancel()
            with reading(engine) as conn:
                found = latest_offers(conn, site.name)
        finally:
            engine.dispose()
    return report, tuple(stored.offer for stored in found.values())
