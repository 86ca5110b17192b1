"""The fluid bound: no policy, however clever, expects more (Gallego and van Ryzin 1994).

With demand that arrives at its expected rate and prices that may be mixed and changed at will, the
only coupling of the weeks is stock. A charge on stock separates them; the least value over that
charge is an upper bound on the expected value of every policy under random demand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import FloatArray
from pricing.catalogue import UNKNOWN
from pricing.markdown.errors import InvalidClearance
from pricing.markdown.items import ClearanceItems

_HALVINGS: Final = 80


def fluid_bound(items: ClearanceItems) -> FloatArray:
    """(n,) upper bound on expected revenue, net of tax, and salvage; minor units.

    Holding and labels only cost, and rules only restrict: the bound holds with them.

    Raises:
        InvalidClearance: demand depends on stock or past prices, for which it is no bound.
    """
    if items.broken_at.any() or items.reference_effect.any():
        raise InvalidClearance(
            "the fluid bound needs demand that depends on neither stock nor past prices; "
            "set broken_at and reference_effect to 0"
        )
    rate = items.response * (items.demand * items.open_weeks).sum(axis=1)[:, None]
    rate = np.where(items.ladder == UNKNOWN, 0.0, rate)
    gain = items.net_price - items.salvage[:, None]
    supply, base = items.supply, items.salvage * items.supply
    low, high = np.zeros(len(items)), np.maximum(gain.max(axis=1), 0.0)

    def bound(charge: FloatArray) -> tuple[FloatArray, FloatArray]:
        worth = np.maximum(gain - charge[:, None], 0.0) * rate
        best = worth.argmax(axis=1)[:, None]
        sold = np.where(
            np.take_along_axis(worth, best, 1) > 0, np.take_along_axis(rate, best, 1), 0
        )
        return charge * supply + worth.max(axis=1), sold[:, 0]

    least = np.minimum(bound(low)[0], bound(high)[0])
    for _ in range(_HALVINGS):
        charge = (low + high) / 2.0
        value, sold = bound(charge)
        least = np.minimum(least, value)
        low, high = np.where(sold > supply, charge, low), np.where(sold > supply, high, charge)
    total: FloatArray = base + least
    return total
