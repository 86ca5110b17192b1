"""The decision: from what is known to one price a row, with its reasons.

`decide` takes columns, so the same function prices one product for a screen, a catalogue for a
night run, and a past day for a replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandContext, DemandModel
from pricing.candidates import candidate_prices
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.cross_effects import CrossEffects
from pricing.decisions import Action, Decisions
from pricing.errors import InvalidCatalogue
from pricing.guardrails import (
    MISSING_INPUT,
    Limit,
    PriceBounds,
    price_bounds,
    violations,
)
from pricing.joint_limits import CHANGE_COUNTS, Grid, JointLimit, joint_limits
from pricing.legal_bounds import LegalBounds
from pricing.list_price import SolveReport, choose
from pricing.objective import Objective, Worth, worth_of
from pricing.policy import PricingPolicy
from pricing.relation_groups import RelationGroups
from pricing.relations import TiedRows, tie
from pricing.sanity import plausible_offers, reasons_to_hold
from pricing.strategies import StrategyPlan, plan_strategies
from pricing.tied_choice import choose_tied

__all__ = ["Objective", "PricingPolicy", "decide"]

_OF_DEMAND: Final = int(Limit.MISSING_DEMAND | Limit.IMPLAUSIBLE_DEMAND)

_NUDGE: Final = 1e-6
"""Relative step of price by which the direction of the objective is told."""


def decide(
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
    *,
    decided_at: datetime,
    context: DemandContext | None = None,
    cross: CrossEffects | None = None,
    legal: LegalBounds | None = None,
) -> Decisions:
    """Choose a list price for every row of the catalogue.

    The way of a price: limits leave an interval; price endings make it a grid; the demand curve
    gives each candidate a value; joint limits couple the rows (OR-Tools); the hard limits are
    checked once more on what came out, and what fails keeps the price in force.

    A row with no cost, no price or no plausible curve is held and says so. A row whose price in
    force breaks a hard limit is moved if any allowed price exists, before any row that merely could
    earn more.

    Args:
        catalogue: n rows.
        demand: curves aligned to the catalogue.
        competitors: offers aligned to the catalogue.
        policy: limits and objective.
        decided_at: the time of the decision, aware.
        context: season and other effects in force in the period that is priced.
        cross: what prices do to the demand of other rows; None where each row stands alone.
        legal: what the law leaves of each row's price; None where nobody said under which law any
            of them sells. No policy widens these bounds.

    Raises:
        InvalidCatalogue: `demand`, `competitors` or `legal` have another number of rows.
        InvalidLimits: a joint limit spans currencies without exchange rates.
        InfeasibleLimits: the joint limits exclude each other.
    """
    n = len(catalogue)
    if not n == len(demand) == len(competitors):
        raise InvalidCatalogue(
            f"catalogue has {n} rows, demand {len(demand)}, competitors {len(competitors)}; "
            "align them first"
        )
    if cross is not None and len(cross) != n:
        raise InvalidCatalogue(f"cross effects are for {len(cross)} rows, the catalogue has {n}")
    if legal is not None and len(legal) != n:
        raise InvalidCatalogue(f"legal bounds are for {len(legal)} rows, the catalogue has {n}")
    seen, competitors = competitors, plausible_offers(catalogue, competitors, policy.limits)
    bounds = price_bounds(catalogue, competitors, policy.limits, legal)
    in_force, _ = demand.price_elasticity(_major(catalogue.price, catalogue))
    hold = reasons_to_hold(catalogue, policy.limits, in_force, at=decided_at)
    hold |= np.where(demand.known, 0, int(Limit.MISSING_DEMAND))
    plan = plan_strategies(
        policy.strategies, catalogue, demand, competitors, at=decided_at, context=context
    )
    # A target needs no demand curve.
    hold = np.where(plan.aims, hold & ~_OF_DEMAND, hold)
    bounds.hold[:] |= hold
    broken = violations(catalogue.price, catalogue, competitors, policy.limits, legal)
    tied = tie(policy.relations, catalogue)
    prices, valid = candidate_prices(catalogue, bounds, policy, tied, plan)
    rate = policy.rate_of(catalogue)
    price = _major(prices, catalogue)
    worth = worth_of(price, policy.objective, catalogue, demand, competitors, context)
    worth = _aimed(worth, price, plan, catalogue)
    limits = _joint_limits(price, valid, worth, rate, catalogue, competitors, policy)
    if len(tied) == 0 and cross is None:
        value = np.nan_to_num(worth.total * rate[:, None], nan=0.0)
        column, passed_over, solve = _choose(value, valid, broken != 0, limits, policy)
    else:
        chosen = choose_tied(
            np.nan_to_num(worth.moving * rate[:, None]),
            _or_nothing(worth.fixed, price) * rate[:, None],
            _log_ratio(price),
            valid,
            (broken != 0) & valid[:, 1:].any(axis=1),
            prices,
            tied,
            cross,
            limits,
            policy,
        )
        column, passed_over, solve = chosen.column, chosen.held, chosen.solve

    decided = np.take_along_axis(prices, column[:, None], axis=1)[:, 0]
    changed = column > 0
    # The last word: whatever the search above believes, a price that breaks a limit stays out.
    refused = violations(decided, catalogue, competitors, policy.limits, legal) | hold
    refused = np.where(changed, refused, 0)
    refused |= _relations_broken(np.where(refused != 0, catalogue.price, decided), changed, tied)
    decided = np.where(refused != 0, catalogue.price, decided)
    changed &= refused == 0
    held = np.where(changed, 0, refused | passed_over | _without_candidates(bounds, valid, plan))

    moved = _cross_shift(decided, catalogue, cross)
    at_lower, at_upper = _pressed(
        decided, prices, valid, catalogue, demand, competitors, policy, context, cross
    )
    after = _expected(decided, catalogue, demand, context, moved)
    before = _expected(catalogue.price, catalogue, demand, context, np.zeros(n))
    elasticity, std_error = demand.price_elasticity(_major(decided, catalogue))
    return Decisions(
        catalogue=catalogue,
        competitors=seen,
        decided_at=decided_at,
        price=decided,
        action=np.where(changed, Action.CHANGE, np.where(held != 0, Action.HOLD, Action.KEEP)),
        held_by=held,
        broken_before=broken & ~int(MISSING_INPUT),
        lower=bounds.lower,
        upper=bounds.upper,
        lower_limit=bounds.lower_limit,
        upper_limit=bounds.upper_limit,
        at_lower=at_lower & (held == 0) & ~plan.aims,
        at_upper=at_upper & (held == 0) & ~plan.aims,
        units=after.units,
        units_low=after.units_low,
        units_high=after.units_high,
        revenue=after.revenue,
        profit=after.profit,
        revenue_before=before.revenue,
        profit_before=before.profit,
        elasticity=elasticity,
        elasticity_std_error=std_error,
        solve=solve,
        path=plan.path,
        legal=legal,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """Expected figures a period at given prices, each (n,)."""

    units: FloatArray
    units_low: FloatArray
    units_high: FloatArray
    revenue: FloatArray
    profit: FloatArray


def _joint_limits(
    price: FloatArray,
    valid: BoolArray,
    worth: Worth,
    rate: FloatArray,
    catalogue: Catalogue,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
) -> tuple[JointLimit, ...]:
    if policy.max_changes is None and not policy.joint.any:
        return ()
    grid = Grid(
        price=price,
        net=price / (1.0 + catalogue.tax_rate)[:, None],
        units=np.nan_to_num(worth.units),
        valid=valid,
        cost=_major(catalogue.cost, catalogue),
        lowest=_major(competitors.lowest, catalogue),
        rate=rate,
    )
    return joint_limits(policy.joint, policy.max_changes, grid, catalogue, competitors)


def _choose(
    value: FloatArray,
    valid: BoolArray,
    broken: BoolArray,
    limits: tuple[JointLimit, ...],
    policy: PricingPolicy,
) -> tuple[IntArray, IntArray, SolveReport]:
    """The column chosen a row, and the rows that only a joint limit kept from changing.

    A row whose price in force breaks a limit must move if it can. Where there are more such rows
    than changes allowed, they alone compete for the budget.
    """
    must = broken & valid[:, 1:].any(axis=1)
    allowed = valid.copy()
    budget = min((x.at_most for x in limits if x.name in CHANGE_COUNTS), default=np.inf)
    if int(must.sum()) <= budget:
        allowed[must, 0] = False
    else:
        allowed[~must, 1:] = False
    column, solve = choose(value, allowed, limits, time_limit=policy.time_limit, gap=policy.gap)
    wanted = must | (np.where(valid, value, -np.inf).argmax(axis=1) > 0)
    which = Limit.CHANGE_BUDGET if np.isfinite(budget) else Limit.JOINT_LIMIT
    passed_over = np.where(wanted & (column == 0), int(which), 0)
    return column, passed_over, solve


def _without_candidates(bounds: PriceBounds, valid: BoolArray, plan: StrategyPlan) -> IntArray:
    """(n,) `Limit` bits of the rows that had nothing to choose but the price in force."""
    none = ~valid[:, 1:].any(axis=1)
    why = np.where(
        bounds.hold != 0,
        bounds.hold,
        np.where(
            bounds.lower > bounds.upper,
            bounds.lower_limit | bounds.upper_limit,
            int(Limit.PRICE_ENDING),
        ),
    )
    why = np.where(plan.frozen, int(Limit.STRATEGY), why)
    return np.where(none, why, 0)


def _pressed(
    price: IntArray,
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
    context: DemandContext | None,
    cross: CrossEffects | None,
) -> tuple[BoolArray, BoolArray]:
    """Rows at the lowest or highest candidate whose objective would rise beyond it."""
    grid, real = prices[:, 1:], valid[:, 1:]
    lowest = np.where(real, grid, np.iinfo(np.int64).max).min(axis=1)
    highest = np.where(real, grid, np.iinfo(np.int64).min).max(axis=1)
    major = _major(price, catalogue)
    here, beyond = (
        worth_of(at, policy.objective, catalogue, demand, competitors, context)
        for at in (major, major * (1.0 + _NUDGE))
    )
    rise = beyond.total - here.total
    if cross is not None:
        rise += (beyond.moving - here.moving) * _cross_shift(price, catalogue, cross)
        rise += np.log1p(_NUDGE) * cross.back(np.nan_to_num(here.moving))
    return (price <= lowest) & (rise < 0), (price >= highest) & (rise > 0)


def _aimed(worth: Worth, price: FloatArray, plan: StrategyPlan, catalogue: Catalogue) -> Worth:
    """The worth, and where a strategy aims at a price, the money by which each candidate misses it.

    Misses weigh as much as the sales of the row, so that a joint limit is spent where it counts.
    """
    rows = np.flatnonzero(plan.aims)
    if len(rows) == 0:
        return worth
    aim = (plan.target / catalogue.scale)[rows, None]
    sold = np.nan_to_num(worth.units[rows, :1])
    weight = np.where(sold > 0, sold, 1.0) * price[rows, :1]
    moving, fixed = worth.moving.copy(), _or_nothing(worth.fixed, price)
    moving[rows] = 0.0
    fixed[rows] = np.nan_to_num(-weight * np.abs(price[rows] / aim - 1.0))
    return Worth(moving, fixed, worth.units)


def _or_nothing(fixed: FloatArray | None, like: FloatArray) -> FloatArray:
    return np.zeros(like.shape) if fixed is None else np.nan_to_num(fixed)


def _log_ratio(price: FloatArray) -> FloatArray:
    """(n, k) log of each candidate over the price in force, column 0; 0 where one is unknown."""
    ratio: FloatArray = np.nan_to_num(np.log(price / price[:, :1]))
    return ratio


def _cross_shift(price: IntArray, catalogue: Catalogue, cross: CrossEffects | None) -> FloatArray:
    """(n,) share by which all these prices together move each row's demand."""
    if cross is None:
        return np.zeros(len(price))
    known = catalogue.price > 0
    ratio = np.log(np.where(known, price, 1) / np.where(known, catalogue.price, 1))
    return cross.shift(ratio)


