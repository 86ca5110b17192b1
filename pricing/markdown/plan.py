"""Plan a clearance: a price path for every item, together within the joint limits, with a proof.

Column generation (Dantzig and Wolfe 1960): the master problem chooses among the paths known so
far and prices the joint limits; the oracle answers, over *all* paths, which is best at these
prices. Each answer is a proven bound on every plan; when no path improves, the bound is that of
the full problem, and the last step picks whole paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray, StrArray
from pricing.errors import InvalidLimits
from pricing.markdown.columns import columns_of
from pricing.markdown.errors import InfeasibleClearance, InvalidClearance, UnreachableTarget
from pricing.markdown.infeasible import explain_infeasible
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows, MarkdownLimits, SoFar
from pricing.markdown.oracle import PathOracle
from pricing.markdown.paths import refuse_bad_pins
from pricing.markdown.scenarios import Scenarios
from pricing.markdown.trajectories import Trajectories, follow
from pricing.solving.certificate import SolveReport, optimum, proven
from pricing.solving.column_choice import Selection, holds, select, slack_of
from pricing.solving.column_dual import best_columns, least_bound
from pricing.solving.columns import Charges, Columns
from pricing.solving.risk import Risk

Watch = Callable[[float, float, IntArray], None]
"""Takes the value of a plan, the bound known so far, and the plan's (n, t) rungs."""

_SAMPLE: Final = 400
"""Items from which the first charges are learnt where there are many more."""
_ROUNDS: Final = 60
_EXACT_PATHS: Final = 60_000
"""Paths near the bound that are all given to the solver where the gap is still open."""
_MET: Final = 1e-7
"""Share of a limit below which a missing amount is rounding."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how closely to search.

    Attributes:
        gap: share of the bound at which the search may stop; 0 asks for proven optima.
        time_limit: seconds of the exact solver.
        threads: of path valuation and of the solver; with 1, equal input gives an equal plan.
        core: items that the exact solver gets at first.
    """

    gap: float = 1e-5
    time_limit: float = 20.0
    threads: int = 1
    core: int = 120

    def __post_init__(self) -> None:
        if not 0.0 <= self.gap < 1.0 or self.time_limit <= 0 or self.threads < 1 or self.core < 1:
            raise InvalidLimits("effort: gap from 0 up to 1, time_limit, threads and core above 0")


@dataclass(frozen=True, slots=True, eq=False)
class MarkdownPlan:
    """What to ask each week, what is expected of it, and how good it provably is.

    Attributes:
        sku: (n,) product keys.
        market: (n,) where the price holds.
        price: (n, t) int, minor units; after an item's exit, its last price.
        course: what is expected to happen, at expected demand.
        report: value of the plan, bound on every plan, gap; value is what
            `Trajectories.value` adds up to, over the scenarios where there are some.
        used: what the plan uses of each joint limit, by family; the largest share of its rows.
        charges: what one more unit of each joint limit would bring, by family; the largest.
        duals: (m,) the same of each row of `LimitRows`.
    """

    sku: StrArray
    market: StrArray
    price: IntArray
    course: Trajectories
    report: SolveReport
    used: dict[str, float]
    charges: dict[str, float]
    duals: FloatArray


def plan(
    items: ClearanceItems,
    limits: MarkdownLimits | None = None,
    *,
    scenarios: Scenarios | None = None,
    risk: Risk | None = None,
    effort: Effort | None = None,
    so_far: SoFar | None = None,
    earlier: IntArray | None = None,
    watch: Watch | None = None,
) -> MarkdownPlan:
    """Choose the price path of every item.

    Args:
        items: what is to be cleared, n items.
        limits: what all items must keep together, none by default.
        scenarios: futures to plan against; expected demand by default. Joint limits hold in
            expectation over them.
        risk: how much the worst futures count; only their mean by default.
        effort: how closely to search.
        so_far: what a clearance that is under way has used of its limits.
        earlier: (n, t) rungs of an earlier plan, from which `limits.deviations` counts.
        watch: told of each better plan while the search goes on: its value, the bound known so
            far, and its (n, t) rungs.

    Raises:
        UnreachableTarget: no path of an item meets its hard target.
        InfeasibleClearance: the joint limits conflict; says which, and what would help.
        TooManyPaths: an item's rules allow more paths than can be listed.
        InvalidClearance, InvalidLimits: the input cannot be; names the field.
    """
    search = _Search(
        items,
        limits or MarkdownLimits(),
        scenarios or Scenarios.expected(len(items)),
        risk or Risk(),
        effort or Effort(),
        so_far or SoFar(),
        earlier,
        watch,
    )
    refuse_bad_pins(items)
    return search.run()


