"""Product data that a page embeds for its own scripts: `__NEXT_DATA__` and the tag manager's layer.

Only values that are JSON are read, only nodes that bear the page's own product name count, and
whole numbers in an application's state are left alone, because many shops keep cents there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from rapidfuzz import fuzz, utils

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import Page
from scrapers.extract.price_text import parse_machine_price
from scrapers.extract.record import Candidate, ProductFacts, Reason, Source
from scrapers.extract.schema_nodes import Node, every_node, first_text, listed
from scrapers.extract.vocabulary import availability_of

_CONFIDENCE: Final = 0.7
_LARGEST_SCRIPT: Final = 2_000_000
_LAYER: Final = re.compile(r"dataLayer(?:\.push\s*\(|\s*=\s*)\s*(?=[\[{])")
_STATE: Final = re.compile(
    r"__(?:INITIAL_STATE|PRELOADED_STATE|APOLLO_STATE|NUXT|STATE)__\s*=\s*(?=[\[{])"
)
_NAMES: Final = ("name", "productName", "title", "item_name", "displayName")
_PRICES: Final = (
    "salePrice", "currentPrice", "finalPrice", "sellingPrice", "specialPrice", "price",
)  # fmt: skip
_VALUES: Final = ("value", "amount", "current", "price")
_CURRENCIES: Final = ("currency", "currencyCode", "priceCurrency", "currencyIso")
_DECODER: Final = json.JSONDecoder()


def state_candidate(page: Page, prefer: str | None) -> Candidate | None:
    """What the page's embedded state says of its product; None if it says nothing.

    Args:
        page: the page.
        prefer: ISO 4217 code that decides signs of several countries.
    """
    layer, state = [], []
    for script in page.root.iter("script"):
        text = script.text or ""
        if len(text) > _LARGEST_SCRIPT:
            continue
        if script.get("id") == "__NEXT_DATA__":
            state += list(_values(text, re.compile(r"^\s*(?=[\[{])")))
        elif "dataLayer" in text:
            layer += list(_values(text, _LAYER))
        elif "STATE__" in text or "__NUXT__" in text:
            state += list(_values(text, _STATE))
    return _layer_candidate(layer, prefer) or _named_candidate(state, page, prefer)


def _values(text: str, start: re.Pattern[str]) -> Iterator[object]:
    """JSON values that begin where a pattern ends; JavaScript that is no JSON is left out."""
    for found in start.finditer(text):
        try:
            yield _DECODER.raw_decode(text, found.end())[0]
        except (ValueError, RecursionError):
            continue


def _layer_candidate(layer: list[object], prefer: str | None) -> Candidate | None:
    """The one item of a `view_item` event, or of the older `detail` action."""
    items: list[tuple[Node, str | None]] = []
    for entry in layer:
        for event in listed(entry):
            if not isinstance(event, Mapping):
                continue
            commerce = event.get("ecommerce")
            if not isinstance(commerce, Mapping):
                continue
            sign = first_text(commerce.get("currency")) or first_text(commerce.get("currencyCode"))
            detail = commerce.get("detail")
            found = commerce.get("items") if event.get("event") == "view_item" else None
            if isinstance(detail, Mapping):
                found = detail.get("products")
            items += [(item, sign) for item in listed(found) if isinstance(item, Mapping)]
    if len({first_text(item.get("item_id") or item.get("id")) for item, _ in items}) != 1:
        return None
    item, sign = items[0]
    currency = currency_code(sign or first_text(item.get("currency")), prefer=prefer)
    price = parse_machine_price(item.get("price"), currency=currency or prefer)
    facts = ProductFacts(
        title=first_text(item.get("item_name")) or first_text(item.get("name")),
        brand=first_text(item.get("item_brand")) or first_text(item.get("brand")),
        sku=first_text(item.get("item_id")) or first_text(item.get("id")),
        variant=first_text(item.get("item_variant")) or first_text(item.get("variant")),
    )
    return _candidate(facts, {price} - {None}, currency, repr(item.get("price")))


def _named_candidate(state: list[object], page: Page, prefer: str | None) -> Candidate | None:
    """The node that bears the page's product name and a price, if they all ask the same."""
    prices: set[Decimal | None] = set()
    best: ProductFacts | None = None
    currency = None
    for node in every_node(state):
        name = next((first_text(node.get(key)) for key in _NAMES if node.get(key)), None)
        if name is None or not _is_this(name, page):
            continue
        price, sign = _price_in(node, prefer)
        if price is None:
            continue
        prices.add(price)
        currency = currency or currency_code(sign, prefer=prefer)
        gtins = (parse_gtin(first_text(node.get(key))) for key in ("gtin", "gtin13", "ean"))
        best = best or ProductFacts(
            title=name,
            brand=first_text(node.get("brand")) or first_text(node.get("manufacturer")),
            gtin=next((gtin for gtin in gtins if gtin), None),
            mpn=first_text(node.get("mpn")),
            sku=first_text(node.get("sku")),
            availability=availability_of(first_text(node.get("availability"))),
        )
    return None if best is None else _candidate(best, prices, currency, best.title or "")


def _price_in(node: Node, prefer: str | None) -> tuple[Decimal | None, str | None]:
    """The price of a node, and the currency beside it, as text."""
    sign = next((first_text(node.get(key)) for key in _CURRENCIES if node.get(key)), None)
    for key in _PRICES:
        value = node.get(key)
        if isinstance(value, Mapping):
            inner = next((value[k] for k in _VALUES if k in value), None)
            sign = next((first_text(value[k]) for k in _CURRENCIES if k in value), sign)
            value = inner
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
            continue  # cents, or not: nothing tells
        currency = currency_code(sign, prefer=prefer)
        if isinstance(value, str | float):
            amount = parse_machine_price(value, currency=currency or prefer)
            if amount is not None:
                return amount, sign
    return None, sign


def _is_this(name: str, page: Page) -> bool:
    return len(name) > 3 and any(
        fuzz.token_set_ratio(name, other, processor=utils.default_process) >= 90
        for other in page.names
    )


def _candidate(
    facts: ProductFacts, prices: set[Decimal | None], currency: str | None, snippet: str
) -> Candidate:
    found = Candidate(Source.STATE, snippet[:200], facts, currency=currency)
    known = sorted(price for price in prices if price is not None)
    if len(known) != 1:
        problem = Reason.SEVERAL_PRICES if known else Reason.NO_PRICE
        return replace(found, prices=tuple(known), problem=problem)
    return replace(found, price=known[0], confidence=_CONFIDENCE)
