"""What to expect of clearance plans side by side, with intervals from the same futures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.markdown import ClearanceItems, Scenarios
from pricing.markdown.trajectories import Trajectories, follow
from simulations.errors import InvalidScenario
from simulations.scenarios.outlook import Outlook, log_normal

MEASURES: Final = ("sell_through", "revenue", "value", "margin", "write_off", "given_away")
"""Money is minor units.

`sell_through` is a share of units; `value` is revenue and salvage less holding and labels;
`margin` is value less what salvaging everything at the start would bring; `write_off` is the
cost of unsold units less their salvage, NaN where no cost is known.
"""


def outlook(
    items: ClearanceItems,
    plans: Mapping[str, IntArray],
    futures: Scenarios,
    *,
    noise: float,
    rng: np.random.Generator,
    cost: FloatArray | None = None,
    factors: Mapping[str, FloatArray] | None = None,
) -> Outlook:
    """Let every plan live through the same futures.

    Args:
        items: n items.
        plans: by name, (n, t) rungs.
        futures: draws of what is not known of demand.
        noise: standard deviation of log demand from week to week, drawn on top.
        rng: source of that noise.
        cost: (n,) unit cost, net, minor units; NaN where unknown.
        factors: by name, (n, t) factor on demand under that plan, such as what rivals leave.

    Raises:
        InvalidScenario: no plans.
    """
    if not plans:
        raise InvalidScenario("no plans to compare; give at least one")
    drawn = np.empty((len(MEASURES), len(futures), len(plans)))
    for s in range(len(futures)):
        demand, response = futures.of(items, s)
        luck = log_normal(rng, noise, demand.shape)
        for k, (name, rungs) in enumerate(plans.items()):
            around = 1.0 if factors is None else factors[name]
            course = follow(items, rungs, demand * luck * around, response)
            drawn[:, s, k] = _measured(items, course, cost)
    return Outlook(MEASURES, tuple(plans), drawn)


def _measured(items: ClearanceItems, course: Trajectories, cost: FloatArray | None) -> list[float]:
    """The figures of `MEASURES`."""
    value = course.revenue + course.salvage - course.costs
    lost = np.nan
    if cost is not None:
        lost = float((course.unsold * (cost - items.salvage)).sum())
    return [
        float(1.0 - course.unsold.sum() / items.supply.sum()),
        float(course.revenue.sum()),
        float(value.sum()),
        float((value - items.salvage * items.supply).sum()),
        lost,
        float(course.given_away.sum()),
    ]


def rungs_by_rule(items: ClearanceItems, discounts: Mapping[int, float]) -> IntArray:
    """(n, t) rungs of a schedule of discounts off the full price, by the week they begin.

    Each item asks the nearest price of its ladder that is not above the one before; the rule's
    own weeks stand above the items' rules on changes.
    """
    share = np.zeros(items.weeks)
    for week, discount in sorted(discounts.items()):
        share[week:] = discount
    asked = items.full_price[:, None] * (1.0 - share)
    price = np.where(items.price > 0, items.price, np.inf)
    nearest = np.abs(price[:, None, :] - asked[:, :, None]).argmin(axis=2)
    return np.maximum.accumulate(nearest, axis=1)
