"""The best sequence of promotions of one product, exactly, for all products at once.

What a week brings depends on the product's own promotions in the weeks before, no further back than
pull-forward, the gap and the law on prior prices reach: a state of that many weeks and the
promotions used so far makes the dynamic programme over weeks exact.
"""

from __future__ import annotations

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem
from pricing.errors import InvalidLimits

_MOST_STATES = 5_000


class SequenceOracle:
    """Best sequences under any reward that is a sum over (state, action, week).

    Attributes:
        units: (n, s, a, t) units of each product by state and action, no other one promoted.
        usual: (n, t) profit of a week without any promotion.
        own: (n, s, a, t) profit by state and action, no other one promoted; fixed cost not taken.
    """

    def __init__(self, problem: PromotionProblem) -> None:
        self._problem = problem
        reach = max(problem.pull.shape[1], int(problem.gap.max()) - 1, problem.clean_weeks, 1)
        self._announces, self._lowering = problem.announces, problem.lowering
        self._discounts = problem.discounts
        # A window lists the actions of the last weeks, the newest first.
        windows = self._reachable(reach, len(problem.mechanics) + 1)
        self._windows = np.array(windows, dtype=np.int64)
        position = {window: k for k, window in enumerate(windows)}
        actions = range(len(problem.mechanics) + 1)
        self._next = np.array([[position.get((a, *w[:-1]), -1) for a in actions] for w in windows])
        self._may = self._allowed()
        self.units = self._units()
        margins = problem.margins[:, None, :, None]
        self.own = self.units * margins
        self.usual = problem.base * problem.margin[:, None]

    def best(self, reward: FloatArray, rows: IntArray | None = None) -> tuple[FloatArray, IntArray]:
        """(n,) greatest total reward and (n, t) the actions that reach it.

        Args:
            reward: (n, s, a, t) of each action in each state and week.
            rows: the products of these rewards; all of them by default.
        """
        n, states, actions, weeks = reward.shape
        rows = np.arange(len(self._problem)) if rows is None else rows
        may = self._may[rows]
        most = int(self._problem.most.max())
        left = self._problem.most[rows]
        after = np.zeros((n, states, most + 1))
        choice = np.zeros((weeks, n, states, most + 1), dtype=np.int8)
        onward = np.maximum(self._next, 0)
        for week in range(weeks - 1, -1, -1):
            options = np.full((actions, n, states, most + 1), -np.inf)
            for a in range(actions):
                now = np.where(may[:, :, a, week], reward[:, :, a, week], -np.inf)
                then = after[:, onward[:, a]]
                if a == 0:
                    options[a] = now[:, :, None] + then
                else:
                    options[a, :, :, 1:] = now[:, :, None] + then[:, :, :-1]
            choice[week] = options.argmax(axis=0)
            after = options.max(axis=0)
        row, state = np.arange(n), np.zeros(n, dtype=np.int64)
        value: FloatArray = after[row, 0, left]
        taken = np.empty((n, weeks), dtype=np.int64)
        for week in range(weeks):
            taken[:, week] = choice[week, row, state, left]
            state = self._next[state, taken[:, week]]
            left = left - (taken[:, week] > 0)
        return value, taken

    def total(self, reward: FloatArray, actions: IntArray) -> FloatArray:
        """(n,) total reward of given sequences."""
        row, state = np.arange(len(actions)), np.zeros(len(actions), dtype=np.int64)
        out = np.zeros(len(actions))
        for week in range(actions.shape[1]):
            out += reward[row, state, actions[:, week], week]
            state = self._next[state, actions[:, week]]
        return out

    def permitted(self, actions: IntArray) -> BoolArray:
        """(n,) whether sequences keep gap, number and what is allowed."""
        row, state = np.arange(len(actions)), np.zeros(len(actions), dtype=np.int64)
        fine: BoolArray = np.asarray((actions > 0).sum(axis=1) <= self._problem.most)
        for week in range(actions.shape[1]):
            fine &= self._may[row, state, actions[:, week], week]
            state = np.maximum(self._next[state, actions[:, week]], 0)
        return fine

    def least(self) -> IntArray:
        """(n, t) the sequence of each product with as few promotions as its pins allow.

        Raises:
            InvalidLimits: the pins of a product break its own gap, number or the law.
        """
        problem = self._problem
        shape = (len(problem), len(self._windows), len(problem.mechanics) + 1, problem.weeks)
        reward = np.zeros(shape)
        reward[:, :, 1:] = -1.0
        value, actions = self.best(reward)
        lost = ~np.isfinite(value)
        if lost.any():
            sku = str(problem.sku[int(np.argmax(lost))])
            raise InvalidLimits(
                f"{sku!r}: what is pinned breaks its gap, its number of promotions or the law on "
                "prior prices; take a pin away or allow more"
            )
        return actions

    def _reachable(self, reach: int, actions: int) -> list[tuple[int, ...]]:
        """Every window that some product's rules let come about."""
        start = (0,) * reach
        found = {start: None}
        waiting = [start]
        while waiting:
            window = waiting.pop()
            now = np.array([window], dtype=np.int64)
            for a in range(actions):
                after = (a, *window[:-1])
                if after in found or not self._rested(now, a).any():
                    continue
                found[after] = None
                waiting.append(after)
                if len(found) > _MOST_STATES:
                    raise InvalidLimits(
                        f"memory of {reach} weeks and {actions - 1} mechanics make more than "
                        f"{_MOST_STATES} states; shorten the gap, the pull-forward or the window "
                        "of the law"
                    )
        return sorted(found)

    def _rested(self, windows: IntArray, action: int) -> BoolArray:
        """(n, s) whether gap and law let an action follow each window."""
        problem = self._problem
        if action == 0:
            return np.ones((len(problem), len(windows)), dtype=np.bool_)
        promoted = windows > 0
        weeks_ago = np.where(promoted.any(axis=1), promoted.argmax(axis=1) + 1, 10_000)
        rested: BoolArray = weeks_ago[None, :] >= problem.gap[:, None]
        if not problem.clean_weeks or not self._announces[:, action].any():
            return rested
        recent = windows[:, : problem.clean_weeks]
        clean = ~self._lowering[:, recent].any(axis=2)
        before = windows[:, 0]
        # The same reduction going on was judged when it began.
        goes_on = np.repeat((before == action)[None, :], len(problem), axis=0)
        if problem.progressive:
            grows = self._discounts[:, [action]] >= self._discounts[:, before]
            goes_on |= grows & self._announces[:, before]
        return rested & (clean | goes_on | ~self._announces[:, [action]])

    def _allowed(self) -> BoolArray:
        """(n, s, a, t) actions that gap, law and `allowed` permit."""
        may = np.repeat(self._problem.may.transpose(0, 2, 1)[:, None], len(self._windows), axis=1)
        for action in range(1, may.shape[2]):
            follows = self._rested(self._windows, action) & (self._next[None, :, action] >= 0)
            may[:, :, action] &= follows[:, :, None]
        return may

    def _units(self) -> FloatArray:
        problem = self._problem
        lifts = problem.lifts
        dip = np.ones((len(problem), len(self._windows)))
        for k in range(problem.pull.shape[1]):
            dip -= problem.pull[:, k : k + 1] * (lifts[:, self._windows[:, k]] - 1.0)
        own = np.maximum(dip, 0.0)[:, :, None] * lifts[:, None, :]
        return own[:, :, :, None] * problem.base[:, None, None, :]
