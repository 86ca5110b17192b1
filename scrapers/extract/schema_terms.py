"""schema.org offers: what one asks, and under which terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from scrapers.extract.currency_signs import currency_code
from scrapers.extract.page import Page
from scrapers.extract.price_text import parse_machine_price
from scrapers.extract.record import Availability, Condition, Terms, UnitPrice
from scrapers.extract.schema_nodes import Node, first_text, listed, resolved, scalar, types_of
from scrapers.extract.vocabulary import availability_of, condition_of

_STRUCK_OUT: Final = frozenset({"listprice", "strikethroughprice", "msrp", "srp", "regularprice"})
_UNIT_CODES: Final = {
    "kgm": "kg", "grm": "g", "ltr": "l", "mlt": "ml", "clt": "cl", "mtr": "m", "mtk": "m2",
    "mtq": "m3", "c62": "piece", "h87": "piece", "ea": "piece", "pce": "piece", "lbr": "lb",
    "onz": "oz",
}  # fmt: skip
"""UN/CEFACT common codes that shops use."""


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """One offer node, read.

    Attributes:
        prices: the ends of its range, where it names one.
        ambiguous: it names a price that can be read in two ways.
        terms: shipping, unit price, validity.
    """

    price: Decimal | None
    currency: str | None
    list_price: Decimal | None
    availability: Availability | None
    condition: Condition | None
    sku: str | None
    url: str | None
    seller: str | None = None
    prices: tuple[Decimal, ...] = ()
    ambiguous: bool = False
    terms: Terms = field(default_factory=Terms)


def asked_terms(
    offer: object, page: Page, by_id: Mapping[str, Node], prefer: str | None, depth: int = 0
) -> Iterator[AskedTerms]:
    """What one offer node asks; an aggregate answers with its parts if it has them.

    Args:
        offer: the node.
        page: makes addresses absolute.
        by_id: nodes by `@id`, for references.
        prefer: ISO 4217 code that decides signs of several countries.
        depth: how many aggregates stand around it.
    """
    if not isinstance(offer, Mapping) or depth > 3:
        return
    parts = [resolved(part, by_id) for part in listed(offer.get("offers"))]
    if "aggregateoffer" in types_of(offer) and parts:
        inner = [t for part in parts for t in asked_terms(part, page, by_id, prefer, depth + 1)]
        if any(terms.price for terms in inner):
            currency = currency_code(first_text(offer.get("priceCurrency")), prefer=prefer)
            for terms in inner:
                yield terms if terms.currency else replace(terms, currency=currency)
            return
    yield _one(offer, page, prefer)


def _one(offer: Node, page: Page, prefer: str | None) -> AskedTerms:
    """An offer that is no collection of others."""
    specs = [s for s in listed(offer.get("priceSpecification")) if isinstance(s, Mapping)]
    sign = first_text(offer.get("priceCurrency"))
    sign = sign or next((first_text(s.get("priceCurrency")) for s in specs), None)
    currency = currency_code(sign, prefer=prefer)
    raw = scalar(offer.get("price"))
    price = parse_machine_price(raw, currency=currency or prefer)
    prices: tuple[Decimal, ...] = ()
    if price is None and raw in {None, ""}:
        low = parse_machine_price(scalar(offer.get("lowPrice")), currency=currency or prefer)
        high = parse_machine_price(scalar(offer.get("highPrice")), currency=currency or prefer)
        if low and high and low != high:
            prices = (low, high)
        else:
            price = low or high
    stated, struck = _specified(specs, currency or prefer)
    price = price if price or prices else stated
    address = first_text(offer.get("url"))
    return AskedTerms(
        price=price,
        currency=currency,
        list_price=struck,
        availability=availability_of(first_text(offer.get("availability"))),
        condition=condition_of(first_text(offer.get("itemCondition"))),
        sku=first_text(offer.get("sku")),
        url=page.absolute(address) if address else None,
        seller=first_text(offer.get("seller")) or first_text(offer.get("offeredBy")),
        prices=prices,
        ambiguous=price is None and raw not in {None, "", 0, "0"},
        terms=Terms(
            shipping=_shipping(offer, currency or prefer),
            unit_price=_unit_price(specs, currency or prefer),
            valid_until=_valid_until(offer, specs),
        ),
    )


def _specified(specs: list[Node], currency: str | None) -> tuple[Decimal | None, Decimal | None]:
    """Price and list price from `priceSpecification`, members' and unit prices left out."""
    price, struck = None, None
    for spec in specs:
        amount = parse_machine_price(scalar(spec.get("price")), currency=currency)
        kind = (first_text(spec.get("priceType")) or "").rsplit("/", 1)[-1].lower()
        if amount is None or "validForMemberTier" in spec or _quantity(spec) is not None:
            continue
        if kind in _STRUCK_OUT:
            struck = amount
        elif price is None or "sale" in kind:
            price = amount
    return price, struck


def _quantity(spec: Node) -> Node | None:
    """The measure that a specification prices (per kilogram), if it does not price the piece."""
    found = (q for q in listed(spec.get("referenceQuantity")) if isinstance(q, Mapping))
    return next(found, None)


def _unit_price(specs: list[Node], currency: str | None) -> UnitPrice | None:
    for spec in specs:
        quantity = _quantity(spec)
        amount = parse_machine_price(scalar(spec.get("price")), currency=currency)
        if quantity is None or amount is None:
            continue
        value = parse_machine_price(scalar(quantity.get("value")) or "1")
        unit = first_text(quantity.get("unitText")) or first_text(quantity.get("unitCode"))
        if unit and value:
            return UnitPrice(amount, value, _UNIT_CODES.get(unit.lower(), unit.lower())[:20])
    return None


def _shipping(offer: Node, currency: str | None) -> Decimal | None:
    """The lowest rate that is stated, zero where one of them is free; None where none is."""
    rates: list[Decimal] = []
    for details in listed(offer.get("shippingDetails")):
        if not isinstance(details, Mapping):
            continue
        for rate in listed(details.get("shippingRate")):
            value = scalar(rate.get("value")) if isinstance(rate, Mapping) else rate
            if str(value).strip() in {"0", "0.0", "0.00"}:
                rates.append(Decimal(0))
            elif amount := parse_machine_price(value, currency=currency):
                rates.append(amount)
    return min(rates, default=None)


def _valid_until(offer: Node, specs: list[Node]) -> date | None:
    for text in (
        first_text(offer.get("priceValidUntil")),
        *(first_text(spec.get("validThrough")) for spec in specs),
        first_text(offer.get("validThrough")),
    ):
        if text:
            try:
                return datetime.fromisoformat(text.strip()).date()
            except ValueError:
                continue
    return None
