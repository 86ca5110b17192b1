"""From an extracted offer to the record that storage keeps."""

from __future__ import annotations

from pricing.errors import MoneyError
from pricing.money import Money, Rounding
from scrapers.matching import Match
from scrapers.outcomes import Observation
from storage.offers import ObservedOffer


def competitor_offer(
    observation: Observation, *, currency: str, match: Match | None
) -> ObservedOffer:
    """The record of one observation.

    Args:
        observation: what was read, and when.
        currency: ISO 4217 code of the site, for pages that name none.
        match: our product that it is, or None.

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
        sku=match.sku if match else None,
        match_method=match.method.value if match else None,
        match_score=match.score if match else None,
        source=offer.source.value,
        confidence=round(offer.confidence, 4),
    )
