"""Pure extraction: bytes and an address in, an offer or a reason out.

`extract_offer` runs the whole cascade on a page; `parse_price` and `parse_gtin` are the readers
that the rest of the house uses on strings.
"""

from typing import Final

from scrapers.extract.cascade import PageHints, extract_offer
from scrapers.extract.gtin import gtin_key, parse_gtin
from scrapers.extract.links import Links, listing_links
from scrapers.extract.price_text import PriceReading, parse_machine_price, parse_price
from scrapers.extract.record import (
    Availability,
    Condition,
    Evidence,
    Offer,
    ProductFacts,
    Reason,
    Refusal,
    Source,
    Terms,
    UnitPrice,
)

READER: Final = "4"
"""Version of the extraction: another one reads pages anew that have not changed since."""

__all__ = [
    "READER",
    "Availability",
    "Condition",
    "Evidence",
    "Links",
    "Offer",
    "PageHints",
    "PriceReading",
    "ProductFacts",
    "Reason",
    "Refusal",
    "Source",
    "Terms",
    "UnitPrice",
    "extract_offer",
    "gtin_key",
    "listing_links",
    "parse_gtin",
    "parse_machine_price",
    "parse_price",
]
