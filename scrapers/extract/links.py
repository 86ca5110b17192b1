"""Where a listing leads: to product pages and to its own next page."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urldefrag, urlsplit

from scrapers.extract.page import Element, Page, address_of, text_of

_PRICE_TEXT: Final = re.compile(
    r"(?:[$€£¥₽₹]|\b(?:EUR|USD|GBP|CHF|PLN|kr|zł|Kč|Ft|lei)\b).{0,3}\d"
    r"|\d[\d.,\s]*(?:[$€£¥₽₹]|\b(?:EUR|USD|GBP|CHF|PLN|kr|zł|Kč|Ft|lei)\b)",
    re.IGNORECASE,
)
_NEXT_TEXT: Final = re.compile(
    r"^(?:next(?: page)?|weiter|nächste(?: seite)?|suivante?|siguiente|avanti|successiva|próxima|"
    r"volgende|další|następna|seuraava|nästa|næste|neste|下一页|次へ|>|»|›|→|\d{1,4})\W*$",
    re.IGNORECASE,
)
_PAGER: Final = re.compile(r"pag(?:e|in)|nav-links|next", re.IGNORECASE)
_NEXT_ADDRESS: Final = re.compile(
    r"[?&/](?:page|p|pg|paged|seite|pagina|start|offset)[=/-]?\d+", re.IGNORECASE
)
_NOT_A_PAGE: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|pdf|zip|css|js|xml|mp4)$", re.IGNORECASE
)
_CARD_DEPTH = 6


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses found on a listing, absolute, without fragments, in the order of the page.

    Attributes:
        products: pages that a box with a price links to.
        pages: the listing's further pages.
    """

    products: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


def listing_links(body: bytes, url: str, content_type: str = "") -> Links:
    """Product and pagination links of a listing page.

    A product link is one that shares its box with a price: from every price on the page the way
    leads up to the first element that links to another page of the same host.

    Args:
        body: the page as fetched, decompressed.
        url: its address; absolute.
        content_type: the HTTP header, for the character set.
    """
    page = Page.parse(body, url, content_type)
    if page is None:
        return Links()
    pages = dict.fromkeys(_next_pages(page))
    products: dict[str, None] = {}
    for node in page.root.iter():
        if not isinstance(node.tag, str) or node.tag in {"script", "style", "noscript"}:
            continue
        own = (node.text or "") + "".join(child.tail or "" for child in node)
        if len(own) < 200 and _PRICE_TEXT.search(own):
            products.update(dict.fromkeys(_card_links(node, page)))
    return Links(tuple(u for u in products if u not in pages), tuple(pages))


def _card_links(price: Element, page: Page) -> list[str]:
    """The links of the smallest box around a price that has any; none if it has many."""
    box = price
    for _ in range(_CARD_DEPTH):
        anchors = [box] if box.tag == "a" else box.xpath(".//a[@href]")
        found = list(dict.fromkeys(link for a in anchors if (link := _same_host(a, page))))
        if found:
            return found if len(found) <= 2 else []
        box = box.getparent()
        if box is None or box.tag == "body":
            break
    return []


def _next_pages(page: Page) -> list[str]:
    stated = page.root.xpath("//link[@rel='next'][@href] | //a[@rel='next'][@href]")
    found = [_same_host(link, page) for link in stated]
    for anchor in page.root.iter("a"):
        if not _NEXT_TEXT.match(text_of(anchor)[:20]):
            continue
        around = " ".join(
            f"{node.get('class') or ''} {node.get('id') or ''} {node.get('aria-label') or ''}"
            for node in (anchor, *list(anchor.iterancestors())[:3])
        )
        target = _same_host(anchor, page)
        if target and (_PAGER.search(around) or _NEXT_ADDRESS.search(target)):
            found.append(target)
    return [target for target in found if target]


def _same_host(anchor: Element, page: Page) -> str | None:
    """Where a link leads, if that is another page of this host."""
    target = page.absolute(anchor.get("href") or "")
    if target is None:
        return None
    target = urldefrag(target).url
    try:
        here, there = urlsplit(page.url), urlsplit(target)
    except ValueError:
        return None
    if there.scheme not in {"http", "https"} or there.netloc != here.netloc:
        return None
    if _NOT_A_PAGE.search(there.path) or address_of(target) == page.address:
        return None
    return target
