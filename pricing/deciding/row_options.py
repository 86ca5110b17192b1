"""What each row may choose from and what each choice is worth, row by row.

Nothing here looks from one row at another, so rows can be taken in portions of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandContext, DemandModel
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.approach import take_steps
from pricing.deciding.candidates import Ladders, row_candidates
from pricing.deciding.guardrails import (
    LEVEL_CAPS,
    LEVEL_FLOORS,
    NO_CHANGE_NOW,
    Limit,
    PriceBounds,
    price_bounds,
    violations,
)
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.levels import tolerated
from pricing.deciding.objective import Worth, worth_of
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.sanity import reasons_to_hold
from pricing.deciding.strategies import StrategyPlan
from pricing.law.legal_bounds import LegalBounds

_OF_DEMAND: Final = int(Limit.MISSING_DEMAND | Limit.IMPLAUSIBLE_DEMAND | Limit.IMPLAUSIBLE_LEVEL)
_STANDS_WRONG: Final = int(LEVEL_FLOORS | LEVEL_CAPS | Limit.LAW)
"""A price in force that breaks one of these has somewhere to go, whatever demand says."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What a run asks of n rows, all aligned.

    Attributes:
        catalogue: the rows.
        demand: their curves.
        competitors: plausible offers for them.
        policy: limits and objective.
        at: time of the decision, aware.
        context: season and other effects in force.
        plan: what strategies ask of them.
        ladders: presentable prices of the markets.
        legal: what the law leaves of each price; None where it was not asked.
        doubts: curves whose level no sales carry; None where there are none.
    """

    catalogue: Catalogue
    demand: DemandModel
    competitors: CompetitorPrices
    policy: PricingPolicy
    at: datetime
    context: DemandContext | None
    plan: StrategyPlan
    ladders: Ladders
    legal: LegalBounds | None = None
    doubts: LevelDoubts | None = None

    def part(self, rows: slice) -> Question:
        """The same question of a run of rows."""
        context = self.context
        return replace(
            self,
            catalogue=self.catalogue.part(rows),
            demand=self.demand.take(np.arange(rows.start, rows.stop)),
            competitors=self.competitors.part(rows),
            context=None if context is None else DemandContext(context.log_shift[rows]),
            plan=self.plan.part(rows),
            legal=None if self.legal is None else self.legal.part(rows),
            doubts=None if self.doubts is None else self.doubts.part(rows),
        )

    def worth(self, price: FloatArray) -> Worth:
        """The objective at prices (n,) or (n, k) in major units."""
        return worth_of(
            price,
            self.policy.objective,
            self.catalogue,
            self.demand,
            self.competitors,
            self.context,
        )

    def broken(self, price: IntArray) -> IntArray:
        """(n,) `Limit` bits of the hard limits that these prices break."""
        return violations(price, self.catalogue, self.competitors, self.policy.limits, self.legal)

    def tolerated(self, price: IntArray) -> IntArray:
        """(n,) `Limit` bits that these prices may break on their way back to a level."""
        return tolerated(price, self.catalogue, self.competitors, self.policy.limits, self.legal)


@dataclass(frozen=True, slots=True, eq=False)
class RowOptions:
    """What limits, endings and strategies leave to n rows.

    Attributes:
        bounds: the limits as an interval; `hold` has every reason to change nothing.
        broken: (n,) `Limit` bits that the price in force breaks.
        prices: (n, 1 + k) candidates in minor units, the price in force first.
        valid: (n, 1 + k) which of them exist.
        step: (n,) the only candidate of a row on its way back to a level or to the law, which
            may break what such a step may; UNKNOWN for the other rows.
    """

    bounds: PriceBounds
    broken: IntArray
    prices: IntArray
    valid: BoolArray
    step: IntArray

    @classmethod
    def of(cls, question: Question) -> RowOptions:
        """The options of rows that no relation ties."""
        catalogue, plan, limits = question.catalogue, question.plan, question.policy.limits
        bounds = price_bounds(catalogue, question.competitors, limits, question.legal)
        in_force, _ = question.demand.price_elasticity(major(catalogue.price, catalogue))
        hold = reasons_to_hold(catalogue, limits, in_force, at=question.at)
        hold |= np.where(question.demand.known, 0, int(Limit.MISSING_DEMAND))
        if question.doubts is not None:
            doubted = (hold & ~int(Limit.MISSING_DEMAND)) | int(Limit.IMPLAUSIBLE_LEVEL)
            hold = np.where(question.doubts.there, doubted, hold)
        broken = question.broken(catalogue.price)
        wrong = broken & _STANDS_WRONG != 0
        curveless = wrong & ~plan.aims & (hold & _OF_DEMAND != 0)
        hold = np.where(broken & int(Limit.LAW) != 0, hold & ~int(Limit.CADENCE), hold)
        # A target needs no demand curve, the way back to a level neither, and the law no rest. What
        # holds the price otherwise, and not for a time only, does not make its curve any better.
        freed = plan.aims | (wrong & (hold & ~_OF_DEMAND & ~int(NO_CHANGE_NOW) == 0))
        hold = np.where(freed, hold & ~_OF_DEMAND, hold)
        bounds.hold[:] |= hold
        prices, valid = row_candidates(
            catalogue, bounds, question.policy.candidates, question.ladders, plan
        )
        moves = wrong & (bounds.hold == 0) & ~plan.frozen
        rows = np.flatnonzero(moves & (curveless | ~valid[:, 1:].any(axis=1)))
        step = take_steps(rows, catalogue, bounds, limits, question.legal, question.ladders)
        valid[rows, 1:] = False
        taken = np.flatnonzero(step != UNKNOWN)
        prices[taken, 1], valid[taken, 1] = step[taken], True
        return cls(bounds, broken, prices, valid, step)

    def part(self, rows: slice) -> RowOptions:
        """The options of a run of rows, without a copy."""
        return RowOptions(
            self.bounds.part(rows),
            self.broken[rows],
            self.prices[rows],
            self.valid[rows],
            self.step[rows],
        )

    @property
    def open(self) -> BoolArray:
        """(n,) True where there is a choice beside the price in force."""
        return np.asarray(self.valid[:, 1:].any(axis=1))

    @property
    def unlawful(self) -> BoolArray:
        """(n,) True where the law forbids the price in force and there is one to move to."""
        return np.asarray((self.broken & int(Limit.LAW) != 0) & self.open)

    def without_choice(self, plan: StrategyPlan) -> IntArray:
        """(n,) `Limit` bits of the rows that had nothing to choose but the price in force."""
        bounds = self.bounds
        why = np.where(
            bounds.hold != 0,
            bounds.hold,
            np.where(
                bounds.lower > bounds.upper,
                bounds.lower_limit | bounds.upper_limit,
                int(Limit.PRICE_ENDING),
            ),
        )
        why = np.where(plan.frozen, int(Limit.STRATEGY), why)
        return np.where(self.open, 0, why)


def aimed_worth(question: Question, price: FloatArray) -> Worth:
    """The objective of candidates (n, k), or how far they miss what a strategy aims at.

    Misses weigh as much as the sales of the row, so that a joint limit is spent where it counts.
    """
    worth, plan = question.worth(price), question.plan
    rows = np.flatnonzero(plan.aims)
    if len(rows) == 0:
        return worth
    aim = (plan.target / question.catalogue.scale)[rows, None]
    sold = or_nothing(worth.units[rows, :1])
    weight = np.where(sold > 0, sold, 1.0) * price[rows, :1]
    moving = worth.moving.copy()
    fixed = np.zeros(price.shape) if worth.fixed is None else or_nothing(worth.fixed)
    moving[rows] = 0.0
    fixed[rows] = or_nothing(-weight * np.abs(price[rows] / aim - 1.0))
    return Worth(moving, fixed, worth.units)


def or_nothing(figure: FloatArray) -> FloatArray:
    """The figure, and 0 where it is unknown."""
    return np.where(np.isfinite(figure), figure, 0.0)


def major(minor: IntArray, catalogue: Catalogue) -> FloatArray:
    """Minor units (n,) or (n, k) as major units, NaN where the amount is unknown or no price."""
    scale = catalogue.scale if minor.ndim == 1 else catalogue.scale[:, None]
    amount: FloatArray = minor / scale
    amount[minor <= 0] = np.nan
    return amount
