"""Figures of plans that lived through the same futures, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        mean: over all draws.
        low, high: ends of the central interval.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: FloatArray, level: float) -> Self:
        """The mean of (draws,) values, and the interval that holds a share `level` of them."""
        tail = (1.0 - level) / 2.0
        # Amounts beyond what a float can hold are infinite, and so are their figures.
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = np.quantile(values, [tail, 1.0 - tail])
            return cls(float(values.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """Totals of some plans in the same futures; money is minor units.

    Attributes:
        measures: (m,) names of the figures.
        plans: (p,) names.
        draws: (m, draws, p) the figures.
        level: of the intervals.
    """

    measures: tuple[str, ...]
    plans: tuple[str, ...]
    draws: FloatArray
    level: float = 0.9

    def of(self, plan: str, measure: str) -> Estimate:
        """One figure with its interval."""
        return Estimate.of(self._drawn(plan, measure), self.level)

    def difference(self, plan: str, other: str, measure: str) -> Estimate:
        """By how much one plan exceeds another, future by future."""
        return Estimate.of(self._drawn(plan, measure) - self._drawn(other, measure), self.level)

    def _drawn(self, plan: str, measure: str) -> FloatArray:
        return self.draws[self.measures.index(measure), :, self.plans.index(plan)]


def log_normal(rng: np.random.Generator, spread: float, shape: tuple[int, ...]) -> FloatArray:
    """Log-normal factors of mean 1; `spread` is the standard deviation of their logarithm."""
    return np.exp(spread * rng.standard_normal(shape) - spread**2 / 2.0)
