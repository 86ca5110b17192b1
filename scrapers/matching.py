"""Offers to our products: by GTIN, else by title, else not at all.

A wrong match moves a price for a false reason, a missed one only leaves an offer unused. So every
rule here is a reason to refuse: another brand, another pack, another model number, a second
product that fits nearly as well.
"""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rapidfuzz import fuzz

from pricing.catalogue import Product
from scrapers.extract import Condition, ProductFacts, gtin_key, parse_gtin

ACCEPTED: Final = 0.72
"""Title score from which an offer counts as our product."""

_MARGIN: Final = 0.04
"""By how much the best product must beat the next for the same offer."""

_SHORTLIST: Final = 25


class MatchMethod(StrEnum):
    """How an offer was tied to a product."""

    GTIN = "gtin"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Match:
    """An offer is this product.

    Attributes:
        sku: our product.
        score: 1.0 for a GTIN; otherwise the title score, `ACCEPTED`..1.
        method: how it was found.
    """

    sku: str
    score: float
    method: MatchMethod


@dataclass(frozen=True, slots=True)
class Pack:
    """Contents of a pack in a base unit.

    Attributes:
        amount: total of all pieces; 6 x 330 ml is 1980.
        unit: `g`, `ml`, `m` or `piece`.
    """

    amount: float
    unit: str

    def same(self, other: Pack) -> bool:
        """Equal contents, up to what rounding on a label explains (1 %)."""
        return self.unit == other.unit and math.isclose(self.amount, other.amount, rel_tol=0.01)


