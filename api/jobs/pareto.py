"""The answers among which only taste decides, for what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
from sqlalchemy.engine import Engine

from api.jobs.reprice import RepriceRequest, believed, read_known
from pricing.deciding.pareto import ParetoFront, pareto_front
from pricing.rulebook.document import PricingRules
from storage.database import reading

DEFAULT_SWEEP: Final[Mapping[str, Sequence[float]]] = {"revenue": (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)}
"""What is swept where the rules say nothing: profit against revenue."""


def front(engine: Engine, rules: PricingRules, request: RepriceRequest) -> ParetoFront:
    """Decide once for every combination of weights in the rules' `pareto`; nothing is stored.

    Raises:
        InvalidStrategy, FitNotFound, NothingToPrice, InfeasibleLimits: see `api.jobs.reprice`.
        InvalidLimits: too many combinations of weights.
    """
    with reading(engine) as conn:
        known = read_known(conn, rules, request)
    return pareto_front(
        known.catalogue,
        known.demand,
        known.competitors,
        known.rules.policy,
        rules.pareto or DEFAULT_SWEEP,
        decided_at=known.at,
        cross=believed(known),
        legal=known.legal,
        doubts=known.doubts,
    )


def front_frame(found: ParetoFront, weights: Sequence[str]) -> pd.DataFrame:
    """One row a point: its weights, its figures, how its joint problem was solved."""
    rows = [
        {
            **{f"weight_{name}": getattr(point.objective, name) for name in weights},
            **point.figures,
            "status": point.decisions.solve.status,
            "gap": point.decisions.solve.gap,
        }
        for point in found.points
    ]
    return pd.DataFrame(rows)
