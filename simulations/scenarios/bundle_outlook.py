"""What to expect of bundle plans side by side, with intervals from the same futures.

In every future the segments have other sizes, and their customers value products a little
differently: by a factor of the segment, and by one of each customer. All plans meet the same
customers. Where more is wanted than there is in stock, all who want it get the same share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.bundles.market import Market
from pricing.bundles.problem import SHARES, BundleProblem
from pricing.bundles.valuations import noisy_values
from pricing.catalogue import UNKNOWN
from simulations.errors import InvalidScenario
from simulations.scenarios.outlook import Outlook, log_normal

BUNDLE_MEASURES: Final = ("profit", "revenue", "units", "given_away")
"""Money is minor units."""


@dataclass(frozen=True, slots=True)
class BundleDoubt:
    """What is not known of customers, as standard deviations of logarithms.

    Attributes:
        size: of each segment's size.
        segment: of what a segment's customers together would pay, product by product.
        customer: of what one customer would pay, beside his segment.
        sampled: customers drawn from each segment.
    """

    size: float = 0.1
    segment: float = 0.05
    customer: float = 0.1
    sampled: int = 8

    def __post_init__(self) -> None:
        if not all(0.0 <= spread < 3.0 for spread in (self.size, self.segment, self.customer)):
            raise InvalidScenario("doubt: standard deviations must lie from 0 up to 3")
        if not 1 <= self.sampled <= 1_000:
            raise InvalidScenario("doubt: sampled must lie from 1 to 1,000")


def bundle_outlook(
    problem: BundleProblem,
    plans: Mapping[str, IntArray],
    doubt: BundleDoubt,
    *,
    rng: np.random.Generator,
    draws: int = 500,
    sizes: float = 1.0,
    values: float = 1.0,
) -> Outlook:
    """Let every plan meet the same customers.

    Args:
        problem: who they are.
        plans: by name, (2**n,) posted prices.
        doubt: how they may differ.
        rng: source of the futures.
        draws: futures.
        sizes: all segments are so many times as large.
        values: all customers would pay so many times as much.

    Raises:
        InvalidScenario: no plans, no draws, or factors that are not above 0.
    """
    if not plans or draws < 1 or not sizes > 0 or not values > 0:
        raise InvalidScenario("give at least one plan and draw, and factors above 0")
    market = Market(problem)
    views = [_View(market, posted) for posted in plans.values()]
    k, n = len(problem.size), len(problem.sku)
    single = np.repeat(np.arange(k), doubt.sampled)
    wide = problem.replaced(
        segment=np.array([str(row) for row in range(len(single))]),
        size=problem.size[single],
        value=problem.value[single],
    )
    drawn = np.empty((len(BUNDLE_MEASURES), draws, len(plans)))
    for draw in range(draws):
        mass = sizes * problem.size * log_normal(rng, doubt.size, (k,)) / doubt.sampled
        shared = log_normal(rng, doubt.segment, (k, n))[single]
        own = log_normal(rng, doubt.customer, (len(single), n))
        worth = values * noisy_values(wide, shared * own)
        for place, view in enumerate(views):
            drawn[:, draw, place] = view.totals(mass[single], worth)
    return Outlook(BUNDLE_MEASURES, tuple(plans), drawn)


class _View:
    """A plan's prices, by set."""

    def __init__(self, market: Market, posted: IntArray) -> None:
        problem = market.problem
        effective = market.effective(posted)
        self._members = market.sets.members.astype(np.float64)
        self._price = effective.price.astype(np.float64)
        self._gain = market.gains(effective) / SHARES
        self._saved = market.sets.totals(posted[market.singles]) - effective.price
        self._stock = np.where(problem.stock == UNKNOWN, np.inf, problem.stock)

    def totals(self, mass: FloatArray, worth: FloatArray) -> list[float]:
        """The figures of `BUNDLE_MEASURES` for customers of some (c,) mass and (c, 2**n) values."""
        choice = (worth - self._price).argmax(axis=1)
        wanted = mass @ self._members[choice]
        share = np.minimum(self._stock / np.maximum(wanted, 1e-12), 1.0)
        # A set can be had as often as its scarcest product.
        had = np.where(self._members > 0, share, 1.0).min(axis=1)[choice] * mass
        return [
            float(had @ self._gain[choice]),
            float(had @ self._price[choice]),
            float((had @ self._members[choice]).sum()),
            float(had @ self._saved[choice]),
        ]
