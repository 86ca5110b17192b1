"""Sites, crawls, the worker and reviews as a user meets them: processes, signals, a real shop."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api.demo.shops import CompetitorShop, ShopProduct
from pricing.money import Money
from scrapers.sites import Site, dump_sites
from tests.end_to_end.command_line import CommandLine

MARKETS = "market,currency,time_zone\nonline,EUR,Europe/Berlin\n"
OURS = (
    "sku,title,category,brand,gtin\n"
    "K1,Kestrel Kettle 1.7 l,Kitchen,Kestrel,4006381333931\n"
    "H1,Heron Desk Lamp Nova Black,Light,Heron,\n"
    "H2,Heron Desk Lamp Nova White,Light,Heron,\n"
)


def money(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.fixture
def ours(pricewright: CommandLine) -> CommandLine:
    """A database with a market and two products."""
    (pricewright.folder / "markets.csv").write_text(MARKETS)
    (pricewright.folder / "products.csv").write_text(OURS)
    pricewright.succeed("import", "markets", "markets.csv")
    pricewright.succeed("import", "products", "products.csv")
    return pricewright


def describe(folder: Path, *sites: Site) -> None:
    (folder / "sites.yaml").write_text(dump_sites(sites), "utf-8")


def site_of(shop: CompetitorShop, name: str = "rival", **changes: object) -> Site:
    fields: dict[str, object] = {"product_pattern": "/product/", "delay": 0.0, **changes}
    return Site(name, shop.sitemap_url, "online", "EUR", allow_private=True, **fields)  # type: ignore[arg-type]


def lamps(count: int) -> list[ShopProduct]:
    return [ShopProduct(f"A-{n}", f"Lamp {n}", "Light", money(1000 + n)) for n in range(count)]


def ask(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "pricewright.db") as conn:
        return conn.execute(query).fetchall()


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def test_a_second_crawl_is_refused_and_a_killed_one_is_gone_on_with(ours: CommandLine) -> None:
    with CompetitorShop("Rival", lamps(40)) as shop:
        describe(ours.folder, site_of(shop, delay=0.1, concurrency=1))
        with ours.started("crawl", "rival") as first:
            until(lambda: len(shop.requests) > 8)
            refused = ours("crawl", "rival")
            assert refused.status == 1
            assert re.search(r"'rival' is being crawled since .* by process \d+", refused.err)
            first.process.send_signal(signal.SIGKILL)
            first.wait()
            # Nobody is left to crawl for: the child stores what it has and ends.
            worker = int(str(ask(ours.folder, "SELECT worker_pid FROM leases")[0][0]))
            until(lambda: not Path(f"/proc/{worker}").exists() and not alive(worker))
        asked = len(shop.requests)
        assert asked < 42, "it was in the middle"
        report = ours.succeed("crawl", "rival")
        pages = [path for path in shop.requests if path.startswith("/product/")]
    assert "40" in report
    assert sorted(pages) == sorted(set(pages)), "no page is asked for twice"
    assert ask(ours.folder, "SELECT count(*), count(DISTINCT url) FROM offers") == [(40, 40)]
    assert ask(ours.folder, "SELECT status FROM crawls") == [("finished",)]
    assert ask(ours.folder, "SELECT * FROM leases") == []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_worker_crawls_what_is_due_and_stops_in_order(tmp_path: Path) -> None:
    worker = CommandLine(tmp_path, {"PRICEWRIGHT_CRAWL_POLL_SECONDS": "0.2"})
    (tmp_path / "markets.csv").write_text(MARKETS)
    worker.succeed("import", "markets", "markets.csv")
    with CompetitorShop("Rival", lamps(40)) as shop:
        describe(tmp_path, site_of(shop, delay=0.1, concurrency=1, schedule="daily at 03:00"))
        assert "1 sites" in worker.succeed("sites", "load")
        with worker.started("worker") as running:
            running.read_until("crawl began")
            until(lambda: len(shop.requests) > 5)
            assert "being crawled by process" in worker.succeed("sites", "list", "--stored")
            assert "is being crawled" in worker("sites", "remove", "rival").err
            running.process.terminate()
            assert running.wait() == 0
    assert "cut off" in worker.succeed("sites", "list", "--stored")
    assert ask(tmp_path, "SELECT * FROM leases") == []
    assert worker.succeed("sites", "dump") == (tmp_path / "sites.yaml").read_text("utf-8")
    worker.succeed("sites", "remove", "rival")
    assert "unknown" in worker("sites", "remove", "rival").err
    assert ask(tmp_path, "SELECT count(*) > 0 FROM offers") == [(1,)], "its offers stay"
    assert "crawl.degraded" not in worker.succeed("alerts", "list"), "a stop is nobody's fault"


def test_doubts_of_a_crawl_are_decided_on_the_command_line(ours: CommandLine) -> None:
    goods = [
        ShopProduct("A-1", "Kestrel kettle", "Kitchen", money(4000), "Kestrel", "4006381333931"),
        ShopProduct("A-2", "Heron Desk Lamp Nova", "Light", money(3000), "Heron"),
    ]
    with CompetitorShop("Rival", goods) as shop:
        describe(ours.folder, site_of(shop, schedule="every 6h"), site_of(shop, "never"))
        crawled = ours.succeed("crawl", "--due")
        assert "rival" in crawled
        assert "never" not in crawled
        assert "no site is due" in ours.succeed("crawl", "--due")
        shop.set_price("A-1", money(400))
        ours.succeed("crawl", "rival")
    # Held: a price of a tenth counts only once somebody says so.
    held = ours.succeed("reviews", "held")
    assert "4.00 EUR" in held
    number = re.findall(r"│ +(\d+) +│", held)[0]
    assert "released" in ours.succeed("reviews", "settle", number, "--release")
    assert "released" in ours("reviews", "settle", number, "--drop").err
    assert "4.00 EUR" not in ours.succeed("reviews", "held")
    # In doubt: a title that fits two of our products.
    listed = ours.succeed("reviews", "list")
    assert "Heron Desk Lamp Nova" in listed
    number = re.findall(r"│ +(\d+) +│", listed)[0]
    assert "same: Heron Desk Lamp Nova / Heron Desk Lamp Nova" in ours.succeed(
        "reviews", "answer", number, "--same"
    )
    assert number not in re.findall(r"│ +(\d+) +│", ours.succeed("reviews", "list"))
    assert "Heron Desk Lamp Nova" in ours.succeed("reviews", "list", "--status", "same")
    assert ours("reviews", "answer", number, "--different").status == 1
    ours.succeed("reviews", "reopen", number)
    assert "Heron Desk Lamp Nova" in ours.succeed("reviews", "list")
    assert "there is no" in ours("reviews", "answer", "999", "--same").err


def test_a_crawl_without_any_site_says_how_to_add_one(ours: CommandLine) -> None:
    answer = ours("crawl")
    assert answer.status == 1
    assert "sites add" in answer.err
