"""Which pairs are worth a closer look: letter groups both ways, and shared model codes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from models.arrays import FloatArray, IntArray
from scrapers.matching.letter_groups import LetterGroups
from scrapers.matching.listings import Listing

_GROUPS: Final = (3, 4)  # letters in a group
_BEST_PRODUCTS: Final = 10  # looked at for each offer
_BEST_OFFERS: Final = 4  # looked at for each product
_PROPOSALS: Final = 10  # of products, for each offer on the average
_LEAST: Final = 0.2  # likeness under which a product does not propose an offer
_CODE_HOLDERS: Final = 25  # a code that more products bear tells nothing
_CHUNK: Final = 100  # offers compared at once; bounds the memory to chunk x products
_COMMON: Final = 0.08  # in a large catalogue, groups in more titles than this tell nothing
_LARGE: Final = 20_000

_Singles: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Candidate pairs and how alike their letters are, one entry a pair.

    Attributes:
        offer, product: rows of the two sides.
        likeness: cosine of the letter groups, 0..1.
    """

    offer: IntArray
    product: IntArray
    likeness: FloatArray


class ProductIndex:
    """Our side of the comparison, built once for a catalogue."""

    def __init__(self, products: Sequence[Listing]) -> None:
        self.products = tuple(products)
        large = len(products) > _LARGE
        texts = [product.text or "-" for product in products]
        self._letters = LetterGroups(texts, _GROUPS, _COMMON if large else 1.0)
        self._ours = self._letters.rows.T.tocsr()
        self._by_code: dict[str, list[int]] = defaultdict(list)
        counts: Counter[str] = Counter()
        for row, product in enumerate(products):
            counts.update(product.words)
            for code in product.codes:
                self._by_code[code].append(row)
        self._counts = counts
        self._most = math.log(1.0 + len(products))

    def rarity(self, word: str) -> float:
        """How much a word tells: the log of how few of our titles have it."""
        count = self._counts.get(word)
        return math.log(1.0 + len(self.products) / count) if count else self._most

    def pairs(self, offers: Sequence[Listing]) -> Pairs:
        """The pairs worth a closer look."""
        theirs = self._letters.describe([offer.text or "-" for offer in offers])
        n, m = len(offers), len(self.products)
        top_offers = np.zeros((min(_BEST_OFFERS, n), m), np.float32)
        top_rows = np.zeros(top_offers.shape, np.int64)
        found: dict[tuple[int, int], float] = {}
        for start in range(0, n, _CHUNK):
            block = (theirs[start : start + _CHUNK] @ self._ours).toarray()
            for at, row in enumerate(block, start):
                self._propose(offers[at], at, row, found)
            self._merge(block, start, top_offers, top_rows)
        ranks, products = np.nonzero(top_offers >= _LEAST)
        # A large catalogue would propose each offer thousands of times: the most alike will do.
        most = np.argsort(-top_offers[ranks, products], kind="stable")[: _PROPOSALS * n]
        for rank, product in zip(ranks[most], products[most], strict=True):
            found[int(top_rows[rank, product]), int(product)] = float(top_offers[rank, product])
        keys = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
        likeness = np.array([found[int(o), int(p)] for o, p in keys], dtype=np.float64)
        return Pairs(keys[:, 0], keys[:, 1], likeness)

    def _propose(
        self, offer: Listing, at: int, row: _Singles, found: dict[tuple[int, int], float]
    ) -> None:
        """Note the products that an offer suggests: the most alike, and those of its codes."""
        count = min(_BEST_PRODUCTS, len(row))
        top = np.argpartition(-row, count - 1)[:count]
        for product in top[row[top] > 0.0]:
            found[at, int(product)] = float(row[product])
        for code in offer.codes:
            holders = self._by_code.get(code, ())
            if len(holders) <= _CODE_HOLDERS:
                for product in holders:
                    found[at, product] = float(row[product])

    @staticmethod
    def _merge(block: _Singles, start: int, top_offers: _Singles, top_rows: IntArray) -> None:
        """Keep each product's best offers over the chunks seen so far."""
        depth = len(top_offers)
        values = np.concatenate([top_offers, block])
        rows = np.concatenate(
            [top_rows, np.broadcast_to(np.arange(start, start + len(block))[:, None], block.shape)]
        )
        order = np.argsort(-values, axis=0, kind="stable")[:depth]
        top_offers[:] = np.take_along_axis(values, order, axis=0)
        top_rows[:] = np.take_along_axis(rows, order, axis=0)
