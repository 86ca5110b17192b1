"""schema.org products and their offers, however they were embedded (JSON-LD or microdata)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

from rapidfuzz import fuzz, utils

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.gtin import parse_gtin
from scrapers.extract.page import Page, address_of
from scrapers.extract.price_text import parse_machine_price
from scrapers.extract.record import (
    Availability,
    Candidate,
    Condition,
    ProductFacts,
    Reason,
    Source,
)
from scrapers.extract.vocabulary import availability_of, condition_of

Node: TypeAlias = Mapping[str, object]

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
_STRUCK_OUT: Final = frozenset({"listprice", "strikethroughprice", "msrp", "srp", "regularprice"})
_GTIN_FIELDS: Final = ("gtin13", "gtin", "gtin14", "gtin12", "gtin8", "ean", "isbn", "productID")
_DEEPEST = 12
_MOST_NODES = 5_000


@dataclass(frozen=True, slots=True)
class _Terms:
    """One offer node, read."""

    price: Decimal | None
    currency: str | None
    list_price: Decimal | None
    availability: Availability | None
    condition: Condition | None
    sku: str | None
    url: str | None
    prices: tuple[Decimal, ...] = ()
    ambiguous: bool = False


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
    by_id = {str(node["@id"]): node for node in _every(nodes) if "@id" in node and len(node) > 1}
    products = list(_products(nodes))
    chosen, certain = _about(products, page)
    for node in chosen:
        found = _candidate(node, page, by_id, source, prefer)
        trust = confidence if certain else confidence * 0.75
        yield replace(found, confidence=trust if found.price is not None else 0.0)


def first_text(value: object) -> str | None:
    """The first non-empty text in a value that may be a list or a node with a name."""
    for part in _listed(value):
        if isinstance(part, Mapping):
            part = part.get("name") or part.get("@value") or part.get("@id")  # noqa: PLW2901
        if isinstance(part, int | float) and not isinstance(part, bool):
            part = str(part)  # noqa: PLW2901
        if isinstance(part, str) and (text := " ".join(part.split())):
            return text[:500]
    return None


def _every(nodes: Iterable[object]) -> Iterator[Node]:
    """Every mapping inside, breadth first, up to a number that no honest page has."""
    queue = list(nodes)
    for count, value in enumerate(queue):
        if count > _MOST_NODES:
            return
        if isinstance(value, Mapping):
            yield value
            queue.extend(value.values())
        elif isinstance(value, list):
            queue.extend(value)


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
        types = _types(value)
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


def _types(node: Node) -> set[str]:
    return {
        part.rsplit("/", 1)[-1].rsplit(":", 1)[-1].lower()
        for part in _listed(node.get("@type"))
        if isinstance(part, str)
    }


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


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
        for offer in _listed(node.get("offers"))
        for terms in _terms(_resolved(offer, by_id), page, by_id, prefer)
    ]
    variants = [
        _resolved(variant, by_id)
        for variant in _listed(node.get("hasVariant") or node.get("model"))
        if isinstance(variant, Mapping)
    ]
    if not own and variants:
        mine = [v for v in variants if address_of(first_text(v.get("url")) or "") == page.address]
        if len(mine) == 1:
            return _candidate({**node, **mine[0], "hasVariant": None}, page, by_id, source, prefer)
        own = [
            terms
            for variant in variants
            for offer in _listed(variant.get("offers"))
            for terms in _terms(_resolved(offer, by_id), page, by_id, prefer)
        ]
    facts = _facts(node, page)
    return _settle(own, facts, page, source, _snippet(node))


def _settle(
    terms: list[_Terms], facts: ProductFacts, page: Page, source: Source, snippet: str
) -> Candidate:
    """One price from a product's offers, or the prices that it could be."""
    new = [t for t in terms if t.condition in {None, Condition.NEW}]
    if terms and not new:
        facts = _complete(facts, terms[0])
        return Candidate(source, snippet, facts, problem=Reason.NOT_NEW)
    pool = _narrowed(new, facts, page)
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
    return Candidate(
        source,
        snippet,
        facts,
        price=prices[0],
        currency=currency,
        list_price=max(above) if above else None,
    )


def _narrowed(terms: list[_Terms], facts: ProductFacts, page: Page) -> list[_Terms]:
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


