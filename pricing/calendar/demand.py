"""What promotions do to weekly units: lift, pull-forward, cannibalisation and halo.

Units of product i in week t, with action a (0 is none, else a mechanic) and lift(i, 0) = 1:

    units = base[i, t] · lift(i, a_t) · dip · cross
    dip   = max(0, 1 - Σ_k pull[i, k] · (lift(i, a_{t-1-k}) - 1))     memory of own promotions
    cross = 1 + Σ_j share[i, j] · (lift(j, a_jt) - 1)                   others' promotions that week

A negative share is cannibalisation, a positive one halo. Profit is units times the margin under the
action, funding by the brand included, less the action's fixed cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from pricing.errors import InvalidLimits


@dataclass(frozen=True, slots=True, eq=False)
class PromotionProblem:
    """n products, t weeks, m mechanics; money is minor units, net of tax.

    Attributes:
        sku: (n,) product keys, unique.
        category: (n,) names.
        mechanics: (m,) names; action a is mechanics[a - 1].
        base: (n, t) expected units without any promotion.
        margin: (n,) a unit's margin without a promotion.
        promotion_margin: (n, m) a unit's margin under a mechanic, funding included.
        discount: (n, m) amount given away a unit.
        lift: (n, m) factor on units, at least 1.
        fixed_cost: (n, m) of a week under a mechanic (flyer, display).
        pull: (n, k) share of the extra units that the k-th week after a promotion loses.
        cross: (n, n) sparse `share`; an empty diagonal.
        allowed: (n, t, m) False where a mechanic may not run: festivals, competitor events,
            stock and inbound, least margin, the law on prior prices.
        most: (n,) int, promotion weeks a product may have.
        gap: (n,) int, least weeks between two promotion weeks; 1 allows consecutive ones.
        features: by mechanic, the slots that it takes beside the one of its own name, such as
            `flyer` or `homepage`; none where empty.
        pins: (n, t) action that must run, -1 where the plan is free; None pins nothing.
        announced: (n, m) True where the mechanic shows a reduction from the usual price: the law
            on prior prices then asks for `clean_weeks` at no lower price before it begins.
        lowers: (n, m) True where the mechanic lowers the price that everybody pays.
        clean_weeks: weeks that the window of the law reaches back; 0 for no such law.
        progressive: a reduction that grows without interruption keeps its prior price.

    Raises:
        InvalidLimits: names the column and the fix.
    """

    sku: StrArray
    category: StrArray
    mechanics: tuple[str, ...]
    base: FloatArray
    margin: FloatArray
    promotion_margin: FloatArray
    discount: FloatArray
    lift: FloatArray
    fixed_cost: FloatArray
    pull: FloatArray
    cross: sparse.csr_array
    allowed: BoolArray
    most: IntArray
    gap: IntArray
    features: tuple[tuple[str, ...], ...] = ()
    pins: IntArray | None = None
    announced: BoolArray | None = None
    lowers: BoolArray | None = None
    clean_weeks: int = 0
    progressive: bool = False

    def __post_init__(self) -> None:
        n, weeks, m = len(self.sku), np.shape(self.base)[1], len(self.mechanics)
        if not n or not weeks or not m:
            raise InvalidLimits("a calendar needs at least one product, week and mechanic")
        self._fill(n, weeks, m)
        shapes = {
            "sku": (n,), "category": (n,), "base": (n, weeks), "margin": (n,),
            "promotion_margin": (n, m), "discount": (n, m), "lift": (n, m), "fixed_cost": (n, m),
            "pull": (n, np.shape(self.pull)[-1]), "allowed": (n, weeks, m), "most": (n,),
            "gap": (n,), "pins": (n, weeks), "announced": (n, m), "lowers": (n, m),
        }  # fmt: skip
        for name, shape in shapes.items():
            array: Any = np.asarray(getattr(self, name))
            if array.shape != shape:
                raise InvalidLimits(f"{name} has shape {array.shape}, not {shape}")
            if array.dtype == np.float64 and not np.isfinite(array).all():
                raise InvalidLimits(f"{name} holds a value that is not finite")
            object.__setattr__(self, name, frozen(array))
        if self.cross.shape != (n, n) or self.cross.diagonal().any():
            raise InvalidLimits(f"cross must be ({n}, {n}) with an empty diagonal")
        if len(np.unique(self.sku)) != n:
            raise InvalidLimits("a sku stands in the list twice")
        for name, wrong in (
            ("base must not be negative", (self.base < 0).any()),
            ("lift must be at least 1; forbid a mechanic with `allowed`", (self.lift < 1).any()),
            ("pull must not be negative", (self.pull < 0).any()),
            ("most must not be negative", (self.most < 0).any()),
            ("gap must be at least 1", (self.gap < 1).any()),
            ("pins name no action", (self.pinned > m).any() or (self.pinned < -1).any()),
            ("clean_weeks must not be negative", self.clean_weeks < 0),
            ("features are given by mechanic", len(self.features) != m),
        ):
            if wrong:
                raise InvalidLimits(name)
        losses = np.minimum(self.cross.toarray(), 0.0) @ (self.lift.max(axis=1) - 1.0)
        if (losses <= -1.0).any():
            sku = str(self.sku[int(np.argmin(losses))])
            raise InvalidLimits(
                f"{sku!r} would lose all its units if every rival were promoted at once; "
                "make its negative cross shares smaller"
            )

    def _fill(self, n: int, weeks: int, m: int) -> None:
        """What was not given."""
        for name, usual in (
            ("features", ((),) * m),
            ("pins", np.full((n, weeks), -1, dtype=np.int64)),
            ("announced", np.zeros((n, m), dtype=np.bool_)),
            ("lowers", np.zeros((n, m), dtype=np.bool_)),
        ):
            if getattr(self, name) is None or (name == "features" and not self.features):
                object.__setattr__(self, name, usual)

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def pinned(self) -> IntArray:
        """(n, t) action that must run, -1 where the plan is free."""
        assert self.pins is not None  # noqa: S101  (filled when it was made)
        return self.pins

    @property
    def announces(self) -> BoolArray:
        """(n, 1 + m) whether an action shows a reduction."""
        assert self.announced is not None  # noqa: S101  (filled when it was made)
        return np.column_stack([np.zeros(len(self), dtype=np.bool_), self.announced])

    @property
    def lowering(self) -> BoolArray:
        """(n, 1 + m) whether an action lowers the price that everybody pays."""
        assert self.lowers is not None  # noqa: S101  (filled when it was made)
        return np.column_stack([np.zeros(len(self), dtype=np.bool_), self.lowers])

    @property
    def weeks(self) -> int:
        """Weeks of the calendar."""
        return int(self.base.shape[1])

    @property
    def lifts(self) -> FloatArray:
        """(n, 1 + m) lift by action."""
        return np.column_stack([np.ones(len(self)), self.lift])

    @property
    def margins(self) -> FloatArray:
        """(n, 1 + m) margin by action."""
        return np.column_stack([self.margin, self.promotion_margin])

    @property
    def fixed_costs(self) -> FloatArray:
        """(n, 1 + m) fixed cost by action."""
        return np.column_stack([np.zeros(len(self)), self.fixed_cost])

    @property
    def discounts(self) -> FloatArray:
        """(n, 1 + m) amount given away a unit, by action."""
        return np.column_stack([np.zeros(len(self)), self.discount])

    @property
    def may(self) -> BoolArray:
        """(n, t, 1 + m) actions allowed."""
        nothing = np.ones((len(self), self.weeks, 1), dtype=np.bool_)
        free = np.concatenate([nothing, self.allowed], axis=2)
        pins = self.pinned[:, :, None]
        # A person's word stands above what is allowed, but not above gap, number and law.
        return np.where(pins < 0, free, pins == np.arange(free.shape[2]))

    def scaled(self, factor: float | FloatArray) -> PromotionProblem:
        """The same products with other demand: a factor, or (n, t) of them."""
        return replace(self, base=self.base * factor)


@dataclass(frozen=True, slots=True, eq=False)
class CalendarCourse:
    """What a calendar is expected to bring; (n, t) each, minor units.

    Attributes:
        units: sold.
        profit: margin less fixed costs.
        given_away: discounts on the units that own effects alone would sell: what a budget counts.
    """

    units: FloatArray
    profit: FloatArray
    given_away: FloatArray


def own_units(
    problem: PromotionProblem, actions: IntArray, rows: IntArray | None = None
) -> FloatArray:
    """(c, t) units if no other product were promoted.

    Args:
        problem: n products.
        actions: (c, t) of each sequence.
        rows: (c,) whose sequence each is; a product may have several. One each by default.
    """
    rows = np.arange(len(problem)) if rows is None else rows
    lift = problem.lifts[rows[:, None], actions]
    dip = np.ones(actions.shape)
    for k in range(problem.pull.shape[1]):
        late = np.zeros(actions.shape)
        late[:, k + 1 :] = lift[:, : -(k + 1)] - 1.0
        dip -= problem.pull[rows, k : k + 1] * late
    return problem.base[rows] * lift * np.maximum(dip, 0.0)


def follow_calendar(problem: PromotionProblem, actions: IntArray) -> CalendarCourse:
    """The expected course of a calendar.

    Args:
        problem: n products.
        actions: (n, t) 0 for none, else the number of the mechanic from 1.
    """
    row = np.arange(len(problem))[:, None]
    alone = own_units(problem, actions)
    units = alone * (1.0 + problem.cross @ (problem.lifts[row, actions] - 1.0))
    profit = units * problem.margins[row, actions] - problem.fixed_costs[row, actions]
    return CalendarCourse(units, profit, alone * problem.discounts[row, actions])
