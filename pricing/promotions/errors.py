"""Errors of the promotion engine.

    PricingError
    ├── StepsSpent               internal: a search gave up; the answer is then not called proven
    └── PromotionError
        ├── InvalidPromotion     a promotion, or a set of them, that cannot mean what it says
        ├── InvalidCart          a cart that cannot be priced
        └── InvalidReturn        items that come back but were never in the order

Each carries `field`, the path of the offending value (`promotions[2].tiers[0].percent`,
`lines[3].quantity`), and its message begins with it.
"""

from __future__ import annotations

from pricing.errors import PricingError


class PromotionError(PricingError, ValueError):
    """Something that the promotion engine refuses.

    Attributes:
        field: path of the offending value in the input.
        problem: what is wrong and what to do, without the path.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class InvalidPromotion(PromotionError):
    """A promotion says something impossible or contradicts another one."""


class InvalidCart(PromotionError):
    """A cart holds a value that cannot be priced."""


class InvalidReturn(PromotionError):
    """The items that come back do not fit the order they come from."""


class StepsSpent(PricingError):
    """A search looked at as many steps as it was allowed; never leaves the engine."""
