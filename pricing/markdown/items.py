"""What is to be cleared: stock, ladder, demand and each item's own limits, as columns.

An *item* is a product in a market, or a product whose stock several stores share; its price holds
wherever that stock is sold. Expected demand of item i in week t at rung r of its ladder is

    demand[i, t] · response[i, r] · min(1, stock / broken_at[i]) ** broken_power[i]
                 · exp(reference_effect[i] · (reference - price) / reference)

where the stock is that at the start of the week, and the reference price moves from where it stands
toward the prices seen: reference' = m · reference + (1 - m) · price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.markdown.errors import InvalidClearance

_INTEGERS = ("ladder", "full_price", "salvage", "max_changes", "weeks_between", "since_change")
_WEEKS = ("exit_week", "first_week", "last_week", "labels", "pins")


@dataclass(frozen=True, slots=True, eq=False)
class ClearanceItems:
    """n items over t weeks with up to r prices each; money is minor units of one currency.

    Attributes:
        currency: ISO 4217 code of every amount.
        sku: (n,) product keys.
        market: (n,) where the price holds; labels are counted by it.
        ladder: (n, r) int, prices allowed, falling, tax included; the first is the price in force,
            UNKNOWN fills the tail of a shorter ladder.
        full_price: (n,) int, the price before the clearance began, tax included; what is given
            away, and whether an item is marked down, is measured from it.
        demand: (n, t) expected units a week at the price in force and full assortment.
        response: (n, r) factor on demand at each rung, 1 at the price in force.
        stock: (n,) units on hand now.
        arrivals: (n, t) units that arrive before the week opens.
        exit_week: (n,) int, weeks in which the item sells; at most t.
        salvage: (n,) int, net amount that a unit left at the exit brings.
        holding: (n,) amount that a unit left at the end of a week costs.
        tax_rate: (n,) tax inside the price, as a share of the net price.
        max_changes: (n,) int, price changes allowed.
        weeks_between: (n,) int, least weeks between two changes.
        since_change: (n,) int, weeks since the last change before the first week.
        first_week, last_week: (n,) int, weeks (0 is the first) in which the price may change.
        labels: (n,) int, labels to replace when the price changes.
        label_cost: (n,) amount that one label costs.
        target: (n,) share of all units that must be sold by the exit; 0 for none.
        shortfall: (n,) amount charged a unit sold less than the target; inf makes it a hard limit.
        broken_at: (n,) stock below which sizes are missing and demand falls; 0 for never.
        broken_power: (n,) how fast it falls.
        reference_effect: (n,) strength of the reference price; 0 for none.
        reference_memory: (n,) m above, 0 to 1.
        reference: (n,) the price that customers remember before the first week, minor units.
        pins: (n, t) int, rung that a person has fixed for a week; UNKNOWN where the plan is free.

    Raises:
        InvalidClearance: names the sku, the column and the fix.
    """

    currency: str
    sku: StrArray
    market: StrArray
    ladder: IntArray
    full_price: IntArray
    demand: FloatArray
    response: FloatArray
    stock: FloatArray
    arrivals: FloatArray
    exit_week: IntArray
    salvage: IntArray
    holding: FloatArray
    tax_rate: FloatArray
    max_changes: IntArray
    weeks_between: IntArray
    since_change: IntArray
    first_week: IntArray
    last_week: IntArray
    labels: IntArray
    label_cost: FloatArray
    target: FloatArray
    shortfall: FloatArray
    broken_at: FloatArray
    broken_power: FloatArray
    reference_effect: FloatArray
    reference_memory: FloatArray
    reference: FloatArray
    pins: IntArray

    def __post_init__(self) -> None:
        decimals(self.currency)
        n, (_, weeks), rungs = len(self.sku), np.shape(self.demand), np.shape(self.ladder)[1]
        wide = {
            "ladder": rungs, "response": rungs, "demand": weeks, "arrivals": weeks, "pins": weeks,
        }  # fmt: skip
        for item in fields(self)[1:]:
            name = item.name
            kind: Any = np.int64 if name in _INTEGERS + _WEEKS else np.float64
            if name in ("sku", "market"):
                kind = np.str_
            column = np.asarray(getattr(self, name))
            if kind is np.int64 and not np.issubdtype(column.dtype, np.integer):
                raise InvalidClearance(f"{name} must hold integers, not {column.dtype}", (name,))
            expected = (n, wide[name]) if name in wide else (n,)
            if column.shape != expected:
                raise InvalidClearance(f"{name} has shape {column.shape}, not {expected}", (name,))
            object.__setattr__(self, name, frozen(column.astype(kind, copy=False)))
        if not n or not weeks:
            raise InvalidClearance("nothing to clear: give at least one item and one week")
        self._refuse_bad_ladders()
        self._refuse_bad_values()

    @classmethod
    def of(
        cls,
        sku: Sequence[str] | StrArray,
        ladder: IntArray,
        demand: FloatArray,
        stock: FloatArray,
        *,
        currency: str,
        elasticity: FloatArray | None = None,
        response: FloatArray | None = None,
        **columns: Any,  # noqa: ANN401 - each is checked against its column
    ) -> Self:
        """Items with the usual value in every column that is not given.

        Args:
            sku: (n,) product keys.
            ladder: (n, r) prices, as in the class.
            demand: (n, t) as in the class.
            stock: (n,) units on hand.
            currency: ISO 4217 code.
            elasticity: (n,) of demand by price, from which the response is made.
            response: see the class; give it or `elasticity`.
            **columns: any other column, as an array or as one value for all items.

        Raises:
            InvalidClearance: as the class; also where neither or both responses are given.
        """
        n, weeks = np.shape(demand)
        ladder = np.asarray(ladder)
        if (elasticity is None) == (response is None):
            raise InvalidClearance("give either elasticity or response")
        if response is None:
            response = response_of(ladder, np.asarray(elasticity, np.float64))
        usual: dict[str, Any] = {
            "market": "all", "full_price": ladder[:, 0], "arrivals": np.zeros((n, weeks)),
            "exit_week": weeks, "salvage": 0,
            "holding": 0.0, "tax_rate": 0.0, "max_changes": 3, "weeks_between": 1,
            "since_change": 1_000, "first_week": 0, "last_week": weeks - 1, "labels": 1,
            "label_cost": 0.0, "target": 0.0, "shortfall": 0.0, "broken_at": 0.0,
            "broken_power": 0.5, "reference_effect": 0.0, "reference_memory": 0.7,
            "reference": np.maximum(ladder[:, 0], 1).astype(np.float64),
            "pins": np.full((n, weeks), UNKNOWN, dtype=np.int64),
        }  # fmt: skip
        unknown = sorted(set(columns) - set(usual))
        if unknown:
            raise InvalidClearance(f"no column is called {unknown[0]!r}")
        filled = {
            name: np.broadcast_to(np.asarray(value), (n,)) if np.ndim(value) == 0 else value
            for name, value in {**usual, **columns}.items()
        }
        return cls(
            currency=currency, sku=np.asarray(sku, dtype=np.str_), ladder=ladder, demand=demand,
            response=response, stock=stock, **filled,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def weeks(self) -> int:
        """Weeks of the plan."""
        return int(self.demand.shape[1])

    @property
    def rungs(self) -> IntArray:
        """(n,) length of each ladder."""
        counted: IntArray = (self.ladder != UNKNOWN).sum(axis=1)
        return counted

    @property
    def price(self) -> FloatArray:
        """(n, r) prices as floats, minor units, tax included; 0 past the end of a ladder."""
        return np.maximum(self.ladder, 0).astype(np.float64)

    @property
    def net_price(self) -> FloatArray:
        """(n, r) prices without tax."""
        return self.price / (1.0 + self.tax_rate)[:, None]

    @property
    def open_weeks(self) -> BoolArray:
        """(n, t) True in the weeks in which the item sells."""
        return np.arange(self.weeks) < self.exit_week[:, None]

    @property
    def supply(self) -> FloatArray:
        """(n,) all units that can be sold by the exit."""
        units: FloatArray = self.stock + (self.arrivals * self.open_weeks).sum(axis=1)
        return units

    def take(self, rows: IntArray) -> Self:
        """These items, in this order; a row may be taken twice, to try several paths on it."""
        return self.replaced(rows, {})

    def replaced(self, rows: IntArray, columns: dict[str, Any]) -> Self:
        """These items with some columns exchanged, which are trusted to be valid."""
        taken = object.__new__(type(self))
        object.__setattr__(taken, "currency", self.currency)
        for item in fields(self)[1:]:
            column = columns.get(item.name)
            array = getattr(self, item.name)[rows] if column is None else column
            object.__setattr__(taken, item.name, frozen(array))
        return taken

    def _refuse(self, wrong: BoolArray | np.bool_, message: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            count = int(wrong.sum())
            more = f" ({count} such items)" if count > 1 else ""
            raise InvalidClearance(
                f"{str(self.sku[row])!r} in {str(self.market[row])!r}: {message}{more}",
                ("items", row),
            )

    def _refuse_bad_ladders(self) -> None:
        known = self.ladder != UNKNOWN
        self._refuse(~known.any(axis=1), "the ladder is empty; give at least the price in force")
        self._refuse((~known[:, :-1] & known[:, 1:]).any(axis=1), "the ladder has a hole")
        self._refuse((known & (self.ladder <= 0)).any(axis=1), "a price of the ladder is not > 0")
        rising = known[:, 1:] & (self.ladder[:, 1:] >= self.ladder[:, :-1])
        self._refuse(
            rising.any(axis=1),
            "the ladder does not fall; list prices from dear to cheap, once each",
        )
        usable = np.isfinite(self.response) & (self.response > 0)
        self._refuse((known & ~usable).any(axis=1), "response must be finite and above 0")

    def _refuse_bad_values(self) -> None:
        self._refuse(
            self.supply <= 0,
            "stock is zero and nothing arrives before the exit; leave the item out",
        )
        for name in (
            "demand", "stock", "arrivals", "holding", "label_cost", "broken_at", "broken_power",
            "reference_effect",
        ):  # fmt: skip
            column: FloatArray = getattr(self, name).reshape(len(self), -1)
            bad = (~np.isfinite(column) | (column < 0)).any(axis=1)
            self._refuse(bad, f"{name} must be a number from 0 up")
        weeks = self.weeks
        self._refuse(
            (self.exit_week < 1) | (self.exit_week > weeks),
            f"the exit lies in the past or beyond the {weeks} weeks of the plan",
        )
        self._refuse(
            self.full_price < self.ladder[:, 0], "full_price lies below the price in force"
        )
        self._refuse(self.salvage < 0, "salvage must not be negative")
        cheapest = np.where(self.ladder == UNKNOWN, np.iinfo(np.int64).max, self.ladder).min(axis=1)
        self._refuse(
            self.salvage * (1.0 + self.tax_rate) > cheapest,
            "salvage brings more than the lowest price of the ladder; drop the prices below it",
        )
        for name in ("max_changes", "since_change", "first_week", "labels"):
            self._refuse(getattr(self, name) < 0, f"{name} must not be negative")
        self._refuse(self.weeks_between < 1, "weeks_between must be at least 1")
        self._refuse((self.tax_rate < 0) | (self.tax_rate >= 1), "tax_rate must lie in 0 up to 1")
        memory = self.reference_memory
        self._refuse((memory < 0) | (memory > 1), "reference_memory must lie in 0..1")
        self._refuse(
            ~((self.target >= 0) & (self.target <= 1)),
            "target is a share, from 0 to 1 (0.8, not 80)",
        )
        self._refuse(~(self.shortfall >= 0), "shortfall must not be negative")
        usable = np.isfinite(self.reference) & (self.reference > 0)
        self._refuse(~usable, "reference must be a price above 0")
        off = (self.pins < UNKNOWN) | (self.pins >= self.rungs[:, None])
        self._refuse(off.any(axis=1), "a pin is no rung of the ladder")
        keys = np.char.add(np.char.add(self.sku, "\x1f"), self.market)
        repeated = np.ones(len(self), dtype=np.bool_)
        repeated[np.unique(keys, return_index=True)[1]] = False
        self._refuse(repeated, "stands in the list twice")


def response_of(ladder: IntArray, elasticity: FloatArray) -> FloatArray:
    """(n, r) factor on demand at each rung of a ladder under constant elasticity."""
    price = np.where(ladder == UNKNOWN, ladder[:, :1], ladder).astype(np.float64)
    return (price / price[:, :1]) ** elasticity[:, None]
