"""Hard limits on every price. They narrow the search first and are checked again last.

A limit can be set only within a range in which it still protects; none can be switched off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import IntFlag, auto
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.errors import InvalidLimits
from pricing.law.legal_bounds import LegalBounds

UNLIMITED: Final = int(np.iinfo(np.int64).max)
"""A cap where there is none."""

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
    IMPLAUSIBLE_OFFER = auto()
    LAW = auto()
    UNCONFIRMED_COST = auto()
    IMPLAUSIBLE_LEVEL = auto()

    @property
    def names(self) -> tuple[str, ...]:
        """The single limits in this set, in lower case, lowest bit first."""
        return tuple(flag.name.lower() for flag in type(self) if flag & self and flag.name)


MISSING_INPUT: Final = (
    Limit.MISSING_COST
    | Limit.MISSING_PRICE
    | Limit.MISSING_DEMAND
    | Limit.IMPLAUSIBLE_DEMAND
    | Limit.CURRENCY_MISMATCH
    | Limit.STALE_INPUTS
    | Limit.BLANK_MINIMUM
    | Limit.IMPLAUSIBLE_COST
    | Limit.CLOCK_BEHIND
    | Limit.UNCONFIRMED_COST
    | Limit.IMPLAUSIBLE_LEVEL
)
"""Without these, or with such ones, there is nothing to decide by. Demand is implausible where it
does not fall as the price rises: such a curve would drive any price to its cap. A level is
implausible that no sales carry."""

NO_CHANGE_NOW: Final = Limit.CADENCE | Limit.FROZEN_WINDOW
"""All is known, and the time is not right."""

LEVEL_FLOORS: Final = (
    Limit.COST_FLOOR | Limit.MINIMUM_MARGIN | Limit.MINIMUM_PRICE | Limit.MAP_FLOOR
)
LEVEL_CAPS: Final = Limit.MAXIMUM_PRICE | Limit.RRP_CAP
"""Levels: where a price must stand by its cost and its owner's word. The law goes before them."""

SET_BY_OWNER: Final = Limit.MINIMUM_PRICE | Limit.MAXIMUM_PRICE | Limit.RRP_CAP | Limit.MAP_FLOOR
"""Levels that somebody has set. They give way to the law; cost and margin do not: what may be sold
at a loss only is to be taken off sale."""

PACE: Final = Limit.MAXIMUM_CHANGE | Limit.CHANGE_PER_DAY | Limit.CHANGE_PER_WEEK
"""How far a price may go at once. It slows the way to a level and never bars it."""