_UNITS: Final[dict[str, tuple[float, str]]] = {
    "kg": (1000.0, "g"), "g": (1.0, "g"), "gr": (1.0, "g"), "gram": (1.0, "g"),
    "grams": (1.0, "g"), "mg": (0.001, "g"), "lb": (453.592, "g"), "oz": (28.3495, "g"),
    "l": (1000.0, "ml"), "lt": (1000.0, "ml"), "ltr": (1000.0, "ml"), "litre": (1000.0, "ml"),
    "liter": (1000.0, "ml"), "dl": (100.0, "ml"), "cl": (10.0, "ml"), "ml": (1.0, "ml"),
    "m": (1.0, "m"), "cm": (0.01, "m"), "mm": (0.001, "m"),
    "pcs": (1.0, "piece"), "pc": (1.0, "piece"), "piece": (1.0, "piece"),
    "pieces": (1.0, "piece"), "stk": (1.0, "piece"), "stück": (1.0, "piece"),
    "pack": (1.0, "piece"), "tabs": (1.0, "piece"), "capsules": (1.0, "piece"),
    "tablets": (1.0, "piece"), "sheets": (1.0, "piece"), "count": (1.0, "piece"),
    "ct": (1.0, "piece"), "bags": (1.0, "piece"), "teabags": (1.0, "piece"),
    "washes": (1.0, "piece"), "rolls": (1.0, "piece"), "wipes": (1.0, "piece"),
    "pads": (1.0, "piece"), "pods": (1.0, "piece"),
}  # fmt: skip
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_PACK = re.compile(
    rf"(?:(?P<times>\d{{1,3}})\s*[x×*]\s*)?(?P<size>\d+(?:[.,]\d+)?)\s*-?(?P<unit>{_UNIT})\b"
    r"(?:\s*[x×*]\s*(?P<after>\d{1,3})\b|\s*\(?(?P<er>\d{1,3})[ -]?(?:er\b|pack\b))?",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(\d+)([^\W\d_]{4,})\b")
_WORD = re.compile(r"[^\W_]+")
_MODEL = re.compile(r"(?=[^\W_]*\d)(?=[^\W_]*[a-z])[^\W_]{3,}|\d{4,}")


def pack_of(text: str) -> Pack | None:
    """The pack that a title names: `"6 x 330 ml"`, `"1,5 L"`, `"500g"`, `"330 ml x 6"`.

    None where it names none, or two that differ.
    """
    named = (_pack(match) for match in _PACK.finditer(text))
    found = [pack for pack in named if pack.unit != "m"]  # a length is a size, not a content
    if not found:
        return None
    return found[0] if all(pack.same(found[0]) for pack in found) else None


def _pack(match: re.Match[str]) -> Pack:
    factor, unit = _UNITS[match["unit"].lower()]
    times = match["times"] or match["after"] or match["er"] or "1"
    return Pack(int(times) * float(match["size"].replace(",", ".")) * factor, unit)


class Matcher:
    """Finds the product an offer is, over one catalogue.

    Building costs one pass over the products; a title is compared only with the products that
    share its rarest words, so the catalogue may be large.
    """

    def __init__(self, products: Sequence[Product]) -> None:
        self._products = {product.sku: product for product in products}
        self._by_gtin: dict[str, list[str]] = defaultdict(list)
        for product in products:
            if gtin := parse_gtin(product.gtin):
                self._by_gtin[gtin_key(gtin)].append(product.sku)
        words = {p.sku: _words(f"{p.brand or ''} {p.title}") for p in products}
        counts = Counter(word for found in words.values() for word in set(found))
        self._rarity = {
            word: math.log(1.0 + len(products) / count) for word, count in counts.items()
        }
        self._unseen = math.log(1.0 + len(products))
        self._postings: dict[str, list[str]] = defaultdict(list)
        for sku, found in words.items():
            for word in dict.fromkeys(found):
                self._postings[word].append(sku)
        self._words = words

    def knows(self, sku: str) -> bool:
        """Whether this catalogue has the product."""
        return sku in self._products

    def by_gtin(self, facts: ProductFacts) -> Match | None:
        """The one product with the offer's GTIN; None if there is none, or more than one."""
        if _used(facts):
            return None
        gtin = parse_gtin(facts.gtin)
        skus = self._by_gtin.get(gtin_key(gtin), []) if gtin else []
        return Match(skus[0], 1.0, MatchMethod.GTIN) if len(skus) == 1 else None

    def contradicts(self, sku: str, facts: ProductFacts) -> bool:
        """Whether the offer can not be this product: used, another GTIN, brand or pack."""
        if _used(facts):
            return True
        product = self._products[sku]
        ours, theirs = parse_gtin(product.gtin), parse_gtin(facts.gtin)
        if ours and theirs:
            return gtin_key(ours) != gtin_key(theirs)
        return _brand_differs(product, facts) or _pack_differs(product, facts)

    def match_all(
        self, listings: Sequence[ProductFacts], taken: Mapping[str, object] | None = None
    ) -> tuple[Match | None, ...]:
        """Match the offers of one seller, each product to one offer at most.

        Args:
            listings: what the pages say of their products.
            taken: products of ours (by SKU) that other offers of this seller have already.

        Returns:
            One entry an offer, in order; None where nothing fits well and alone.
        """
        free = set(self._products) - set(taken or ())
        result: list[Match | None] = [None] * len(listings)
        pairs: list[tuple[float, int, str]] = []
        for place, facts in enumerate(listings):
            exact = self.by_gtin(facts)
            if exact is not None:
                if exact.sku in free:
                    free.discard(exact.sku)
                    result[place] = exact
            else:
                pairs.extend((score, place, sku) for score, sku in self._titled(facts))
        for score, place, sku in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if result[place] is None and sku in free:
                free.discard(sku)
                result[place] = Match(sku, round(score, 4), MatchMethod.TITLE)
        return tuple(result)

    def score(self, sku: str, facts: ProductFacts) -> float:
        """How well an offer's title fits a product, 0..1; 0 where a guard refuses."""
        if facts.title is None or self.contradicts(sku, facts):
            return 0.0
        product = self._products[sku]
        ours = self._words[sku]
        theirs = _words(f"{facts.brand or ''} {facts.title}")
        if _models_differ(product.title, facts.title):
            return 0.0
        return 0.6 * self._shared(ours, theirs) + 0.4 * _likeness(product.title, facts.title)

    def _titled(self, facts: ProductFacts) -> list[tuple[float, str]]:
        """Products whose title fits; empty unless the best stands clear of the next."""
        scored = sorted(
            ((self.score(sku, facts), sku) for sku in self._shortlist(facts)), reverse=True
        )
        if not scored or scored[0][0] < ACCEPTED:
            return []
        if len(scored) > 1 and scored[0][0] - scored[1][0] < _MARGIN:
            return []
        return scored[:1]

    def _shortlist(self, facts: ProductFacts) -> list[str]:
        """The products that share the most, and the rarest, words with the offer."""
        weight: dict[str, float] = defaultdict(float)
        theirs = set(_words(f"{facts.brand or ''} {facts.title or ''}"))
        known = sorted((w for w in theirs if w in self._rarity), key=lambda w: -self._rarity[w])
        for word in known[:8]:
            for sku in self._postings[word]:
                weight[sku] += self._rarity[word]
        return sorted(weight, key=lambda sku: (-weight[sku], sku))[:_SHORTLIST]

    def _shared(self, ours: Sequence[str], theirs: Sequence[str]) -> float:
        """Cosine of the two titles' words, each weighted by its rarity in our catalogue."""
        a, b = set(ours), set(theirs)
        square = {word: self._rarity.get(word, self._unseen) ** 2 for word in a | b}
        norm = math.sqrt(sum(square[w] for w in a) * sum(square[w] for w in b))
        return sum(square[w] for w in a & b) / norm if norm else 0.0


def _used(facts: ProductFacts) -> bool:
    return facts.condition in {Condition.USED, Condition.REFURBISHED}


def _folded(text: str) -> str:
    """Lower case without accents; a count and its word stand apart (`20bags`, `4k` does not)."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return _COUNTED.sub(r"\1 \2", plain)


def _words(text: str) -> list[str]:
    """Words of a title, accents folded, packs brought to one spelling (`330 ml` = `33cl`)."""
    folded = _folded(text)

    def spelled(match: re.Match[str]) -> str:
        pack = _pack(match)
        return f" {pack.amount:g}{pack.unit} ".replace(".", "p")

    return _WORD.findall(_PACK.sub(spelled, folded))


def _likeness(ours: str, theirs: str) -> float:
    """Likeness of the titles letter by letter, word order aside; forgives a misspelling."""
    return fuzz.token_sort_ratio(" ".join(_words(ours)), " ".join(_words(theirs))) / 100.0


def _brand_differs(product: Product, facts: ProductFacts) -> bool:
    """Whether both sides name a brand and not the same one."""
    if not product.brand:
        return False
    brand = _folded(product.brand)
    if facts.brand:
        other = _folded(facts.brand)
        return fuzz.ratio(brand, other) < 80 and brand not in other and other not in brand
    # A title without our brand may be a terse one, but not a brand's own product line.
    return bool(facts.title) and fuzz.partial_ratio(brand, _folded(facts.title or "")) < 80


def _pack_differs(product: Product, facts: ProductFacts) -> bool:
    """Whether both sides name a pack and not the same one."""
    theirs = pack_of(facts.title or "")
    ours = pack_of(product.title)
    if ours is None and product.pack_size and (product.pack_unit or "").lower() in _UNITS:
        factor, unit = _UNITS[(product.pack_unit or "").lower()]
        ours = Pack(product.pack_size * factor, unit)
    if ours is None or theirs is None or ours.unit != theirs.unit:
        return False
    return not ours.same(theirs)


def _models_differ(ours: str, theirs: str) -> bool:
    """Whether both titles carry model numbers and share none."""
    a, b = (set(_MODEL.findall(_PACK.sub(" ", _folded(text)))) for text in (ours, theirs))
    return bool(a) and bool(b) and not (a & b)
