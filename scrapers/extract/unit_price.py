"""Prices per measure, as printed beside the price of the piece."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from scrapers.extract.currency_signs import has_sign, without_signs
from scrapers.extract.price_text import normalise, parse_price
from scrapers.extract.record import UnitPrice

_UNIT: Final = (
    r"kg|kilo|g|gr|mg|lb|oz|ml|cl|dl|l|lt|ltr|litre|liter|m2|m²|m3|m|100\s?ml|"
    r"stk|stück|piece|pc|each|unit|шт|szt"
)
_NUMBER: Final = r"\d[\d.,' ]*"
_AFTER: Final = re.compile(
    rf"(?P<amount>{_NUMBER})\s*(?:/|per\b|pro\b|je\b|par\b|por\b|al\b|za\b)\s*"
    rf"(?P<quantity>\d+(?:[.,]\d+)?)?\s*(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    rf"(?P<quantity>\d+(?:[.,]\d+)?)?\s*(?P<unit>{_UNIT})\s*[=:]\s*(?P<amount>{_NUMBER})",
    re.IGNORECASE,
)


def parse_unit_price(text: str) -> UnitPrice | None:
    """The price per measure that a text names, or None.

    `"€2,50/kg"`, `"2,49 € / 100 g"`, `"(1 kg = 24,99 €)"`, `"£1.20 per litre"`. Text that names no
    currency names no price.
    """
    if len(text) > 150 or not has_sign(text):
        return None
    clean = normalise(text)
    found = _AFTER.search(without_signs(clean)) or _BEFORE.search(without_signs(clean))
    if found is None:
        return None
    amount = parse_price(found["amount"]).amount
    quantity = Decimal((found["quantity"] or "1").replace(",", "."))
    if amount is None or quantity <= 0:
        return None
    return UnitPrice(amount, quantity, found["unit"].lower().replace(" ", ""))
