"""Offers to our products: by GTIN, by brand and part number, else by how alike they are.

A wrong match moves a price for a false reason, a missed one only leaves an offer unused. So there
are three bands: what is accepted, what a person should look at, and what is rejected.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from scrapers.matching.assignment import best_assignment
from scrapers.matching.blocking import Pairs, ProductIndex
from scrapers.matching.features import Feature, brand_agreement, packs_differ
from scrapers.matching.listings import Listing
from scrapers.matching.scoring import DEFAULT, Scorer, feature_table, refused

ACCEPTED: Final = 0.9
"""Chance from which a pair is accepted without a person. Where half of the offers have no product
with us, about one in fifty accepted pairs is wrong; at 0.5 it would be one in thirty-five."""

REVIEWED: Final = 0.06
"""Chance from which a person is asked."""

PART_SCORE: Final = 0.99
"""Score of a match by brand and part number."""

_CLEAR: Final = 0.3
"""Log odds by which an accepted product must lead the next one of the same offer."""

_ALIKE: Final = 0.35
"""Likeness that titles need for acceptance where no model code speaks for them."""

_LONG_CODE: Final = 0.6
"""`NAMED` of a model code that says enough where a title leaves out the brand: six characters."""


_PRICES_APART: Final = math.log(3.0)
"""Log ratio of two prices beyond which a title alone is no proof: an accessory, or a pack."""


_WORTHLESS: Final = 0.05
"""Chance of a pair that is worth nothing; a little below the least that a person is asked about."""


class MatchMethod(StrEnum):
    """How an offer was tied to a product."""

    GTIN = "gtin"
    PART = "part"
    TITLE = "title"
    PERSON = "person"


class Band(StrEnum):
    """What becomes of a pair."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Match:
    """An offer is, or may be, this product.

    Attributes:
        sku: our product.
        score: 1.0 for a GTIN or a person's word; otherwise the chance, 0..1.
        method: how it was found.
        band: `ACCEPT`, or `REVIEW` where a person should look.
        features: what the score was made of, for learning from the answer; empty if by number.
    """

    sku: str
    score: float
    method: MatchMethod
    band: Band = Band.ACCEPT
    features: tuple[float, ...] = field(default=(), compare=False)


