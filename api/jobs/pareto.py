"""The answers among which only taste decides, for what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
from sqlalchemy.engine import Engine

from api.jobs.pricing_rules import policy_of
from api.jobs.reprice import believed, read_known
from pricing.deciding.pareto import ParetoFront, pareto_front
from pricing.rulebook.document import PricingRules
from storage.database import reading
from storage.law.rule_packs import RulePacks

DEFAULT_SWEEP: Final[Mapping[str, Sequence[float]]] = {"revenue": (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)}
"""What is swept where the rules say nothing: profit against revenue."""


def front(
    engine: Engine,
    rules: PricingRules,
    *,
    now: datetime,
    offer_max_age: timedelta,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
    packs: RulePacks | None = None,
    at: datetime | None = None,
) -> ParetoFront:
    """Decide once for every combination of weights in the rules' `pareto`; nothing is stored.

    Args:
        engine: the database.
        rules: as `read_rules` reads them.
        now: what the clock says, UTC.
        offer_max_age: competitor offers older than this do not count.
        market: this market only.
        category: this category only.
        skus: these products only.
        packs: the rules of law; those that are shipped where None.
        at: decide as of this time.

    Raises:
        FitNotFound, NothingToPrice, InfeasibleLimits: see `api.jobs.reprice`.
        InvalidLimits: too many combinations of weights.
    """
    as_of = at or now
    with reading(engine) as conn:
        rules = replace(rules, policy=policy_of(rules, conn))
        known = read_known(
            conn,
            now=as_of,
            offer_max_age=offer_max_age,
            market=market,
            category=category,
            skus=skus,
            packs=packs,
            clock=now,
            named={rule.competitor for rule in rules.policy.strategies if rule.competitor},
        )
    return pareto_front(
        known.catalogue,
        known.demand,
        known.competitors,
        rules.policy,
        rules.pareto or DEFAULT_SWEEP,
        decided_at=as_of,
        cross=believed(known, rules),
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
