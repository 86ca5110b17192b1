"""The second crawl of a shop: what is asked again, what is gone on with, what is noticed."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pricing.events.competitors import CompetitorPriceChanged, CrawlDegraded
from scrapers.crawling.crawl import CrawlRun, run_crawl
from scrapers.errors import CrawlFailed, CrawlRunning
from scrapers.outcomes import CrawlProgress
from scrapers.sites import SiteKind
from storage.competitors.sites import crawls_of
from storage.database import reading, writing
from storage.jobs.lease_tables import leases
from storage.jobs.leases import held_leases
from storage.jobs.outbox import messages
from storage.tables import offers
from tests.databases import url_of
from tests.scrapers.crawling.test_crawl_trouble import product_page, sitemap
from tests.scrapers.crawls import offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html


def topics(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [message.topic for message in messages(conn)]


def with_tag(page: Reply, tag: str) -> Reply:
    return Reply(page.body, 200, {**page.headers, "ETag": tag})


def test_a_page_that_has_not_changed_is_not_read_again_but_its_price_is_fresh(
    database: Engine,
) -> None:
    same = product_page("10.00", "Tagged")
    script: dict[str, Reply | list[Reply]] = {
        "/tagged": [with_tag(same, '"v1"'), Reply(b"", 304, {"ETag": '"v1"'})],
        "/same-bytes": product_page("11.00", "Same"),
        "/changed": [with_tag(product_page("12.00", "New"), '"1"'), product_page("12.50", "New")],
    }
    with ScriptedServer(script) as shop:
        urls = tuple(f"{shop.url}{path}" for path in script)
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls)
        first = run_crawl(site, database_url=url_of(database))
        before = offers_in(database)
        second = run_crawl(site, database_url=url_of(database))
        asked = {path: headers[-1] for path, headers in shop.headers.items()}
    after = offers_in(database)
    assert asked["/tagged"]["If-None-Match"] == '"v1"'
    assert "If-None-Match" not in asked["/same-bytes"]
    assert (first.offers, second.offers) == (3, 3)
    assert {path: str(offer.price) for path, offer in after.items()} == {
        "/tagged": "10.00 EUR",
        "/same-bytes": "11.00 EUR",
        "/changed": "12.50 EUR",
    }
    assert all(after[path].observed_at > before[path].observed_at for path in after)
    assert after["/tagged"].source == "json-ld"


@pytest.mark.cold_children
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker under /proc")
def test_a_crawl_that_is_killed_goes_on_without_loss_and_without_duplicates(
    database: Engine,
) -> None:
    killed: list[str] = []

    def kill(progress: CrawlProgress) -> None:
        if progress.offers < 210 or killed:
            return
        for task in Path("/proc/self/task").iterdir():
            for pid in (task / "children").read_text().split():
                if b"scrapers.crawling.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    killed.append(pid)
                    os.kill(int(pid), signal.SIGKILL)

    paths = [f"/p/{n}" for n in range(280)]
    with ScriptedServer() as shop:
        shop.script["/sitemap.xml"] = sitemap(shop.url, *paths)
        # The numbers of no product of ours: known at once, so that batches are stored on the way.
        for n, path in enumerate(paths):
            shop.script[path] = product_page(f"{n + 1}.00", f"Thing {n}")
        site = site_at(f"{shop.url}/sitemap.xml", product_pattern="/p/", concurrency=16)
        feed_first = run_crawl(site, database_url=url_of(database), limit=280)
        assert feed_first.offers == 280
        for n, path in enumerate(paths):
            shop.script[path] = product_page(f"{n + 1}.50", f"Thing {n}")
        stop_waiting(database)
        with pytest.raises(CrawlFailed, match="status -9"):
            run_crawl(site, database_url=url_of(database), progress=kill)
        done = stored_in_last_crawl(database)
        asked = shop.asked.total()
        report = run_crawl(site, database_url=url_of(database))
        repeated = shop.asked.total() - asked
    assert 0 < done < 280
    assert repeated <= 280 - done + 3  # the rest, robots.txt and the sitemap
    assert report.offers == stored_in_last_crawl(database) == 280
    with reading(database) as conn:
        assert [crawl.status for crawl in crawls_of(conn)] == ["finished", "finished"]


def stop_waiting(engine: Engine) -> None:
    """Tie every offer to a product by hand, so that none waits for titles to be compared."""
    with writing(engine) as conn:
        rows = conn.execute(sa.text("SELECT url, site_id FROM offers")).all()
        conn.execute(
            sa.text(
                "INSERT INTO products (sku, title, category, created_at, updated_at) "
                "VALUES (:sku, :sku, 'c', '2026-01-05 00:00:00.000000', "
                "'2026-01-05 00:00:00.000000')"
            ),
            [{"sku": f"X{n}"} for n in range(len(rows))],
        )
        conn.execute(
            sa.text(
                "INSERT INTO match_reviews (site_id, url, title, product_id, score, features, "
                "status, created_at, decided_at) SELECT :site, :url, 't', product_id, 1, '[]', "
                "'same', '2026-01-05 00:00:00.000000', '2026-01-05 00:00:00.000000' "
                "FROM products WHERE sku = :sku"
            ),
            [{"site": r.site_id, "url": r.url, "sku": f"X{n}"} for n, r in enumerate(rows)],
        )


def stored_in_last_crawl(engine: Engine) -> int:
    with reading(engine) as conn:
        last = crawls_of(conn)[0].crawl_id
        query = sa.select(sa.func.count()).where(offers.c.crawl_id == last)
        return conn.execute(query).scalar_one()


def test_a_site_that_another_process_crawls_is_left_to_it_until_that_is_dead(
    database: Engine,
) -> None:
    now = datetime.now(UTC)
    page = html('<h1>A</h1><p class="price">€1.00</p>')
    with ScriptedServer({"/a": page}) as shop:
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=(f"{shop.url}/a",))
        cut_off = CrawlRun.begin(database, site, at=now)  # by this process, which is alive
        with pytest.raises(CrawlRunning, match=rf"since {now:%Y-%m-%d %H:%M} UTC by process"):
            run_crawl(site, database_url=url_of(database))
        assert shop.asked.total() == 0
        with writing(database) as conn:
            conn.execute(leases.update().values(pid=2**22 + 1))  # no process has this number
        report = run_crawl(site, database_url=url_of(database))
    assert (report.crawl_id, report.offers) == (cut_off.crawl_id, 1)
    with reading(database) as conn:
        assert held_leases(conn, at=now) == {}


def test_a_new_layout_raises_an_alert_of_the_crawl_and_none_of_prices(database: Engine) -> None:
    paths = [f"/p/{n}" for n in range(8)]
    with ScriptedServer() as shop:
        shop.script["/sitemap.xml"] = sitemap(shop.url, *paths)
        for n, path in enumerate(paths):
            shop.script[path] = product_page(f"{n + 1}0.00", f"Thing {n}")
        site = site_at(f"{shop.url}/sitemap.xml", product_pattern="/p/")
        run_crawl(site, database_url=url_of(database))
        assert topics(database) == []
        for n, path in enumerate(paths):
            card = f"<i>{n + 2}9.00 EUR</i>" * 3 + "<i>5.00 EUR</i><i>7.00 EUR</i>"
            shop.script[path] = html(f"<div>Thing {n}</div>{card}")
        report = run_crawl(site, database_url=url_of(database))
    assert (report.offers, report.changes) == (0, 0)
    assert topics(database) == [CrawlDegraded.type_name]
    assert CompetitorPriceChanged.type_name not in topics(database)


def test_a_listing_that_can_be_turned_for_ever_without_anything_new_is_left(
    database: Engine,
) -> None:
    script: dict[str, Reply | list[Reply]] = {
        f"/day/{n}": html(
            '<ul><li><a href="/p/1">Thing</a> <b>€1.00</b></li></ul>'
            f'<a rel="next" href="/day/{n + 1}">next</a>'
        )
        for n in range(100)
    }
    script["/p/1"] = html('<h1>Thing</h1><p class="price">€1.00</p>')
    with ScriptedServer(script) as shop:
        report = run_crawl(site_at(f"{shop.url}/day/0"), database_url=url_of(database))
    assert report.complete
    assert report.pages < 10


def test_a_worker_whose_crawl_was_taken_up_stores_nothing_more_and_stops(
    each_database: Engine,
) -> None:
    """As after a kill of the process above it, which the worker outlives."""
    database = each_database
    script = {f"/p{k}": product_page(f"1{k}.00", f"Product {k}") for k in range(3)}
    later: list[CrawlRun] = []
    with ScriptedServer(script) as shop:
        urls = tuple(f"{shop.url}{path}" for path in script)
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls)
        first = CrawlRun.begin(database, site, at=datetime.now(UTC))

        def take_up(_: CrawlProgress) -> None:
            if not later:
                with writing(database) as conn:
                    run = CrawlRun.taken_up(conn, site.name, first.ticket, datetime.now(UTC))
                assert run is not None
                later.append(run)

        with pytest.raises(CrawlFailed, match="another process has taken this crawl over"):
            first.finish(url_of(database), progress=take_up)
        assert offers_in(database) == {}
        with reading(database) as conn:
            assert [crawl.status for crawl in crawls_of(conn)] == ["running"]
        report = later[0].finish(url_of(database))
    assert (report.crawl_id, report.offers) == (first.crawl_id, 3)
    assert set(offers_in(database)) == set(script)
    with reading(database) as conn:
        assert [crawl.status for crawl in crawls_of(conn)] == ["finished"]
        assert held_leases(conn, at=datetime.now(UTC)) == {}