class Matcher:
    """Finds the product an offer is, over one catalogue.

    Args:
        products: our side.
        scorer: weights; those learned from decisions, or the default.
    """

    def __init__(self, products: Sequence[Listing], scorer: Scorer = DEFAULT) -> None:
        self._scorer = scorer
        self._all = tuple(products)
        self._products = {product.key: product for product in products}
        self._by_gtin: dict[str, list[str]] = defaultdict(list)
        self._by_part: dict[str, list[str]] = defaultdict(list)
        for product in products:
            if product.gtin_key:
                self._by_gtin[product.gtin_key].append(product.key)
            if product.part:
                self._by_part[product.part].append(product.key)

    @cached_property
    def _index(self) -> ProductIndex:
        return ProductIndex(self._all)

    def knows(self, sku: str) -> bool:
        """Whether this catalogue has the product."""
        return sku in self._products

    def by_number(self, offer: Listing) -> Match | None:
        """The one product with the offer's GTIN, or brand and part number; None if not just one."""
        if offer.used:
            return None
        if offer.gtin_key and (skus := self._by_gtin.get(offer.gtin_key)):
            return Match(skus[0], 1.0, MatchMethod.GTIN) if len(skus) == 1 else None
        if offer.part and (skus := self._by_part.get(offer.part)) and len(skus) == 1:
            if self.contradicts(skus[0], offer):
                return None
            return Match(skus[0], PART_SCORE, MatchMethod.PART)
        return None

    def contradicts(self, sku: str, offer: Listing) -> bool:
        """Whether the offer can not be this product: used, another GTIN, brand or pack."""
        product = self._products[sku]
        if offer.used:
            return True
        if product.gtin_key and offer.gtin_key:
            return product.gtin_key != offer.gtin_key
        return brand_agreement(product, offer) <= -1.0 or packs_differ(product, offer)

    def match_all(
        self,
        offers: Sequence[Listing],
        taken: Collection[str] = (),
        denied: Collection[tuple[str, str]] = (),
    ) -> tuple[Match | None, ...]:
        """Match the offers of one seller, each product to one offer at most.

        Args:
            offers: the other side.
            taken: products of ours (by SKU) that other offers of this seller have already.
            denied: pairs (SKU, key of the offer) that a person has said are not the same.

        Returns:
            One entry an offer, in order; None where every product is rejected.
        """
        free = set(self._products) - set(taken)
        result: list[Match | None] = [None] * len(offers)
        open_places = []
        for place, offer in enumerate(offers):
            exact = self.by_number(offer)
            if exact is None:
                if offer.title and not offer.used:
                    open_places.append(place)
            elif exact.sku in free and (exact.sku, offer.key) not in denied:
                free.discard(exact.sku)
                result[place] = exact
        if open_places and self._products:
            rest = [offers[place] for place in open_places]
            for at, match in self._by_likeness(rest, free, denied):
                result[open_places[at]] = match
        return tuple(result)

    def scored(self, offers: Sequence[Listing]) -> tuple[Pairs, FloatArray, FloatArray]:
        """Candidate pairs, their features and their chances; a refused pair has none."""
        pairs = self._index.pairs(offers)
        features = feature_table(pairs, self._all, offers, self._index.rarity)
        chance = np.where(self._refused(pairs, features, offers), 0.0, self._scorer(features))
        return pairs, features, chance

    def _refused(self, pairs: Pairs, features: FloatArray, offers: Sequence[Listing]) -> BoolArray:
        ours = [self._all[row].gtin_key for row in pairs.product]
        theirs = [offers[row].gtin_key for row in pairs.offer]
        other = [
            a is not None and b is not None and a != b for a, b in zip(ours, theirs, strict=True)
        ]
        no: BoolArray = refused(features) | np.array(other, dtype=bool)
        return no

    def _by_likeness(
        self, offers: Sequence[Listing], free: set[str], denied: Collection[tuple[str, str]]
    ) -> list[tuple[int, Match]]:
        """The pairs that fit best together, each offer and each product once."""
        pairs, features, chance = self.scored(offers)
        clear = _clear(pairs, chance) & _speaks(features)
        skus = [self._all[row].key for row in pairs.product]
        keys = [offers[row].key for row in pairs.offer]
        may = chance >= REVIEWED
        may &= np.array([sku in free for sku in skus], dtype=bool)
        may &= np.array([pair not in denied for pair in zip(skus, keys, strict=True)], dtype=bool)
        open_rows = np.flatnonzero(may)
        gain = _log_odds(chance[open_rows]) - _log_odds(np.array([_WORTHLESS]))
        chosen = best_assignment(pairs.offer[open_rows], pairs.product[open_rows], gain)
        found: list[tuple[int, Match]] = []
        for row in open_rows[chosen]:
            sure = chance[row] >= ACCEPTED and bool(clear[row])
            match = Match(
                skus[row],
                round(float(chance[row]), 4),
                MatchMethod.TITLE,
                Band.ACCEPT if sure else Band.REVIEW,
                tuple(float(value) for value in features[row].round(6)),
            )
            found.append((int(pairs.offer[row]), match))
        return found


def _log_odds(chance: FloatArray) -> FloatArray:
    return np.log(np.maximum(chance, 1e-12)) - np.log(np.maximum(1.0 - chance, 1e-12))


def _clear(pairs: Pairs, chance: FloatArray) -> BoolArray:
    """Pairs whose offer has no other product that fits nearly as well."""
    odds = _log_odds(chance)
    best: dict[int, list[float]] = defaultdict(list)
    for offer, value in zip(pairs.offer, odds, strict=True):
        best[int(offer)].append(float(value))
    highest = {offer: sorted(values)[-2:] for offer, values in best.items()}
    return np.array(
        [
            len(highest[int(offer)]) == 1 or value - highest[int(offer)][0] >= _CLEAR
            for offer, value in zip(pairs.offer, odds, strict=True)
        ],
        dtype=bool,
    )


def _speaks(features: FloatArray) -> BoolArray:
    """Pairs in which something of substance agrees and no brand, code, colour or price differs."""
    alike = 0.5 * (features[:, Feature.LIKENESS] + features[:, Feature.WORDS])
    differs = (features[:, Feature.OTHER_CODE] > 0) | (features[:, Feature.OTHER_COLOUR] > 0)
    differs |= features[:, Feature.PRICE_GAP] > _PRICES_APART
    differs |= (features[:, Feature.BRAND] < 0) & (features[:, Feature.NAMED] < _LONG_CODE)
    return ~differs & ((features[:, Feature.NAMED] > 0) | (alike >= _ALIKE))
