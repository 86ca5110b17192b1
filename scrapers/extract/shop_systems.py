"""Catalogue interfaces of shop systems: what Shopify, WooCommerce and Magento answer, as offers.

These answers are made for machines, so nothing here weighs or guesses: a field says a price, or the
entry is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urljoin

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.price_text import parse_machine_price
from scrapers.extract.record import Availability, Evidence, Offer, ProductFacts, Source
from scrapers.extract.schema_nodes import first_text, listed

_SURE: Final = 0.98


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """One page of a catalogue.

    Attributes:
        offers: what it offers; entries without a price are left out.
        entries: how many products it lists, priced or not.
        pages: pages in all, where the answer says.
    """

    offers: tuple[Offer, ...]
    entries: int
    pages: int | None = None


class NotACatalogue(ValueError):
    """The answer is not what this shop system answers."""


def shopify_page(body: bytes, base: str, currency: str | None = None) -> CataloguePage:
    """`/products.json`, or one product's `/products/*.json`: an offer for each variant.

    Args:
        body: the answer.
        base: address of the shop.
        currency: ISO 4217; Shopify's catalogue names none.

    Raises:
        NotACatalogue: it is no such answer.
    """
    data = _object(body)
    products = data.get("products", [data["product"]] if "product" in data else None)
    if not isinstance(products, list):
        raise NotACatalogue("no 'products' in the answer")
    found = [offer for p in _mappings(products) for offer in _shopify_offers(p, base, currency)]
    return CataloguePage(tuple(found), len(products))


def _shopify_offers(product: Mapping[str, Any], base: str, currency: str | None) -> Iterator[Offer]:
    handle = first_text(product.get("handle"))
    variants = list(_mappings(product.get("variants")))
    image = next((first_text(i.get("src")) for i in _mappings(product.get("images"))), None)
    for variant in variants:
        code = first_text(variant.get("price_currency"))
        price = parse_machine_price(variant.get("price"), currency=currency)
        if price is None or handle is None:
            continue
        name = first_text(variant.get("title"))
        single = len(variants) == 1 or name == "Default Title"
        address = f"/products/{quote(handle)}"
        available = variant.get("available")
        facts = ProductFacts(
            title=first_text(product.get("title")),
            brand=first_text(product.get("vendor")),
            gtin=parse_gtin(first_text(variant.get("barcode"))),
            sku=first_text(variant.get("sku")),
            image=image,
            availability=_stock(available),
            variant=None if single else name,
        )
        was = parse_machine_price(variant.get("compare_at_price"), currency=currency)
        url = urljoin(base, address if single else f"{address}?variant={variant.get('id')}")
        yield _offer(url, price, code or currency, was, facts, variant)


def woocommerce_page(body: bytes, base: str, currency: str | None = None) -> CataloguePage:
    """`/wp-json/wc/store/v1/products`: prices are in minor units, as `currency_minor_unit` says.

    Raises:
        NotACatalogue: it is no such answer.
    """
    data = _json(body)
    if not isinstance(data, list):
        raise NotACatalogue("the answer is no list of products")
    offers = [offer for p in _mappings(data) if (offer := _woocommerce_offer(p, base, currency))]
    return CataloguePage(tuple(offers), len(data))


def _woocommerce_offer(product: Mapping[str, Any], base: str, currency: str | None) -> Offer | None:
    prices = product.get("prices")
    address = first_text(product.get("permalink"))
    if not isinstance(prices, Mapping) or address is None or prices.get("price_range"):
        return None
    places = prices.get("currency_minor_unit", 2)
    code = currency_code(first_text(prices.get("currency_code"))) or currency
    if not isinstance(places, int):
        return None

    def amount(name: str) -> Decimal | None:
        digits = str(prices.get(name) or "")
        return Decimal(digits).scaleb(-places) if digits.isascii() and digits.isdigit() else None

    price, regular = amount("price"), amount("regular_price")
    if not price:
        return None
    sku = first_text(product.get("sku"))
    brand = next((first_text(b.get("name")) for b in _mappings(product.get("brands"))), None)
    image = next((first_text(i.get("src")) for i in _mappings(product.get("images"))), None)
    facts = ProductFacts(
        title=first_text(product.get("name")),
        brand=brand,
        gtin=parse_gtin(first_text(product.get("global_unique_id"))) or parse_gtin(sku),
        sku=sku,
        image=image,
        availability=_stock(product.get("is_in_stock")),
    )
    return _offer(urljoin(base, address), price, code, regular, facts, prices)


MAGENTO_QUERY: Final = """query Offers($page: Int!) {
 products(filter: {}, pageSize: 100, currentPage: $page) {
 page_info { total_pages } items { name sku url_key url_suffix stock_status canonical_url
 image { url } price_range {
 minimum_price { final_price { value currency } regular_price { value } }
 maximum_price { final_price { value } } } } } }"""
"""What is asked of a Magento shop's `/graphql`."""