@dataclass(frozen=True, slots=True)
class FrozenWindow:
    """A time in which no price changes: stocktaking, the week before Christmas, an audit.

    Attributes:
        start: from here on, aware.
        end: up to here, exclusive.
        market: in this market only; `""` for all.
    """

    start: datetime
    end: datetime
    market: str = ""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            raise InvalidLimits(
                f"frozen window {self.start} to {self.end}: both need a time zone, and the end "
                "comes last",
                ("end",),
            )


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
        maximum_change_per_day: most |new - price 24 hours ago| as a share of that price; above 0,
            at most 0.5. Holds where that price is known.
        maximum_change_per_week: the same for seven days; above 0, at most 0.8.
        hours_between_changes: least hours that a price stays; from 0 to 744.
        frozen_windows: times without any change.
        map_floor_in: markets whose law allows a minimum advertised price to be imposed. Elsewhere
            `Catalogue.map_floor` is ignored: imposed minimum prices are unlawful in many places.
        require_minimum: hold a product for which its owner set no minimum price.
        inputs_older_than_days: hold a row whose cost or sales are older; from 1 to 366.
        plausible_cost: cost plus tax as a share of the price in force; outside, the cost is taken
            for a slip of the decimal point. Low from 0 to 0.2, high from 1.5 to 50.
        plausible_offer: the lowest offer as a multiple of the price in force; outside, it is
            ignored. Low from 0.1 to 0.9, high from 1.1 to 10.
        plausible_elasticity: least and most |elasticity| that is believed; low from 0.05 to 1,
            high from 3 to 50.

    Raises:
        InvalidLimits: a value outside its range, with the field and the range.
    """

    minimum_margin: float = 0.05
    maximum_change: float = 0.15
    competitor_band: tuple[float, float] | None = (0.8, 1.2)
    maximum_change_per_day: float = 0.25
    maximum_change_per_week: float = 0.4
    hours_between_changes: float = 0.0
    frozen_windows: tuple[FrozenWindow, ...] = ()
    map_floor_in: tuple[str, ...] = ()
    require_minimum: bool = False
    inputs_older_than_days: float = 120.0
    plausible_cost: tuple[float, float] = (0.02, 10.0)
    plausible_offer: tuple[float, float] = (0.3, 3.0)
    plausible_elasticity: tuple[float, float] = (0.15, 20.0)

    def __post_init__(self) -> None:
        if not 0.0 <= self.minimum_margin <= 0.95:
            raise InvalidLimits(
                f"minimum_margin {self.minimum_margin} must be a share from 0 to 0.95",
                ("minimum_margin",),
            )
        if not 0.0 < self.maximum_change <= 0.5:
            raise InvalidLimits(
                f"maximum_change {self.maximum_change} must be a share above 0 and at most 0.5",
                ("maximum_change",),
            )
        for name, most in (("maximum_change_per_day", 0.5), ("maximum_change_per_week", 0.8)):
            if not 0.0 < getattr(self, name) <= most:
                raise InvalidLimits(
                    f"{name} {getattr(self, name)} must be a share above 0 and at most {most}",
                    (name,),
                )
        for name, least, longest in (
            ("hours_between_changes", 0.0, 744.0),
            ("inputs_older_than_days", 1.0, 366.0),
        ):
            if not least <= getattr(self, name) <= longest:
                raise InvalidLimits(
                    f"{name} {getattr(self, name)} must be from {least:g} to {longest:g}", (name,)
                )
        for name, lows, highs in (
            ("plausible_cost", (0.0, 0.2), (1.5, 50.0)),
            ("plausible_offer", (0.1, 0.9), (1.1, 10.0)),
            ("plausible_elasticity", (0.05, 1.0), (3.0, 50.0)),
        ):
            low, high = getattr(self, name)
            if not (lows[0] <= low <= lows[1] and highs[0] <= high <= highs[1]):
                raise InvalidLimits(
                    f"{name} {(low, high)}: the low end must be from {lows[0]} to {lows[1]}, "
                    f"the high end from {highs[0]} to {highs[1]}",
                    (name,),
                )
        if self.competitor_band is not None:
            low, high = self.competitor_band
            if not 0.3 <= low <= high <= 3.0:
                raise InvalidLimits(
                    f"competitor_band {self.competitor_band} must be two multiples of the lowest "
                    "offer, low then high, each from 0.3 to 3",
                    ("competitor_band",),
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

    def part(self, rows: slice) -> PriceBounds:
        """The bounds of a run of rows, without a copy."""
        return PriceBounds(*(getattr(self, item.name)[rows] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[PriceBounds]) -> PriceBounds:
        """The rows of all parts, in order."""
        return cls(
            *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(cls))
        )


def price_bounds(
    catalogue: Catalogue,
    competitors: CompetitorPrices,
    limits: GuardrailLimits,
    legal: LegalBounds | None = None,
) -> PriceBounds:
    """Turn the limits and the law's bounds into one interval of prices a row.

    Rows with `hold` set have an empty interval: without a cost there is no floor, without a
    current price there is no change to measure.
    """
    hold = np.where(catalogue.cost == UNKNOWN, int(Limit.MISSING_COST), 0)
    hold |= np.where(catalogue.price == UNKNOWN, int(Limit.MISSING_PRICE), 0)
    floors, caps = floors_and_caps(catalogue, limits, legal)
    if limits.competitor_band is not None:
        floor, _ = tightest(floors, highest=True)
        cap, _ = tightest(caps, highest=False)
        floors[Limit.COMPETITOR_BAND], caps[Limit.COMPETITOR_BAND] = _band(
            catalogue.price, floor, cap, competitors, limits.competitor_band
        )
    lower, lower_limit = tightest(floors, highest=True)
    upper, upper_limit = tightest(caps, highest=False)
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
    legal: LegalBounds | None = None,
) -> IntArray:
    """The limits that these prices break, as `Limit` bits (n,); 0 where a price may go live.

    Written from the definitions, not from `price_bounds`, because it is the last check before a
    price is recorded: what narrowed the search must not also certify its result.

    Args:
        price: (n,) prices to check, minor units, aligned to the catalogue.
        catalogue: rows with the price in force, cost and tax.
        competitors: offers of the same rows.
        limits: what must hold.
        legal: the law's bounds of the same rows; None where the law sets none.
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
    least = np.maximum(
        cost * (1.0 + catalogue.tax_rate) / (1.0 - limits.minimum_margin),
        old * (1.0 - limits.maximum_change),
    )
    most = old * (1.0 + limits.maximum_change)
    for limit, amount in _set_floors(catalogue, limits):
        add(limit, (amount != UNKNOWN) & (price < amount))
        least = np.maximum(least, amount)
    for limit, amount in (
        (Limit.MAXIMUM_PRICE, catalogue.maximum_price),
        (Limit.RRP_CAP, catalogue.rrp),
    ):
        add(limit, (amount != UNKNOWN) & (price > amount))
        most = np.minimum(most, np.where(amount == UNKNOWN, np.inf, amount))
    for limit, earlier, share in earlier_prices(catalogue, limits):
        known = earlier != UNKNOWN
        add(limit, known & (np.abs(price - earlier) > share * earlier * slack))
        least = np.maximum(least, np.where(known, earlier * (1.0 - share), 0.0))
        most = np.minimum(most, np.where(known, earlier * (1.0 + share), np.inf))
    if legal is not None:
        add(Limit.LAW, legal.broken(price))
        least, most = np.maximum(least, legal.lower), np.minimum(most, legal.upper)
    if limits.competitor_band is not None:
        low, high = (side * competitors.lowest for side in limits.competitor_band)
        within_reach = _at_least(np.maximum(least, low)) <= _at_most(np.minimum(most, high))
        below = (price * slack < low) & (within_reach | (price < old))
        above = (price > high * slack) & (within_reach | (price > old))
        add(Limit.COMPETITOR_BAND, (competitors.offers > 0) & (below | above))
    return broken


