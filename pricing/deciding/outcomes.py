"""What prices are expected to bring, and where a limit keeps them from going further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import MISSING_INPUT
from pricing.deciding.row_options import Question, RowOptions, major, or_nothing

_NUDGE: Final = 1e-6
"""Relative step of price by which the direction of the objective is told."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossPull:
    """What the prices of other rows do to n rows.

    Attributes:
        shift: (n,) share by which they move the row's demand.
        back: (n,) what a unit of the row's log price does to the worth of the others.
    """

    shift: FloatArray
    back: FloatArray

    def part(self, rows: slice) -> CrossPull:
        """The pull on a run of rows."""
        return CrossPull(self.shift[rows], self.back[rows])


def outcome_columns(
    question: Question,
    options: RowOptions,
    price: IntArray,
    held: IntArray,
    pull: CrossPull | None = None,
) -> dict[str, NDArray[Any]]:
    """The columns of `Decisions` that follow from prices (n,) and what held them (n,).

    Args:
        question: the rows.
        options: what they could choose from.
        price: prices decided, minor units.
        held: `Limit` bits where a limit kept the price in force.
        pull: effects of other rows' prices; None where rows stand alone.
    """
    catalogue, demand, context = question.catalogue, question.demand, question.context
    changed = price != catalogue.price
    held = np.where(changed, 0, held)
    at_lower, at_upper = _pressed(question, options, price, pull)
    free = (held == 0) & ~question.plan.aims & (options.step == UNKNOWN)
    now, before = major(price, catalogue), major(catalogue.price, catalogue)
    keep = 1.0 / (1.0 + catalogue.tax_rate)
    cost = major(catalogue.cost, catalogue)
    units, units_before = demand.units(now, context), demand.units(before, context)
    low, high = demand.interval(now, 0.95, context)
    if pull is not None:
        units, low, high = (end * (1.0 + pull.shift) for end in (units, low, high))
    elasticity, std_error = demand.price_elasticity(now)
    return {
        "price": price,
        "action": np.where(changed, Action.CHANGE, np.where(held != 0, Action.HOLD, Action.KEEP)),
        "held_by": held,
        "broken_before": options.broken & ~int(MISSING_INPUT),
        "lower": options.bounds.lower,
        "upper": options.bounds.upper,
        "lower_limit": options.bounds.lower_limit,
        "upper_limit": options.bounds.upper_limit,
        "at_lower": at_lower & free,
        "at_upper": at_upper & free,
        "units": units,
        "units_low": low,
        "units_high": high,
        "revenue": now * keep * units,
        "profit": (now * keep - cost) * units,
        "revenue_before": before * keep * units_before,
        "profit_before": (before * keep - cost) * units_before,
        "elasticity": elasticity,
        "elasticity_std_error": std_error,
    }


def _pressed(
    question: Question, options: RowOptions, price: IntArray, pull: CrossPull | None
) -> tuple[BoolArray, BoolArray]:
    """Rows at the lowest or highest candidate whose objective would rise beyond it."""
    grid, real = options.prices[:, 1:], options.valid[:, 1:]
    lowest = np.where(real, grid, np.iinfo(np.int64).max).min(axis=1)
    highest = np.where(real, grid, np.iinfo(np.int64).min).max(axis=1)
    here = major(price, question.catalogue)
    at, beyond = question.worth(here), question.worth(here * (1.0 + _NUDGE))
    rise = beyond.total - at.total
    if pull is not None:
        rise += (beyond.moving - at.moving) * pull.shift + np.log1p(_NUDGE) * pull.back
    return (price <= lowest) & (rise < 0), (price >= highest) & (rise > 0)


def moving_worth(question: Question, price: IntArray) -> FloatArray:
    """(n,) worth that is proportional to units sold, at these prices; 0 where unknown."""
    return or_nothing(question.worth(major(price, question.catalogue)).moving)
