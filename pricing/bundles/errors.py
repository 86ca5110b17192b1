"""Errors of bundle plans.

PricingError                    see `pricing.errors`
├── InvalidBundles              a product, segment or bundle that cannot be; names the field
└── InfeasibleLimits            limits that conflict; from `pricing.errors`
    └── InfeasibleBundles       the same, with the smallest relaxation of each
"""

from __future__ import annotations

from collections.abc import Mapping

from pricing.errors import InfeasibleLimits, PricingError


class InvalidBundles(PricingError, ValueError):
    """A bundle problem that cannot be as described; the message names the field and the fix."""


class InfeasibleBundles(InfeasibleLimits):
    """No prices hold all limits.

    Attributes:
        relaxations: by limit, the least setting at which a plan exists if that limit alone gives
            way; limits that cannot help alone are missing.
        proven: whether the solver proved that no plan exists; else none was found in time.
    """

    def __init__(
        self,
        message: str,
        conflicting: tuple[str, ...],
        relaxations: Mapping[str, int],
        *,
        proven: bool,
    ) -> None:
        super().__init__(message, conflicting)
        self.relaxations = dict(relaxations)
        self.proven = proven