def floors_and_caps(
    catalogue: Catalogue, limits: GuardrailLimits, legal: LegalBounds | None
) -> tuple[dict[Limit, IntArray], dict[Limit, IntArray]]:
    """Every limit but the competitor band as a lowest or highest price a row, minor units."""
    break_even = catalogue.cost * (1.0 + catalogue.tax_rate)
    floors = {
        Limit.COST_FLOOR: _at_least(break_even),
        Limit.MINIMUM_MARGIN: _at_least(break_even / (1.0 - limits.minimum_margin)),
        Limit.MAXIMUM_CHANGE: _at_least(catalogue.price * (1.0 - limits.maximum_change)),
    }
    caps = {Limit.MAXIMUM_CHANGE: _at_most(catalogue.price * (1.0 + limits.maximum_change))}
    for limit, amount in _set_floors(catalogue, limits):
        floors[limit] = np.where(amount == UNKNOWN, 0, amount)
    for limit, amount in (
        (Limit.MAXIMUM_PRICE, catalogue.maximum_price),
        (Limit.RRP_CAP, catalogue.rrp),
    ):
        if (amount != UNKNOWN).any():
            caps[limit] = np.where(amount == UNKNOWN, UNLIMITED, amount)
    for limit, earlier, share in earlier_prices(catalogue, limits):
        known = earlier != UNKNOWN
        floors[limit] = np.where(known, _at_least(earlier * (1.0 - share)), 0)
        caps[limit] = np.where(known, _at_most(earlier * (1.0 + share)), UNLIMITED)
    if legal is not None and legal.any:
        floors[Limit.LAW], caps[Limit.LAW] = legal.lower, legal.upper
    return floors, caps


