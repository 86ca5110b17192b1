"""Bound, improvement and exact choice of a promotion calendar."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem, follow_calendar, own_units
from pricing.calendar.limits import CalendarLimits, CalendarRows
from pricing.calendar.sequences import SequenceOracle
from pricing.errors import InfeasibleLimits
from pricing.solving.column_choice import select
from pricing.solving.column_dual import least_bound, toward
from pricing.solving.columns import Charges, Columns
from pricing.solving.cp_sat import CpModel, LinearExpr, new_solver, solve
from pricing.solving.risk import Risk
from pricing.solving.scaling import limit_steps, worth_steps

_ROUNDS: Final = 120
_SWEEPS: Final = 12
_SMALL: Final = 200
"""Sequences of all products together up to which every pair of them is given to the solver."""


class CalendarSearch:
    """What is known of one calendar problem.

    Attributes:
        rows: the joint limits.
        oracle: best sequences of each product.
        least: (n, t) the calendar with as few promotions as the pins allow.

    Raises:
        InfeasibleLimits: what is pinned breaks a joint limit; says how much is needed.
    """

    def __init__(
        self,
        problem: PromotionProblem,
        limits: CalendarLimits,
        watch: Callable[[float, float, IntArray], None] | None = None,
    ) -> None:
        self._problem, self._watch = problem, watch
        self._best_seen, self._bound = -np.inf, np.inf
        self.rows = CalendarRows(problem, limits)
        self.oracle = SequenceOracle(problem)
        self.least = self.oracle.least()
        self._spread = problem.lifts - 1.0
        self._fixed = problem.fixed_costs[:, None, :, None]
        self._given = self.oracle.units * problem.discounts[:, None, :, None]
        self._budget_charge = 0.0
        self._refuse_pins()

    def _refuse_pins(self) -> None:
        """Nothing but pins can break a joint limit: without them doing nothing keeps them all."""
        used, room = self._used(self.least), self.rows.room
        over = np.flatnonzero(used > room + 1e-9 * np.maximum(np.abs(room), 1.0))
        if not len(over):
            return
        needed: dict[str, float] = {}
        for row in over.tolist():
            name = self.rows.names[row]
            needed[name] = max(needed.get(name, 0.0), float(used[row]))
        raise InfeasibleLimits(
            "what is pinned does not fit the limits: "
            + "; ".join(
                f"{name} must be at least {np.ceil(least - 1e-9):,.0f}"
                + (" minor units" if name == "budget" else "")
                for name, least in needed.items()
            )
            + "; or take pins away",
            sorted(needed),
        )

    @property
    def small(self) -> bool:
        """Whether all pairs of sequences are few enough to be listed."""
        problem = self._problem
        return bool(len(problem) * (len(problem.mechanics) + 1) ** problem.weeks <= _SMALL)

    def profit(self, actions: IntArray) -> float:
        """Expected profit of a calendar."""
        return float(follow_calendar(self._problem, actions).profit.sum())

    def keeps(self, actions: IntArray) -> bool:
        """Whether a calendar keeps every limit."""
        slack = 1e-9 * np.maximum(np.abs(self.rows.room), 1.0)
        used = self._used(actions)
        return bool(self.oracle.permitted(actions).all() and (used <= self.rows.room + slack).all())

    def saw(self, actions: IntArray) -> None:
        """Tell who watches, if this calendar is better than all before."""
        if self._watch is None:
            return
        profit = self.profit(actions)
        if profit > self._best_seen:
            self._best_seen = profit
            self._watch(profit, self._bound, actions)

    def additive(self, time_limit: float, gap: float) -> tuple[float, IntArray, float]:
        """A proven bound on every calendar, the calendar behind it, and the solver's seconds."""
        reward = self._optimistic()
        room = self.rows.room
        point = best = Charges(np.zeros(len(room)), np.ones(1))
        columns = self._columns(reward, self.least)
        finite = np.where(np.isfinite(reward), reward, 0.0)
        ceiling = np.full(len(room), 2.0 * float(np.ptp(finite, axis=(1, 2)).sum(axis=1).max()) + 1)
        if self.rows.budget >= 0:
            ceiling[self.rows.budget] = 1e3
        bound = np.inf
        for _ in range(_ROUNDS):
            value, actions = self.oracle.best(self._charged(reward, point))
            reached = float(value.sum() + point.limits @ room)
            if reached < bound:
                bound, best = reached, point
            columns = columns.joined_by(self._columns(reward, actions))
            dual = least_bound(columns, room, ceiling, Risk(), point)
            point = toward(dual.charges, best)
            if bound - dual.below <= 0.1 * gap * abs(bound):
                break
        if self.rows.budget >= 0:
            self._budget_charge = float(best.limits[self.rows.budget])
        found = select(
            columns, room, Risk(), best, bound,
            tolerance=gap, time_limit=time_limit, core=200, workers=1,
        )  # fmt: skip
        self._bound = bound
        # What is pinned keeps the limits, so there is a calendar however short the time was.
        chosen = self.least
        if found.chosen is not None:
            chosen = columns.rungs[found.chosen].astype(np.int64)
        self.saw(chosen)
        return bound, chosen, found.seconds

    def improved(self, actions: IntArray) -> IntArray:
        """The best answer of product after product to the others, limits kept, until none helps."""
        actions, now = actions.copy(), self.profit(actions)
        for _ in range(_SWEEPS):
            before = now
            for i in range(len(actions)):
                trial = actions.copy()
                trial[i] = self._answer(actions, i)
                if (trial[i] == actions[i]).all():
                    continue
                profit = self.profit(trial)
                if profit > now and self.keeps(trial):
                    actions, now = trial, profit
                    self.saw(actions)
            if now - before <= 1e-7 * abs(now):
                break
        return actions

    def exact(self, time_limit: float) -> tuple[float, IntArray, float]:
        """Bound, calendar and seconds from all sequences and all pairs of them."""
        problem, n = self._problem, len(self._problem)
        actions = range(len(problem.mechanics) + 1)
        every = np.array(list(product(actions, repeat=problem.weeks)), dtype=np.int64)
        item = np.repeat(np.arange(n), len(every))
        sequences = np.tile(every, (n, 1))
        keep = np.zeros(len(item), dtype=np.bool_)
        for k in range(len(every)):
            keep[k :: len(every)] = self.oracle.permitted(np.tile(every[k], (n, 1)))
        item, sequences = item[keep], sequences[keep]
        alone = own_units(problem, sequences, item) * problem.margins[item[:, None], sequences]
        change = alone - self.oracle.usual[item]
        spread = self._spread[item[:, None], sequences]
        share = problem.cross.toarray()
        on_others = spread * (share.T @ self.oracle.usual)[item]
        fixed = problem.fixed_costs[item[:, None], sequences]
        value = (alone - fixed + on_others).sum(axis=1)
        model = CpModel()
        chosen = [model.new_bool_var("") for _ in item]
        for i in range(n):
            model.add_exactly_one(chosen[k] for k in np.flatnonzero(item == i))
        usage = self.rows.usage(item, sequences).toarray()
        for row, room in enumerate(self.rows.room.tolist()):
            slack = 1e-9 * max(abs(room), 1.0)
            needed, most = limit_steps(usage[:, row], room, slack, n)
            model.add(LinearExpr.weighted_sum(chosen, needed.tolist()) <= most)
        terms, worth = list(chosen), value.tolist()
        for c, d in combinations(range(len(item)), 2):
            i, j = int(item[c]), int(item[d])
            both = share[i, j] * change[c] @ spread[d] + share[j, i] * change[d] @ spread[c]
            if i != j and both:
                pair = model.new_bool_var("")
                model.add(pair <= chosen[c])
                model.add(pair <= chosen[d])
                model.add(pair >= chosen[c] + chosen[d] - 1)
                terms.append(pair)
                worth.append(float(both))
        scaled = worth_steps(np.array(worth), n + n * (n - 1) // 2)
        model.maximize(LinearExpr.weighted_sum(terms, scaled.steps.tolist()))
        bound = float(self.oracle.best(self._optimistic())[0].sum())
        best, seconds = self.least, 0.0
        while seconds < time_limit:
            found = solve(new_solver(seconds=time_limit - seconds), model)
            seconds += found.seconds
            if not found.answered:
                break
            taken = np.array([found.solver.boolean_value(variable) for variable in chosen])
            bound = min(bound, found.solver.best_objective_bound * scaled.step + scaled.off)
            if self.keeps(sequences[taken]):
                best = sequences[taken]
                break
            model.add_bool_or([~chosen[k] for k in np.flatnonzero(taken).tolist()])
        return bound, best, seconds

    def _answer(self, actions: IntArray, i: int) -> IntArray:
        """Best sequence of product i, given the others and what they leave of the limits."""
        problem, rows = self._problem, self.rows
        others = actions.copy()
        others[i] = 0
        row = np.arange(len(actions))[:, None]
        factor = 1.0 + problem.cross[[i]] @ self._spread[row, others]
        alone = own_units(problem, others) * problem.margins[row, others]
        on_others = problem.cross[:, [i]].T @ alone
        reward = self.oracle.own[i] * factor[0] - self._fixed[i]
        reward = reward + self._spread[i][None, :, None] * on_others[0]
        reward -= self._budget_charge * self._given[i]
        free = np.append(rows.room - self._used(others), np.inf)
        closed = (free[rows.slot] < 1.0).any(axis=0) | (free[rows.category[i]] < 1.0)
        closed[0] = False
        reward = np.where(closed[None], -np.inf, reward)
        answer: IntArray = self.oracle.best(reward[None], np.array([i]))[1][0]
        return answer

    def _optimistic(self) -> FloatArray:
        """(n, s, a, t) rewards that no calendar's profit exceeds, added up."""
        problem, oracle = self._problem, self.oracle
        on_others = problem.cross.T @ oracle.usual
        reward = oracle.own - self._fixed
        reward = reward + self._spread[:, None, :, None] * on_others[:, None, None, :]
        low, high = self._cross_range()
        change = oracle.own - oracle.usual[:, None, None, :]
        rewards: FloatArray = reward + np.where(change > 0, change * high, change * low)
        return rewards

    def _cross_range(self) -> tuple[FloatArray, FloatArray]:
        """(n, 1, 1, 1) least and greatest sum of the others' cross effects in one week."""
        problem, rows = self._problem, self.rows
        most = self._spread.max(axis=1)
        low, high = np.zeros(len(problem)), np.zeros(len(problem))
        for i in range(len(problem)):
            part = slice(problem.cross.indptr[i], problem.cross.indptr[i + 1])
            others = problem.cross.indices[part]
            effect = problem.cross.data[part] * most[others]
            for category in np.unique(problem.category[others]):
                mine = problem.category[others] == category
                places = int(rows.places[others[mine]].min())
                low[i] += np.sort(np.minimum(effect[mine], 0.0))[:places].sum()
                high[i] += np.sort(np.maximum(effect[mine], 0.0))[::-1][:places].sum()
        return low[:, None, None, None], high[:, None, None, None]

    def _charged(self, reward: FloatArray, point: Charges) -> FloatArray:
        charged = reward - self.rows.charges(point.limits)[:, None]
        if self.rows.budget >= 0:
            charged -= point.limits[self.rows.budget] * self._given
        return charged

    def _columns(self, reward: FloatArray, actions: IntArray) -> Columns:
        n = len(actions)
        key = actions @ (self._spread.shape[1] ** np.arange(actions.shape[1], dtype=np.int64))
        value = self.oracle.total(reward, actions)
        usage = self.rows.usage(np.arange(n), actions)
        return Columns(np.arange(n), key, actions.astype(np.int16), value[None], usage)

    def _used(self, actions: IntArray) -> FloatArray:
        used = self.rows.usage(np.arange(len(actions)), actions).sum(axis=0)
        return np.asarray(used, dtype=np.float64).ravel()
