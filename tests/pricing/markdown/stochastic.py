"""One item under random demand, exactly: the dynamic programme, and the value of re-solving.

Weekly demand is Poisson with the item's expected demand as mean. The state is the stock, the rung,
the changes left and the weeks since the last change; the best price in each state follows backward
in time. It is the reference for plans that treat demand as certain and are made anew each week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from models.arrays import FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.markdown.errors import InvalidClearance
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows, MarkdownLimits
from pricing.markdown.oracle import PathOracle
from pricing.markdown.scenarios import Scenarios
from pricing.solving.columns import Charges

MOST_STATES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class StochasticValue:
    """Expected value, minor units, from the first week on.

    Attributes:
        best: of the best policy.
        resolved: of asking, in each state, the first price of the plan made for it.
    """

    best: float
    resolved: float


def stochastic_value(item: ClearanceItems) -> StochasticValue:
    """Expected value of one item under Poisson demand.

    Args:
        item: exactly one, without arrivals, targets, a reference price or pins.

    Raises:
        InvalidClearance: several items, a feature above, or too many states.
    """
    _refuse(item)
    exact = _Programme(item)
    return StochasticValue(exact.value(follow_plan=False), exact.value(follow_plan=True))


def _refuse(item: ClearanceItems) -> None:
    if len(item) != 1:
        raise InvalidClearance("the exact dynamic programme takes one item at a time")
    pinned = bool((item.pins != UNKNOWN).any())
    if item.arrivals.any() or item.target.any() or item.reference_effect.any() or pinned:
        raise InvalidClearance(
            "the exact dynamic programme knows no arrivals, targets, reference prices or pins"
        )
    states = item.stock[0] * item.rungs[0] * (item.max_changes[0] + 1) * item.weeks_between[0]
    if states > MOST_STATES:
        raise InvalidClearance(f"{states:,.0f} states are too many for the dynamic programme")


class _Programme:
    """Backward recursion; value[k][j, r, s] with k changes left, j weeks since, rung r, stock s."""

    def __init__(self, item: ClearanceItems) -> None:
        self._item = item
        self._stock = round(float(item.stock[0]))
        self._rungs, self._between = int(item.rungs[0]), int(item.weeks_between[0])
        self._changes = int(min(item.max_changes[0], self._rungs - 1))

    def value(self, *, follow_plan: bool) -> float:
        item, rungs, between = self._item, self._rungs, self._between
        units = np.arange(self._stock + 1)
        shape = (self._changes + 1, between + 1, rungs, self._stock + 1)
        after = np.broadcast_to(units * float(item.salvage[0]), shape).copy()
        cost = float(item.labels[0] * item.label_cost[0])
        for week in range(int(item.exit_week[0]) - 1, -1, -1):
            # ask[k, j, r]: expected value by stock of asking rung r this week, then going on.
            ask = np.empty(shape)
            for rung in range(rungs):
                ask[:, :, rung] = self._sell(week, rung, after[:, :, rung])
            may = bool(item.first_week[0] <= week <= item.last_week[0])
            before = np.empty(shape)
            for k in range(self._changes + 1):
                for j in range(between + 1):
                    older = min(j + 1, between)
                    options = np.full((rungs, rungs, self._stock + 1), -np.inf)
                    for r in range(rungs):
                        options[r, r] = ask[k, older, r]
                        if may and k and j >= between:
                            options[r, r + 1 :] = ask[k - 1, min(1, between), r + 1 :] - cost
                    if follow_plan:
                        chosen = self._planned(week, k, j)
                        before[k, j] = np.take_along_axis(options, chosen[:, None], axis=1)[:, 0]
                    else:
                        before[k, j] = options.max(axis=1)
            after = before
        since = int(min(item.since_change[0], between))
        return float(after[self._changes, since, 0, self._stock])

    def _sell(self, week: int, rung: int, after: FloatArray) -> FloatArray:
        """Expected value by stock at one rung: what is sold, held, and comes after."""
        item, top = self._item, self._stock
        units = np.arange(top + 1)
        mean: FloatArray = np.full(top + 1, item.demand[0, week] * item.response[0, rung])
        if item.broken_at[0] > 0:
            mean = mean * np.minimum(units / item.broken_at[0], 1.0) ** item.broken_power[0]
        chance = np.asarray(stats.poisson.pmf(units[None, :], mean[:, None]), np.float64)
        # left[s, l]: chance that l of s units are left; demand beyond s leaves none.
        sold = units[:, None] - units[None, :]
        left = np.where(sold >= 0, np.take_along_axis(chance, np.maximum(sold, 0), axis=1), 0.0)
        left[:, 0] = stats.poisson.sf(units - 1, mean)
        net = float(item.net_price[0, rung])
        now = (left * (net * np.maximum(sold, 0) - float(item.holding[0]) * units)).sum(axis=1)
        expected: FloatArray = now + after @ left.T
        return expected

    def _planned(self, week: int, k: int, j: int) -> IntArray:
        """(rungs, stocks) rung that a plan made in each state asks first."""
        item, rungs = self._item, self._rungs
        chosen = np.repeat(np.arange(rungs)[:, None], self._stock + 1, axis=1)
        for rung in range(rungs):
            width = rungs - rung
            states = self._stock
            rows = np.zeros(states, dtype=np.int64)
            at_rung = float(item.response[0, rung])
            ladder = np.full((states, rungs), UNKNOWN)
            ladder[:, :width] = item.ladder[0, rung:rungs]
            response = np.ones((states, rungs))
            response[:, :width] = item.response[0, rung:rungs] / at_rung
            each = item.replaced(
                rows,
                {
                    "ladder": ladder,
                    "response": response,
                    "demand": np.repeat(item.demand[:, week:] * at_rung, states, axis=0),
                    "arrivals": np.zeros((states, item.weeks - week)),
                    "pins": np.full((states, item.weeks - week), UNKNOWN),
                    "stock": np.arange(1.0, states + 1.0),
                    "exit_week": np.full(states, int(item.exit_week[0]) - week),
                    "max_changes": np.full(states, k),
                    "since_change": np.full(states, j),
                    "first_week": np.full(states, max(int(item.first_week[0]) - week, 0)),
                    "last_week": np.full(states, int(item.last_week[0]) - week),
                },
            )
            none = LimitRows.of(each, MarkdownLimits())
            oracle = PathOracle(each, none, Scenarios.expected(states))
            _, path = oracle.best([Charges(np.zeros(0), np.ones(1))])
            chosen[rung, 1:] = rung + oracle.rungs(np.arange(states), path[0])[:, 0]
        return chosen