def _relations_broken(price: IntArray, changed: BoolArray, tied: TiedRows) -> IntArray:
    """(n,) `RELATION` for every row of a group in which these prices break a relation anew.

    A group in which nothing changed may stand as it stood: its prices are old, and say why.
    """
    if len(tied) == 0:
        return np.zeros(len(price), dtype=np.int64)
    groups = RelationGroups.of_ties(len(price), tied.row, tied.other)
    moved = np.unique(groups[changed])
    wrong = np.intersect1d(moved, groups[tied.row[~tied.kept(price)]])
    return np.where(np.isin(groups, wrong), int(Limit.RELATION), 0)


def _expected(
    price: IntArray,
    catalogue: Catalogue,
    demand: DemandModel,
    context: DemandContext | None,
    moved: FloatArray,
) -> _Expected:
    """Expected units, revenue and profit at these prices; NaN where something is unknown.

    `moved` (n,) is the share by which other prices move the row's demand.
    """
    major = _major(price, catalogue)
    net = major / (1.0 + catalogue.tax_rate)
    units = demand.units(major, context) * (1.0 + moved)
    low, high = (end * (1.0 + moved) for end in demand.interval(major, 0.95, context))
    profit = (net - _major(catalogue.cost, catalogue)) * units
    return _Expected(units, low, high, net * units, profit)


def _major(minor: IntArray, catalogue: Catalogue) -> FloatArray:
    """Minor units (n,) or (n, k) as major units, NaN where the amount is unknown or no price."""
    scale = catalogue.scale if minor.ndim == 1 else catalogue.scale[:, None]
    return np.where(minor > 0, minor / scale, np.nan)
