"""What a bundle plan starts from: products, segments of customers, what may be bundled.

A customer of segment k takes at most one unit of each product, and buys the set T with the greatest
surplus value[k, T] - price(T), or nothing at surplus 0. The price of a set is that of the cheapest
way to put it together from single products and bundles. A customer who is indifferent does what
brings the seller more: a price one minor unit lower makes sure of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from models.arrays import IntArray, StrArray, frozen
from pricing.bundles.errors import InvalidBundles
from pricing.bundles.subsets import Subsets, names_in, subsets
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.price_points import EndingRule

MOST_PRODUCTS: Final = 10
"""More products have too many sets to look at all of them; plan a family at a time."""
MOST_CELLS: Final = 4_000_000
"""Segments times sets."""
SHARES: Final = 10_000
"""Shares are whole ten-thousandths, so that every sum of the plan is exact."""
_LARGEST_VALUE: Final = 1 << 33
_LARGEST_PROFIT: Final = 1 << 60


@dataclass(frozen=True, slots=True, eq=False)
class BundleProblem:
    """n products, k segments, c candidate bundles; money is integer minor units.

    Prices, costs and values are in the same terms: all with tax or all without.

    Attributes:
        currency: ISO 4217 code.
        sku: (n,) product keys, unique.
        cost: (n,) of a unit.
        current: (n,) single price in force.
        least, most: (n,) what the single price may be.
        segment: (k,) names, unique.
        size: (k,) customers in each.
        value: (k, 2**n) most that a customer would pay for a set, bit i being product i; 0 for
            none, never less for more products.
        candidates: (c,) sets of two products or more that may be offered as a bundle, rising.
        funding: (c,) ten-thousandths of a bundle's discount that others pay.
        floor: (c,) least price of a bundle, beside its cost, which always holds.
        stock: (n,) most units that may be sold; UNKNOWN for no limit.
        sell: (n,) least units that must be sold.
        clearing: (n,) what it is worth to be rid of a unit, on top of its price.
        most_bundles: how many bundles may be offered; None for no limit.
        least_saving, most_saving: ten-thousandths of the price of its parts that a bundle must,
            and may, save.
        endings: which prices may be asked, beside those in force; None for any.

    Raises:
        InvalidBundles: names the field and the fix.
    """

    currency: str
    sku: StrArray
    cost: IntArray
    current: IntArray
    least: IntArray
    most: IntArray
    segment: StrArray
    size: IntArray
    value: IntArray
    candidates: IntArray
    funding: IntArray
    floor: IntArray
    stock: IntArray
    sell: IntArray
    clearing: IntArray
    most_bundles: int | None = None
    least_saving: int = 0
    most_saving: int = SHARES
    endings: EndingRule | None = None

    def __post_init__(self) -> None:
        decimals(self.currency)
        n = len(self.sku)
        if not 1 <= n <= MOST_PRODUCTS:
            raise InvalidBundles(
                f"products: {n} of them; a plan looks at all sets of 1 to {MOST_PRODUCTS}, so plan "
                "a family at a time",
                ("products",),
            )
        if not len(self.segment):
            raise InvalidBundles("segments: there are none; give at least one", ("segments",))
        if len(self.segment) << n > MOST_CELLS:
            raise InvalidBundles(
                f"segments: {len(self.segment)} of them with {n} products are too many; at most "
                f"{MOST_CELLS >> n}",
                ("segments",),
            )
        self._shape(n)
        self._check(n)

    @classmethod
    def of(
        cls,
        sku: Sequence[str],
        cost: Sequence[int] | IntArray,
        current: Sequence[int] | IntArray,
        size: Sequence[int] | IntArray,
        value: IntArray,
        *,
        currency: str,
        **more: Any,  # noqa: ANN401
    ) -> BundleProblem:
        """With what is usual where nothing else is said.

        Single prices lie between cost and the price in force (or the cost, where that is more),
        every set may be a bundle, nobody else pays, and nothing else is limited.

        Args:
            sku: (n,) product keys.
            cost: (n,) of a unit.
            current: (n,) single price in force.
            size: (k,) customers.
            value: (k, 2**n), or (k, n): then sets are worth the sum of their products.
            currency: ISO 4217 code.
            more: other attributes of the class by name.
        """
        n, k = len(sku), len(size)
        costs, now = _whole(cost, "cost"), _whole(current, "current")
        if not 1 <= n <= MOST_PRODUCTS:
            raise InvalidBundles(
                f"products: {n} of them; a plan takes 1 to {MOST_PRODUCTS}", ("products",)
            )
        every = subsets(n)
        worth = _whole(value, "value")
        if worth.ndim == 2 and worth.shape[1] == n and n > 0:
            worth = worth @ every.members.T
        sets = np.flatnonzero(every.members.sum(axis=1) >= 2)
        given: dict[str, Any] = {
            "least": costs,
            "most": np.maximum(now, costs),
            "segment": np.array([f"segment {j + 1}" for j in range(k)], dtype=np.str_),
            "candidates": sets,
            "stock": np.full(n, UNKNOWN),
            "sell": np.zeros(n, dtype=np.int64),
            "clearing": np.zeros(n, dtype=np.int64),
            **more,
        }
        c = len(given["candidates"])
        given.setdefault("funding", np.zeros(c, dtype=np.int64))
        given.setdefault("floor", np.zeros(c, dtype=np.int64))
        return cls(
            currency=currency,
            sku=np.array(list(sku), dtype=np.str_),
            cost=costs,
            current=now,
            size=_whole(size, "size"),
            value=worth,
            **given,
        )

    @property
    def sets(self) -> Subsets:
        """All sets of the products."""
        return subsets(len(self.sku))

    @property
    def bundles_allowed(self) -> int:
        """How many bundles may be offered."""
        c = len(self.candidates)
        return c if self.most_bundles is None else min(self.most_bundles, c)

    def named(self, mask: int) -> str:
        """A set as a person reads it."""
        return " + ".join(names_in(mask, tuple(self.sku)))

    def replaced(self, **changes: Any) -> BundleProblem:  # noqa: ANN401
        """The same with other attributes."""
        return replace(self, **changes)

    def _shape(self, n: int) -> None:
        k, c = len(self.segment), len(self.candidates)
        shapes = {
            "sku": (n,), "cost": (n,), "current": (n,), "least": (n,), "most": (n,),
            "segment": (k,), "size": (k,), "value": (k, 1 << n), "candidates": (c,),
            "funding": (c,), "floor": (c,), "stock": (n,), "sell": (n,), "clearing": (n,),
        }  # fmt: skip
        for item in fields(self):
            if item.name not in shapes:
                continue
            array = np.asarray(getattr(self, item.name))
            if item.name not in ("sku", "segment"):
                array = _whole(array, item.name)
            if array.shape != shapes[item.name]:
                raise InvalidBundles(
                    f"{item.name} has shape {array.shape}, not {shapes[item.name]}"
                )
            object.__setattr__(self, item.name, frozen(np.ascontiguousarray(array)))

    def _check(self, n: int) -> None:
        for name, keys in (("sku", self.sku), ("segment", self.segment)):
            names, counts = np.unique(keys, return_counts=True)
            if (counts > 1).any():
                raise InvalidBundles(
                    f"{name} {str(names[counts > 1][0])!r} stands there twice", (name,)
                )
        for i, sku in enumerate(self.sku.tolist()):
            for name, wrong, fix in (
                ("cost", self.cost[i] < 0, "must not be negative"),
                ("current", self.current[i] < 1, "must be above zero"),
                ("least", self.least[i] < 0, "must not be negative"),
                ("most", self.most[i] < max(self.least[i], 1), "lies below least, or is zero"),
                ("stock", self.stock[i] < UNKNOWN, "must not be negative"),
                ("sell", self.sell[i] < 0, "must not be negative"),
                ("clearing", self.clearing[i] < 0, "must not be negative"),
                ("sell", 0 <= self.stock[i] < self.sell[i], "is more than the stock"),
                ("sell", self.sell[i] > self.size.sum(), "is more than there are customers"),
            ):
                if wrong:
                    raise InvalidBundles(
                        f"{sku!r}: {name} {int(getattr(self, name)[i])} {fix}", ("products", i)
                    )
        for j, segment in enumerate(self.segment.tolist()):
            if self.size[j] < 1:
                raise InvalidBundles(
                    f"{segment!r}: size must be 1 customer or more", ("segments", j)
                )
        self._check_values(n)
        self._check_bundles()

    def _check_values(self, n: int) -> None:
        wrong = (self.value < 0).any(axis=1) | (self.value[:, 0] != 0)
        if wrong.any():
            j = int(wrong.argmax())
            raise InvalidBundles(
                f"{str(self.segment[j])!r}: value must be 0 for nothing, never negative",
                ("segments", j),
            )
        for i in range(n):
            with_it = self.sets.holding(1 << i)
            less = (self.value[:, with_it] < self.value[:, with_it ^ (1 << i)]).any(axis=1)
            if less.any():
                segment = str(self.segment[int(less.argmax())])
                raise InvalidBundles(
                    f"{segment!r}: a set is worth less with {str(self.sku[i])!r} than without; "
                    "what is not wanted can be left, so a set is worth its best subset at least"
                )

    def _check_bundles(self) -> None:
        inside = (self.candidates > 0) & (self.candidates < len(self.sets))
        if not inside.all() or (np.diff(self.candidates) <= 0).any():
            raise InvalidBundles(
                "candidates: sets of the products, rising, none of them twice", ("candidates",)
            )
        if (self.sets.members[self.candidates].sum(axis=1) < 2).any():
            raise InvalidBundles("candidates: a bundle has two products or more", ("candidates",))
        for name, wrong in (
            (
                "funding: shares lie from 0 to 1",
                ((self.funding < 0) | (self.funding > SHARES)).any(),
            ),
            ("floor: must not be negative", (self.floor < 0).any()),
            ("most_bundles: must not be negative", (self.most_bundles or 0) < 0),
            (
                "least_saving and most_saving: shares from 0 to 1, the least not above the most",
                not 0 <= self.least_saving <= self.most_saving <= SHARES,
            ),
            ("least_saving: a bundle cannot be free", self.least_saving == SHARES),
        ):
            if wrong:
                raise InvalidBundles(name)
        largest = max(int(self.value.max()), int(self.most.sum()), int(self.cost.sum()),
                      int(self.clearing.sum()), 1)  # fmt: skip
        if largest > _LARGEST_VALUE or largest * int(self.size.sum()) * SHARES > _LARGEST_PROFIT:
            raise InvalidBundles(
                "value and size: their products are too large to add up exactly; state sizes in "
                "hundreds or thousands of customers"
            )


def _whole(values: Any, name: str) -> IntArray:  # noqa: ANN401
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        rounded = np.rint(array.astype(np.float64))
        if array.size and not (np.isfinite(rounded).all() and (rounded == array).all()):
            raise InvalidBundles(
                f"{name} must hold whole numbers: minor units, or customers", (name,)
            )
        return rounded.astype(np.int64)
    return array.astype(np.int64)
