"""Errors of bundle plans.

PricingError                    see `pricing.errors`
├── InvalidBundles              a product, segment or bundle that cannot be; names the field
└── InfeasibleLimits            limits that conflict; from `pricing.errors`
    └── InfeasibleBundles       the same, with the smallest relaxation of each
"""

from __future__ import annotations

from models.refusals import Invalid
from pricing.errors import InfeasibleLimits, PricingError


class InvalidBundles(PricingError, Invalid):
    """A bundle problem that cannot be as described; the message names the field and the fix."""

    names_place = True


class InfeasibleBundles(InfeasibleLimits):
    """No prices hold all limits."""
