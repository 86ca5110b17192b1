"""How much a new price book changes, and whether that needs somebody's approval."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN, Labels
from pricing.errors import InvalidCatalogue, InvalidLimits

_DEVIATIONS: Final = 1.959964
"""Standard deviations on either side of a 95 % interval."""
_SLACK: Final = 1e-9


class BudgetLimit(StrEnum):
    """What of a change budget can be exceeded."""

    SHARE_OF_PRODUCTS = "share_of_products"
    AVERAGE_CHANGE = "average_change"
    SINGLE_CHANGE = "single_change"
    REVENUE_AT_RISK = "revenue_at_risk"


@dataclass(frozen=True, slots=True)
class ChangeBudget:
    """What may change without an approval. Each a share from 0 to 1; 1 sets no limit.

    Attributes:
        share_of_products: most share of the prices that change.
        average_change: most mean of |new - old| / old over the prices that change.
        single_change: most |new - old| / old of any price.
        revenue_at_risk: most share of expected revenue that the changes would lose if demand
            reacted as badly as its 95 % interval allows.

    Raises:
        InvalidLimits: a value outside its range.
    """

    share_of_products: float = 0.6
    average_change: float = 0.08
    single_change: float = 0.25
    revenue_at_risk: float = 0.15

    def __post_init__(self) -> None:
        for limit in BudgetLimit:
            value = getattr(self, limit.value)
            if not 0.0 <= value <= 1.0:
                raise InvalidLimits(f"change budget: {limit} {value} must be a share from 0 to 1")


@dataclass(frozen=True, slots=True, eq=False)
class ProposedPrices:
    """What a price book would change, row by row.

    Attributes:
        old: (n,) int, price in force in minor units; UNKNOWN where there is none.
        new: (n,) int, price proposed; UNKNOWN where none is.
        revenue: (n,) expected revenue a period at the old price; NaN where nobody knows.
        elasticity: (n,) own-price elasticity; NaN where nobody knows.
        elasticity_std_error: (n,) its standard error; NaN where the model gives none.
        currency: (n,) currency of each row's money.
    """

    old: IntArray
    new: IntArray
    revenue: FloatArray
    elasticity: FloatArray
    elasticity_std_error: FloatArray
    currency: Labels

    def __post_init__(self) -> None:
        rows = {
            name: len(getattr(self, name))
            for name in ("old", "new", "revenue", "elasticity", "elasticity_std_error", "currency")
        }
        if len(set(rows.values())) != 1:
            raise InvalidCatalogue(f"proposed prices must have columns of equal length: {rows}")

    def __len__(self) -> int:
        return len(self.old)

    @property
    def changed(self) -> BoolArray:
        """(n,) True where a price would change, or be set for the first time."""
        moved: BoolArray = (self.new != UNKNOWN) & (self.new != self.old)
        return moved

    @property
    def size(self) -> FloatArray:
        """(n,) |new - old| / old; NaN where there is no old or no new price."""
        both = (self.old > 0) & (self.new > 0)
        size: FloatArray = np.full(len(self), np.nan)
        size[both] = np.abs(self.new[both] - self.old[both]) / self.old[both]
        return size


@dataclass(frozen=True, slots=True)
class Breach:
    """One limit of the budget that is exceeded."""

    limit: BudgetLimit
    allowed: float
    found: float


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """What a price book would change, against the budget.

    Attributes:
        prices: how many prices it has.
        changes: how many of them change.
        share_of_products: the share that changes.
        average_change: mean size of the changes.
        single_change: the largest of them.
        largest: row of the largest change; -1 without one.
        revenue_at_risk: worst share of expected revenue over the currencies.
        breaches: the limits that are exceeded.
    """

    prices: int
    changes: int
    share_of_products: float
    average_change: float
    single_change: float
    largest: int
    revenue_at_risk: float
    breaches: tuple[Breach, ...]

    @property
    def within(self) -> bool:
        """True if nothing needs an approval."""
        return not self.breaches


def measure(proposed: ProposedPrices, budget: ChangeBudget) -> BudgetReport:
    """Measure a proposed price book against a budget.

    A price that is set for the first time counts as changed and has no size.
    """
    changed = proposed.changed
    size = np.where(changed, np.nan_to_num(proposed.size), 0.0)
    sized = changed & np.isfinite(proposed.size)
    n = len(proposed)
    found = {
        BudgetLimit.SHARE_OF_PRODUCTS: float(changed.mean()) if n else 0.0,
        BudgetLimit.AVERAGE_CHANGE: float(size[sized].mean()) if sized.any() else 0.0,
        BudgetLimit.SINGLE_CHANGE: float(size.max()) if n else 0.0,
        BudgetLimit.REVENUE_AT_RISK: _revenue_at_risk(proposed, changed),
    }
    return BudgetReport(
        prices=n,
        changes=int(changed.sum()),
        **{limit.value: value for limit, value in found.items()},
        largest=int(np.argmax(size)) if sized.any() else -1,
        breaches=tuple(
            Breach(limit, getattr(budget, limit.value), value)
            for limit, value in found.items()
            if value > getattr(budget, limit.value) + _SLACK
        ),
    )


def _revenue_at_risk(proposed: ProposedPrices, changed: BoolArray) -> float:
    """Worst share over the currencies; amounts of different money are never added.

    A price that changes where nobody knows how demand reacts puts all of its revenue at risk.
    """
    revenue = np.where(np.isfinite(proposed.revenue), np.maximum(proposed.revenue, 0.0), 0.0)
    old, new = proposed.old.astype(np.float64), proposed.new.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.log(np.where(changed & (old > 0), new / old, 1.0))
        error = np.nan_to_num(proposed.elasticity_std_error)
        worst = np.exp(move * (1.0 + proposed.elasticity) - np.abs(move) * _DEVIATIONS * error)
    lost = np.where(changed, 1.0 - np.where(np.isfinite(worst), np.minimum(worst, 1.0), 0.0), 0.0)
    currencies = len(proposed.currency.names)
    total = np.bincount(proposed.currency.codes, revenue, minlength=currencies)
    risk = np.bincount(proposed.currency.codes, revenue * lost, minlength=currencies)
    shares = risk[total > 0] / total[total > 0]
    return float(shares.max()) if len(shares) else 0.0
