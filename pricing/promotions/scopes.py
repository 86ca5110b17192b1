"""Which cart lines belong to which product sets, for many sets at once.

Every product set of a promotion set has one bit. For each kind of attribute a table says which sets
list a value; a line belongs to the sets that every kind agrees on. So one line costs a few lookups
however many promotions there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from pricing.promotions.cart import Line
from pricing.promotions.promotion import Products

_EVERYTHING = Products()


class ScopeIndex:
    """All product sets of a promotion set, numbered; equal sets share a number.

    Attributes:
        full_price_only: bits of the sets that leave out what is already discounted.
    """

    def __init__(self) -> None:
        self._numbers: dict[Products, int] = {}
        self._kinds = {kind: _Kind() for kind in ("sku", "category", "brand", "collection", "shop")}
        self.full_price_only = 0
        self.everything = self.add(_EVERYTHING)

    def add(self, products: Products) -> int:
        """The number of a product set."""
        if products in self._numbers:
            return self._numbers[products]
        number = self._numbers[products] = len(self._numbers)
        bit = 1 << number
        for kind, wanted, excluded in (
            ("sku", products.skus, products.except_skus),
            ("category", products.categories, products.except_categories),
            ("brand", products.brands, products.except_brands),
            ("collection", products.collections, products.except_collections),
            ("shop", products.shops, ()),
        ):
            self._kinds[kind].add(bit, wanted, excluded)
        if products.full_price_only:
            self.full_price_only |= bit
        return number

    def of_line(self, line: Line) -> int:
        """The bits of the sets that the line belongs to."""
        kinds = self._kinds
        bits = (
            kinds["sku"].of_one(line.sku)
            & kinds["brand"].of_one(line.brand)
            & kinds["category"].of_many(line.categories)
            & kinds["collection"].of_many(line.collections)
            & kinds["shop"].of_one(line.shop)
        )
        return bits & ~self.full_price_only if line.marked_down else bits


class _Kind:
    """The sets that name values of one attribute."""

    __slots__ = ("_listed", "_refused", "_unconcerned")

    def __init__(self) -> None:
        self._listed: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._unconcerned = 0

    def add(self, bit: int, wanted: Iterable[str], excluded: Iterable[str]) -> None:
        if wanted:
            for value in wanted:
                self._listed[value] = self._listed.get(value, 0) | bit
        else:
            self._unconcerned |= bit
        for value in excluded:
            self._refused[value] = self._refused.get(value, 0) | bit

    def of_one(self, value: str) -> int:
        bits = self._listed.get(value, 0) | self._unconcerned
        return bits & ~self._refused.get(value, 0)

    def of_many(self, values: tuple[str, ...]) -> int:
        bits = self._unconcerned
        refused = 0
        for value in values:
            bits |= self._listed.get(value, 0)
            refused |= self._refused.get(value, 0)
        return bits & ~refused
