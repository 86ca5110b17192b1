"""Prices that must stand in proportion to each other: pack sizes, brands, ladders, families.

Every relation comes down to pairs: the price of one row lies between two multiples of another's. A
relation is data, so that it can be read, stored and named in a reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import Catalogue
from pricing.errors import InvalidCatalogue, InvalidLimits
from pricing.solving.relation_groups import Pairs

_SLACK: Final = 1e-9


class RelationKind(StrEnum):
    """What ties the prices of a group."""

    PACK_SIZES = "pack_sizes"
    """A bigger pack costs more, and not more per unit of content."""
    PRIVATE_LABEL = "private_label"
    """The first SKU, the private label, stays a set share below each of the others."""
    LADDER = "ladder"
    """Good, better, best: each SKU costs a set share more than the one before."""
    SAME_PRICE = "same_price"
    """One price: a colour family, or online as in the store."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One rule between the prices of some products.

    Attributes:
        name: what a message and a reason call it.
        kind: what must hold.
        skus: the products; in order for a ladder (cheapest first) and a private label (own first).
        markets: where it holds, within each market by itself; empty for every market.
        across_markets: True where products of all these markets are tied together, for one price
            online and in the store.
        least: smallest step: share below the brand (private label), or above the rung before.
        most: greatest step.

    Raises:
        InvalidLimits: fewer than two products, or steps that no price can satisfy.
    """

    name: str
    kind: RelationKind
    skus: tuple[str, ...]
    markets: tuple[str, ...] = ()
    across_markets: bool = False
    least: float = 0.0
    most: float = 0.3

    def __post_init__(self) -> None:
        if len(self.skus) < (1 if self.across_markets else 2) or len(set(self.skus)) < len(
            self.skus
        ):
            raise InvalidLimits(
                f"relation {self.name!r}: skus must be two or more different ones", ("skus",)
            )
        if self.across_markets and self.kind is not RelationKind.SAME_PRICE:
            raise InvalidLimits(
                f"relation {self.name!r}: only {RelationKind.SAME_PRICE} ties prices "
                "across markets",
                ("across_markets",),
            )
        if not 0.0 <= self.least <= self.most or (
            self.kind is RelationKind.PRIVATE_LABEL and self.most >= 1.0
        ):
            raise InvalidLimits(
                f"relation {self.name!r}: least {self.least} and most {self.most} must be shares, "
                "the smaller first, such as 0.1 and 0.3",
                ("least",),
            )


@dataclass(frozen=True, slots=True, eq=False)
class TiedRows:
    """Relations over the rows of one catalogue, as pairs.

    Attributes:
        row: (m,) one side.
        other: (m,) the other.
        low: (m,) the price of `row` is at least this multiple of the price of `other`.
        high: (m,) and at most this; infinite for no limit.
        strict: (m,) True where the price of `row` must be above `low` times the other's.
        relation: (m,) number of the relation in `names`.
        names: what the relations are called.
    """

    row: IntArray
    other: IntArray
    low: FloatArray
    high: FloatArray
    strict: BoolArray
    relation: IntArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.row)

    def kept(self, price: IntArray) -> BoolArray:
        """(m,) True where the prices (n,) stand as they must."""
        mine, theirs = price[self.row].astype(np.float64), price[self.other].astype(np.float64)
        kept = mine >= self.low * theirs * (1.0 - _SLACK)
        kept &= mine <= np.where(np.isinf(self.high), np.inf, self.high * theirs * (1.0 + _SLACK))
        kept &= ~self.strict | (mine > self.low * theirs * (1.0 + _SLACK))
        return kept

    def pairs(self, prices: IntArray) -> Pairs:
        """Which candidates (n, k) of tied rows go together."""
        mine = prices[self.row].astype(np.float64)[:, :, None]
        theirs = prices[self.other].astype(np.float64)[:, None, :]
        low, high = self.low[:, None, None], self.high[:, None, None]
        fits = mine >= low * theirs * (1.0 - _SLACK)
        fits &= mine <= np.where(np.isinf(high), np.inf, high * theirs * (1.0 + _SLACK))
        fits &= ~self.strict[:, None, None] | (mine > low * theirs * (1.0 + _SLACK))
        fits &= (mine > 0) & (theirs > 0)
        return Pairs(self.row, self.other, fits)

    def where(self, keep: BoolArray) -> TiedRows:
        """The pairs that are marked."""
        return TiedRows(
            self.row[keep],
            self.other[keep],
            self.low[keep],
            self.high[keep],
            self.strict[keep],
            self.relation[keep],
            self.names,
        )

    def equal_pairs(self) -> BoolArray:
        """(m,) True where two prices must be the same."""
        same: BoolArray = (self.low == 1.0) & (self.high == 1.0)
        return same


def tie(relations: Sequence[Relation], catalogue: Catalogue) -> TiedRows:
    """The pairs of catalogue rows that relations speak of.

    Products that the catalogue does not have are passed over: a relation holds among those that are
    sold.

    Raises:
        InvalidCatalogue: pack sizes are needed and not known, or one price is asked of two
            currencies.
    """
    named = sorted({sku for relation in relations for sku in relation.skus})
    places = {
        (str(catalogue.sku[row]), int(catalogue.market.codes[row])): row
        for row in catalogue.where(skus=named).tolist()
    }
    found: list[tuple[int, int, float, float, bool, int]] = []
    for number, relation in enumerate(relations):
        wanted = relation.markets or catalogue.market.names
        codes = [code for code, name in enumerate(catalogue.market.names) if name in wanted]
        groups = [codes] if relation.across_markets else [[code] for code in codes]
        for group in groups:
            rows = [
                places[sku, code]
                for sku in relation.skus
                for code in group
                if (sku, code) in places
            ]
            if len(rows) > 1:
                found += [(*pair, number) for pair in _pairs_of(relation, rows, catalogue)]
    columns = list(zip(*found, strict=True)) if found else [()] * 6
    return TiedRows(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.float64),
        np.array(columns[3], dtype=np.float64),
        np.array(columns[4], dtype=np.bool_),
        np.array(columns[5], dtype=np.int64),
        tuple(relation.name for relation in relations),
    )


def _pairs_of(
    relation: Relation, rows: list[int], catalogue: Catalogue
) -> Iterator[tuple[int, int, float, float, bool]]:
    """(row, other, low, high, strict) of one group of rows."""
    if relation.kind is RelationKind.SAME_PRICE:
        if len({catalogue.currency(row) for row in rows}) > 1:
            raise InvalidCatalogue(
                f"relation {relation.name!r} asks one price of two currencies; name its markets"
            )
        for before, row in itertools.pairwise(rows):
            yield row, before, 1.0, 1.0, False
    elif relation.kind is RelationKind.PRIVATE_LABEL:
        for brand in rows[1:]:
            yield rows[0], brand, 1.0 - relation.most, 1.0 - relation.least, False
    elif relation.kind is RelationKind.LADDER:
        for before, row in itertools.pairwise(rows):
            yield row, before, 1.0 + relation.least, 1.0 + relation.most, relation.least == 0.0
    else:
        sizes = catalogue.pack_size[np.array(rows)]
        if not np.isfinite(sizes).all():
            missing = str(catalogue.sku[rows[int(np.argmin(np.isfinite(sizes)))]])
            raise InvalidCatalogue(
                f"relation {relation.name!r} compares packs, and the size of {missing!r} is unknown"
            )
        by_size = [rows[place] for place in np.argsort(sizes, kind="stable")]
        for small, big in itertools.pairwise(by_size):
            ratio = float(catalogue.pack_size[big] / catalogue.pack_size[small])
            yield (big, small, 1.0, 1.0, False) if ratio == 1.0 else (big, small, 1.0, ratio, True)
