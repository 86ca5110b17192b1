"""Limits on all prices together: what each candidate uses, and how much there is to use.

Every joint limit is linear in the candidates chosen: a change counts one, a markdown costs its
money, a revenue floor is a limit on minus the revenue. Usages are whole numbers or floats; exact
solvers get whole numbers, so floats are scaled, and an answer is judged on the real numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.errors import InvalidLimits
from pricing.solving.scaling import in_steps

EVERY_CATEGORY: Final = "*"
CHANGE_COUNTS: Final = ("max_changes", "max_change_share")
"""Names of the limits that count price changes."""

_SHARE_OF_ROUNDING: Final = 1e-9
"""A float usage may pass its limit by this share of what all rows can use: binary rounding."""

_WHOLE_TOTAL: Final = 2**50
"""What all rows can use adds up to this many whole steps at most: it fits an exact solver's 63 bits
with room for products, and one step is finer than the rounding allowed above."""


@dataclass(frozen=True, slots=True, eq=False)
class JointLimit:
    """A limit on many rows together: the usage of the chosen candidates adds up to `at_most`.

    Attributes:
        name: what a message calls it.
        usage: (m, k) how much each candidate uses; whole numbers, or floats in any unit.
        at_most: how much the rows together may use.
        rows: (m,) the rows that count, ascending; None for all.
        moves_with_demand: True where usage is proportional to the units sold, so that what other
            products' prices do to demand changes it in proportion.

    Raises:
        InvalidLimits: a usage that is not finite, or rows that do not go with it.
    """

    name: str
    usage: NDArray[Any]
    at_most: float
    rows: IntArray | None = None
    moves_with_demand: bool = False

    def __post_init__(self) -> None:
        if self.usage.ndim != 2 or not np.isfinite(self.usage).all():
            raise InvalidLimits(f"joint limit {self.name}: usage must be (m, k) finite numbers")
        if self.rows is not None and (
            len(self.rows) != len(self.usage) or (np.diff(self.rows) <= 0).any()
        ):
            raise InvalidLimits(
                f"joint limit {self.name}: rows must be ascending, one a row of usage"
            )

    @property
    def whole(self) -> bool:
        """True where the usage is counted in whole numbers."""
        return bool(np.issubdtype(self.usage.dtype, np.integer))

    @property
    def tolerance(self) -> float:
        """What passes for rounding: nothing where usage is whole."""
        return 0.0 if self.whole else _SHARE_OF_ROUNDING * max(self._total(), 1e-300)

    def used(self, column: IntArray) -> float:
        """What the chosen columns (n,) use together."""
        chosen = column if self.rows is None else column[self.rows]
        picked = np.take_along_axis(self.usage, chosen[:, None], axis=1)
        return float(picked.sum())

    def holds(self, column: IntArray) -> bool:
        """True where the chosen columns stay within the limit, on the real numbers."""
        return self.used(column) <= self.at_most + self.tolerance

    def of(self, rows: IntArray, n: int) -> NDArray[Any]:
        """(len(rows), k) usage of some rows of n; 0 for a row that does not count."""
        if self.rows is None:
            return self.usage[rows]
        place = np.full(n, -1, dtype=np.int64)
        place[self.rows] = np.arange(len(self.rows))
        found = place[rows]
        return np.where((found >= 0)[:, None], self.usage[found], 0)

    def charge(self, worth: FloatArray, rows: slice, price: float) -> None:
        """Take what candidates use, at a price a unit, off the worth (m, k) of some rows."""
        if price != 0.0:
            mine, usage = self.part(rows)
            worth[mine] -= price * usage

    def part(self, rows: slice) -> tuple[IntArray | slice, NDArray[Any]]:
        """Of a run of rows, those that count, as places in the run, and their usage."""
        if self.rows is None:
            return slice(None), self.usage[rows]
        first, last = np.searchsorted(self.rows, (rows.start, rows.stop))
        return self.rows[first:last] - rows.start, self.usage[first:last]

    def in_steps(self) -> tuple[JointLimit, float]:
        """The same limit in whole numbers, and the real size of one step.

        Rounding is to the nearest step, so all rows together err by half a step each; a step is
        at most 2**-50 of what they can use, far inside `tolerance` for up to a million rows.
        """
        if self.whole:
            return self, 1.0
        step = max(self._total(), abs(self.at_most), 1e-300) / _WHOLE_TOTAL
        steps = in_steps(self.usage, step)
        room = int(np.floor((self.at_most + self.tolerance / 2.0) / step))
        return JointLimit(self.name, steps, room, self.rows, self.moves_with_demand), step

    def _total(self) -> float:
        return float(np.abs(self.usage).max(axis=1, initial=0.0).sum())


@dataclass(frozen=True, slots=True)
class JointTargets:
    """What must hold of a run's prices together. Every field may be left out.

    Floors and margins speak of expected figures a period over all rows that have a demand curve.

    Attributes:
        max_change_share: most prices that may change, as a share of all rows.
        revenue_floor: least revenue, as a multiple of that at the prices in force (0.98).
        unit_floor: least units sold, as a multiple of those at the prices in force.
        average_margin: least (revenue - cost) / revenue over all rows.
        price_index: band of the average price against the lowest offers by category, amounts
            weighted as they sell at the prices in force; `"*"` for every category not named.
        markdown_money: most money that price cuts may give away: cut times units at the new price,
            in the currency of reference.

    Raises:
        InvalidLimits: a value outside its range, with the field and the range.
    """

    max_change_share: float | None = None
    revenue_floor: float | None = None
    unit_floor: float | None = None
    average_margin: float | None = None
    price_index: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    markdown_money: float | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_change_share", 0.0, 1.0),
            ("revenue_floor", 0.0, 2.0),
            ("unit_floor", 0.0, 2.0),
            ("average_margin", -1.0, 0.95),
            ("markdown_money", 0.0, float("inf")),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidLimits(f"{name} {value} must be from {low:g} to {high:g}", (name,))
        for category, (low, high) in self.price_index.items():
            if not 0.0 < low <= high:
                raise InvalidLimits(
                    f"price_index of {category!r}: {(low, high)} must be two multiples of the "
                    "competitors' prices, low then high (0.95, 1.05)",
                    ("price_index", category),
                )

    @property
    def any(self) -> bool:
        """True where at least one target is set."""
        return self.max_change_share is not None or self.any_figure

    @property
    def any_figure(self) -> bool:
        """True where a target speaks of money or units, not only of how many prices change."""
        numbers = (self.revenue_floor, self.unit_floor, self.average_margin, self.markdown_money)
        return bool(self.price_index) or any(number is not None for number in numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Candidates with the own-price figures that joint limits are made of.

    Attributes:
        price: (n, k) candidate prices, major units, tax included; column 0 is the price in force.
        net: (n, k) the same without tax.
        units: (n, k) expected units a period; 0 where there is no curve.
        valid: (n, k) which candidates exist.
        cost: (n,) unit cost, major units; NaN where unknown.
        lowest: (n,) the lowest competitor offer, major units; NaN where there is none.
        rate: (n,) worth of the row's major unit in the currency of reference.
    """

    price: FloatArray
    net: FloatArray
    units: FloatArray
    valid: BoolArray
    cost: FloatArray
    lowest: FloatArray
    rate: FloatArray


