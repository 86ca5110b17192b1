"""What to expect of promotion calendars side by side, with intervals from the same futures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem
from simulations.errors import InvalidScenario
from simulations.scenarios.what_if import Estimate

CALENDAR_MEASURES: Final = ("profit", "revenue", "units", "given_away")


@dataclass(frozen=True, slots=True)
class CalendarDoubt:
    """What is not known of promotions, as standard deviations.

    Attributes:
        common_scale, own_scale: of log demand, for all products together and each alone.
        lift: of the log of what a promotion adds (lift - 1), of each product and mechanic.
        pull, cross: of the log of pull-forward, and of effects between products, for all together.
        noise: of log demand from week to week.
    """

    common_scale: float = 0.1
    own_scale: float = 0.2
    lift: float = 0.25
    pull: float = 0.3
    cross: float = 0.3
    noise: float = 0.15

    def __post_init__(self) -> None:
        spreads = (
            self.common_scale, self.own_scale, self.lift, self.pull, self.cross, self.noise,
        )  # fmt: skip
        if not all(0.0 <= spread < 5.0 for spread in spreads):
            raise InvalidScenario("doubt: standard deviations must lie from 0 up to 5")


@dataclass(frozen=True, slots=True, eq=False)
class CalendarOutlook:
    """Totals of some calendars in the same futures; money is minor units, net of tax.

    Attributes:
        plans: (k,) names.
        level: of the intervals.
        draws: (measures, draws, k) in the order of `CALENDAR_MEASURES`.
    """

    plans: tuple[str, ...]
    level: float
    draws: FloatArray

    def of(self, plan: str, measure: str) -> Estimate:
        """One figure with its interval."""
        return self._estimate(self._drawn(plan, measure))

    def difference(self, plan: str, other: str, measure: str) -> Estimate:
        """By how much one calendar exceeds another, future by future."""
        return self._estimate(self._drawn(plan, measure) - self._drawn(other, measure))

    def _drawn(self, plan: str, measure: str) -> FloatArray:
        place = CALENDAR_MEASURES.index(measure), self.plans.index(plan)
        drawn: FloatArray = self.draws[place[0], :, place[1]]
        return drawn

    def _estimate(self, values: FloatArray) -> Estimate:
        tail = (1.0 - self.level) / 2.0
        low, high = np.quantile(values, [tail, 1.0 - tail])
        return Estimate(float(values.mean()), float(low), float(high))


def calendar_outlook(
    problem: PromotionProblem,
    plans: Mapping[str, IntArray],
    paid: FloatArray,
    doubt: CalendarDoubt,
    *,
    draws: int,
    rng: np.random.Generator,
    level: float = 0.9,
) -> CalendarOutlook:
    """Let every calendar live through the same futures.

    Args:
        problem: n products.
        plans: by name, (n, t) actions.
        paid: (n, 1 + m) what a unit brings by action, net of tax, minor units.
        doubt: how far off demand may be.
        draws: futures.
        rng: their source.
        level: of the intervals.

    Raises:
        InvalidScenario: no calendars.
    """
    if not plans:
        raise InvalidScenario("no calendars to compare; give at least one")
    n, weeks = problem.base.shape
    spread = problem.lifts - 1.0
    drawn = np.empty((len(CALENDAR_MEASURES), draws, len(plans)))
    for s in range(draws):
        scale = _factor(rng, doubt.common_scale, (1, 1)) * _factor(rng, doubt.own_scale, (n, 1))
        base = problem.base * scale * _factor(rng, doubt.noise, (n, weeks))
        gained = spread * _factor(rng, doubt.lift, spread.shape)
        pull = problem.pull * _factor(rng, doubt.pull, (1, 1))
        cross = float(_factor(rng, doubt.cross, (1, 1))[0, 0])
        for k, actions in enumerate(plans.values()):
            drawn[:, s, k] = _lived(problem, actions, paid, base, gained, pull, cross)
    return CalendarOutlook(tuple(plans), level, drawn)


def _factor(rng: np.random.Generator, spread: float, shape: tuple[int, int]) -> FloatArray:
    """Log-normal factors of mean 1."""
    factor: FloatArray = np.exp(spread * rng.standard_normal(shape) - spread**2 / 2.0)
    return factor


def _lived(
    problem: PromotionProblem,
    actions: IntArray,
    paid: FloatArray,
    base: FloatArray,
    gained: FloatArray,
    pull: FloatArray,
    cross: float,
) -> list[float]:
    """The figures of `CALENDAR_MEASURES` in one future; the law is `pricing.calendar.demand`'s."""
    row = np.arange(len(problem))[:, None]
    more = gained[row, actions]
    dip = np.ones(actions.shape)
    for k in range(min(pull.shape[1], actions.shape[1] - 1)):
        dip[:, k + 1 :] -= pull[:, k : k + 1] * more[:, : -(k + 1)]
    alone = base * (1.0 + more) * np.maximum(dip, 0.0)
    units = alone * np.maximum(1.0 + cross * (problem.cross @ more), 0.0)
    profit = units * problem.margins[row, actions] - problem.fixed_costs[row, actions]
    return [
        float(profit.sum()),
        float((units * paid[row, actions]).sum()),
        float(units.sum()),
        float((units * problem.discounts[row, actions]).sum()),
    ]
