"""Whole crawls over real sockets, in the child process that production uses."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from api.demo.shops import CompetitorShop, ShopProduct, ShopStyle
from pricing.events.competitors import CompetitorPriceChanged, CrawlDegraded
from pricing.money import Money
from scrapers.crawling.crawl import run_crawl
from scrapers.errors import CrawlFailed
from scrapers.outcomes import CrawlProgress
from scrapers.sites import SiteKind
from storage.competitors.sites import crawls_of
from storage.database import open_engine, reading
from storage.errors import NotMigrated, UnknownMarket
from storage.jobs.outbox import messages
from tests.databases import url_of
from tests.scrapers.conftest import SHELF
from tests.scrapers.crawls import last_crawl, offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html


def shelf_products(price: int = 2000) -> list[ShopProduct]:
    return [
        ShopProduct(f"A-{p.sku}", p.title, p.category, Money(price, "EUR"), p.brand, p.gtin)
        for p in SHELF
    ]


def test_a_price_change_between_two_crawls_becomes_one_message(each_database: Engine) -> None:
    # The shop without data for machines, from a listing, and the other one, from its sitemap.
    plain = each_database.dialect.name == "sqlite"
    style = ShopStyle.PLAIN if plain else ShopStyle.STRUCTURED
    with CompetitorShop("Rival", shelf_products(), style) as shop:
        site = site_at(shop.category_url("Kitchen") if plain else shop.sitemap_url)
        first = run_crawl(site, database_url=url_of(each_database))
        shop.set_price("A-K1", Money(1799, "EUR"))
        second = run_crawl(site, database_url=url_of(each_database))
        assert not any(path.startswith("/checkout") for path in shop.requests)
    expected = 2 if plain else 3
    assert (first.offers, first.matched, first.changes) == (expected, expected, 0)
    assert (second.offers, second.matched, second.changes) == (expected, expected, 1)
    with reading(each_database) as conn:
        (message,) = messages(conn)
    assert (message.topic, message.key) == (CompetitorPriceChanged.type_name, "K1/online/rival")


def test_a_limit_ends_the_crawl_after_so_many_product_pages(database: Engine) -> None:
    with CompetitorShop("Rival", shelf_products()) as shop:
        site = site_at(shop.sitemap_url, product_pattern="/product/")
        report = run_crawl(site, database_url=url_of(database), limit=2)
        assert sum(path.startswith("/product/") for path in shop.requests) == 2
        assert not any(path.startswith("/category/") for path in shop.requests)
    assert report.offers == 2
    assert report.complete


def test_a_shop_whose_every_product_page_fails_fails_the_crawl(database: Engine) -> None:
    cards = "".join(f'<li><a href="/p/{n}">Thing {n}</a> <b>€{n}9.00</b></li>' for n in "123")
    script = {"/all": html(f"<ul>{cards}</ul>")}
    script |= {f"/p/{n}": html("out of order", 500) for n in "123"}
    with ScriptedServer(script) as shop:
        site = site_at(f"{shop.url}/all", product_pattern="/p/")
        with pytest.raises(CrawlFailed, match=r"no product page could be read: 3 failed; .*/p/"):
            run_crawl(site, database_url=url_of(database))
    with reading(database) as conn:
        assert crawls_of(conn, site.name)[0].status == "failed"
        assert [message.topic for message in messages(conn)] == [CrawlDegraded.type_name]


def test_an_endless_shop_ends_at_the_sites_own_bound_and_the_report_says_so(
    database: Engine,
) -> None:
    # Each page of the calendar names the next one, and a product that is new.
    script: dict[str, Reply] = {}
    for number in range(200):
        card = f'<li><a href="/p/{number}">Thing</a> <b>€{number + 1}.00</b></li>'
        further = f'<a rel="next" href="/day/{number + 1}">next</a>'
        script[f"/day/{number}"] = html(f"<ul>{card}</ul>{further}")
        script[f"/p/{number}"] = html(f'<h1>Thing</h1><p class="price">€{number + 1}.00</p>')
    with ScriptedServer(script) as shop:
        site = site_at(f"{shop.url}/day/0", max_pages=20, concurrency=2)
        report = run_crawl(site, database_url=url_of(database))
    assert not report.complete
    assert 20 <= report.pages < 40
    assert 0 < report.offers == len(offers_in(database))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_unreachable_shop_fails_the_crawl_and_changes_nothing_else(database: Engine) -> None:
    site = site_at(f"http://127.0.0.1:{free_port()}/sitemap.xml")
    with pytest.raises(CrawlFailed, match=r"site 'rival': http://127\.0\.0\.1:\d+/sitemap\.xml"):
        run_crawl(site, database_url=url_of(database))
    crawl = last_crawl(database)
    assert (crawl.status, crawl.pages, crawl.offers) == ("failed", 0, 0)
    assert "refused" in crawl.report["error"]
    assert offers_in(database) == {}


LYING_DNS = """\
import socket
real = socket.getaddrinfo
def lie(host, *args, **kwargs):
    return real("127.0.0.1" if host == "rebound.example.com" else host, *args, **kwargs)
