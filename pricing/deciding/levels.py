"""The order of limits: the law, the levels of cost and owner, and the pace of changes last.

`levels_and_pace` says where a price must stand and how far it may go at once; `tolerated` what a
price may break on its way there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.guardrails import (
    LEVEL_CAPS,
    LEVEL_FLOORS,
    PACE,
    SET_BY_OWNER,
    UNLIMITED,
    GuardrailLimits,
    Limit,
    PriceBounds,
    earlier_prices,
    floors_and_caps,
    tightest,
    violations,
)
from pricing.law.legal_bounds import LegalBounds

_WIDEST_CHANGE: Final = 0.5
"""The most that `maximum_change` may be set to."""


def levels_and_pace(
    catalogue: Catalogue, limits: GuardrailLimits, legal: LegalBounds | None = None
) -> tuple[PriceBounds, PriceBounds]:
    """Where prices must stand by law, cost and their owners, and how far they may go at once.

    Together, and with the competitor band, these are the bounds of `price_bounds`. Rows need a cost
    and a price in force.
    """
    floors, caps = floors_and_caps(catalogue, limits, legal)
    return _tightest(floors, caps, PACE), _tightest(floors, caps, ~PACE)


def law_first(
    catalogue: Catalogue, limits: GuardrailLimits, legal: LegalBounds
) -> tuple[BoolArray, PriceBounds]:
    """Unlawful prices to which law, cost and what their owner has set leave none together.

    Returns:
        Which they are (n,), and where prices must stand by law and cost alone.
    """
    floors, caps = floors_and_caps(catalogue, limits, legal)
    level = _tightest(floors, caps, PACE)
    none_left = np.asarray(legal.broken(catalogue.price) & (level.lower > level.upper))
    return none_left, _tightest(floors, caps, PACE | SET_BY_OWNER)


def _tightest(
    floors: Mapping[Limit, IntArray], caps: Mapping[Limit, IntArray], without: Limit
) -> PriceBounds:
    """The bounds of all limits but some."""
    nothing = np.zeros_like(next(iter(floors.values())))
    unlimited = {Limit.NONE: np.full(len(nothing), UNLIMITED)}
    some_floors = {limit: bound for limit, bound in floors.items() if not limit & without}
    some_caps = {limit: bound for limit, bound in caps.items() if not limit & without}
    lower, lower_limit = tightest(some_floors, highest=True)
    upper, upper_limit = tightest(some_caps or unlimited, highest=False)
    return PriceBounds(np.maximum(lower, 1), upper, lower_limit, upper_limit, nothing)


def tolerated(
    price: IntArray,
    catalogue: Catalogue,
    competitors: CompetitorPrices,
    limits: GuardrailLimits,
    legal: LegalBounds | None = None,
) -> IntArray:
    """(n,) `Limit` bits that these prices may break on their way back to a level, or to the law.

    A level that the price in force breaks too, as long as the price comes nearer to it; the
    competitor band meanwhile; and, where the price in force is unlawful and the new one is not, how
    far it goes at once, and what its owner has set that leaves it no lawful price. Of `violations`
    what is left without these must not go live.

    Args are those of `violations`.
    """
    old = catalogue.price
    before = violations(old, catalogue, competitors, limits, legal)
    rises, falls = price > old, price < old
    allowed = np.where(rises, before & int(LEVEL_FLOORS), 0)
    allowed |= np.where(falls, before & int(LEVEL_CAPS), 0)
    if legal is not None:
        bound = np.clip(old, legal.lower, legal.upper)
        near = np.abs(price - bound) <= _WIDEST_CHANGE * bound
        freed = legal.broken(old) & ~legal.broken(price) & near
        allowed |= np.where(freed, int(PACE), 0)
        none_left, _ = law_first(catalogue, limits, legal)
        allowed |= np.where(freed & none_left, int(SET_BY_OWNER), 0)
        allowed |= np.where(legal.broken(old), int(Limit.COMPETITOR_BAND), 0)
    for limit, earlier, _ in earlier_prices(catalogue, limits):
        nearer = (earlier != UNKNOWN) & (np.abs(price - earlier) < np.abs(old - earlier))
        allowed |= np.where(nearer, before & int(limit), 0)
    on_the_way = allowed & int(LEVEL_FLOORS | LEVEL_CAPS) != 0
    return np.where(on_the_way, allowed | int(Limit.COMPETITOR_BAND), allowed)
