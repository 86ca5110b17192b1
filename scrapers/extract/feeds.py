"""Google Merchant feeds: XML (RSS or Atom), TSV and CSV, as offers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from lxml import etree
from w3lib.encoding import html_to_unicode

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import guess_encoding
from scrapers.extract.price_text import parse_machine_price
from scrapers.extract.record import Evidence, Offer, ProductFacts, Source, Terms
from scrapers.extract.shop_systems import NotACatalogue
from scrapers.extract.vocabulary import availability_of, condition_of

_SURE: Final = 0.97
_MONEY: Final = re.compile(r"^\s*(?:([A-Z]{3})\s*)?([\d.,' ]+?)\s*(?:([A-Z]{3})\s*)?$")
_SHIPPING: Final = re.compile(r"([\d.,]+)\s*[A-Z]{3}\s*$")


def feed_offers(body: bytes, currency: str | None = None) -> Iterator[Offer]:
    """The offers of a feed; entries without an address or a price are left out.

    Args:
        body: the file, decompressed.
        currency: ISO 4217, for prices that name none.

    Raises:
        NotACatalogue: neither XML with items nor a table with the columns `link` and `price`.
    """
    start = body[:300].lstrip(b"\xef\xbb\xbf \r\n\t")
    entries = _xml(body) if start.startswith(b"<") else _table(body)
    found = False
    for entry in entries:
        found = True
        offer = _offer(entry, currency)
        if offer is not None:
            yield offer
    if not found:
        raise NotACatalogue("the feed has no items")


def _xml(body: bytes) -> Iterator[Mapping[str, str]]:
    """Items by the local names of their elements; entities and outside references are not read."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    root = etree.fromstring(body, parser)
    if root is None:
        raise NotACatalogue("the feed is no XML")
    for node in root.iter("{*}item", "{*}entry"):
        values: dict[str, str] = {}
        for child in node:
            if not isinstance(child.tag, str):
                continue
            name = etree.QName(child).localname.lower()
            text = child.get("href") if name == "link" and child.get("href") else None
            if name == "shipping":
                text = next((p.text for p in child if etree.QName(p).localname == "price"), None)
            values.setdefault(name, (text or child.text or "").strip())
        yield values


def _table(body: bytes) -> Iterator[Mapping[str, str]]:
    """Rows of a table separated by tabs, commas, semicolons or bars."""
    _, text = html_to_unicode("", body, auto_detect_fun=guess_encoding)
    lines = text.splitlines()
    if not lines:
        raise NotACatalogue("the feed is empty")
    mark = max("\t,;|", key=lines[0].count)
    reader = csv.DictReader(lines, delimiter=mark)
    names = [_name(name) for name in reader.fieldnames or ()]
    if not {"link", "price"} <= set(names):
        raise NotACatalogue(
            f"the feed lacks the columns link and price; it has: {', '.join(names)}"
        )
    reader.fieldnames = names
    for row in reader:
        yield {
            name: value.strip() for name, value in row.items() if name and isinstance(value, str)
        }


def _name(column: str) -> str:
    return column.strip().lower().removeprefix("g:").replace(" ", "_")


def _offer(entry: Mapping[str, str], currency: str | None) -> Offer | None:
    link = entry.get("link", "")
    price, code = _money(entry.get("price", ""), currency)
    sale, sale_code = _money(entry.get("sale_price", ""), currency)
    if not link.startswith(("http://", "https://")) or price is None:
        return None
    asked, was = (sale, price) if sale is not None and sale < price else (price, None)
    variant = ", ".join(filter(None, (entry.get("color"), entry.get("size"))))
    facts = ProductFacts(
        title=entry.get("title") or None,
        brand=entry.get("brand") or None,
        gtin=parse_gtin(entry.get("gtin")),
        mpn=entry.get("mpn") or None,
        sku=entry.get("id") or None,
        image=entry.get("image_link") or None,
        availability=availability_of(entry.get("availability", "").replace("_", " ")),
        condition=condition_of(entry.get("condition")),
        variant=variant or None,
    )
    shipping = _SHIPPING.search(entry.get("shipping", ""))
    terms = Terms(shipping=parse_machine_price(shipping[1]) if shipping else None)
    snippet = f"price={entry.get('price')} sale_price={entry.get('sale_price')}"
    evidence = Evidence(Source.FEED, snippet[:200], _SURE)
    return Offer(
        link, asked, sale_code if was else code, was, _SURE, Source.FEED, facts, (evidence,), terms
    )


def _money(text: str, currency: str | None) -> tuple[Decimal | None, str | None]:
    """`"12.99 EUR"` or `"EUR 12.99"`."""
    found = _MONEY.match(text)
    if found is None:
        return None, currency
    code = currency_code(found[1] or found[3]) or currency
    return parse_machine_price(found[2].strip(), currency=code), code
