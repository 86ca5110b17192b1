"""Prices that stand outside a limit and cannot move: which they are, and what frees each.

A price that merely waits for the next hour or window is not stuck, unless the law forbids it.
"""

from __future__ import annotations

from typing import Final

from models.arrays import BoolArray, IntArray
from pricing.deciding.guardrails import (
    LEVEL_CAPS,
    LEVEL_FLOORS,
    MISSING_INPUT,
    NO_CHANGE_NOW,
    PACE,
    Limit,
)

_OF_INPUT: Final = "bring in an input that is known and plausible, or confirm the one that is held"
_OF_LEVEL: Final = (
    "change the cost or one of the limits that exclude each other, so that a price is left between "
    "them"
)
FREED_BY: Final[dict[Limit, str]] = {
    **dict.fromkeys((limit for limit in Limit if limit & MISSING_INPUT), _OF_INPUT),
    **dict.fromkeys((limit for limit in Limit if limit & (LEVEL_FLOORS | LEVEL_CAPS)), _OF_LEVEL),
    Limit.UNCONFIRMED_COST: "confirm the cost (`pricewright costs confirm`), or bring in another",
    Limit.LAW: "lower the cost or the limit that is above the lawful price, or take it off sale",
    **dict.fromkeys(
        (limit for limit in Limit if limit & PACE),
        "raise this limit, or allow price endings that lie closer together",
    ),
    Limit.PRICE_ENDING: "allow price endings that leave a price between the limits",
    Limit.CADENCE: "wait, or lower hours_between_changes",
    Limit.FROZEN_WINDOW: "end the frozen window, or wait for its end",
    Limit.STRATEGY: "end the strategy that freezes the price",
    Limit.CHANGE_BUDGET: "allow more changes in one run",
    Limit.JOINT_LIMIT: "relax the target for all prices together",
    Limit.RELATION: "relax the relation, or free the prices that it ties",
    Limit.COMPETITOR_BAND: "widen competitor_band",
}
"""What frees a price that a limit holds."""


def stuck(
    held_by: IntArray, broken_before: IntArray, lower: IntArray, upper: IntArray
) -> BoolArray:
    """(n,) True where a price is held although it breaks a limit, or the limits leave no price.

    Args:
        held_by: (n,) `Limit` bits that hold the price.
        broken_before: (n,) `Limit` bits that the price in force breaks.
        lower: (n,) lowest price that the limits allow.
        upper: (n,) highest price.
    """
    waits = (held_by & ~int(NO_CHANGE_NOW) == 0) & (broken_before & int(Limit.LAW) == 0)
    inputs = held_by & int(MISSING_INPUT | NO_CHANGE_NOW) != 0
    wrong = (held_by != 0) & ((broken_before != 0) | (~inputs & (lower > upper)))
    found: BoolArray = wrong & ~waits
    return found


def freed_by(held_by: int) -> dict[Limit, str]:
    """What frees a price from each of the limits that hold it.

    Pace holds only a price whose next presentable one is out of its reach: then it is pace or the
    endings that must give way, not the level.
    """
    limits = [limit for limit in Limit if limit & held_by]
    if any(limit & PACE for limit in limits):
        limits = [limit for limit in limits if not limit & (LEVEL_FLOORS | LEVEL_CAPS)]
    return {limit: FREED_BY[limit] for limit in limits if limit in FREED_BY}
