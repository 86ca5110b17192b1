"""schema.org products and their offers, however they were embedded (JSON-LD or microdata)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from rapidfuzz import fuzz, utils

from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import Page, address_of
from scrapers.extract.record import (
    Availability,
    Candidate,
    Condition,
    ProductFacts,
    Reason,
    Source,
    Terms,
)
from scrapers.extract.schema_nodes import (
    Node,
    every_node,
    first_text,
    listed,
    resolved,
    types_of,
)
from scrapers.extract.schema_terms import AskedTerms, asked_terms
from scrapers.extract.vocabulary import condition_of

_PRODUCT_TYPES: Final = frozenset(
    [
        "product",
        "productgroup",
        "productmodel",
        "individualproduct",
        "someproducts",
        "vehicle",
        "car",
        "book",
        "softwareapplication",
        "movie",
    ]
)
_LISTS: Final = frozenset(
    ["itemlist", "breadcrumblist", "offercatalog", "collectionpage", "searchresultspage"]
)
_NOT_THE_PRODUCT: Final = frozenset(
    [
        "isRelatedTo",
        "isSimilarTo",
        "isAccessoryOrSparePartFor",
        "isConsumableFor",
        "itemListElement",
        "review",
        "hasPart",
        "isPartOf",
        "hasVariant",
        "offers",
    ]
)
_GTIN_FIELDS: Final = ("gtin13", "gtin", "gtin14", "gtin12", "gtin8", "ean", "isbn", "productID")
_DEEPEST = 12
_MOST_NODES = 5_000


def candidates(
    roots: Iterable[object], page: Page, source: Source, confidence: float, prefer: str | None
) -> Iterator[Candidate]:
    """The page's own product as these nodes describe it; none if they describe none.

    Args:
        roots: top-level nodes of the page in JSON-LD shape.
        page: tells which of several products the page is about.
        source: how the nodes were embedded.
        confidence: the trust in this source where it names one price.
        prefer: ISO 4217 code that decides signs of several countries.
    """
    nodes = list(roots)
    named = (node for node in every_node(nodes) if "@id" in node and len(node) > 1)
    by_id = {str(node["@id"]): node for node in named}
    products = list(_products(nodes))
    chosen, certain = _about(products, page)
    for node in chosen:
        found = _candidate(node, page, by_id, source, prefer)
        trust = confidence if certain else confidence * 0.75
        yield replace(found, confidence=trust if found.price is not None else 0.0)


def _products(nodes: list[object]) -> Iterator[Node]:
    """Products at the top, or below a page node; not those in lists of others."""
    queue: list[tuple[object, int]] = [(node, 0) for node in nodes]
    seen = 0
    while queue and seen < _MOST_NODES:
        value, depth = queue.pop(0)
        seen += 1
        if isinstance(value, list):
            queue.extend((part, depth) for part in value)
        if not isinstance(value, Mapping) or depth > _DEEPEST:
            continue
        types = types_of(value)
        if types & _LISTS:
            continue
        if "offer" in types and isinstance(item := value.get("itemOffered"), Mapping):
            yield {**item, "offers": [value]}
        elif (types & _PRODUCT_TYPES and len(value) > 2) or (types and "offers" in value):
            yield value
        else:
            queue.extend(
                (part, depth + 1) for k, part in value.items() if k not in _NOT_THE_PRODUCT
            )


def _about(products: list[Node], page: Page) -> tuple[list[Node], bool]:
    """The product that the page is about, and whether that is certain."""
    if len(products) <= 1:
        return products, True
    addresses = {page.address, address_of(page.canonical or page.url)}
    exact = [
        node for node in products if address_of(first_text(node.get("url")) or "") in addresses
    ]
    if len(exact) == 1:
        return exact, True
    pool = exact or products
    named = [node for node in pool if _same_name(first_text(node.get("name")), page)]
    if named:
        priced = [node for node in named if "offers" in node or "hasVariant" in node]
        return (priced or named)[:1], len(named) == 1 or bool(exact)
    return pool[:1], False


def _same_name(name: str | None, page: Page) -> bool:
    """Whether the page's own names say the same product."""
    return name is not None and any(
        fuzz.token_set_ratio(name, other, processor=utils.default_process) >= 90
        for other in page.names
    )


