"""Each kind of site crawled over real sockets, from answers as its shop system gives them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from scrapers.crawling.crawl import run_crawl
from scrapers.errors import CrawlFailed
from scrapers.sites import Site, SiteKind
from storage.competitors.offers import ObservedOffer
from tests.databases import url_of
from tests.scrapers.conftest import KETTLE, TOASTER
from tests.scrapers.crawls import offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html


def as_json(data: object) -> Reply:
    return Reply(json.dumps(data).encode(), 200, {"Content-Type": "application/json"})


def crawl(engine: Engine, site: Site) -> dict[str, ObservedOffer]:
    run_crawl(site, database_url=url_of(engine))
    return offers_in(engine)


def test_shopify_is_read_page_by_page_and_variant_by_variant(database: Engine) -> None:
    def product(number: int, *variants: dict[str, object]) -> dict[str, object]:
        images = [{"src": "https://cdn.example/1.jpg"}]
        return {"handle": f"p{number}", "title": f"Thing {number}", "vendor": "Kestrel",
                "variants": list(variants), "images": images}  # fmt: skip

    sizes = ({"id": 7, "title": "S", "price": "19.90", "available": True, "barcode": KETTLE.gtin},
             {"id": 8, "title": "L", "price": "24.90", "compare_at_price": "29.90",
              "available": False})  # fmt: skip
    one = {"id": 1, "title": "Default Title", "price": "5.00", "available": True}
    first = [product(0, *sizes)] + [product(n, one) for n in range(1, 250)]
    pages = {
        "/products.json?limit=250&page=1": as_json({"products": first}),
        "/products.json?limit=250&page=2": as_json({"products": [product(250, one)]}),
    }
    with ScriptedServer(pages) as shop:
        found = crawl(database, site_at(f"{shop.url}/", kind=SiteKind.SHOPIFY))
    assert len(found) == 252
    small, large = found["/products/p0?variant=7"], found["/products/p0?variant=8"]
    assert (small.price.wire()["amount"], small.sku, small.availability) == (
        "19.90",
        "K1",
        "in_stock",
    )
    assert large.list_price is not None
    assert (large.list_price.minor, large.availability, large.details["variant"]) == (
        2990,
        "out_of_stock",
        "L",
    )
    assert found["/products/p250"].source == "catalogue"


def test_woocommerce_prices_are_in_minor_units(database: Engine) -> None:
    def product(name: str, **prices: object) -> dict[str, object]:
        return {"name": name, "permalink": f"/product/{name}", "sku": f"S-{name}",
                "is_in_stock": True,
                "prices": {"currency_code": "EUR", "currency_minor_unit": 2, **prices}}  # fmt: skip

    answer = [
        product("mug", price="1250", regular_price="1500"),
        product("range", price="100", price_range={"min_amount": "100", "max_amount": "900"}),
        product("free", price="0"),
        product("yen", price="1250", currency_code="JPY", currency_minor_unit=0),
    ]
    path = "/wp-json/wc/store/v1/products?per_page=100&page=1&orderby=id&order=asc"
    with ScriptedServer({path: as_json(answer)}) as shop:
        found = crawl(database, site_at(f"{shop.url}/", kind=SiteKind.WOOCOMMERCE))
    assert {path: str(offer.price) for path, offer in found.items()} == {
        "/product/mug": "12.50 EUR",
        "/product/yen": "1250 JPY",
    }
    assert found["/product/mug"].list_price is not None


def test_magento_is_asked_by_graphql_until_its_last_page(database: Engine) -> None:
    def item(key: str, low: float, high: float) -> dict[str, object]:
        return {"name": key, "sku": key, "url_key": key, "stock_status": "IN_STOCK",
                "price_range": {
                    "minimum_price": {"final_price": {"value": low, "currency": "EUR"},
                                      "regular_price": {"value": 40.0}},
                    "maximum_price": {"final_price": {"value": high}}}}  # fmt: skip

    def page(*items: object) -> Reply:
        return as_json({"data": {"products": {"page_info": {"total_pages": 2}, "items": items}}})

    script = {"/graphql": [page(item("kettle", 31.5, 31.5)), page(item("sofa", 100.0, 900.0))]}
    with ScriptedServer(script) as shop:
        found = crawl(database, site_at(f"{shop.url}/", kind=SiteKind.MAGENTO))
        assert shop.asked["/graphql"] == 2
    assert {path: str(offer.price) for path, offer in found.items()} == {
        "/kettle.html": "31.50 EUR"
    }


XML_FEED = """<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<rss xmlns:g="http://base.google.com/ns/1.0"><channel>
<item><g:id>K-1</g:id><title>Kettle &e;</title><link>{shop}/kettle</link>
<g:price>39.90 EUR</g:price><g:sale_price>35.00 EUR</g:sale_price><g:gtin>4006381333931</g:gtin>
<g:availability>in_stock</g:availability><g:condition>new</g:condition>
<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping></item>
<item><g:id>U-1</g:id><title>Old kettle</title><link>{shop}/old</link><g:price>EUR 9.90</g:price>
<g:gtin>96385074</g:gtin><g:condition>used</g:condition></item>
<item><title>No price</title><link>{shop}/none</link></item></channel></rss>"""


def test_a_merchant_feed_is_read_from_an_address(database: Engine) -> None:
    with ScriptedServer() as shop:
        shop.script["/feed.xml"] = Reply(XML_FEED.replace("{shop}", shop.url).encode())
        found = crawl(database, site_at(f"{shop.url}/feed.xml", kind=SiteKind.FEED))
    kettle, old = found["/kettle"], found["/old"]
    assert (str(kettle.price), str(kettle.list_price), kettle.sku) == (
        "35.00 EUR",
        "39.90 EUR",
        "K1",
    )
    assert kettle.details["shipping"] == "4.90"
    assert "root:" not in kettle.title
    assert (old.sku, old.details["condition"]) == (None, "used")  # used is never our new one
    assert TOASTER.gtin == "96385074"
    assert len(found) == 2


def test_a_table_of_a_feed_is_read_from_a_file_without_any_request(
    database: Engine, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.tsv"
    with ScriptedServer() as shop:
        feed.write_text(
            f"id\ttitle\tlink\tprice\tgtin\nK-1\tKettle\t{shop.url}/k\t39.90 EUR\t4006381333931\n"
        )
        site = site_at(f"{shop.url}/", kind=SiteKind.FEED, feed_file=str(feed))
        found = crawl(database, site)
        assert shop.asked.total() == 0
        with pytest.raises(CrawlFailed, match=r"feed .*gone\.tsv can not be read"):
            crawl(database, replace(site, feed_file=str(tmp_path / "gone.tsv")))
    assert found["/k"].sku == "K1"


def test_a_watch_list_asks_for_its_pages_and_nothing_else(database: Engine) -> None:
    page = '<h1>{}</h1><p class="price">€{}.00</p><a href="/other">Other</a>'
    script = {"/a": html(page.format("Kettle", 30)), "/b": html("gone", 410)}
    with ScriptedServer(script) as shop:
        urls = (f"{shop.url}/a", f"{shop.url}/b")
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls)
        report = run_crawl(site, database_url=url_of(database))
        assert set(shop.asked) == {"/robots.txt", "/a", "/b"}
    assert report.outcomes == {"gone": 1, "observed": 1}
    assert set(offers_in(database)) == {"/a"}


@pytest.mark.parametrize("number", ["gtin", "sku"])
def test_a_shop_that_can_not_be_listed_is_searched_for_each_product(
    database: Engine, number: str
) -> None:
    kettle = html('<h1>Kestrel Kettle 1.7 l</h1><p class="price">€30.00</p>')
    listing = html(
        '<ul><li><a href="/t">Toaster</a> <b>€20.00</b></li>'
        '<li><a href="/u">Other</a> <b>€21.00</b></li>'
        '<li><a href="/v">Another</a> <b>€22.00</b></li></ul>'
    )
    script = {
        f"/search?q={getattr(KETTLE, number)}": kettle,
        f"/search?q={getattr(TOASTER, number)}": listing,
        "/t": html('<h1>Wren Toaster Two Slice</h1><p class="price">€20.00</p>'),
    }
    with ScriptedServer(script) as shop:
        site = site_at(f"{shop.url}/", search_url=f"{shop.url}/search?q={{{number}}}")
        found = crawl(database, site)
        assert shop.asked["/u"] == 0
        searched = {path for path in shop.asked if path.startswith("/search")}
    assert {offer.sku for offer in found.values()} == {"K1", "T1"}
    # The lamp has no GTIN to search for; it has a SKU, which this shop does not know.
    assert len(searched) == (2 if number == "gtin" else 3)


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        (SiteKind.SHOPIFY, "/products.json?limit=250&page=1", "is no shopify catalogue"),
        (SiteKind.FEED, "/", "is no feed"),
    ],
)
def test_an_answer_of_another_kind_fails_the_crawl_with_the_reason(
    database: Engine, kind: SiteKind, path: str, said: str
) -> None:
    with (
        ScriptedServer({path: html("<h1>Welcome</h1>")}) as shop,
        pytest.raises(CrawlFailed, match=said),
    ):
        crawl(database, site_at(f"{shop.url}/", kind=kind))
