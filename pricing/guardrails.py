"""Hard limits on every price. They narrow the search first and are checked again last.

A limit can be set only within a range in which it still protects; none can be switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, auto
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.errors import InvalidLimits

_ROUNDING_SLACK: Final = 1e-9
"""Relative room for binary fractions, so that 10 % of 100 is 10 and not one unit short."""


class Limit(IntFlag):
    """What can bind, or hold a price where it is. Stored as bits: append, never renumber."""

    NONE = 0
    COST_FLOOR = auto()
    MINIMUM_MARGIN = auto()
    MAXIMUM_CHANGE = auto()
    COMPETITOR_BAND = auto()
    PRICE_ENDING = auto()
    CHANGE_BUDGET = auto()
    MISSING_COST = auto()
    MISSING_PRICE = auto()
    MISSING_DEMAND = auto()
    IMPLAUSIBLE_DEMAND = auto()
    JOINT_LIMIT = auto()
    RELATION = auto()
    MINIMUM_PRICE = auto()
    MAXIMUM_PRICE = auto()
    RRP_CAP = auto()
    MAP_FLOOR = auto()
    CHANGE_PER_DAY = auto()
    CHANGE_PER_WEEK = auto()
    CADENCE = auto()
    FROZEN_WINDOW = auto()
    CURRENCY_MISMATCH = auto()
    STALE_INPUTS = auto()
    BLANK_MINIMUM = auto()
    IMPLAUSIBLE_COST = auto()
    CLOCK_BEHIND = auto()
    STRATEGY = auto()
    EXPLORATION = auto()

    @property
    def names(self) -> tuple[str, ...]:
        """The single limits in this set, in lower case, lowest bit first."""
        return tuple(flag.name.lower() for flag in type(self) if flag & self and flag.name)


MISSING_INPUT: Final = (
    Limit.MISSING_COST | Limit.MISSING_PRICE | Limit.MISSING_DEMAND | Limit.IMPLAUSIBLE_DEMAND
)
"""Without these there is nothing to decide by. Demand is implausible where it does not fall as the
price rises: such a curve would drive any price to its cap."""


@dataclass(frozen=True, slots=True)
class GuardrailLimits:
    """Hard limits, each with the range in which it may be set.

    Attributes:
        minimum_margin: least (net price - cost) / net price; from 0 to 0.95. At 0 the cost floor
            remains: no price below cost plus tax.
        maximum_change: most |new - old| / old in one decision; above 0, at most 0.5.
        competitor_band: least and most price as a multiple of the lowest competitor offer, for
            example (0.9, 1.15); each from 0.3 to 3. None where competitors set no limit. Where the
            other limits leave no price inside the band, the price may stay or move toward it, never
            away from it: a rival who sells at a loss neither drags a price down nor freezes it.

    Raises:
        InvalidLimits: a value outside its range, with the field and the range.
    """

    minimum_margin: float = 0.05
    maximum_change: float = 0.15
    competitor_band: tuple[float, float] | None = (0.8, 1.2)

    def __post_init__(self) -> None:
        if not 0.0 <= self.minimum_margin <= 0.95:
            raise InvalidLimits(
                f"minimum_margin {self.minimum_margin} must be a share from 0 to 0.95"
            )
        if not 0.0 < self.maximum_change <= 0.5:
            raise InvalidLimits(
                f"maximum_change {self.maximum_change} must be a share above 0 and at most 0.5"
            )
        if self.competitor_band is not None:
            low, high = self.competitor_band
            if not 0.3 <= low <= high <= 3.0:
                raise InvalidLimits(
                    f"competitor_band {self.competitor_band} must be two multiples of the lowest "
                    "offer, low then high, each from 0.3 to 3"
                )


@dataclass(frozen=True, slots=True, eq=False)
class PriceBounds:
    """The prices that the limits leave to each of n rows.

    Attributes:
        lower: (n,) int, lowest price allowed, minor units.
        upper: (n,) int, highest price allowed; below `lower` where limits exclude each other.
        lower_limit: (n,) `Limit` bit of the limit that sets `lower`.
        upper_limit: (n,) `Limit` bit of the limit that sets `upper`.
        hold: (n,) `Limit` bits that forbid any change for want of an input; 0 where none does.
    """

    lower: IntArray
    upper: IntArray
    lower_limit: IntArray
    upper_limit: IntArray
    hold: IntArray


def price_bounds(
    catalogue: Catalogue, competitors: CompetitorPrices, limits: GuardrailLimits
) -> PriceBounds:
    """Turn the limits into one interval of prices a row.

    Rows with `hold` set have an empty interval: without a cost there is no floor, without a
    current price there is no change to measure.
    """
    hold = np.where(catalogue.cost == UNKNOWN, int(Limit.MISSING_COST), 0)
    hold |= np.where(catalogue.price == UNKNOWN, int(Limit.MISSING_PRICE), 0)
    break_even = catalogue.cost * (1.0 + catalogue.tax_rate)
    floors = {
        Limit.COST_FLOOR: _at_least(break_even),
        Limit.MINIMUM_MARGIN: _at_least(break_even / (1.0 - limits.minimum_margin)),
        Limit.MAXIMUM_CHANGE: _at_least(catalogue.price * (1.0 - limits.maximum_change)),
    }
    caps = {Limit.MAXIMUM_CHANGE: _at_most(catalogue.price * (1.0 + limits.maximum_change))}
    if limits.competitor_band is not None:
        floor, _ = _tightest(floors, highest=True)
        floors[Limit.COMPETITOR_BAND], caps[Limit.COMPETITOR_BAND] = _band(
            catalogue.price, floor, caps[Limit.MAXIMUM_CHANGE], competitors, limits.competitor_band
        )
    lower, lower_limit = _tightest(floors, highest=True)
    upper, upper_limit = _tightest(caps, highest=False)
    return PriceBounds(
        lower=np.where(hold == 0, np.maximum(lower, 1), 1),
        upper=np.where(hold == 0, upper, 0),
        lower_limit=lower_limit,
        upper_limit=upper_limit,
        hold=hold,
    )


def violations(
    price: IntArray,
    catalogue: Catalogue,
    competitors: CompetitorPrices,
    limits: GuardrailLimits,
) -> IntArray:
    """The limits that these prices break, as `Limit` bits (n,); 0 where a price may go live.

    Written from the definitions, not from `price_bounds`, because it is the last check before a
    price is recorded: what narrowed the search must not also certify its result.

    Args:
        price: (n,) prices to check, minor units, aligned to the catalogue.
        catalogue: rows with the price in force, cost and tax.
        competitors: offers of the same rows.
        limits: what must hold.
    """
    old, cost = catalogue.price.astype(np.float64), catalogue.cost.astype(np.float64)
    net = price / (1.0 + catalogue.tax_rate)
    slack = 1.0 + _ROUNDING_SLACK
    broken = np.zeros(len(price), dtype=np.int64)

    def add(limit: Limit, where: BoolArray) -> None:
        broken[where] |= int(limit)

    add(Limit.MISSING_COST, catalogue.cost == UNKNOWN)
    add(Limit.MISSING_PRICE, (catalogue.price == UNKNOWN) | (price <= 0))
    add(Limit.COST_FLOOR, net * slack < cost)
    add(Limit.MINIMUM_MARGIN, net * slack * (1.0 - limits.minimum_margin) < cost)
    add(Limit.MAXIMUM_CHANGE, np.abs(price - old) > limits.maximum_change * old * slack)
    if limits.competitor_band is not None:
        low, high = (side * competitors.lowest for side in limits.competitor_band)
        least = np.maximum(
            cost * (1.0 + catalogue.tax_rate) / (1.0 - limits.minimum_margin),
            old * (1.0 - limits.maximum_change),
        )
        most = old * (1.0 + limits.maximum_change)
        within_reach = _at_least(np.maximum(least, low)) <= _at_most(np.minimum(most, high))
        below = (price * slack < low) & (within_reach | (price < old))
        above = (price > high * slack) & (within_reach | (price > old))
        add(Limit.COMPETITOR_BAND, (competitors.offers > 0) & (below | above))
    return broken


def _band(
    price: IntArray,
    floor: IntArray,
    cap: IntArray,
    competitors: CompetitorPrices,
    band: tuple[float, float],
) -> tuple[IntArray, IntArray]:
    """The competitor band, stretched to the price in force where other limits bar the band."""
    unlimited = np.iinfo(np.int64).max
    band_low = _at_least(competitors.lowest * band[0])
    band_high = _at_most(competitors.lowest * band[1])
    within_reach = np.maximum(band_low, floor) <= np.minimum(band_high, cap)
    band_low = np.where(within_reach, band_low, np.minimum(band_low, price))
    band_high = np.where(within_reach, band_high, np.maximum(band_high, price))
    known = competitors.offers > 0
    return np.where(known, band_low, 0), np.where(known, band_high, unlimited)


def _at_least(amount: NDArray[np.floating[Any]]) -> IntArray:
    """Smallest whole minor unit not below `amount`."""
    units: IntArray = np.ceil(amount * (1.0 - _ROUNDING_SLACK)).astype(np.int64)
    return units


def _at_most(amount: NDArray[np.floating[Any]]) -> IntArray:
    """Largest whole minor unit not above `amount`."""
    units: IntArray = np.floor(amount * (1.0 + _ROUNDING_SLACK)).astype(np.int64)
    return units


def _tightest(bounds: dict[Limit, IntArray], *, highest: bool) -> tuple[IntArray, IntArray]:
    """Per row the tightest of several bounds, and the bit of the limit that it comes from."""
    stacked = np.stack(list(bounds.values()))
    which = np.argmax(stacked, axis=0) if highest else np.argmin(stacked, axis=0)
    bits = np.array([int(limit) for limit in bounds], dtype=np.int64)
    tightest: IntArray = np.take_along_axis(stacked, which[None, :], axis=0)[0]
    return tightest, bits[which]
