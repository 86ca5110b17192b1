"""Products that own so much of a total that the total says little of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import FloatArray, StrArray

_SHARE: Final = 0.2
_TIMES_EQUAL: Final = 2.0
"""Of a few products each owns much; a share is told from twice an equal one on."""
_MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Dominant:
    """A product that owns more than a fifth of a total.

    Attributes:
        sku: the product.
        within: what is added up: a market, or a currency.
        figure: such as `expected profit`.
        share: of the sum of absolute values, above 0.2 and at most 1.
    """

    sku: str
    within: str
    figure: str
    share: float

    def __str__(self) -> str:
        """The sentence to show."""
        return (
            f"{self.sku} alone is {self.share:.0%} of the {self.figure} in {self.within}: look at "
            "its sales and its demand curve before you believe the total"
        )


def dominant_products(
    sku: StrArray, within: StrArray, figures: Mapping[str, FloatArray]
) -> tuple[Dominant, ...]:
    """Name who owns more than a fifth, and more than twice an equal share, of a total.

    Args:
        sku: (n,) products; one may have several rows, which count together.
        within: (n,) what rows are added up in: markets, or currencies.
        figures: by name, (n,) amounts; NaN where none is known, which counts for nothing.

    Returns:
        the greatest shares first, each product and total once: five at most.
    """
    found: dict[tuple[str, str], Dominant] = {}
    for total in np.unique(within):
        names, product = np.unique(sku[within == total], return_inverse=True)
        for figure, amounts in figures.items():
            amount = np.nan_to_num(amounts[within == total], nan=0.0, posinf=1e300, neginf=-1e300)
            owned = np.abs(np.bincount(product, amount, len(names)))
            rated = int((owned > 0).sum())
            if not rated:
                continue
            # Divided by the largest first, so that a sum of absurd amounts has no overflow.
            parts = owned / owned.max()
            share = parts / parts.sum()
            for place in np.flatnonzero(share > max(_SHARE, _TIMES_EQUAL / rated)).tolist():
                key = str(names[place]), str(total)
                told = Dominant(*key, figure, float(share[place]))
                if key not in found or told.share > found[key].share:
                    found[key] = told
    ordered = sorted(found.values(), key=lambda one: (-one.share, one.sku, one.within))
    return tuple(ordered[:_MOST_TOLD])
