"""Finding out what kind of shop stands at an address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.cli import main
from api.demo.shops import CompetitorShop, ShopProduct
from pricing.money import Money
from scrapers import detect
from scrapers.detect import _candidates, detect_site
from scrapers.errors import CrawlFailed
from scrapers.sites import Site, SiteKind, load_sites
from tests.scrapers.crawls import site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html


def test_a_shop_is_added_by_its_front_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "_candidates", without_shop_systems)
    goods = [ShopProduct(f"A-{n}", f"Lamp {n}", "Light", Money(1000 + n, "EUR")) for n in range(4)]
    sites = tmp_path / "sites.yaml"
    with CompetitorShop("Rival", goods) as shop:
        with pytest.raises(SystemExit) as ended:
            main(["sites", "add", shop.url, "--market", "online", "--currency", "EUR",
                  "--name", "rival", "--allow-private", "--delay", "0", "--pages", "3",
                  "--sites", str(sites)])  # fmt: skip
        assert ended.value.code == 0
        start = f"{shop.url}/robots.txt"
    (site,) = load_sites(sites).values()
    assert (site.name, site.kind, site.start_url) == ("rival", SiteKind.STOREFRONT, start)
    shown = capsys.readouterr().out
    assert "10.01" in shown
    assert "json-ld" in shown


def test_a_shop_system_is_known_by_its_catalogue() -> None:
    variant = {"id": 1, "title": "Default Title", "price": "5.00", "available": True}
    answer = {"products": [{"handle": "mug", "title": "Mug", "variants": [variant]}]}
    page = Reply(json.dumps(answer).encode(), 200, {"Content-Type": "application/json"})
    with ScriptedServer({"/products.json?limit=250&page=1": page}) as shop:
        found = detect_site(site_at(f"{shop.url}/"))
    assert found.site.kind is SiteKind.SHOPIFY
    assert [str(offer.price) for offer in found.offers] == ["5.00 EUR"]


def test_each_way_in_is_tried_from_the_surest_to_the_dearest() -> None:
    def ways(path: str, *, rendered: bool) -> list[str]:
        site = site_at(f"http://127.0.0.1:9{path}")
        return [
            f"{way.kind} {way.start_url.removeprefix('http://127.0.0.1:9')}"
            + (" rendered" if way.render else "")
            for way in _candidates(site, rendered=rendered)
        ]

    assert ways("/lamps", rendered=True) == [
        "shopify /",
        "woocommerce /",
        "magento /",
        "storefront /lamps",
        "storefront /robots.txt",
        "storefront /sitemap.xml",
        "watch /lamps",
        "storefront /lamps rendered",
        "watch /lamps rendered",
    ]
    assert ways("/feed.csv", rendered=False)[:2] == ["feed /feed.csv", "storefront /feed.csv"]


def without_shop_systems(site: Site, *, rendered: bool) -> Iterator[Site]:
    """The ways in less those that another test takes."""
    ways = _candidates(site, rendered=rendered)
    return (way for way in ways if way.kind in {SiteKind.STOREFRONT, SiteKind.WATCH})


def two_ways(site: Site, *, rendered: bool) -> Iterator[Site]:
    """The first and the last of the ways in, for tests that need no more."""
    ways = list(_candidates(site, rendered=rendered))
    yield ways[0]
    yield replace(site, kind=SiteKind.WATCH, urls=(site.start_url,))


def test_a_place_without_any_offer_is_refused_with_what_was_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detect, "_candidates", two_ways)
    with ScriptedServer({"/page.csv": html("<h1>Nothing to buy</h1>")}) as shop:
        site = site_at(f"{shop.url}/page.csv")
        with pytest.raises(CrawlFailed, match=r"nothing worked: feed at .*watch at .* no page"):
            detect_site(site)


def test_a_shop_that_takes_too_long_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "_candidates", two_ways)
    later = Reply(b"", 503, {"Retry-After": "200"})
    with ScriptedServer({"/page.csv": later}) as shop:
        site = site_at(f"{shop.url}/page.csv")
        with pytest.raises(CrawlFailed, match=r"stopped before its end.*no time was left"):
            detect_site(site, patience=timedelta(seconds=10))
