"""Several objectives at once: the prices among which only taste decides.

Weights are swept; each set of weights is one ordinary decision, with every limit. What another
answer beats in one figure and matches in all others is left out. Weighted sums find the supported
points of the front, those on its convex hull; with thousands of prices these lie close together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.demand import DemandModel
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.cross_effects import CrossEffects
from pricing.deciding.decide import decide
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.level_doubts import LevelDoubts
from pricing.deciding.objective import Objective, price_image
from pricing.deciding.policy import PricingPolicy
from pricing.errors import InvalidLimits
from pricing.law.legal_bounds import LegalBounds

_MOST_POINTS: Final = 1_000
_LOWER_IS_BETTER: Final = ("price_image", "changes", "risk")


@dataclass(frozen=True, slots=True, eq=False)
class ParetoPoint:
    """One answer of the front.

    Attributes:
        objective: the weights that led to it.
        figures: expected profit, revenue and units a period; `price_image` as an index (NaN
            without key value items), `risk` as the sum of the rows' standard deviations of
            profit, and the number of `changes`.
        decisions: the prices.
    """

    objective: Objective
    figures: Mapping[str, float]
    decisions: Decisions


@dataclass(frozen=True, slots=True, eq=False)
class ParetoFront:
    """The answers that none of the others beats.

    Attributes:
        points: sorted by profit, greatest first.
        tried: how many sets of weights were tried.
    """

    points: tuple[ParetoPoint, ...]
    tried: int


def pareto_front(
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
    weights: Mapping[str, Sequence[float]],
    *,
    decided_at: datetime,
    cross: CrossEffects | None = None,
    legal: LegalBounds | None = None,
    doubts: LevelDoubts | None = None,
) -> ParetoFront:
    """Decide once for every combination of weights and keep what nothing dominates.

    Args:
        catalogue: n rows.
        demand: their curves.
        competitors: their offers.
        policy: limits; its objective is the base that the weights change.
        weights: values to try by field of `Objective`.
        decided_at: time of the decision.
        cross: what prices do to the demand of other rows.
        legal: what the law leaves of each price.
        doubts: curves that are not believed for their level.

    Raises:
        InvalidLimits: a weight that `Objective` does not have, or too many combinations.
    """
    known = set(Objective.__dataclass_fields__)
    if unknown := sorted(set(weights) - known):
        raise InvalidLimits(f"objective has no weight {unknown[0]!r}; it has {sorted(known)}")
    combinations = list(product(*weights.values()))
    if len(combinations) > _MOST_POINTS:
        raise InvalidLimits(f"{len(combinations):,} sets of weights; try at most {_MOST_POINTS:,}")
    points = []
    for values in combinations:
        objective = replace(policy.objective, **dict(zip(weights, values, strict=True)))
        decisions = decide(
            catalogue,
            demand,
            competitors,
            replace(policy, objective=objective),
            decided_at=decided_at,
            cross=cross,
            legal=legal,
            doubts=doubts,
        )
        points.append(ParetoPoint(objective, _figures_of(decisions, demand, policy), decisions))
    compared = _compared(weights)
    table = np.array([[_as_gain(point, name) for name in compared] for point in points])
    kept = undominated(table)
    # Equal figures are one point of the front, whichever weights found it.
    _, first = np.unique(np.round(table, 9), axis=0, return_index=True)
    kept &= np.isin(np.arange(len(points)), first)
    front = [point for point, keep in zip(points, kept, strict=True) if keep]
    front.sort(key=lambda point: -point.figures["profit"])
    return ParetoFront(tuple(front), len(points))


def undominated(figures: FloatArray) -> BoolArray:
    """(p,) True for rows of (p, f) figures, more is better, that no row beats or matches in all."""
    free = np.ones(len(figures), dtype=np.bool_)
    for row, mine in enumerate(figures):
        matched = (figures >= mine).all(axis=1) & (figures > mine).any(axis=1)
        free[row] = not matched.any()
    return free


def _compared(weights: Mapping[str, Sequence[float]]) -> list[str]:
    names = {"risk_aversion": "risk", "switching_cost": "changes", "stock_pressure": "units"}
    ignored = {"target_cover"}
    return [names.get(name, name) for name in weights if name not in ignored]


def _as_gain(point: ParetoPoint, name: str) -> float:
    value = point.figures[name]
    value = 0.0 if np.isnan(value) else value
    return -value if name in _LOWER_IS_BETTER else value


def _figures_of(
    decisions: Decisions, demand: DemandModel, policy: PricingPolicy
) -> dict[str, float]:
    catalogue = decisions.catalogue
    rate = policy.rate_of(catalogue)
    price = np.where(decisions.price > 0, decisions.price / catalogue.scale, np.nan)
    margin = decisions.profit / decisions.units
    spread = np.abs(margin) * (decisions.units_high - decisions.units_low) / (2.0 * 1.959964)
    return {
        "profit": float(np.nansum(decisions.profit * rate)),
        "revenue": float(np.nansum(decisions.revenue * rate)),
        "units": float(np.nansum(decisions.units)),
        "price_image": price_image(price, catalogue, demand, decisions.competitors),
        "risk": float(np.nansum(spread * rate)),
        "changes": float((decisions.action == Action.CHANGE).sum()),
    }
