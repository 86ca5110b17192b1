"""Price endings, price ladders and the grid of candidate prices.

A shop does not show 23.4171: it shows 23.49. The prices that it may show form a *ladder*, a sorted
array of amounts in minor units; candidates for a product are the rungs between its limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.currencies import decimals
from pricing.errors import InvalidLimits

MAX_RUNGS: Final = 5_000_000
"""A ladder longer than this costs more memory than any shop's prices are worth."""


@dataclass(frozen=True, slots=True)
class PriceEnding:
    """Which prices below `up_to` are presentable.

    A price p is on the ladder when `p % step` is one of `endings`: step 100 with endings (49, 99)
    allows 12.49 and 12.99; step 10 with ending (9,) allows 0.79 and 1.29.

    Attributes:
        up_to: minor units, exclusive; None for every price above the tier before.
        step: minor units after which the pattern repeats.
        endings: remainders allowed, each in [0, step).
    """

    up_to: int | None
    step: int
    endings: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.step < 1:
            raise InvalidLimits(
                f"price ending: step {self.step} must be at least 1 minor unit", ("step",)
            )
        if not self.endings or not all(0 <= e < self.step for e in self.endings):
            raise InvalidLimits(
                f"price ending: endings {self.endings} must be one or more amounts from 0 "
                f"up to {self.step - 1}",
                ("endings",),
            )
        if self.up_to is not None and self.up_to < 1:
            raise InvalidLimits(f"price ending: up_to {self.up_to} must be above zero", ("up_to",))


@dataclass(frozen=True, slots=True)
class EndingRule:
    """The price endings of one market, cheap to dear.

    Attributes:
        tiers: endings by price level, `up_to` rising, the last one open.
    """

    tiers: tuple[PriceEnding, ...]

    def __post_init__(self) -> None:
        tops = [tier.up_to for tier in self.tiers]
        if not tops or tops[-1] is not None or None in tops[:-1]:
            raise InvalidLimits("price endings: the last tier, and only it, must have no up_to")
        closed = [top for top in tops if top is not None]
        if closed != sorted(set(closed)):
            raise InvalidLimits(f"price endings: up_to must rise from tier to tier, not {closed}")

    @classmethod
    def usual(cls, currency: str) -> EndingRule:
        """What most shops do: .x9 when cheap, .49/.99 in the middle, then .99 and whole nines.

        Tiers scale with the currency's decimals; without decimals, prices end in 9 of the last
        digit, then of the last two.
        """
        unit = 10 ** decimals(currency)
        if unit == 1:
            return cls((PriceEnding(1_000, 10, (9,)), PriceEnding(None, 100, (80, 99))))
        tenth, half, whole = unit // 10, unit // 2, unit
        return cls(
            (
                PriceEnding(20 * unit, tenth, (tenth - tenth // 10,)),
                PriceEnding(100 * unit, whole, (half - unit // 100, whole - unit // 100)),
                PriceEnding(500 * unit, whole, (whole - unit // 100,)),
                PriceEnding(None, 10 * whole, (5 * whole - unit // 100, 10 * whole - unit // 100)),
            )
        )

    def ladder(self, top: int) -> IntArray:
        """All presentable prices from 1 to `top` minor units, ascending.

        Raises:
            InvalidLimits: the ladder would have more than `MAX_RUNGS` rungs.
        """
        pieces: list[IntArray] = []
        start = 1
        for tier in self.tiers:
            stop = top + 1 if tier.up_to is None else min(tier.up_to, top + 1)
            if (stop - start) / tier.step * len(tier.endings) > MAX_RUNGS:
                raise InvalidLimits(
                    f"price endings: more than {MAX_RUNGS:,} prices up to {top}; "
                    "give dear products a tier with a larger step"
                )
            if stop > start:
                bases = np.arange(start // tier.step, stop // tier.step + 1, dtype=np.int64)
                endings = np.array(sorted(set(tier.endings)), dtype=np.int64)
                rungs = (bases[:, None] * tier.step + endings[None, :]).ravel()
                pieces.append(rungs[(rungs >= start) & (rungs < stop)])
            start = max(start, stop)
        return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)


def candidate_grid(
    lower: IntArray, upper: IntArray, ladder: IntArray, most: int
) -> tuple[IntArray, BoolArray]:
    """Up to `most` rungs of the ladder between each row's limits, evenly spread by rank.

    Args:
        lower: (n,) lowest price allowed, minor units, inclusive.
        upper: (n,) highest price allowed, inclusive; below `lower` means none is.
        ladder: (r,) presentable prices, ascending.
        most: the width of the grid; the lowest and the highest rung are always in it.

    Returns:
        prices (n, most) in minor units and valid (n, most); an invalid cell holds 0.
    """
    if most < 2:
        raise InvalidLimits(f"candidates: {most} prices a product is too few; ask for 2 or more")
    first = np.searchsorted(ladder, lower, side="left")
    count = np.maximum(np.searchsorted(ladder, upper, side="right") - first, 0)
    column = np.arange(most, dtype=np.int64)[None, :]
    valid = column < np.minimum(count, most)[:, None]
    # Where every rung fits, take them all; else spread `most` of them from end to end.
    step = np.where(count <= most, 1.0, (count - 1) / (most - 1))
    rung = np.rint(column * step[:, None]).astype(np.int64)
    rung += first[:, None]
    prices = ladder.take(rung, mode="clip") if len(ladder) else rung
    prices *= valid
    return prices, valid
