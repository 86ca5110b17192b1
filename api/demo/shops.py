"""Competitor shops for the demo and the tests: real HTTP servers on loopback.

Two styles, as one meets them: a shop that publishes structured data (JSON-LD with GTINs), and one
that has nothing but its markup. Both have category pages with pagination, product pages, a sitemap
and a robots.txt that forbids the checkout. Prices can be changed while a shop runs.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

from pricing.money import Money

_SIGNS: Final = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "CNY": "¥"}
_REMEMBERED_REQUESTS: Final = 10_000


class ShopStyle(StrEnum):
    """What a shop's product pages say to machines."""

    STRUCTURED = "structured"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class ShopProduct:
    """One product as a competitor sells it.

    Attributes:
        article: the shop's own key; letters, digits, `-`.
        title: the shop's own title.
        category: one of its category pages.
        price: what a customer pays.
        brand: shown where known.
        gtin: published by a structured shop only.
        list_price: struck out beside the price, above it.
        in_stock: whether there is a button to buy.
    """

    article: str
    title: str
    category: str
    price: Money
    brand: str | None = None
    gtin: str | None = None
    list_price: Money | None = None
    in_stock: bool = True


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    content_type: str
    body: bytes


class CompetitorShop:
    """A shop that runs in threads of this process, on a free port of 127.0.0.1.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        name: what the shop calls itself.
        products: its assortment; articles must be unique.
        style: what its pages say to machines.
        port: 0 takes a free one.
        page_size: products on one category page.
    """

    def __init__(
        self,
        name: str,
        products: Iterable[ShopProduct],
        style: ShopStyle = ShopStyle.STRUCTURED,
        *,
        port: int = 0,
        page_size: int = 24,
    ) -> None:
        self.name = name
        self.style = style
        self._page_size = page_size
        self._lock = threading.Lock()
        self._products = {product.article: product for product in products}
        self._requests: deque[str] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._server = _Server(("127.0.0.1", port), self)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name=f"shop-{self.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and give the port back."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The shop's front page, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def sitemap_url(self) -> str:
        """Its sitemap: every category's first page and every product."""
        return f"{self.url}/sitemap.xml"

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of its categories, in the order of first appearance."""
        return tuple(dict.fromkeys(product.category for product in self.products))

    @property
    def products(self) -> tuple[ShopProduct, ...]:
        """The assortment with today's prices."""
        with self._lock:
            return tuple(self._products.values())

    @property
    def requests(self) -> tuple[str, ...]:
        """Paths asked for so far, the newest last; old ones are forgotten after 10,000."""
        with self._lock:
            return tuple(self._requests)

    def category_url(self, category: str, page: int = 1) -> str:
        """Address of one page of a category."""
        return f"{self.url}{_category_path(category, page)}"

    def set_price(self, article: str, price: Money, *, list_price: Money | None = None) -> None:
        """Ask another price from now on.

        Raises:
            KeyError: the shop has no such article.
        """
        with self._lock:
            product = self._products[article]
            self._products[article] = replace(product, price=price, list_price=list_price)

    def _answer(self, target: str) -> _Answer:
        """What the shop says to a GET of this path and query."""
        with self._lock:
            self._requests.append(target)
        parts = urlsplit(target)
        segments = [segment for segment in parts.path.split("/") if segment]
        match segments:
            case []:
                return _html(self._front())
            case ["robots.txt"]:
                return _text(f"User-agent: *\nDisallow: /checkout\nSitemap: {self.sitemap_url}\n")
            case ["sitemap.xml"]:
                return _xml(self._sitemap())
            case ["category", slug]:
                return self._category(slug, parse_qs(parts.query))
            case ["product", article]:
                return self._product(article)
            case ["checkout", *_]:
                return _html(_page("Checkout", "<p>Your basket is empty.</p>"))
            case _:
                return _missing()

    def _front(self) -> str:
        links = "".join(
            f'<li><a href="{_category_path(name)}">{escape(name)}</a></li>'
            for name in self.categories
        )
        return _page(self.name, f"<h1>{escape(self.name)}</h1><ul>{links}</ul>")

    def _sitemap(self) -> str:
        places = [self.category_url(category) for category in self.categories]
        places += [f"{self.url}/product/{product.article}" for product in self.products]
        entries = "".join(f"<url><loc>{escape(place)}</loc></url>" for place in places)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
        )

    def _category(self, slug: str, query: Mapping[str, Sequence[str]]) -> _Answer:
        found = [product for product in self.products if _slug(product.category) == slug]
        asked = query.get("page", ["1"])[0]
        page = int(asked) if asked.isascii() and asked.isdigit() else 0
        last = -(-len(found) // self._page_size)
        if not 1 <= page <= last:
            return _missing()
        name = found[0].category
        shown = found[(page - 1) * self._page_size : page * self._page_size]
        cards = "".join(_card(product) for product in shown)
        further = ""
        if page < last:
            further = f'<a rel="next" href="{_category_path(name, page + 1)}">Next</a>'
        body = (
            f'<h1>{escape(name)}</h1><div class="product-grid">{cards}</div>'
            f'<nav class="pagination">{further}</nav>'
        )
        return _html(_page(f"{name} | {self.name}", body))

    def _product(self, article: str) -> _Answer:
        products = self.products
        product = next((p for p in products if p.article == article), None)
        if product is None:
            return _missing()
        others = [p for p in products if p.category == product.category and p is not product][:4]
        related = "".join(_card(other) for other in others)
        head = ""
        if self.style is ShopStyle.STRUCTURED:
            data = json.dumps(self._structured(product)).replace("<", "\\u003c")
            head = f'<script type="application/ld+json">{data}</script>'
        body = (
            f"{_details(product)}"
            f'<section class="related-products"><h2>You may also like</h2>{related}</section>'
        )
        return _html(_page(f"{product.title} | {self.name}", body, head))

    def _structured(self, product: ShopProduct) -> dict[str, object]:
        stock = "InStock" if product.in_stock else "OutOfStock"
        data: dict[str, object] = {
            "@context": "https://schema.org",
            "@type": "Product",
            "name": product.title,
            "sku": product.article,
            "url": f"{self.url}/product/{product.article}",
            "offers": {
                "@type": "Offer",
                "price": product.price.amount,
                "priceCurrency": product.price.currency,
                "availability": f"https://schema.org/{stock}",
                "itemCondition": "https://schema.org/NewCondition",
            },
        }
        if product.brand:
            data["brand"] = {"@type": "Brand", "name": product.brand}
        if product.gtin:
            data["gtin"] = product.gtin
        return data


class _Server(ThreadingHTTPServer):
    """A thread a connection, none of which outlives the process."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], shop: CompetitorShop) -> None:
        super().__init__(address, _Handler)
        self.shop = shop


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections kept open, as shops do."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._send(self.server.shop._answer(self.path), with_body=True)  # noqa: SLF001

    def do_HEAD(self) -> None:
        self._send(self.server.shop._answer(self.path), with_body=False)  # noqa: SLF001

    def _send(self, answer: _Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The shop keeps its own list of requests."""


def _details(product: ShopProduct) -> str:
    brand = f'<p class="brand">{escape(product.brand)}</p>' if product.brand else ""
    was = ""
    if product.list_price is not None:
        was = f'<del class="price-was">{_printed(product.list_price)}</del> '
    buy = '<p class="stock">Sold out</p>'
    if product.in_stock:
        buy = (
            '<p class="stock">In stock</p><form action="/checkout/add" method="post">'
            "<button>Add to basket</button></form>"
        )
    return (
        f'<main class="product-detail"><h1>{escape(product.title)}</h1>{brand}'
        f'<p class="price">{was}<span class="price-now">{_printed(product.price)}</span></p>{buy}'
        f'<p class="article">Article {escape(product.article)}</p></main>'
    )


def _card(product: ShopProduct) -> str:
    return (
        f'<article class="product-card"><a href="/product/{product.article}">'
        f"{escape(product.title)}</a> "
        f'<span class="price">{_printed(product.price)}</span></article>'
    )


def _page(title: str, body: str, head: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>{head}</head>"
        '<body><header><a href="/">Home</a> <a href="/checkout">Basket</a></header>'
        f"{body}<footer><p>Free delivery from {_FREE_DELIVERY}</p></footer></body></html>"
    )


_FREE_DELIVERY: Final = "50 of the local currency"


def _printed(price: Money) -> str:
    """A price as this shop prints it: `€12.99`, `CHF 12.99`."""
    sign = _SIGNS.get(price.currency)
    return f"{sign}{price.amount}" if sign else f"{price.currency} {price.amount}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _category_path(category: str, page: int = 1) -> str:
    path = f"/category/{_slug(category)}"
    return path if page == 1 else f"{path}?page={page}"


def _html(text: str) -> _Answer:
    return _Answer(HTTPStatus.OK, "text/html; charset=utf-8", text.encode())


def _xml(text: str) -> _Answer:
    return _Answer(HTTPStatus.OK, "application/xml; charset=utf-8", text.encode())


def _text(text: str) -> _Answer:
    return _Answer(HTTPStatus.OK, "text/plain; charset=utf-8", text.encode())


def _missing() -> _Answer:
    page = _page("Not found", "<h1>We do not have this page</h1>")
    return _Answer(HTTPStatus.NOT_FOUND, "text/html; charset=utf-8", page.encode())
