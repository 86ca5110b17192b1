"""Plan a clearance, or what is left of one, and say what to expect: one job for every way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy import sparse

from api.work.progress import Progress, silent
from models.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import InfeasibleLimits
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    Effort,
    MarkdownLimits,
    MarkdownPlan,
    PlanInForce,
    Prior,
    Replan,
    Risk,
    Scenarios,
    plan,
    plan_with_rivals,
    replan,
)
from pricing.markdown.allocation import allocate, expected_sales
from pricing.markdown.errors import InvalidClearance, UnreachableTarget
from pricing.markdown.plan import Watch
from pricing.markdown.rivals import rival_factor
from simulations.scenarios.clearance_outlook import outlook, rungs_by_rule
from simulations.scenarios.outlook import Outlook

KEEP: Final = "do nothing"
CURRENT: Final = "current policy"
PLAN: Final = "plan"
LOWER_DEMAND: Final = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class MarkdownQuestion:
    """What is to be planned.

    Attributes:
        items: what is to be cleared, as before the first week.
        cost: (n,) unit cost, minor units; NaN where unknown.
        limits: joint limits.
        prior: what may be wrong with the demand given.
        current_policy: discount by the week (0 is the first) from which it holds.
        risk: how much the worst futures count; None plans for expected demand.
        risk_draws: futures planned against where there is risk.
        history: what happened in the weeks that have passed; None before the first.
        stock_now: (n,) counted after them, NaN where not; None for none.
        in_force: the prices that were announced.
        cross: (n, n) effects between items; None for none.
        stores: by item, the share of demand of each store that shares its stock.
        look_ahead: futures in which a season under way tries the coming week's prices.
        relax: let a limit give that a season under way can no longer hold.
    """

    items: ClearanceItems
    cost: FloatArray
    limits: MarkdownLimits
    prior: Prior
    current_policy: dict[int, float]
    risk: Risk | None = None
    risk_draws: int = 20
    history: ClearanceHistory | None = None
    stock_now: FloatArray | None = None
    in_force: PlanInForce | None = None
    cross: sparse.csr_array | None = None
    stores: Sequence[Mapping[str, float]] = field(default_factory=tuple)
    look_ahead: int = 0
    relax: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class MarkdownAnswer:
    """A plan and what to expect.

    Attributes:
        week: first week planned; 0 is the first of the season.
        members: (n,) True for the items that still have stock and weeks to sell it.
        items: those items as they are now, with the demand now expected.
        plan: their plan.
        outlook: it beside doing nothing and the current policy, from now on.
        lower: the same where demand turns out a fifth lower.
        replanned_lower: the plan one would have made, had one known that; None where the limits
            then conflict.
        learned: what a season under way has taught; None before the first week.
        allocation: by item, the units for each store that shares its stock, and how many of them
            it is expected to sell; empty where no stores are given.
    """

    week: int
    members: BoolArray
    items: ClearanceItems
    plan: MarkdownPlan
    outlook: Outlook
    lower: Outlook
    replanned_lower: MarkdownPlan | None
    learned: Replan | None = None
    allocation: Sequence[Mapping[str, tuple[int, float]]] = field(default_factory=tuple)


def plan_markdown(
    question: MarkdownQuestion,
    *,
    rng: np.random.Generator,
    draws: int = 500,
    effort: Effort | None = None,
    progress: Progress = silent,
    watch: Watch | None = None,
) -> MarkdownAnswer:
    """Plan, then simulate the plan beside its alternatives.

    Args:
        question: what is to be planned.
        rng: source of the futures.
        draws: futures simulated.
        effort: how closely to search.
        progress: told after each step.
        watch: told of each better plan, as in `pricing.markdown.plan`.

    Raises:
        PricingError: as `pricing.markdown.plan` and `pricing.markdown.replan`.
    """
    items, prior = question.items, question.prior
    week, members, learned = 0, np.ones(len(items), dtype=np.bool_), None
    if question.history is None:
        found = _first_plan(question, rng, effort, watch)
        futures = _futures(prior, rng, draws, len(items))
    else:
        learned = _rest(question, rng, effort, watch)
        if learned.plan is None or learned.remaining is None:
            raise InvalidClearance(
                "every item is sold out or past its exit: nothing is left to plan"
            )
        week, members, found, items = (
            learned.week, learned.open_items, learned.plan, learned.remaining,
        )  # fmt: skip
        futures = learned.belief.taken(members).scenarios(items, week, rng, draws)
    progress("plan", 1, 3)
    policy = _from_week(question.current_policy, week)
    plans = {
        KEEP: rungs_by_rule(items, {}),
        CURRENT: rungs_by_rule(items, policy),
        PLAN: found.course.rungs,
    }
    among = _among(question, members)
    cost = None if np.isnan(question.cost[members]).any() else question.cost[members]
    seed = int(rng.integers(2**32))

    def simulate(scale: float) -> Outlook:
        return outlook(
            items,
            plans,
            Scenarios(futures.scale * scale, futures.elasticity),
            noise=prior.noise,
            rng=np.random.default_rng(seed),
            cost=cost,
            factors=None
            if among is None
            else {name: rival_factor(items, among, rungs) for name, rungs in plans.items()},
        )

    expected, lower = simulate(1.0), simulate(LOWER_DEMAND)
    progress("simulate", 2, 3)
    weaker = items.replaced(np.arange(len(items)), {"demand": items.demand * LOWER_DEMAND})
    replanned = None
    if learned is None:
        replanned = _if_possible(weaker, among, question.limits, effort)
    progress("lower demand", 3, 3)
    stores = [shares for shares, mine in zip(question.stores, members, strict=False) if mine]
    return MarkdownAnswer(
        week=week,
        members=members,
        items=items,
        plan=found,
        outlook=expected,
        lower=lower,
        replanned_lower=replanned,
        learned=learned,
        allocation=_allocated(items, found.course.rungs, stores, prior.noise),
    )


def _first_plan(
    question: MarkdownQuestion,
    rng: np.random.Generator,
    effort: Effort | None,
    watch: Watch | None,
) -> MarkdownPlan:
    items = question.items
    against = None
    if question.risk is not None and question.risk.weight > 0:
        against = _futures(question.prior, rng, question.risk_draws, len(items))
    earlier = None
    if question.in_force is not None:
        hit = items.ladder[:, None, :] == question.in_force.price[:, :, None]
        earlier = np.where(hit.any(axis=2), hit.argmax(axis=2), 0).astype(np.int64)
    limits = question.limits
    if question.cross is None:
        return plan(
            items, limits, scenarios=against, risk=question.risk, effort=effort, earlier=earlier,
            watch=watch,
        )  # fmt: skip
    return plan_with_rivals(
        items, question.cross, limits, scenarios=against, risk=question.risk, effort=effort,
        earlier=earlier, watch=watch,
    )  # fmt: skip


def _rest(
    question: MarkdownQuestion,
    rng: np.random.Generator,
    effort: Effort | None,
    watch: Watch | None,
) -> Replan:
    """What is left of a season under way."""
    state = ClearanceState(
        question.items,
        stock=question.stock_now,
        prior=question.prior,
        earlier=question.in_force,
        cross=question.cross,
    )
    risky = question.risk is not None and question.risk.weight > 0
    history = question.history or ClearanceHistory.none(len(question.items))
    return replan(
        state,
        history,
        question.limits,
        risk=question.risk,
        draws=question.risk_draws if risky else 0,
        rng=rng,
        effort=effort,
        look_ahead=question.look_ahead,
        relax=question.relax,
        watch=watch,
    )


def _from_week(policy: Mapping[int, float], week: int) -> dict[int, float]:
    """A policy of discounts by week, as seen from a later week."""
    reached = [share for begins, share in policy.items() if begins <= week]
    later = {begins - week: share for begins, share in policy.items() if begins > week}
    return {0: max(reached), **later} if reached else later


def _among(question: MarkdownQuestion, members: BoolArray) -> sparse.csr_array | None:
    if question.cross is None:
        return None
    rows = np.flatnonzero(members)
    return sparse.csr_array(question.cross[rows][:, rows])


def _allocated(
    items: ClearanceItems, rungs: IntArray, stores: Sequence[Mapping[str, float]], noise: float
) -> list[dict[str, tuple[int, float]]]:
    """Whole units of each item's stock for the stores that share it."""
    if not any(stores):
        return []
    response = np.take_along_axis(items.response, rungs, axis=1)
    wanted = (items.demand * response * items.open_weeks).sum(axis=1)
    found: list[dict[str, tuple[int, float]]] = []
    for row, shares in enumerate(stores):
        if not shares:
            found.append({})
            continue
        share = np.array(list(shares.values())) / sum(shares.values())
        mean = share * float(wanted[row])
        units = allocate(int(items.stock[row]), mean, noise)
        sold = expected_sales(units, mean, noise)
        each = zip(shares, units.tolist(), sold.tolist(), strict=True)
        found.append({name: (amount, sales) for name, amount, sales in each})
    return found


def _if_possible(
    items: ClearanceItems,
    cross: sparse.csr_array | None,
    limits: MarkdownLimits,
    effort: Effort | None,
) -> MarkdownPlan | None:
    try:
        if limits.deviations is not None:
            return None
        if cross is None:
            return plan(items, limits, effort=effort)
        return plan_with_rivals(items, cross, limits, effort=effort)
    except (InfeasibleLimits, UnreachableTarget):
        return None


def _futures(prior: Prior, rng: np.random.Generator, draws: int, n: int) -> Scenarios:
    own = Scenarios.drawn(
        rng, draws, n, common=prior.common_scale, own=prior.own_scale,
        elasticity=prior.own_elasticity,
    )  # fmt: skip
    shared = prior.common_elasticity * rng.standard_normal((draws, 1))
    return Scenarios(own.scale, own.elasticity + shared)
