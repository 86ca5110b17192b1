"""Promotions in the words of a page: "2nd half price", "3 for 2", "满300减40"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 120

_PROMOTION: Final = re.compile(
    r"\b(?:"
    r"(?:2nd|second|3rd|third)\s+(?:item\s+|one\s+)?(?:at\s+)?"
    r"(?:half[ -]price|free|\d{1,2}\s?%\s+off)"
    r"|buy\s+(?:\d|one|two|three)\W{1,3}get\s+(?:\d|one|two|three)(?:\s+(?:free|half[ -]price))?"
    r"|bogo\b"
    r"|\d\s+for\s+(?:the\s+price\s+of\s+)?\d\b(?!\s*(?:stars?|reviews?))"
    r"|\d\s+for\s+[$€£]\s?\d+(?:[.,]\d\d)?"
    r"|(?:extra\s+)?\d{1,2}\s?%\s+off\s+(?:with\s+code|when\s+you\s+buy|orders?\s+over)\b.{0,40}"
    r"|spend\s+[$€£]\s?\d+\D{1,12}save\s+[$€£]\s?\d+"
    r"|(?:2|zwei)\s+(?:für|zum\s+preis\s+von)\s+(?:1|eins?)\b|\d\s?\+\s?\d\s+gratis"
    r"|(?:le\s+)?2(?:e|ème)\s+(?:à|a)\s+(?:-?\s?\d{1,2}\s?%|moitié\s+prix)"
    r"|\d\s*x\s*\d\b(?=\s*(?:en|oferta|promo))|2ª?\s+unidad\s+(?:al|-)\s?-?\d{1,2}\s?%"
    r")"
    r"|[满滿]\s?\d+\s?元?\s?[减減送]\s?\d+\s?元?|第[二2]件\s?(?:半价|半價|\d(?:\.\d)?折|0元|[零0]元)"
    r"|买[一二三\d]送[一二三\d]|買[一二三\d]送[一二三\d]|\d+点ポイント|2点目半額",
    re.IGNORECASE,
)


def promotion_in(texts: Iterable[str]) -> str | None:
    """The first promotion that one of these short texts names, as printed.

    Args:
        texts: what stands near the product's price; long texts are not looked at.
    """
    for text in texts:
        if len(text) <= _LONGEST and (found := _PROMOTION.search(text)):
            return " ".join(found[0].split())
    return None
