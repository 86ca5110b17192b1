"""Plan a clearance and say what to expect of it: the job behind the command line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.jobs.progress import Progress, silent
from models.arrays import FloatArray
from pricing.errors import InfeasibleLimits
from pricing.markdown import (
    ClearanceItems,
    Effort,
    MarkdownLimits,
    MarkdownPlan,
    Prior,
    Risk,
    Scenarios,
    plan,
)
from pricing.markdown.errors import UnreachableTarget
from simulations.clearance_outlook import Outlook, outlook, rungs_by_rule

KEEP = "do nothing"
CURRENT = "current policy"
PLAN = "plan"
LOWER_DEMAND = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class MarkdownQuestion:
    """What is to be planned.

    Attributes:
        items: what is to be cleared.
        cost: (n,) unit cost, minor units; NaN where unknown.
        limits: joint limits.
        prior: what may be wrong with the demand given.
        current_policy: discount by the week (0 is the first) from which it holds.
        risk: how much the worst futures count; None plans for expected demand.
        risk_draws: futures planned against where there is risk.
    """

    items: ClearanceItems
    cost: FloatArray
    limits: MarkdownLimits
    prior: Prior
    current_policy: dict[int, float]
    risk: Risk | None = None
    risk_draws: int = 20


@dataclass(frozen=True, slots=True, eq=False)
class MarkdownAnswer:
    """A plan and what to expect.

    Attributes:
        plan: the plan.
        outlook: it beside doing nothing and the current policy.
        lower: the same where demand turns out a fifth lower.
        replanned_lower: the plan one would have made, had one known that; None where the limits
            then conflict.
    """

    plan: MarkdownPlan
    outlook: Outlook
    lower: Outlook
    replanned_lower: MarkdownPlan | None


def plan_markdown(
    question: MarkdownQuestion,
    *,
    rng: np.random.Generator,
    draws: int = 500,
    effort: Effort | None = None,
    progress: Progress = silent,
) -> MarkdownAnswer:
    """Plan, then simulate the plan beside its alternatives.

    Args:
        question: what is to be planned.
        rng: source of the futures.
        draws: futures simulated.
        effort: how closely to search.
        progress: told after each step.

    Raises:
        PricingError: as `pricing.markdown.plan`.
    """
    items, prior = question.items, question.prior
    against = None
    if question.risk is not None and question.risk.weight > 0:
        against = _futures(prior, rng, question.risk_draws, len(items))
    found = plan(items, question.limits, scenarios=against, risk=question.risk, effort=effort)
    progress("plan", 1, 3)
    plans = {
        KEEP: rungs_by_rule(items, {}),
        CURRENT: rungs_by_rule(items, question.current_policy),
        PLAN: found.course.rungs,
    }
    futures = _futures(prior, rng, draws, len(items))
    cost = None if np.isnan(question.cost).any() else question.cost
    seed = int(rng.integers(2**32))

    def simulate(scale: float) -> Outlook:
        return outlook(
            items,
            plans,
            Scenarios(futures.scale * scale, futures.elasticity),
            noise=prior.noise,
            rng=np.random.default_rng(seed),
            cost=cost,
        )

    expected, lower = simulate(1.0), simulate(LOWER_DEMAND)
    progress("simulate", 2, 3)
    weaker = items.replaced(np.arange(len(items)), {"demand": items.demand * LOWER_DEMAND})
    replanned = _if_possible(weaker, question.limits, effort)
    progress("lower demand", 3, 3)
    return MarkdownAnswer(found, expected, lower, replanned)


def _if_possible(
    items: ClearanceItems, limits: MarkdownLimits, effort: Effort | None
) -> MarkdownPlan | None:
    try:
        return plan(items, limits, effort=effort)
    except (InfeasibleLimits, UnreachableTarget):
        return None


def _futures(prior: Prior, rng: np.random.Generator, draws: int, n: int) -> Scenarios:
    own = Scenarios.drawn(
        rng, draws, n, common=prior.common_scale, own=prior.own_scale,
        elasticity=prior.own_elasticity,
    )  # fmt: skip
    shared = prior.common_elasticity * rng.standard_normal((draws, 1))
    return Scenarios(own.scale, own.elasticity + shared)
