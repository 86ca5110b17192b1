"""Futures against which a plan is made, and how much its worst ones weigh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.arrays import FloatArray, IntArray, frozen
from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidLimits
from pricing.markdown.items import ClearanceItems


@dataclass(frozen=True, slots=True, eq=False)
class Scenarios:
    """s equally likely futures of n items.

    Attributes:
        scale: (s, n) factor on demand.
        elasticity: (s, n) added to the elasticity that the response stands for.
    """

    scale: FloatArray
    elasticity: FloatArray

    def __post_init__(self) -> None:
        if self.scale.shape != self.elasticity.shape or self.scale.ndim != 2 or not len(self.scale):
            raise InvalidLimits(
                "scenarios: scale and elasticity must be (s, n) arrays of one shape"
            )
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise InvalidLimits("scenarios: scale must be finite and above 0")
        if not np.isfinite(self.elasticity).all():
            raise InvalidLimits("scenarios: elasticity must be finite")
        object.__setattr__(self, "scale", frozen(np.asarray(self.scale, np.float64)))
        object.__setattr__(self, "elasticity", frozen(np.asarray(self.elasticity, np.float64)))

    def __len__(self) -> int:
        return len(self.scale)

    @classmethod
    def expected(cls, n: int) -> Self:
        """One future: demand as expected."""
        return cls(np.ones((1, n)), np.zeros((1, n)))

    @classmethod
    def drawn(
        cls,
        rng: np.random.Generator,
        draws: int,
        n: int,
        *,
        common: float,
        own: float,
        elasticity: float,
    ) -> Self:
        """Log-normal scales with mean 1, shared and own, and normal shifts of elasticity.

        Args:
            rng: source of chance.
            draws: how many futures.
            n: items.
            common: standard deviation of the log scale that all items share.
            own: of the log scale of each item.
            elasticity: of the shift of each item's elasticity.
        """
        log_scale = common * rng.standard_normal((draws, 1)) + own * rng.standard_normal((draws, n))
        scale = np.exp(log_scale - (common**2 + own**2) / 2.0)
        return cls(scale, elasticity * rng.standard_normal((draws, n)))

    def take(self, rows: IntArray) -> Scenarios:
        """The futures of these items only."""
        return Scenarios(self.scale[:, rows], self.elasticity[:, rows])

    def of(self, items: ClearanceItems, s: int) -> tuple[FloatArray, FloatArray]:
        """(n, t) demand and (n, r) response in future s."""
        demand: FloatArray = items.demand * self.scale[s][:, None]
        shift = self.elasticity[s]
        if not shift.any():
            return demand, items.response
        price = np.where(items.ladder == UNKNOWN, items.ladder[:, :1], items.ladder)
        response: FloatArray = items.response * (price / price[:, :1]) ** shift[:, None]
        return demand, response
