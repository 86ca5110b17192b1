"""Words beside an amount that say whether tax is in it."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import re
from typing import Final

from scrapers.extract.currency_signs import without_signs

_TAX: Final = (
    r"(?:V\.?A\.?T|(?:sales )?tax(?:es)?|MwSt|USt|Mehrwertsteuer|Umsatzsteuer|T\.?V\.?A|I\.?V\.?A|"
    r"IGV|DPH|PDV|moms|mva|B\.?T\.?W|НДС|ПДВ|GST|VSK|ALV|áfa|KDV|ΦΠΑ|taxes?|impuestos|impostos|"
    r"imposte)(?![^\W\d_])\.?"
)
_WITHOUT: Final = (
    r"(?:excl?|ex|excluding|exclusive of|without|before|plus|hors|sans|sin|sem|bez|ohne|zzgl|"
    r"zuzüglich|exkl|exklusive|utan|ekskl|eksklusiv|uden|uten|без|senza|escl|escluso|esclusa|fără|"
    r"zonder|exclusief|más|mais|più|plus de|ilman|\+)"
)
_WITH: Final = (
    r"(?:incl?|inc|including|inclusive of|with|inkl|inklusive|einschl|mit|avec|con|com|vč|včetně|"
    r"s|z|met|inclusief|med|med|с|cu|toutes)"
)
_RATE: Final = r"(?:\(?\d{1,2}(?:[.,]\d)?\s?%\)?\s*)?(?:the |la |de |der |ges\.? |gesetzl?\.? )?"
_NET: Final = re.compile(
    rf"(?<![^\W\d_]){_WITHOUT}\.?\s*{_RATE}{_TAX}|"
    rf"(?<![^\W\d_]){_TAX}\s*(?:excl?|excluded|exkl|non comprise|esclus[ao]|escl|no inclu\w+|"
    r"não inclu\w+|non inclus[ao]|hariç|nélkül|0 ?%)(?![^\W\d_])\.?|"
    r"(?<![^\W\d_])(?:netto(?:preis|prijs|pris)?|nettó|netto cena|cena netto|"
    r"net(?: price)?(?! w(?:eigh)?t| content)|neto|prix net|prezzo netto|hors taxes?)(?![^\W\d_])|"
    r"(?<![^\W\d_])(?-i:H\.?T)(?![^\W\d_])\.?|"
    r"税抜き?|税別|本体価格|不含税|未税|未含税|税前",
    re.IGNORECASE,
)
"""The amount is without tax."""

_GROSS: Final = re.compile(
    rf"(?<![^\W\d_]){_WITH}\.?\s*{_RATE}{_TAX}|"
    rf"(?<![^\W\d_]){_TAX}\s*(?:incl?|included|inkl|comprise|inclus[ao]|incluid[ao]|incluíd[ao]|"
    r"inclusief|dahil|compresa)(?![^\W\d_])\.?|"
    r"(?<![^\W\d_])(?:brutto(?:preis)?|bruttó|gross(?: price)?|bruto)(?![^\W\d_])|"
    r"(?<![^\W\d_])(?-i:T\.?T\.?C)(?![^\W\d_])\.?|"
    r"税込み?|含税|税后",
    re.IGNORECASE,
)
"""Tax is in the amount."""

_GAP: Final = re.compile(r"[\s:()\[\]/|,*=–—-]*")
_QUICK: Final = re.compile(
    r"tax|vat|v\.a\.t|mwst|ust|steuer|tva|t\.v\.a|iva|i\.v\.a|igv|dph|pdv|moms|mva|btw|b\.t\.w|ндс|"
    r"пдв|gst|vsk|alv|áfa|kdv|φπα|impuest|impost|net|H\.?T|T\.?T\.?C|brut|gross|税",
    re.IGNORECASE,
)


def speaks_of_tax(text: str) -> bool:
    """Whether a text may say that tax is in an amount or not; quick, and true of too many."""
    return bool(_QUICK.search(text))


class TaxWords:
    """What a text says on tax, asked amount by amount from the first to the last."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._silent = not speaks_of_tax(text)
        self._end = -1  # of the amount before
        self._labels_first = False  # as in `HT 100 € TTC 120 €`

    def call_net(self, start: int, end: int) -> bool:
        """Whether the words around the next amount call it net."""
        if self._silent:
            return False
        first = self._end < 0
        if first:
            self._labels_first = _tax_words(self._text[:start])
        before = without_signs(self._text[max(self._end, 0) : start])
        self._end = end
        own = _said_last(before)
        if own is not None and (first or self._labels_first or _tax_words(before[: own.start()])):
            return own.re is _NET
        behind = without_signs(self._text[end:])
        gap = _GAP.match(behind)
        return _NET.match(behind, gap.end() if gap else 0) is not None


def _tax_words(text: str) -> bool:
    return bool(_NET.search(text) or _GROSS.search(text))


def _said_last(text: str) -> re.Match[str] | None:
    """The words on tax with which a text ends, if it ends with any."""
    for words in (_NET, _GROSS):
        for found in words.finditer(text):
            if _GAP.fullmatch(text, found.end()):
                return found
    return None
