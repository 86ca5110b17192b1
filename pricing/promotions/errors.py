"""Errors of the promotion engine.

    PricingError
    ├── StepsSpent               internal: a search gave up; the answer is then not called proven
    └── PromotionError           a `DocumentInvalid`
        ├── InvalidPromotion     a promotion, or a set of them, that cannot mean what it says
        ├── InvalidCart          a cart that cannot be priced
        └── InvalidReturn        items that come back but were never in the order

Each carries `field`, the path of the offending value (`promotions[2].tiers[0].percent`,
`lines[3].quantity`), and its message begins with it.
"""

from __future__ import annotations

from typing import Self

from pricing.errors import DocumentInvalid, Place, PricingError, field_of, place_of


class PromotionError(DocumentInvalid):
    """Something that the promotion engine refuses.

    Attributes:
        field: path of the offending value in the input.
    """

    def __init__(
        self, field: str, problem: str, *, source: str = "", line: int | None = None
    ) -> None:
        super().__init__(problem, place_of(field), source=source, line=line)
        self.field = field

    @classmethod
    def at(
        cls, problem: str, place: Place = (), *, source: str = "", line: int | None = None
    ) -> Self:
        """A refusal of what stands at a place."""
        return cls(field_of(place), problem, source=source, line=line)


class InvalidPromotion(PromotionError):
    """A promotion says something impossible or contradicts another one."""


class InvalidCart(PromotionError):
    """A cart holds a value that cannot be priced."""


class InvalidReturn(PromotionError):
    """The items that come back do not fit the order they come from."""


class StepsSpent(PricingError):
    """A search looked at as many steps as it was allowed; never leaves the engine."""