def magento_page(body: bytes, base: str, currency: str | None = None) -> CataloguePage:
    """The answer to `MAGENTO_QUERY`; a product with a range of prices is left out.

    Raises:
        NotACatalogue: it is no such answer, or the shop refuses the query.
    """
    data = _object(body)
    products = (data.get("data") or {}).get("products") if "data" in data else None
    if not isinstance(products, Mapping) or not isinstance(products.get("items"), list):
        errors = [first_text(e.get("message")) for e in _mappings(data.get("errors"))]
        raise NotACatalogue(f"no products in the answer: {errors[0] if errors else 'no reason'}")
    items = products["items"]
    info = products.get("page_info")
    pages = info.get("total_pages") if isinstance(info, Mapping) else None
    offers = [offer for item in _mappings(items) if (offer := _magento_offer(item, base, currency))]
    return CataloguePage(tuple(offers), len(items), pages if isinstance(pages, int) else None)


def _magento_offer(item: Mapping[str, Any], base: str, currency: str | None) -> Offer | None:
    reach = item.get("price_range")
    low = reach.get("minimum_price") if isinstance(reach, Mapping) else None
    high = reach.get("maximum_price") if isinstance(reach, Mapping) else None
    if not isinstance(low, Mapping):
        return None
    final = low.get("final_price")
    key = first_text(item.get("url_key"))
    if not isinstance(final, Mapping) or key is None:
        return None
    code = currency_code(first_text(final.get("currency"))) or currency
    price = parse_machine_price(final.get("value"), currency=code)
    top = (high or {}).get("final_price") if isinstance(high, Mapping) else None
    highest = top.get("value") if isinstance(top, Mapping) else None
    if price is None or (highest is not None and parse_machine_price(highest) != price):
        return None
    regular = low.get("regular_price")
    was = regular.get("value") if isinstance(regular, Mapping) else None
    image = item.get("image")
    address = first_text(item.get("canonical_url")) or key + str(item.get("url_suffix") or ".html")
    facts = ProductFacts(
        title=first_text(item.get("name")),
        sku=first_text(item.get("sku")),
        image=first_text(image.get("url")) if isinstance(image, Mapping) else None,
        availability=_stock({"IN_STOCK": True, "OUT_OF_STOCK": False}.get(
            str(item.get("stock_status")))),
    )  # fmt: skip
    listed_at = parse_machine_price(was, currency=code)
    return _offer(urljoin(f"{base}/", address), price, code, listed_at, facts, reach)


def _offer(
    url: str,
    price: Decimal,
    currency: str | None,
    was: Decimal | None,
    facts: ProductFacts,
    raw: object,
) -> Offer:
    evidence = Evidence(Source.CATALOGUE, repr(raw)[:200], _SURE)
    above = was if was is not None and was > price else None
    return Offer(url, price, currency, above, _SURE, Source.CATALOGUE, facts, (evidence,))


def _stock(available: object) -> Availability | None:
    if available is None:
        return None
    return Availability.IN_STOCK if available else Availability.OUT_OF_STOCK


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (part for part in listed(value) if isinstance(part, Mapping))


def _object(body: bytes) -> Mapping[str, Any]:
    data = _json(body)
    if not isinstance(data, Mapping):
        raise NotACatalogue("the answer is no JSON object")
    return data


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotACatalogue("the answer is no JSON") from None
