"""What delivery costs, in the words of a page: "zzgl. 4,90 € Versand", "+ £3.50 delivery"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from scrapers.extract.currency_signs import has_sign, without_signs
from scrapers.extract.price_text import normalise, parse_machine_price, parse_price

_LONGEST: Final = 80

_WORD: Final = (
    r"(?:shipping|delivery|postage|p&p|versand(?:kosten)?|lieferung|livraison|port|envío|envio|"
    r"spedizione|verzending|verzendkosten|frakt|fragt|toimitus|doprava|wysyłka|доставка|运费|送料)"
)
_NUMBER: Final = r"(?P<amount>\d[\d.,' ]*)"
_BEFORE: Final = re.compile(rf"{_WORD}[^\d%]{{0,20}}{_NUMBER}", re.IGNORECASE)
_AFTER: Final = re.compile(
    rf"{_NUMBER}\s*(?:for |für |de |di |per |frais de )?{_WORD}", re.IGNORECASE
)
_CONDITION: Final = re.compile(
    r"\b(?:over|above|from|ab|über|dès|à partir|desde|oltre|vanaf|minimum|spend|orders?|bestell\w*|"
    r"von|until|bis|by|am|day|days|tag|tage|werktage?|hours?|h)\b|满|以上",
    re.IGNORECASE,
)


def shipping_in(texts: Iterable[str], currency: str | None) -> Decimal | None:
    """The one cost of delivery that short texts name; None where they name none or several.

    Conditions ("free delivery over £50", "delivery in 3 days") name no cost.

    Args:
        texts: what stands near the product's price.
        currency: ISO 4217 code expected on the page.
    """
    found = {cost for text in texts if (cost := _cost(text, currency)) is not None}
    return found.pop() if len(found) == 1 else None


def _cost(text: str, currency: str | None) -> Decimal | None:
    if len(text) > _LONGEST or not has_sign(text) or _CONDITION.search(text):
        return None
    clean = without_signs(normalise(text))
    named = _AFTER.search(clean) or _BEFORE.search(clean)
    if named is None:
        return None
    amount = named["amount"].strip(" .,'")
    return parse_price(amount, currency=currency).amount or parse_machine_price(amount)
