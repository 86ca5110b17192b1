"""The demo's competitor shops, asked over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import httpx
import pytest

from api.demo.shops import CompetitorShop, ShopProduct, ShopStyle
from pricing.money import Money
from scrapers.extract import Offer, extract_offer, listing_links

KETTLE = ShopProduct(
    "K-1", "Kettle <1.7 l> & lid", "Kitchen", Money(3990, "EUR"), "Kestrel", "4006381333931"
)
PRODUCTS = [
    KETTLE,
    *(ShopProduct(f"M-{i}", f"Mug {i}", "Kitchen", Money(100 * i, "EUR")) for i in range(1, 6)),
    ShopProduct("L-1", "Lamp", "Light", Money(2500, "EUR"), list_price=Money(3000, "EUR")),
]


@pytest.fixture(params=list(ShopStyle))
def shop(request: pytest.FixtureRequest) -> Iterator[CompetitorShop]:
    with CompetitorShop("Corner Shop", PRODUCTS, request.param, page_size=4) as opened:
        yield opened


def page_of(shop: CompetitorShop, article: str) -> str:
    return f"{shop.url}/product/{article}"


def offer_at(url: str) -> Offer:
    answer = httpx.get(url)
    read = extract_offer(answer.content, url)
    assert isinstance(read, Offer), read
    return read


def test_every_product_page_says_its_price(shop: CompetitorShop) -> None:
    for product in PRODUCTS:
        read = offer_at(page_of(shop, product.article))
        assert (Money.parse(read.price, "EUR"), read.currency) == (product.price, "EUR")
        assert read.facts.title == product.title
        assert read.facts.availability == "in_stock"


def test_only_the_structured_shop_publishes_data_for_machines() -> None:
    for style in ShopStyle:
        with CompetitorShop("Shop", PRODUCTS, style) as shop:
            page = httpx.get(page_of(shop, "K-1"))
            read = offer_at(page_of(shop, "K-1"))
        structured = style is ShopStyle.STRUCTURED
        assert ("application/ld+json" in page.text) == structured
        assert read.facts.gtin == ("4006381333931" if structured else None)
        assert read.source == ("json-ld" if structured else "markup")


def test_a_price_changed_while_the_shop_runs_is_on_its_next_page(shop: CompetitorShop) -> None:
    shop.set_price("K-1", Money(2999, "EUR"), list_price=Money(3990, "EUR"))
    read = offer_at(page_of(shop, "K-1"))
    assert str(read.price) == "29.99"
    assert str(read.list_price) == "39.90"


@pytest.mark.parametrize("style", ShopStyle)
def test_a_product_sold_out_says_so(style: ShopStyle) -> None:
    with CompetitorShop("Shop", [replace(KETTLE, in_stock=False)], style) as shop:
        assert offer_at(page_of(shop, "K-1")).facts.availability == "out_of_stock"


def test_the_sitemap_lists_categories_and_products_and_all_of_them_answer(
    shop: CompetitorShop,
) -> None:
    tree = ET.fromstring(httpx.get(shop.sitemap_url).text)  # noqa: S314 - our own server
    places = [node.text or "" for node in tree.iter() if node.tag.endswith("loc")]
    assert len(places) == len(PRODUCTS) + 2
    assert {httpx.get(place).status_code for place in places} == {200}


def test_a_category_is_paged_and_leads_to_its_products(shop: CompetitorShop) -> None:
    url = shop.category_url("Kitchen")
    first = listing_links(httpx.get(url).content, url)
    assert first.pages == (shop.category_url("Kitchen", 2),)
    second = listing_links(httpx.get(first.pages[0]).content, first.pages[0])
    found = {*first.products, *second.products}
    kitchen = [product for product in PRODUCTS if product.category == "Kitchen"]
    assert found == {page_of(shop, product.article) for product in kitchen}
    assert second.pages == ()


def test_robots_txt_forbids_the_checkout(shop: CompetitorShop) -> None:
    robots = httpx.get(f"{shop.url}/robots.txt").text
    assert "Disallow: /checkout" in robots
    assert shop.sitemap_url in robots


@pytest.mark.parametrize(
    "path",
    ["/product/none", "/category/none", "/category/kitchen?page=9", "/category/kitchen?page=x",
     "/category/kitchen?page=0", "/a/b/c"],
)  # fmt: skip
def test_a_page_that_is_not_there_is_answered_with_404(shop: CompetitorShop, path: str) -> None:
    assert httpx.get(shop.url + path).status_code == 404


def test_the_shop_remembers_what_it_was_asked(shop: CompetitorShop) -> None:
    httpx.get(f"{shop.url}/robots.txt")
    httpx.head(f"{shop.url}/")
    assert shop.requests == ("/robots.txt", "/")


def test_a_title_with_markup_in_it_is_shown_not_run() -> None:
    evil = ShopProduct("E", "</script><script>alert(1)</script>", "C", Money(1, "EUR"))
    with CompetitorShop("Shop", [evil]) as shop:
        assert "<script>alert" not in httpx.get(page_of(shop, "E")).text


def test_a_stopped_shop_gives_its_port_back() -> None:
    shop = CompetitorShop("Shop", PRODUCTS)
    shop.start()
    port = int(shop.url.rsplit(":", 1)[1])
    shop.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")
    with CompetitorShop("Shop", PRODUCTS, port=port) as again:
        assert httpx.get(again.sitemap_url).status_code == 200


def test_prices_in_yen_and_dinars_are_printed_with_their_own_decimals() -> None:
    products = [
        ShopProduct("Y", "Yen thing", "C", Money(1299, "JPY")),
        ShopProduct("D", "Dinar thing", "D", Money(24990, "KWD")),
    ]
    for style in ShopStyle:
        with CompetitorShop("Shop", products, style) as shop:
            dinars = offer_at(page_of(shop, "D"))
            yen = offer_at(page_of(shop, "Y"))
        assert (str(dinars.price), dinars.currency) == ("24.990", "KWD")
        assert str(yen.price) == "1299"
