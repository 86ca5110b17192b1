"""What speaks for and against an offer being a product: one row of numbers a pair."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Final

import numpy as np
from rapidfuzz import fuzz

from models.arrays import FloatArray
from scrapers.matching.listings import Listing
from scrapers.matching.titles import compact, folded

UNKNOWN_PRICE_GAP: Final = 0.25
"""Assumed log ratio of two prices of which one is not known."""

_LONGEST_CODE: Final = 10


class Feature(IntEnum):
    """The columns, each about 0..1.

    `LIKENESS`: cosine of the titles' letter groups. `WORDS`: cosine of their words by rarity.
    `LETTERS`: likeness letter by letter. `DESCRIBED`: share of one title's words in all that the
    other side says. `CODE`: likeness of the nearest model codes. `NAMED`: length of a model code
    found anywhere on the other side, in tens. `OTHER_CODE`: both have codes and none are alike.
    `PRICE_GAP`: log ratio of the prices. `BRAND`: same 1, unknown 0, other -1. `OTHER_COLOUR`,
    `OTHER_SIZE`, `OTHER_PACK`: both name one and not the same. `BEST_PRODUCT`, `BEST_OFFER`:
    likeness against the best that this offer, this product has elsewhere. `LEAD_PRODUCT`,
    `LEAD_OFFER`: by how much it leads the next best (negative where it trails).
    """

    LIKENESS = 0
    WORDS = 1
    LETTERS = 2
    DESCRIBED = 3
    CODE = 4
    NAMED = 5
    OTHER_CODE = 6
    PRICE_GAP = 7
    BRAND = 8
    OTHER_COLOUR = 9
    OTHER_SIZE = 10
    OTHER_PACK = 11
    BEST_PRODUCT = 12
    BEST_OFFER = 13
    LEAD_PRODUCT = 14
    LEAD_OFFER = 15


def pair_features(ours: Listing, theirs: Listing, rarity: Callable[[str], float]) -> FloatArray:
    """The features that the two sides alone decide; those of rank stay zero.

    Args:
        ours: a product.
        theirs: an offer.
        rarity: weight of a word, larger for rare ones.

    Returns:
        Array of `len(Feature)`.
    """
    row = np.zeros(len(Feature))
    row[Feature.WORDS] = _cosine(ours.words, theirs.words, rarity)
    row[Feature.LETTERS] = fuzz.token_sort_ratio(
        " ".join(sorted(ours.words)), " ".join(sorted(theirs.words))
    ) / 100.0  # fmt: skip
    row[Feature.DESCRIBED] = max(
        _share(theirs.words, ours.all_words, rarity), _share(ours.words, theirs.all_words, rarity)
    )
    likeness = max((code_likeness(a, b) for a in ours.codes for b in theirs.codes), default=0.0)
    named = max(_longest(theirs.codes, ours.everything), _longest(ours.codes, theirs.everything))
    row[Feature.CODE] = likeness
    row[Feature.NAMED] = min(named, _LONGEST_CODE) / _LONGEST_CODE
    row[Feature.OTHER_CODE] = bool(ours.codes and theirs.codes) and likeness < 0.5 and named == 0
    row[Feature.PRICE_GAP] = price_gap(ours.price, theirs.price)
    row[Feature.BRAND] = brand_agreement(ours, theirs)
    row[Feature.OTHER_COLOUR] = _disjoint(ours.colours, theirs.colours)
    row[Feature.OTHER_SIZE] = any(
        not ours.sizes[unit] & theirs.sizes[unit] for unit in ours.sizes.keys() & theirs.sizes
    )
    row[Feature.OTHER_PACK] = packs_differ(ours, theirs)
    return row


def code_likeness(a: str, b: str) -> float:
    """1 for equal codes; less where one begins or ends the other (colour and country suffixes)."""
    if a == b:
        return 1.0
    short, long = sorted((a, b), key=len)
    if len(short) >= 4 and (long.startswith(short) or long.endswith(short)):
        return 0.6 + 0.4 * len(short) / len(long)
    same = 0
    while same < len(short) and short[same] == long[same]:
        same += 1
    return 0.5 * same / len(long) + 0.2 * same / len(short) if same >= 5 else 0.0


def price_gap(ours: float | None, theirs: float | None) -> float:
    """Absolute log ratio of two prices, at most 3; a fixed value where one is unknown."""
    if not ours or not theirs or ours <= 0 or theirs <= 0:
        return UNKNOWN_PRICE_GAP
    return min(3.0, abs(math.log(theirs / ours)))


def brand_agreement(ours: Listing, theirs: Listing) -> float:
    """1 where a brand of one side stands on the other, -1 where both name one and not the same."""
    a, b = folded(ours.brand or ""), folded(theirs.brand or "")
    if a and b:
        if fuzz.ratio(a, b) >= 80 or a in b or b in a or compact(a) == compact(b):
            return 1.0
        return -1.0
    brand, other = (a, theirs) if a else (b, ours)
    if brand:
        first = brand.split()[0]
        if first in other.words or fuzz.partial_ratio(brand, folded(other.title)) >= 85:
            return 1.0
        # A title without our brand may be a terse one, but not a brand's own product line.
        return -0.5
    return float(ours.title.split()[:1] == theirs.title.split()[:1] != [])


def packs_differ(ours: Listing, theirs: Listing) -> bool:
    """Whether both sides name a pack and not the same one."""
    a, b = ours.pack, theirs.pack
    return a is not None and b is not None and a.unit == b.unit and not a.same(b)


def _disjoint(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a) and bool(b) and not a & b


def _longest(codes: frozenset[str], text: str) -> int:
    return max((len(c) for c in codes if len(c) >= 4 and c in text), default=0)


def _cosine(a: frozenset[str], b: frozenset[str], rarity: Callable[[str], float]) -> float:
    shared = sum(rarity(w) ** 2 for w in a & b)
    if not shared:
        return 0.0
    return shared / math.sqrt(sum(rarity(w) ** 2 for w in a) * sum(rarity(w) ** 2 for w in b))


def _share(words: frozenset[str], among: frozenset[str], rarity: Callable[[str], float]) -> float:
    total = sum(map(rarity, words))
    return sum(rarity(w) for w in words & among) / total if total else 0.0
