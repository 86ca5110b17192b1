"""What to expect of promotion calendars side by side, with intervals from the same futures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.calendar.demand import PromotionProblem
from simulations.errors import InvalidScenario
from simulations.scenarios.outlook import Outlook, log_normal

CALENDAR_MEASURES: Final = ("profit", "revenue", "units", "given_away")
"""Money is minor units, net of tax."""


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


def calendar_outlook(
    problem: PromotionProblem,
    plans: Mapping[str, IntArray],
    paid: FloatArray,
    doubt: CalendarDoubt,
    *,
    draws: int,
    rng: np.random.Generator,
) -> Outlook:
    """Let every calendar live through the same futures.

    Args:
        problem: n products.
        plans: by name, (n, t) actions.
        paid: (n, 1 + m) what a unit brings by action, net of tax, minor units.
        doubt: how far off demand may be.
        draws: futures.
        rng: their source.

    Raises:
        InvalidScenario: no calendars.
    """
    if not plans:
        raise InvalidScenario("no calendars to compare; give at least one")
    n, weeks = problem.base.shape
    spread = problem.lifts - 1.0
    drawn = np.empty((len(CALENDAR_MEASURES), draws, len(plans)))
    for s in range(draws):
        scale = log_normal(rng, doubt.common_scale, (1, 1)) * log_normal(
            rng, doubt.own_scale, (n, 1)
        )
        base = problem.base * scale * log_normal(rng, doubt.noise, (n, weeks))
        gained = spread * log_normal(rng, doubt.lift, spread.shape)
        pull = problem.pull * log_normal(rng, doubt.pull, (1, 1))
        cross = float(log_normal(rng, doubt.cross, (1, 1))[0, 0])
        for k, actions in enumerate(plans.values()):
            drawn[:, s, k] = _lived(problem, actions, paid, base, gained, pull, cross)
    return Outlook(CALENDAR_MEASURES, tuple(plans), drawn)


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
