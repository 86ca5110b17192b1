"""What class names, ids and the like say about the price inside an element."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scrapers.extract.page import Element
from scrapers.extract.vocabulary import PRICE_WORDS

_CURRENT: Final = re.compile(
    r"current|final|sale|special|now|our|offer|actual|buy|deal|promo|main|product|aktuell|action",
    re.IGNORECASE,
)
_FORMER: Final = re.compile(
    r"old|was(?![a-z])|before|strike|struck|cross(?!-?sell)|regular|list(?:[-_]?price)|original|"
    r"uvp|rrp|msrp|compare|previous|former|retail|barr[ée]|tachado|ancien|alt(?![a-z])|base-?price",
    re.IGNORECASE,
)
_BESIDE: Final = re.compile(
    r"unit|per-|shipping|delivery|versand|livraison|envio|tax|vat(?![a-z])|saving|save|discount|"
    r"instal|financ|month|leasing|credit|cuota|klarna|points|loyalty|member|club|card|warrant|"
    r"insurance|range|from|min-?price|max-?price|filter|coupon|voucher|threshold|label",
    re.IGNORECASE,
)
_OTHERS: Final = re.compile(
    r"related|recommend|similar|carousel|slider|swiper|slick|cross-?sell|up-?sell|also|bundle|"
    r"accessor|recent|viewed|history|sponsor|minicart|mini-cart|basket|shopping-?cart|cart-?summary|"
    r"wishlist|compare-|comparison|suggest|others?(?![a-z])|reviews?|teaser|tile|listing|grid|"
    r"product-?card|search|menu|nav(?![a-z])|footer|modal|popup|newsletter|banner|countr",
    re.IGNORECASE,
)
_PRODUCT_BLOCK: Final = re.compile(
    r"product-?(?:info|detail|main|price|summary|page|view)|pdp|buy-?box", re.IGNORECASE
)
_ATTRIBUTES: Final = frozenset(
    {"class", "id", "itemprop", "data-testid", "data-test", "data-qa", "data-role"}
)


@dataclass(frozen=True, slots=True)
class Hints:
    """What an element's names suggest.

    Attributes:
        named: whether it has any names.
        price: it holds a price.
        current: the price that holds now.
        former: a price of yesterday, and not also one of today.
        beside: an amount beside the price: shipping, tax, an instalment, a saving.
        others: other products, or something that is not the product page's own matter.
        product: the block of this page's product.
    """

    named: bool
    price: bool
    current: bool
    former: bool
    beside: bool
    others: bool
    product: bool


def hints_of(node: Element) -> Hints:
    """Read an element's names; pages repeat them, so each spelling is read once."""
    given = node.items()
    if not given:
        return _NAMELESS
    return _read(" ".join([value for name, value in given if name in _ATTRIBUTES]))


@lru_cache(maxsize=20_000)
def _read(names: str) -> Hints:
    if not names:
        return _NAMELESS
    found = frozenset[str]().union(*map(_meanings, names.split()))
    current = "current" in found
    return Hints(
        named=True,
        price="price" in found,
        current=current,
        former=not current and "former" in found,
        beside="beside" in found,
        others="others" in found,
        product="product" in found,
    )


@lru_cache(maxsize=50_000)
def _meanings(name: str) -> frozenset[str]:
    """What one name says. Names recur in other company and on other shops' pages."""
    return frozenset(meaning for meaning, words in _WORDS.items() if words.search(name))


_WORDS: Final = {
    "price": PRICE_WORDS,
    "current": _CURRENT,
    "former": _FORMER,
    "beside": _BESIDE,
    "others": _OTHERS,
    "product": _PRODUCT_BLOCK,
}
_NAMELESS: Final = Hints(
    named=False, price=False, current=False, former=False, beside=False, others=False, product=False
)
