"""From an extracted offer to the record that storage keeps."""

from __future__ import annotations

from typing import Final

from pricing.errors import MoneyError
from pricing.money import Money, Rounding
from scrapers.extract import Condition, Offer
from scrapers.matching import Listing
from scrapers.outcomes import Observation
from storage.competitors.offers import ObservedOffer


def competitor_offer(observation: Observation, *, currency: str) -> ObservedOffer:
    """The record of one observation, not matched to a product yet.

    Args:
        observation: what was read, and when.
        currency: ISO 4217 code of the site, for pages that name none.

    Raises:
        MoneyError: the price is less than half a minor unit of its currency.
    """
    offer, facts = observation.offer, observation.offer.facts
    code = offer.currency or currency
    # Some shops publish net prices with four decimals; nobody pays a fraction of a cent.
    price = Money.parse(offer.price, code, Rounding.HALF_UP)
    if price.minor <= 0:
        raise MoneyError(f"price {offer.price} {code} is less than the smallest coin")
    listed = None
    if offer.list_price is not None:
        listed = Money.parse(offer.list_price, code, Rounding.HALF_UP)
    return ObservedOffer(
        url=offer.url,
        observed_at=observation.observed_at,
        price=price,
        list_price=listed,
        availability=facts.availability.value if facts.availability else "unknown",
        title=facts.title or "",
        brand=facts.brand,
        gtin=facts.gtin,
        mpn=facts.mpn,
        site_sku=facts.sku,
        source=offer.source.value,
        confidence=round(offer.confidence, 4),
        details=_details(offer),
    )


def listing_of(offer: ObservedOffer, currency: str | None = None) -> Listing:
    """An offer as one side of a match.

    Args:
        offer: what was seen.
        currency: of the other side's prices; a price in another one is not compared.
    """
    variant = offer.details.get("variant")
    title = offer.title
    if variant and str(variant).casefold() not in title.casefold():
        title = f"{title} {variant}".strip()
    return Listing(
        offer.url,
        title,
        brand=offer.brand,
        gtin=offer.gtin,
        mpn=offer.mpn,
        price=float(offer.price.amount) if offer.price.currency == currency else None,
        used=offer.details.get("condition") in _NOT_NEW,
    )


_NOT_NEW: Final = frozenset({Condition.USED.value, Condition.REFURBISHED.value})


def _details(offer: Offer) -> dict[str, object]:
    """What is known beside the columns, as plain data; nothing is kept of what is not."""
    facts, terms, unit = offer.facts, offer.terms, offer.terms.unit_price
    known: dict[str, object | None] = {
        "condition": facts.condition,
        "variant": facts.variant,
        "seller": facts.seller,
        "image": facts.image,
        "shipping": terms.shipping,
        "unit_price": unit and {"amount": str(unit.amount), "quantity": str(unit.quantity),
                                "unit": unit.unit},
        "valid_until": terms.valid_until,
        "promotion": terms.promotion,
        "neighbour": offer.price if offer.neighbouring else None,
    }  # fmt: skip
    details: dict[str, object] = {
        name: value if isinstance(value, dict) else str(value)
        for name, value in known.items()
        if value is not None
    }
    sources = {evidence.source for evidence in offer.evidence}
    if len(sources) > 1:
        details["sources"] = len(sources)
    return details