def joint_limits(
    targets: JointTargets, grid: Grid, catalogue: Catalogue, competitors: CompetitorPrices
) -> tuple[JointLimit, ...]:
    """The joint limits of a run that speak of money and units.

    Args:
        targets: floors, bands and budgets.
        grid: candidates and their figures.
        catalogue: rows with categories.
        competitors: offers of the same rows.
    """
    return tuple(
        limit
        for source in (
            _floors(targets, grid),
            _indices(targets, grid, catalogue, competitors),
            _markdowns(targets, grid),
        )
        for limit in source
    )


def change_limits(
    targets: JointTargets,
    max_changes: int | None,
    rows: int,
    columns: int,
    *,
    exempt: BoolArray | None = None,
) -> tuple[JointLimit, ...]:
    """The limits on the number of changes: every column but the first counts one.

    Args:
        targets: may hold a share.
        max_changes: most price changes as a number.
        rows: n.
        columns: candidates of each, the price in force included.
        exempt: (n,) rows that do not count: what the law asks for waits for no budget.
    """
    share = targets.max_change_share
    usage = np.broadcast_to(np.minimum(np.arange(columns, dtype=np.int64), 1), (rows, columns))
    if exempt is not None and exempt.any():
        usage = np.where(exempt[:, None], 0, usage)
    return tuple(
        JointLimit(name, usage, most)
        for name, most in (
            (CHANGE_COUNTS[0], max_changes),
            (CHANGE_COUNTS[1], None if share is None else int(share * rows)),
        )
        if most is not None
    )