def _terms(
    offer: object, page: Page, by_id: Mapping[str, Node], prefer: str | None
) -> Iterator[_Terms]:
    """What one offer node asks; an aggregate answers with its parts if it has them."""
    if not isinstance(offer, Mapping):
        return
    parts = [_resolved(part, by_id) for part in _listed(offer.get("offers"))]
    if "aggregateoffer" in _types(offer) and parts:
        inner = [terms for part in parts for terms in _terms(part, page, by_id, prefer)]
        if any(terms.price for terms in inner):
            currency = currency_code(first_text(offer.get("priceCurrency")), prefer=prefer)
            for terms in inner:
                yield terms if terms.currency else replace(terms, currency=currency)
            return
    sign = first_text(offer.get("priceCurrency"))
    specs = [s for s in _listed(offer.get("priceSpecification")) if isinstance(s, Mapping)]
    sign = sign or next((first_text(s.get("priceCurrency")) for s in specs), None)
    currency = currency_code(sign, prefer=prefer)
    raw = _scalar(offer.get("price"))
    price = parse_machine_price(raw, currency=currency or prefer)
    prices: tuple[Decimal, ...] = ()
    if price is None and raw in {None, ""}:
        low = parse_machine_price(_scalar(offer.get("lowPrice")), currency=currency or prefer)
        high = parse_machine_price(_scalar(offer.get("highPrice")), currency=currency or prefer)
        if low and high and low != high:
            prices = (low, high)
        else:
            price = low or high
    stated, struck = _specified(specs, currency or prefer)
    price = price if price or prices else stated
    address = first_text(offer.get("url"))
    yield _Terms(
        price=price,
        currency=currency,
        list_price=struck,
        availability=availability_of(first_text(offer.get("availability"))),
        condition=condition_of(first_text(offer.get("itemCondition"))),
        sku=first_text(offer.get("sku")),
        url=page.absolute(address) if address else None,
        prices=prices,
        ambiguous=price is None and raw not in {None, "", 0, "0"},
    )


def _specified(specs: list[Node], currency: str | None) -> tuple[Decimal | None, Decimal | None]:
    """Price and list price from `priceSpecification`, members' and unit prices left out."""
    price, struck = None, None
    for spec in specs:
        amount = parse_machine_price(_scalar(spec.get("price")), currency=currency)
        kind = (first_text(spec.get("priceType")) or "").rsplit("/", 1)[-1].lower()
        if amount is None or "validForMemberTier" in spec or _for_a_quantity(spec):
            continue
        if kind in _STRUCK_OUT:
            struck = amount
        elif price is None or "sale" in kind:
            price = amount
    return price, struck


def _for_a_quantity(spec: Node) -> bool:
    """Whether the specification prices a measure (per kilogram), not the piece."""
    return any(isinstance(quantity, Mapping) for quantity in _listed(spec.get("referenceQuantity")))


def _scalar(value: object) -> object:
    """The first scalar of a value that may be a list or a `@value` node."""
    for part in _listed(value):
        return part.get("@value") if isinstance(part, Mapping) else part
    return None


def _resolved(value: object, by_id: Mapping[str, Node]) -> Node:
    """A node, followed once if it is a bare reference."""
    if isinstance(value, Mapping):
        if set(value) == {"@id"}:
            return by_id.get(str(value["@id"]), value)
        return value
    return by_id.get(value, {}) if isinstance(value, str) else {}


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
    )


def _digits(text: str | None) -> str | None:
    """`"ean:4006381333931"` without its scheme."""
    return text.rsplit(":", 1)[-1] if text else None


def _complete(facts: ProductFacts, *terms: _Terms) -> ProductFacts:
    """Facts with what the offers add: availability (the best of them), condition, article."""
    order = list(Availability)
    known = sorted({t.availability for t in terms if t.availability}, key=order.index)
    skus = {t.sku for t in terms if t.sku}
    return replace(
        facts,
        sku=facts.sku or (skus.pop() if len(skus) == 1 else None),
        availability=known[0] if known else None,
        condition=facts.condition or next((t.condition for t in terms if t.condition), None),
    )


def _snippet(node: Node) -> str:
    return repr(node.get("offers"))[:200]