def _candidate(
    node: Node, page: Page, by_id: Mapping[str, Node], source: Source, prefer: str | None
) -> Candidate:
    own = [
        terms
        for offer in listed(node.get("offers"))
        for terms in asked_terms(resolved(offer, by_id), page, by_id, prefer)
    ]
    variants = [
        resolved(variant, by_id)
        for variant in listed(node.get("hasVariant") or node.get("model"))
        if isinstance(variant, Mapping)
    ]
    if not own and variants:
        mine = [v for v in variants if address_of(first_text(v.get("url")) or "") == page.address]
        if len(mine) == 1:
            return _candidate({**node, **mine[0], "hasVariant": None}, page, by_id, source, prefer)
        own = [
            terms
            for variant in variants
            for offer in listed(variant.get("offers"))
            for terms in asked_terms(resolved(offer, by_id), page, by_id, prefer)
        ]
    facts = _facts(node, page)
    return _settle(own, facts, page, source, _snippet(node))


def _settle(
    terms: list[AskedTerms], facts: ProductFacts, page: Page, source: Source, snippet: str
) -> Candidate:
    """One price from a product's offers, or the prices that it could be."""
    # A used piece beside new ones is not what the page sells; a page that has only used ones is
    # read, and says so.
    new = [t for t in terms if t.condition in {None, Condition.NEW}]
    pool = _narrowed(new or terms, facts, page)
    facts = _complete(facts, *pool)
    prices = sorted({p for t in pool for p in (t.prices or ((t.price,) if t.price else ()))})
    currencies = {t.currency for t in pool if t.currency}
    currency = next(iter(currencies)) if len(currencies) == 1 else None
    if len(prices) != 1 or len(currencies) > 1:
        problem = Reason.SEVERAL_PRICES if prices else Reason.NO_PRICE
        if not prices and any(t.ambiguous for t in pool):
            problem = Reason.AMBIGUOUS_PRICE
        return Candidate(
            source, snippet, facts, currency=currency, prices=tuple(prices), problem=problem
        )
    above = [t.list_price for t in pool if t.list_price and t.list_price > prices[0]]
    stated = [t.terms for t in pool]
    return Candidate(
        source,
        snippet,
        facts,
        price=prices[0],
        currency=currency,
        list_price=max(above) if above else None,
        terms=Terms(
            shipping=_agreed([t.shipping for t in stated]),
            unit_price=_agreed([t.unit_price for t in stated]),
            valid_until=_agreed([t.valid_until for t in stated]),
        ),
    )


_T = TypeVar("_T")


def _agreed(values: Iterable[_T | None]) -> _T | None:
    """The one value that is stated; None where there is none or several."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _narrowed(terms: list[AskedTerms], facts: ProductFacts, page: Page) -> list[AskedTerms]:
    """The offers that are this page's, where something tells; otherwise all of them."""
    if len({t.price for t in terms}) <= 1:
        return terms
    for test in (
        lambda t: bool(t.url) and address_of(t.url) == page.address and bool(page.address[1]),
        lambda t: bool(t.sku) and t.sku == facts.sku,
        lambda t: t.price is not None and t.availability is not None and t.availability.buyable,
    ):
        kept = [t for t in terms if test(t)]
        if kept and len({t.price for t in kept}) == 1:
            return kept
    return terms


def _facts(node: Node, page: Page) -> ProductFacts:
    gtins = (parse_gtin(_digits(first_text(node.get(name)))) for name in _GTIN_FIELDS)
    image = first_text(node.get("image"))
    return ProductFacts(
        title=first_text(node.get("name")),
        brand=first_text(node.get("brand")) or first_text(node.get("manufacturer")),
        gtin=next((gtin for gtin in gtins if gtin), None),
        mpn=first_text(node.get("mpn")),
        sku=first_text(node.get("sku")),
        image=page.absolute(image) if image else None,
        condition=condition_of(first_text(node.get("itemCondition"))),
        variant=_variant(node),
    )


def _variant(node: Node) -> str | None:
    """What sets this version apart, such as `"black, XL"`."""
    said = (first_text(node.get(name)) for name in ("color", "size", "material", "pattern"))
    short = [text for text in said if text and len(text) <= 40 and "://" not in text]
    return ", ".join(dict.fromkeys(short)) or None


def _digits(text: str | None) -> str | None:
    """`"ean:4006381333931"` without its scheme."""
    return text.rsplit(":", 1)[-1] if text else None


def _complete(facts: ProductFacts, *terms: AskedTerms) -> ProductFacts:
    """Facts with what the offers add: availability (the best of them), condition, article."""
    order = list(Availability)
    known = sorted({t.availability for t in terms if t.availability}, key=order.index)
    skus = {t.sku for t in terms if t.sku}
    return replace(
        facts,
        seller=_agreed([t.seller for t in terms]),
        sku=facts.sku or (skus.pop() if len(skus) == 1 else None),
        availability=known[0] if known else None,
        condition=facts.condition or next((t.condition for t in terms if t.condition), None),
    )


def _snippet(node: Node) -> str:
    return repr(node.get("offers"))[:200]
