"""Amounts as the whole numbers that CP-SAT takes, so that rounding cuts off nothing and lies never.

CP-SAT knows integers of 63 bits and refuses a linear expression that could pass them. Limits are
relaxed by all that rounding can do, objectives come with how far rounding can move them, and what
would overflow is refused here, by name, before a solver sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.errors import SolverFault

MOST_STEPS: Final = 2**60
"""What the terms of one linear expression may add up to in steps, each at its greatest: CP-SAT
refuses 2**62, and a right-hand side and some rounding come on top."""

_REFUSED: Final = 2.0**61
_EXACT_FLOATS: Final = 2.0**53
_USAGE_STEPS: Final = 2**55
_WORTH_STEPS: Final = 2**40


@dataclass(frozen=True, slots=True, eq=False)
class WorthSteps:
    """An objective in whole steps.

    Attributes:
        steps: (c,) worth of each term.
        step: what one of them is worth.
        off: no sum of as many terms as may be taken is further from the real one.
    """

    steps: IntArray
    step: float
    off: float


def in_steps(amounts: FloatArray, step: float) -> IntArray:
    """The nearest whole number of steps of each amount.

    Args:
        amounts: the terms of one linear expression, in any shape and unit.
        step: size of one step, in the same unit.

    Raises:
        SolverFault: an amount is not finite, or together they would overflow.
    """
    steps = np.rint(amounts / step)
    if not float(np.abs(steps).sum()) <= _REFUSED:
        raise SolverFault(
            f"amounts up to {float(np.abs(amounts).max()):.6g} do not fit an integer programme in "
            f"steps of {step:.6g}; this is a defect of pricewright, not of the limits: please "
            "report it"
        )
    whole: IntArray = steps.astype(np.int64)
    return whole


def finest_step(total: float, fine: int = 1) -> float:
    """The least size of a step at which terms of this total fit, each in `fine` parts of a step."""
    return max(total * fine / MOST_STEPS, 1e-300)


def whole_bound(told: float) -> int:
    """A bound on whole steps that CP-SAT told as a float: never less than what it stands for."""
    return round(told) if abs(told) < _EXACT_FLOATS else math.ceil(math.nextafter(told, math.inf))


def limit_steps(usage: FloatArray, room: float, slack: float, terms: int) -> tuple[IntArray, int]:
    """A limit in whole steps that cuts off nothing which keeps it; judge what passes once more.

    Whole numbers in a whole room keep it to the last unit: there, slack is no room.

    Args:
        usage: (c,) of each candidate, in any unit.
        room: what the candidates taken may use together.
        slack: what passes for rounding.
        terms: most candidates that are taken at once.

    Returns:
        (c,) steps, and how many of them are allowed.
    """
    total = float(np.abs(usage).sum())
    whole = bool((usage == np.rint(usage)).all()) and room == np.rint(room)
    if whole and max(total, abs(room)) < _USAGE_STEPS:
        return in_steps(usage, 1.0), int(room)
    step = max(total, abs(room), 1e-300) / _USAGE_STEPS
    return in_steps(usage, step), int(np.floor((room + slack) / step + 0.5 * terms))


def worth_steps(worth: FloatArray, terms: int) -> WorthSteps:
    """An objective in steps so fine that rounding is no difference in value.

    Args:
        worth: (c,) of each term.
        terms: most terms that are taken at once.
    """
    size = np.abs(worth)
    largest, total = float(size.max(initial=0.0)), float(size.sum())
    step = max(largest / _WORTH_STEPS, finest_step(total))
    return WorthSteps(in_steps(worth, step), step, 0.5 * step * terms)
