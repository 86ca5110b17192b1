"""Open Graph, product and itemprop `meta` tags of the page's head, and loose `itemprop`s."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import Page
from scrapers.extract.price_text import PriceReading, parse_machine_price, parse_price
from scrapers.extract.record import Candidate, ProductFacts, Reason, Source
from scrapers.extract.vocabulary import PRICE_WORDS, availability_of, condition_of

_SALE: Final = ("product:sale_price:amount", "og:sale_price:amount")
_PRICE: Final = ("product:price:amount", "og:price:amount", "og:price", "product:price", "price")
_LIST: Final = ("product:original_price:amount", "og:original_price:amount", "og:standard_price")
_CURRENCY: Final = (
    "product:price:currency",
    "og:price:currency",
    "product:sale_price:currency",
    "pricecurrency",
    "currency",
)
_TITLE: Final = ("og:title", "twitter:title")
_BRAND: Final = ("product:brand", "og:brand", "brand")
_SKU: Final = ("product:retailer_item_id", "product:sku", "sku")
_GTIN: Final = ("product:gtin", "product:ean", "product:gtin13", "gtin13", "product:isbn")
_MPN: Final = ("product:mfr_part_no", "mpn")
_STOCK: Final = ("product:availability", "og:availability", "availability")
_CONDITION: Final = ("product:condition", "og:condition")
_CONFIDENCE: Final = 0.85


def meta_candidate(page: Page, prefer: str | None) -> Candidate | None:
    """What the page's meta tags say of its product; None if they name no product.

    Args:
        page: the page.
        prefer: ISO 4217 code that decides signs of several countries.
    """
    tags: dict[str, list[str]] = {}
    for node in page.root.xpath("//meta[@content and (@property or @name or @itemprop)]"):
        key = (node.get("property") or node.get("name") or node.get("itemprop")).strip().lower()
        value = " ".join(node.get("content").split())
        # A price inside an item scope belongs to that item and is read as microdata.
        scoped = key in {"price", "pricecurrency", "sku", "availability"} and node.xpath(
            "boolean(ancestor::*[@itemscope])"
        )
        if value and not scoped:
            tags.setdefault(key, []).append(value)

    def first(names: tuple[str, ...]) -> str | None:
        return next((tags[name][0] for name in names if name in tags), None)

    currency = currency_code(first(_CURRENCY), prefer=prefer)
    labelled = _labelled(tags, prefer)
    sale, prices = _amounts(tags, _SALE, currency), _amounts(tags, _PRICE, currency)
    image = first(("og:image",))
    facts = ProductFacts(
        title=first(_TITLE),
        brand=first(_BRAND),
        gtin=parse_gtin(first(_GTIN)),
        mpn=first(_MPN),
        sku=first(_SKU),
        image=page.absolute(image) if image else None,
        availability=availability_of(first(_STOCK)),
        condition=condition_of(first(_CONDITION)),
    )
    distinct = sorted(set(sale or prices))
    if not distinct and labelled is not None and labelled.amount is not None:
        distinct, currency = [labelled.amount], currency or labelled.currency
    if not distinct and facts == ProductFacts():
        return None
    snippet = "; ".join(
        f"{k}={v[0]}" for k, v in tags.items() if "price" in k or k.startswith("twitter:data")
    )[:200]
    if len(distinct) != 1:
        problem = Reason.SEVERAL_PRICES if distinct else Reason.NO_PRICE
        return Candidate(
            Source.META, snippet, facts, currency=currency, prices=tuple(distinct), problem=problem
        )
    above = [
        p for p in _amounts(tags, _LIST, currency) + (prices if sale else []) if p > distinct[0]
    ]
    return Candidate(
        Source.META,
        snippet,
        facts,
        price=distinct[0],
        currency=currency,
        list_price=max(above) if above else None,
        confidence=_CONFIDENCE,
    )


def _labelled(tags: dict[str, list[str]], prefer: str | None) -> PriceReading | None:
    """The price of a social card: `twitter:data1` where `twitter:label1` says that it is one."""
    for number in "1234":
        label = tags.get(f"twitter:label{number}", [""])[0]
        value = tags.get(f"twitter:data{number}", [""])[0]
        if value and PRICE_WORDS.search(label):
            return parse_price(value, currency=prefer)
    return None


def _amounts(
    tags: dict[str, list[str]], names: tuple[str, ...], currency: str | None
) -> list[Decimal]:
    """Amounts of the first of these tags that is there."""
    for name in names:
        if name in tags:
            read = (parse_machine_price(value, currency=currency) for value in tags[name])
            return [amount for amount in read if amount is not None]
    return []
