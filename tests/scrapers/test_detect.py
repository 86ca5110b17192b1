"""Finding out what kind of shop stands at an address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import main
from api.demo.shops import CompetitorShop, ShopProduct
from pricing.money import Money
from scrapers.detect import detect_site
from scrapers.errors import CrawlFailed
from scrapers.sites import SiteKind, load_sites
from tests.scrapers.crawling import site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html


def test_a_shop_is_added_by_its_front_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_a_place_without_any_offer_is_refused_with_what_was_tried() -> None:
    with ScriptedServer({"/page.csv": html("<h1>Nothing to buy</h1>")}) as shop:
        site = site_at(f"{shop.url}/page.csv")
        with pytest.raises(CrawlFailed, match=r"nothing worked: feed at .*storefront at .*watch"):
            detect_site(site)
