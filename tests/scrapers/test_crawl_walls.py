"""A shop that was fine and then is not: walls and pages of products that are gone tell no price."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

import pytest
from sqlalchemy.engine import Engine

from pricing.events.competitors import CompetitorPriceChanged
from scrapers.crawling.crawl import run_crawl
from scrapers.sites import SiteKind
from storage.competitors.pages import outcomes_of
from storage.database import reading, writing
from storage.jobs.outbox import messages
from storage.tables import products
from tests.databases import url_of
from tests.scrapers.crawling.test_crawl_trouble import product_page
from tests.scrapers.crawls import offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html, redirect

OTHERS: Final = (
    '<section class="related"><h2>You may also like</h2><a href="/x">Robin Mug</a> '
    '<span class="price">€{price}</span> <button>Add to cart</button></section>'
)


def product(number: int, price: str) -> Reply:
    """The page of our product of this number, matched by its GTIN."""
    data = {
        "@type": "Product",
        "name": f"Kettle {number}",
        "gtin13": ean(number),
        "offers": {"price": price, "priceCurrency": "EUR", "availability": "InStock"},
    }
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    return html(f"<html><head>{script}</head><body><h1>Kettle {number}</h1></body></html>")


def ean(number: int) -> str:
    digits = f"40000000{number:04}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def stock_kettles(engine: Engine, count: int) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [
        {"sku": f"K-{n}", "title": f"Kettle {n}", "category": "Kitchen", "gtin": ean(n),
         "created_at": now, "updated_at": now}
        for n in range(1, count + 1)
    ]  # fmt: skip
    with writing(engine) as conn:
        conn.execute(products.insert(), rows)


def later(heading: str, text: str, price: str) -> Reply:
    return html(
        f"<html><head><title>{heading}</title></head><body><h1>{heading}</h1><p>{text}</p>"
        f'<div class="price">€{price}</div>{OTHERS.format(price=price)}</body></html>'
    )


SECOND: Final[dict[str, tuple[Reply, str]]] = {
    "/robot": (later("Please prove you are human", "Tick the box.", "49.00"), "blocked"),
    "/browser": (later("shop.example", "Checking your browser …", "89.00"), "blocked"),
    "/cookies": (later("Before you continue", "Accept cookies to continue.", "49.00"), "blocked"),
    "/log-in": (later("Kettle 5", "Please log in to see prices.", "89.00"), "blocked"),
    "/to-log-in": (redirect("/login?back=1"), "blocked"),
    "/gone": (later("Kettle 7", "This product is no longer available.", "49.00"), "gone"),
    "/gone-with-data": (
        product_page("49.00", "Kettle 8", "<p>Discontinued</p>" + OTHERS.format(price="89.00")),
        "gone",
    ),
    "/soft-404": (later("Page not found", "Try these.", "89.00"), "gone"),
    "/to-the-front": (redirect("/?utm_source=old"), "gone"),
    "/to-not-found": (redirect("/errors/404.html"), "gone"),
}


def test_a_wall_or_a_product_that_is_gone_raises_no_price_alert(database: Engine) -> None:
    stock_kettles(database, len(SECOND) + 1)
    with ScriptedServer() as shop:
        for n, (path, (reply, _)) in enumerate(SECOND.items(), 1):
            shop.script[path] = [product(n, "100.00"), reply]
        last = len(SECOND) + 1
        shop.script["/still"] = [product(last, "100.00"), product(last, "95.00")]
        front = later("Avocet & Sons", "Welcome.", "49.00")
        shop.script |= {
            "/": front, "/?utm_source=old": front, "/errors/404.html": front,
            "/login?back=1": later("Customers", "Mail and password.", "49.00"),
        }  # fmt: skip
        urls = tuple(f"{shop.url}{path}" for path in (*SECOND, "/still"))
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls)
        first = run_crawl(site, database_url=url_of(database))
        second = run_crawl(site, database_url=url_of(database))
        base = shop.url
    assert (first.matched, second.offers, second.held) == (last, 1, 0)
    with reading(database) as conn:
        kind = CompetitorPriceChanged.type_name
        told = [message.key for message in messages(conn) if message.topic == kind]
        done = outcomes_of(conn, second.crawl_id)
    assert told == [f"K-{last}/online/rival"]
    said = {path: done[f"{base}{path}"].outcome for path in SECOND}
    assert said == {path: outcome for path, (_, outcome) in SECOND.items()}
    prices = {path: str(offer.price) for path, offer in offers_in(database).items()}
    assert prices == {**dict.fromkeys(SECOND, "100.00 EUR"), "/still": "95.00 EUR"}


@pytest.mark.parametrize("place", ["/?product=tea", "/p/tea-2", "/en/tea"])
def test_a_product_that_moved_is_still_read(database: Engine, place: str) -> None:
    with ScriptedServer({"/tea": redirect(place), place: product_page("7.00", "Tea")}) as shop:
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=(f"{shop.url}/tea",))
        report = run_crawl(site, database_url=url_of(database))
    assert report.offers == 1
