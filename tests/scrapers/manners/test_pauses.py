"""What a shop asks of its visitors is done."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy.engine import Engine

from scrapers.crawling.crawl import CrawlRun, run_crawl
from scrapers.errors import CrawlFailed
from scrapers.manners.pauses import LONGEST_WAIT, retry_after
from scrapers.sites import SiteKind
from tests.databases import url_of
from tests.scrapers.crawls import offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 02 Mar 2026 09:00:30 GMT", 30.0),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0.0),
        ("9" * 40, 1e8),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_shop_that_asks_to_wait_is_given_the_time_and_one_that_asks_too_long_is_left(
    database: Engine,
) -> None:
    busy = {"Content-Type": "text/html", "Retry-After": "1"}
    closed = {"Content-Type": "text/html", "Retry-After": str(int(LONGEST_WAIT) + 1)}
    script: dict[str, Reply | Sequence[Reply]] = {
        "/robots.txt": Reply(b"User-agent: Pricewright\nCrawl-delay: 0.3\n"),
        "/a": [Reply(b"busy", 429, busy), html('<h1>A</h1><p class="price">€1.00</p>')],
        "/b": html('<h1>B</h1><p class="price">€2.00</p>'),
        "/c": Reply(b"closed", 503, closed),
    }
    with ScriptedServer(script) as shop:
        urls = tuple(f"{shop.url}/{name}" for name in "abc")
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls, concurrency=4)
        report = run_crawl(site, database_url=url_of(database))
        times = shop.times
    assert set(offers_in(database)) == {"/a", "/b"}
    assert report.outcomes == {"blocked": 1, "observed": 2}
    assert shop.asked["/c"] == 1
    first, second = times["/a"]
    assert second - first >= 0.99  # a lower bound holds on any machine
    asked = sorted(at for path, every in times.items() for at in every if path != "/robots.txt")
    assert min(b - a for a, b in itertools.pairwise(asked)) >= 0.2


def test_a_crawl_that_is_stopped_while_it_waits_keeps_the_page_for_the_next(
    database: Engine,
) -> None:
    busy = Reply(b"busy", 429, {"Retry-After": "200"})
    script: dict[str, Reply | Sequence[Reply]] = {
        "/a": [busy, html('<h1>A</h1><p class="price">€1.00</p>')]
    }
    with ScriptedServer(script) as shop:
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=(f"{shop.url}/a",))
        run = CrawlRun.begin(database, site, at=datetime.now(UTC))

        def stop_while_it_waits() -> None:
            shop.wait_for("/a")
            run.stop()

        stop = threading.Thread(target=stop_while_it_waits)
        stop.start()
        with pytest.raises(CrawlFailed, match="stopped before its end"):
            run.finish(url_of(database))
        stop.join()
        report = run_crawl(site, database_url=url_of(database))
    assert (report.crawl_id, report.offers) == (run.crawl_id, 1)
