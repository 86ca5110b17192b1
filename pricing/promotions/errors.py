"""Errors of the promotion engine.

    PricingError
    └── PromotionError           an `Invalid`
        ├── InvalidPromotion     a promotion, or a set of them, that cannot mean what it says
        ├── InvalidCart          a cart that cannot be priced
        └── InvalidReturn        items that come back but were never in the order

`StepsSpent` is no refusal: a search gave up, and the answer is then not called proven.
Each has as its `field` the path of the offending value (`promotions[2].tiers[0].percent`,
`lines[3].quantity`), and its message begins with it.
"""

from __future__ import annotations

from models.refusals import Invalid, place_of
from pricing.errors import PricingError


class PromotionError(PricingError, Invalid):
    """Something that the promotion engine refuses, at the path of the value in the input."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem, place_of(field))


class InvalidPromotion(PromotionError):
    """A promotion says something impossible or contradicts another one."""


class InvalidCart(PromotionError):
    """A cart holds a value that cannot be priced."""


class InvalidReturn(PromotionError):
    """The items that come back do not fit the order they come from."""


class StepsSpent(Exception):
    """A search looked at as many steps as it was allowed; never leaves the engine."""