def _floors(targets: JointTargets, grid: Grid) -> Iterator[JointLimit]:
    """Revenue, units and average margin: limits on minus the figure."""
    if targets.unit_floor is not None:
        units = _known(grid.units, grid)
        floor = targets.unit_floor * float(units[:, 0].sum())
        yield JointLimit("unit_floor", -units, -floor, moves_with_demand=True)
    if targets.revenue_floor is None and targets.average_margin is None:
        return
    revenue = _known(grid.net * grid.units * grid.rate[:, None], grid)
    if targets.revenue_floor is not None:
        floor = targets.revenue_floor * float(revenue[:, 0].sum())
        yield JointLimit("revenue_floor", -revenue, -floor, moves_with_demand=True)
    if targets.average_margin is not None:
        profit = _known((grid.net - grid.cost[:, None]) * grid.units * grid.rate[:, None], grid)
        missing = targets.average_margin * np.where(np.isnan(grid.cost)[:, None], 0.0, revenue)
        yield JointLimit("average_margin", missing - profit, 0.0, moves_with_demand=True)


def _indices(
    targets: JointTargets, grid: Grid, catalogue: Catalogue, competitors: CompetitorPrices
) -> Iterator[JointLimit]:
    """Two limits a category: the basket's price against the competitors', from both sides."""
    if not targets.price_index:
        return
    compared = (competitors.offers > 0) & grid.valid[:, 0] & np.isfinite(grid.price[:, 0])
    # Products without a curve count once: their weight is unknown, their price is not.
    sold = np.where(grid.units[:, 0] > 0, grid.units[:, 0], 1.0) * grid.rate
    for code, name in enumerate(catalogue.category.names):
        band = targets.price_index.get(name, targets.price_index.get(EVERY_CATEGORY))
        rows = np.flatnonzero(compared & (catalogue.category.codes == code))
        if band is None or len(rows) == 0:
            continue
        basket = sold[rows, None] * np.nan_to_num(grid.price[rows])
        theirs = float((sold[rows] * grid.lowest[rows]).sum())
        label = f"price_index of {name}"
        yield JointLimit(f"{label}, at most {band[1]:g}", basket, band[1] * theirs, rows)
        yield JointLimit(f"{label}, at least {band[0]:g}", -basket, -band[0] * theirs, rows)


def _markdowns(targets: JointTargets, grid: Grid) -> Iterator[JointLimit]:
    if targets.markdown_money is not None:
        cut = np.maximum(grid.net[:, :1] - grid.net, 0.0)
        spent = _known(cut * grid.units * grid.rate[:, None], grid)
        yield JointLimit("markdown_money", spent, targets.markdown_money, moves_with_demand=True)


def _known(figure: FloatArray, grid: Grid) -> FloatArray:
    """The figure where it is known and the candidate exists, else nothing."""
    return np.where(grid.valid & np.isfinite(figure), figure, 0.0)