def _set_floors(catalogue: Catalogue, limits: GuardrailLimits) -> Iterator[tuple[Limit, IntArray]]:
    """Lowest prices that somebody set, minor units, UNKNOWN where nobody did."""
    if (catalogue.minimum_price != UNKNOWN).any():
        yield Limit.MINIMUM_PRICE, catalogue.minimum_price
    if limits.map_floor_in and (catalogue.map_floor != UNKNOWN).any():
        allowed = np.array([market.code in limits.map_floor_in for market in catalogue.markets])
        yield (
            Limit.MAP_FLOOR,
            np.where(allowed[catalogue.market.codes], catalogue.map_floor, UNKNOWN),
        )


def lasting_floor(catalogue: Catalogue, limits: GuardrailLimits) -> IntArray:
    """(n,) lowest price of any customer: what does not depend on the price in force or on rivals.

    Cost plus tax and margin, the owner's minimum and the minimum advertised price; 1 where none of
    them is known.
    """
    break_even = np.maximum(catalogue.cost, 0) * (1.0 + catalogue.tax_rate)
    floor = np.maximum(_at_least(break_even / (1.0 - limits.minimum_margin)), 1)
    for _, amount in _set_floors(catalogue, limits):
        floor = np.maximum(floor, amount)
    return floor


def earlier_prices(
    catalogue: Catalogue, limits: GuardrailLimits
) -> Iterator[tuple[Limit, IntArray, float]]:
    """Prices of some time ago, and the share by which a new price may differ from them."""
    if (catalogue.price_day_ago != UNKNOWN).any():
        yield Limit.CHANGE_PER_DAY, catalogue.price_day_ago, limits.maximum_change_per_day
    if (catalogue.price_week_ago != UNKNOWN).any():
        yield Limit.CHANGE_PER_WEEK, catalogue.price_week_ago, limits.maximum_change_per_week


def _band(
    price: IntArray,
    floor: IntArray,
    cap: IntArray,
    competitors: CompetitorPrices,
    band: tuple[float, float],
) -> tuple[IntArray, IntArray]:
    """The competitor band, stretched to the price in force where other limits bar the band."""
    band_low = _at_least(competitors.lowest * band[0])
    band_high = _at_most(competitors.lowest * band[1])
    within_reach = np.maximum(band_low, floor) <= np.minimum(band_high, cap)
    band_low = np.where(within_reach, band_low, np.minimum(band_low, price))
    band_high = np.where(within_reach, band_high, np.maximum(band_high, price))
    known = competitors.offers > 0
    return np.where(known, band_low, 0), np.where(known, band_high, UNLIMITED)


def _at_least(amount: NDArray[np.floating[Any]]) -> IntArray:
    """Smallest whole minor unit not below `amount`."""
    units: IntArray = np.ceil(amount * (1.0 - _ROUNDING_SLACK)).astype(np.int64)
    return units


def _at_most(amount: NDArray[np.floating[Any]]) -> IntArray:
    """Largest whole minor unit not above `amount`."""
    units: IntArray = np.floor(amount * (1.0 + _ROUNDING_SLACK)).astype(np.int64)
    return units


def tightest(bounds: dict[Limit, IntArray], *, highest: bool) -> tuple[IntArray, IntArray]:
    """Per row the tightest of several bounds, and the bit of the limit that it comes from."""
    stacked = np.stack(list(bounds.values()))
    which = np.argmax(stacked, axis=0) if highest else np.argmin(stacked, axis=0)
    bits = np.array([int(limit) for limit in bounds], dtype=np.int64)
    tightest: IntArray = np.take_along_axis(stacked, which[None, :], axis=0)[0]
    return tightest, bits[which]
