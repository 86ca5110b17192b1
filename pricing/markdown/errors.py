"""Errors of clearance plans.

PricingError                    see `pricing.errors`
├── InvalidClearance            an item, a state or a history that cannot be; names the sku
├── UnreachableTarget           no price path sells what the target asks; says how much can be
├── TooManyPaths                an item's rules allow more price paths than can be listed
└── InfeasibleLimits            joint limits that conflict; from `pricing.errors`
    └── InfeasibleClearance     the same, with the smallest relaxation of each
"""

from __future__ import annotations

from models.refusals import Invalid
from pricing.errors import InfeasibleLimits, PricingError


class InvalidClearance(PricingError, Invalid):
    """An item that cannot be cleared as described; the message names the sku and the fix."""

    names_place = True


class UnreachableTarget(InvalidClearance):
    """The target sell-through lies above what the cheapest allowed path sells."""


class TooManyPaths(PricingError, Invalid):
    """An item's rules allow more price paths than can be listed."""


class InfeasibleClearance(InfeasibleLimits):
    """No plan holds all joint limits."""