socket.getaddrinfo = lie
"""


def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LYING_DNS)  # for the crawling process
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = {"/start": html('<h1>A</h1><p class="price">€1.00</p>')}
    with server_on_a_usual_port(script) as shop:
        port = shop.url.rpartition(":")[2]
        url = f"http://rebound.example.com:{port}/start"
        site = site_at(url, kind=SiteKind.WATCH, urls=(url,), allow_private=False)
        with pytest.raises(CrawlFailed, match="no product page could be read"):
            run_crawl(site, database_url=url_of(database))
        assert shop.asked.total() == 0, "not even for its robots.txt"


def server_on_a_usual_port(script: dict[str, Reply]) -> ScriptedServer:
    """A server on one of the ports on which a shop may answer."""
    for port in (8080, 8443):
        try:
            return ScriptedServer(script, port=port)
        except OSError:
            continue
    pytest.skip("ports 8080 and 8443 are taken")


@pytest.mark.parametrize(
    ("robots", "start", "said"),
    [
        (html("maintenance", 503), html("x"), "robots.txt forbids"),
        (html("", 404), html("<h1>Welcome</h1>"), "neither a sitemap"),
    ],
)
def test_a_shop_that_gives_no_way_in_fails_the_crawl_with_the_reason(
    database: Engine, robots: Reply, start: Reply, said: str
) -> None:
    with (
        ScriptedServer({"/robots.txt": robots, "/start": start}) as shop,
        pytest.raises(CrawlFailed, match=said),
    ):
        run_crawl(site_at(f"{shop.url}/start"), database_url=url_of(database))
    assert last_crawl(database).status == "failed"


@pytest.mark.cold_children
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker under /proc")
def test_a_worker_that_is_killed_fails_the_crawl_and_leaves_no_half_batch(
    database: Engine,
) -> None:
    def kill(_: CrawlProgress) -> None:
        for task in Path("/proc/self/task").iterdir():
            for pid in (task / "children").read_text().split():
                if b"scrapers.crawling.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)

    with (
        CompetitorShop("Rival", shelf_products()) as shop,
        pytest.raises(CrawlFailed, match="ended with status -9"),
    ):
        run_crawl(site_at(shop.sitemap_url), database_url=url_of(database), progress=kill)
    assert last_crawl(database).status == "failed"
    assert offers_in(database) == {}


def test_a_caller_that_gives_up_stops_the_worker_and_the_crawl_is_noted_as_failed(
    database: Engine,
) -> None:
    def give_up(_: CrawlProgress) -> None:
        raise KeyboardInterrupt

    with CompetitorShop("Rival", shelf_products()) as shop, pytest.raises(KeyboardInterrupt):
        run_crawl(site_at(shop.sitemap_url), database_url=url_of(database), progress=give_up)
    crawl = last_crawl(database)
    assert (crawl.status, crawl.report["error"]) == ("failed", "the crawl was interrupted")
    with reading(database) as conn:
        assert messages(conn) == (), "we stopped it: that says nothing about the shop"


def test_a_database_without_tables_or_without_the_market_is_refused_before_any_request(
    tmp_path: Path, database: Engine
) -> None:
    with ScriptedServer() as shop:
        with pytest.raises(NotMigrated):
            run_crawl(site_at(f"{shop.url}/"), database_url=f"sqlite:///{tmp_path / 'new.db'}")
        elsewhere = site_at(f"{shop.url}/", market="store-99")
        with pytest.raises(UnknownMarket):
            run_crawl(elsewhere, database_url=url_of(database))
        assert shop.asked.total() == 0
    engine = open_engine(url_of(database))
    with reading(engine) as conn:
        assert crawls_of(conn) == ()
    engine.dispose()
