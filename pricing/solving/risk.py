"""How much the worst of several futures weigh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray
from pricing.errors import InvalidLimits


@dataclass(frozen=True, slots=True)
class Risk:
    """What is maximised over the scenarios: (1 - weight) · mean + weight · CVaR.

    Attributes:
        weight: of the conditional value at risk, 0 to 1.
        level: the CVaR is the mean of the worst 1 - level of the futures.
    """

    weight: float = 0.0
    level: float = 0.9

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0 or not 0.0 <= self.level < 1.0:
            raise InvalidLimits("risk: weight must lie in 0..1 and level in 0 up to 1")

    def most_weight(self, scenarios: int) -> float:
        """Largest weight that one of the scenarios can have within the CVaR."""
        return min(1.0, 1.0 / ((1.0 - self.level) * scenarios))

    def worth(self, value: FloatArray) -> float:
        """Worth of a plan whose value in each of s futures is `value` (s,)."""
        mean = float(value.mean())
        if self.weight == 0.0:
            return mean
        left, cvar = 1.0, 0.0
        for worst in np.sort(value).tolist():
            share = min(left, self.most_weight(len(value)))
            cvar += share * worst
            left -= share
        return (1.0 - self.weight) * mean + self.weight * cvar