class _Search:
    """One search for a plan: its columns, bound and best choice so far."""

    def __init__(
        self,
        items: ClearanceItems,
        limits: MarkdownLimits,
        scenarios: Scenarios,
        risk: Risk,
        effort: Effort,
        so_far: SoFar,
        earlier: IntArray | None,
        watch: Watch | None = None,
    ) -> None:
        if scenarios.scale.shape[1] != len(items):
            raise InvalidClearance(
                f"scenarios are of {scenarios.scale.shape[1]} items, not of {len(items)}"
            )
        self.items, self.limits, self.scenarios = items, limits, scenarios
        self.risk, self.effort = risk, effort
        self.so_far, self.earlier = so_far, earlier
        self.rows = LimitRows.of(items, limits, so_far, earlier)
        self.oracle = PathOracle(items, self.rows, scenarios, effort.threads)
        self.bound = np.inf
        self._watch, self._seen = watch, -np.inf
        self.by_scenario = risk.weight > 0.0 and len(scenarios) > 1

    def run(self) -> MarkdownPlan:
        free = self._free_charges()
        columns = self._answer([free])
        self._refuse_unreachable(columns)
        chosen = best_columns(columns, columns.value.mean(axis=0))
        if not self.by_scenario and holds(columns, chosen, self.rows.room):
            worth = float(columns.value[:, chosen].sum())
            self._saw(columns, worth, chosen)
            certificate = optimum(worth)
            if not self.oracle.exact:
                certificate = proven(worth, self.bound, allowed=self.effort.gap)
            return self._plan(columns, chosen, free, SolveReport(certificate, "separable", 0.0))
        self._saw_unchanged()
        point, columns = self.price_limits(columns)
        selection = self._select(columns, point)
        if selection.chosen is None or self._gap(selection) > self.effort.gap:
            columns, selection = self._close_gap(columns, point, selection)
        if selection.chosen is None:
            raise self._no_plan(selection)
        certificate = proven(
            selection.worth,
            self.bound,
            allowed=self.effort.gap,
            slack=float(point.limits @ slack_of(self.rows.room)),
        )
        report = SolveReport(certificate, "column_generation", selection.seconds)
        return self._plan(columns, selection.chosen, point, report)

    def price_limits(self, columns: Columns) -> tuple[Charges, Columns]:
        """Add columns until no path of any item improves; the charges at which none does."""
        ceiling = self.ceiling(columns)
        columns = columns.joined_by(self._unchanged())
        point = self._start()
        if point is not None:
            columns = columns.joined_by(self._answer(self._around(point)))
        else:
            point = self._free_charges()
        best = point
        for _ in range(_ROUNDS):
            dual = least_bound(columns, self.rows.room, ceiling, self.risk, point)
            point = dual.charges
            before, known = self.bound, len(columns)
            columns = columns.joined_by(self._answer([point]))
            if self.bound < before:
                best = point
            elif not self.oracle.exact and len(columns) == known:
                break
            # The bound over the columns known can only rise toward the one over all paths.
            if self.bound - dual.below <= max(0.1 * self.effort.gap, 1e-9) * abs(self.bound):
                break
        return best, columns

    def ceiling(self, columns: Columns) -> FloatArray:
        """(m,) charges that no sensible plan pays: all that an item can bring, or 1,000 for 1."""
        worth = float(np.abs(columns.value[:, np.isfinite(columns.value).all(axis=0)]).max())
        by_unit = np.arange(len(self.rows)) < len(self.rows.per_unit)
        return np.where(by_unit, 1e3, 1.01 * worth + 1.0)

    def _free_charges(self) -> Charges:
        count = len(self.scenarios) if self.by_scenario else 1
        return Charges(np.zeros(len(self.rows)), np.full(count, 1.0 / count))

    def _around(self, point: Charges) -> list[Charges]:
        return [
            Charges(point.limits * 0.97, point.weights),
            Charges(point.limits * 1.03, point.weights),
        ]

    def _start(self) -> Charges | None:
        """Charges learnt from a sample whose share of the limits is that of its size."""
        n = len(self.items)
        if n < 4 * _SAMPLE:
            return None
        rows = np.sort(np.random.default_rng(0).choice(n, _SAMPLE, replace=False))
        small = _Search(
            self.items.take(rows), self.limits, self.scenarios.take(rows), self.risk,
            replace(self.effort, gap=1e-4), self.so_far,
            None if self.earlier is None else self.earlier[rows],
        )  # fmt: skip
        if small.rows.names != self.rows.names:
            return None
        small.rows = replace(small.rows, room=self.rows.room * len(rows) / n)
        small.oracle = PathOracle(small.items, small.rows, small.scenarios, self.effort.threads)
        return small.price_limits(small._answer([self._free_charges()]))[0]

    def _answer(self, points: list[Charges]) -> Columns:
        """The best path of each item at each point, as columns; the bound learns from it."""
        value, path = self.oracle.best(points)
        for worth, point in zip(value.sum(axis=1).tolist(), points, strict=True):
            self.bound = min(self.bound, worth + float(point.limits @ self.rows.room))
        n = len(self.items)
        return self._columns(np.tile(np.arange(n), len(points)), path.ravel())

    def _unchanged(self) -> Columns:
        n = len(self.items)
        return self._columns(np.arange(n), np.zeros(n, dtype=np.int64))

    def _columns(self, item: IntArray, path: IntArray) -> Columns:
        key = np.unique(item * (path.max() + 1) + path)
        item, path = np.divmod(key, path.max() + 1)
        columns = columns_of(
            self.items, self.rows, self.scenarios, item, path, self.oracle.rungs(item, path),
            by_scenario=self.by_scenario,
        )  # fmt: skip
        usable = np.isfinite(columns.value.sum(axis=0))
        return columns if usable.all() else columns.only(usable)

    def _select(self, columns: Columns, point: Charges) -> Selection:
        return select(
            columns, self.rows.room, self.risk, point, self.bound,
            tolerance=self.effort.gap, time_limit=self.effort.time_limit,
            core=self.effort.core, workers=self.effort.threads,
            watch=None if self._watch is None else partial(self._saw, columns),
        )  # fmt: skip

    def _saw_unchanged(self) -> None:
        """The first plan to show, where it is one: no price changes."""
        if self._watch is None:
            return
        columns = self._unchanged()
        every = np.arange(len(columns))
        if len(columns) == len(self.items) and holds(columns, every, self.rows.room):
            self._saw(columns, self.risk.worth(columns.value.sum(axis=1)), every)

    def _saw(self, columns: Columns, worth: float, chosen: IntArray) -> None:
        """Tell who watches, if this choice is better than all before."""
        if self._watch is not None and worth > self._seen:
            self._seen = worth
            self._watch(worth, self.bound, columns.rungs[chosen].astype(np.int64))

    def _close_gap(
        self, columns: Columns, point: Charges, selection: Selection
    ) -> tuple[Columns, Selection]:
        """Give the solver every path that a better plan could contain, where they are few."""
        n = len(self.items)
        if selection.chosen is None:
            columns = columns.joined_by(self._distance_to_limits(columns)[1])
            selection = self._select(columns, point)
            if selection.chosen is not None and self._gap(selection) <= self.effort.gap:
                return columns, selection
        best, _ = self.oracle.best([point])
        at_point = float(best[0].sum() + point.limits @ self.rows.room)
        slack = at_point - selection.worth
        slack += 1e-9 * max(abs(at_point), 1.0)
        near = self.oracle.near(point, best[0], slack, max(_EXACT_PATHS, 4 * n))
        if near is None:
            # What was found, or not found, among the columns says nothing of all other paths.
            return columns, replace(selection, certificate=selection.certificate.without_proof())
        columns = columns.joined_by(self._columns(*near))
        found = self._select(columns, point)
        if found.worth < selection.worth:
            found = replace(selection, certificate=found.certificate.beside(selection.worth))
        if found.chosen is not None:
            self.bound = min(self.bound, found.certificate.bound)
        return columns, found

    def meets_limits(self) -> bool:
        """Whether mixtures of paths meet all joint limits."""
        return self._distance_to_limits(self._unchanged())[0] <= _MET

    def _distance_to_limits(self, columns: Columns) -> tuple[float, Columns]:
        """How far the limits are from being met, as the sum of shares missing; helpful columns.

        With values that count nothing and a charge of at most 1 on a limit's worth of usage, the
        dual is the least sum of what is missing, each limit as a share of itself.
        """
        room = self.rows.room
        ceiling = 1.0 / np.where(room == 0, 1.0, np.abs(room))
        point = Charges(ceiling, np.zeros(len(self._free_charges().weights)))
        least = np.inf
        for _ in range(_ROUNDS):
            value, path = self.oracle.best([point])
            least = min(least, float(value.sum() + point.limits @ room))
            if least < -_MET:
                # The bound is proven: no plan comes nearer to the limits than this.
                break
            columns = columns.joined_by(self._columns(np.arange(len(self.items)), path[0]))
            dual = least_bound(
                columns, room, ceiling, self.risk, point, valued=False, tolerance=1e-9
            )
            point = dual.charges
            if least - dual.below <= _MET:
                break
        return -least, columns

    def _no_plan(self, selection: Selection) -> InfeasibleClearance:
        families = tuple(dict.fromkeys(self.rows.names))
        if not selection.proven_empty and self.meets_limits():
            names, allowed = ", ".join(families), self.effort.time_limit
            message = (
                f"no plan within {names} was found, nor proven not to exist; relax one of them"
            )
            if selection.seconds >= allowed:
                message = (
                    f"no plan within {names} was found in {allowed:g} s, nor proven not to exist; "
                    "raise the time limit or relax one of them"
                )
            return InfeasibleClearance(message, families, {}, proven=False)
        return explain_infeasible(
            self.limits,
            families,
            lambda limits: self._with(limits).meets_limits(),
            lambda limits: self._with(limits).has_plan(),
        )

    def _with(self, limits: MarkdownLimits) -> _Search:
        return _Search(
            self.items, limits, self.scenarios, self.risk, self.effort, self.so_far, self.earlier
        )

    def has_plan(self) -> bool:
        """Whether whole paths meet all joint limits."""
        columns = self._answer([self._free_charges()])
        if holds(columns, best_columns(columns, columns.value.mean(axis=0)), self.rows.room):
            return True
        point, columns = self.price_limits(columns)
        selection = self._select(columns, point)
        if selection.chosen is None:
            _, selection = self._close_gap(columns, point, selection)
        return selection.chosen is not None

    def _gap(self, selection: Selection) -> float:
        return max(self.bound - selection.worth, 0.0) / max(abs(self.bound), 1e-9)

    def _refuse_unreachable(self, columns: Columns) -> None:
        lost = np.setdiff1d(np.arange(len(self.items)), columns.item)
        if not len(lost):
            return
        item = int(lost[0])
        alone = self.items.take(np.array([item]))
        eager = alone.replaced(
            np.array([0]),
            {"shortfall": np.array([1e3 * float(alone.ladder.max())]), "holding": np.zeros(1)},
        )
        most = plan(eager).course
        sold = 1.0 - float(most.unsold[0] / eager.supply[0])
        raise UnreachableTarget(
            f"{str(alone.sku[0])!r} in {str(alone.market[0])!r}: the target is to sell "
            f"{float(alone.target[0]):.1%}, but no allowed price path sells more than {sold:.1%}; "
            f"lower the target to that, add cheaper prices, or give a finite shortfall "
            f"({len(lost)} such items)"
        )

    def _plan(
        self, columns: Columns, chosen: IntArray, point: Charges, report: SolveReport
    ) -> MarkdownPlan:
        rungs = columns.rungs[chosen].astype(np.int64)
        course = follow(self.items, rungs)
        usage = np.asarray(columns.usage[chosen].sum(axis=0)).ravel()
        used: dict[str, float] = {}
        charges: dict[str, float] = {}
        for name, amount, charge in zip(
            self.rows.names, usage.tolist(), point.limits.tolist(), strict=True
        ):
            used[name] = max(used.get(name, -np.inf), amount)
            charges[name] = max(charges.get(name, 0.0), charge)
        return MarkdownPlan(
            sku=self.items.sku,
            market=self.items.market,
            price=np.take_along_axis(self.items.ladder, course.rungs, axis=1),
            course=course,
            report=report,
            used=used,
            charges=charges,
            duals=point.limits,
        )
