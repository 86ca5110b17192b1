"""A release in stages: which prices go first, and when what is watched says to go back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from itertools import pairwise
from typing import Final

import numpy as np

from models.arrays import IntArray, StrArray
from pricing.errors import InvalidLimits

_HASHES: Final = 2.0**64
_SLACK: Final = 1e-9


@dataclass(frozen=True, slots=True)
class StagePlan:
    """How a price book goes live.

    Attributes:
        shares: share of products that is live after each stage, rising to 1; (1.0,) at once.
        first_markets: markets whose prices go live first, as stages of their own before `shares`
            applies to the rest; none if empty.
        pause: time between two stages.

    Raises:
        InvalidLimits: shares that do not rise to 1, or a negative pause.
    """

    shares: tuple[float, ...] = (1.0,)
    first_markets: tuple[str, ...] = ()
    pause: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        steps = (0.0, *self.shares)
        rises = all(low < high for low, high in pairwise(steps))
        if not self.shares or not rises or abs(self.shares[-1] - 1.0) > _SLACK:
            raise InvalidLimits(
                f"stages {self.shares} must rise from above 0 to 1, like 0.1, 0.5, 1"
            )
        if self.pause < timedelta(0):
            raise InvalidLimits(f"the pause between stages {self.pause} must not be negative")

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return len(self.shares) + len(self.first_markets)

    @property
    def at_once(self) -> bool:
        """True if everything goes live together."""
        return self.stages == 1


def stage_of(unit: StrArray, market: StrArray, plan: StagePlan, *, seed: int) -> IntArray:
    """(n,) in which stage, from 0, each row goes live.

    Rows of one unit share a stage in all markets but the first ones, so that an online price and
    its store price move together. Another seed picks other units first.

    Args:
        unit: (n,) what is kept together: SKUs, or categories where prices are related.
        market: (n,) market codes.
        plan: the stages.
        seed: of the choice, such as the draft's number.
    """
    ends = np.array(plan.shares)
    names, place = np.unique(unit, return_inverse=True)
    drawn = np.array([_draw(f"{seed}:{name}") for name in names.tolist()])
    stage = np.minimum(np.searchsorted(ends, drawn, side="right"), len(ends) - 1)
    rows = len(plan.first_markets) + (stage[place] if len(names) else np.empty(0, np.int64))
    for number, code in enumerate(plan.first_markets):
        rows = np.where(market == code, number, rows)
    return rows.astype(np.int64)


def _draw(text: str) -> float:
    """A number from 0 up to 1 that depends on nothing but the text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / _HASHES


@dataclass(frozen=True, slots=True)
class Band:
    """Between which bounds a watched figure must stay.

    Attributes:
        low: lowest value allowed; None for no bound.
        high: highest value allowed; None for no bound.
        readings: how many readings in a row must lie outside, so that one bad reading does not
            throw a price book out.

    Raises:
        InvalidLimits: no bound at all, low above high, or no reading.
    """

    low: float | None = None
    high: float | None = None
    readings: int = 2

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise InvalidLimits("a watched figure needs a lowest or a highest value")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidLimits(f"band {self.low} to {self.high}: low must not exceed high")
        if self.readings < 1:
            raise InvalidLimits(f"readings {self.readings} must be 1 or more")

    def holds(self, value: float) -> bool:
        """Whether one value lies inside; a value that is no number does not."""
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        return bool(np.isfinite(value)) and above and below


def broken_at(values: Sequence[float], band: Band) -> int | None:
    """Place of the reading that breaks the band, the oldest first; None if it holds."""
    outside = 0
    for place, value in enumerate(values):
        outside = 0 if band.holds(value) else outside + 1
        if outside >= band.readings:
            return place
    return None
