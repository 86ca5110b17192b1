"""The decision: from what is known to one price a row, with its reasons.

`decide` takes columns, so the same function prices one product for a screen, a catalogue for a
night run, and a past day for a replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandContext, DemandModel
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.decisions import Action, Decisions
from pricing.errors import InvalidCatalogue, InvalidLimits
from pricing.guardrails import (
    MISSING_INPUT,
    GuardrailLimits,
    Limit,
    PriceBounds,
    price_bounds,
    violations,
)
from pricing.list_price import JointLimit, SolveReport, choose
from pricing.price_points import EndingRule, candidate_grid


@dataclass(frozen=True, slots=True)
class Objective:
    """What a price is chosen for: a weighted sum of expected figures a period.

    Attributes:
        profit: weight of (net price - cost) x units.
        revenue: weight of net price x units.
    """

    profit: float = 1.0
    revenue: float = 0.0

    def __post_init__(self) -> None:
        if min(self.profit, self.revenue) < 0 or self.profit + self.revenue <= 0:
            raise InvalidLimits(
                f"objective weights profit={self.profit}, revenue={self.revenue} must not be "
                "negative, and one of them must be above zero"
            )


@dataclass(frozen=True, slots=True)
class PricingPolicy:
    """How a run decides.

    Attributes:
        limits: hard limits on every price.
        objective: what is maximised.
        endings: price endings by market code; other markets get `EndingRule.usual`.
        max_changes: most price changes in the run; None for any number.
        candidates: prices tried a row, beside the price in force.
        exchange_rates: value of one major unit of each currency in a currency of reference;
            needed only where a joint limit spans several currencies.
        time_limit: seconds that the joint problem may take.
    """

    limits: GuardrailLimits = field(default_factory=GuardrailLimits)
    objective: Objective = field(default_factory=Objective)
    endings: Mapping[str, EndingRule] = field(default_factory=dict)
    max_changes: int | None = None
    candidates: int = 24
    exchange_rates: Mapping[str, float] = field(default_factory=dict)
    time_limit: float = 30.0

    def __post_init__(self) -> None:
        if self.max_changes is not None and self.max_changes < 0:
            raise InvalidLimits(f"max_changes {self.max_changes} must not be negative")
        if not 2 <= self.candidates <= 1000:
            raise InvalidLimits(f"candidates {self.candidates} must be from 2 to 1000")
        if self.time_limit <= 0:
            raise InvalidLimits(f"time_limit {self.time_limit} must be above zero seconds")
        if any(rate <= 0 for rate in self.exchange_rates.values()):
            raise InvalidLimits("exchange_rates must be above zero")


def decide(
    catalogue: Catalogue,
    demand: DemandModel,
    competitors: CompetitorPrices,
    policy: PricingPolicy,
    *,
    decided_at: datetime,
    context: DemandContext | None = None,
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

    Raises:
        InvalidCatalogue: `demand` or `competitors` have another number of rows.
        InvalidLimits: a joint limit spans currencies without exchange rates.
    """
    n = len(catalogue)
    if not n == len(demand) == len(competitors):
        raise InvalidCatalogue(
            f"catalogue has {n} rows, demand {len(demand)}, competitors {len(competitors)}; "
            "align them first"
        )
    bounds = price_bounds(catalogue, competitors, policy.limits)
    in_force, _ = demand.price_elasticity(_major(catalogue.price, catalogue))
    bounds.hold[~demand.known] |= int(Limit.MISSING_DEMAND)
    bounds.hold[in_force >= 0.0] |= int(Limit.IMPLAUSIBLE_DEMAND)
    broken = violations(catalogue.price, catalogue, competitors, policy.limits)
    prices, valid = _candidates(catalogue, bounds, policy)
    worth = _worth(prices, catalogue, demand, policy, context)
    column, passed_over, solve = _choose(worth, valid, broken != 0, policy)

    price = np.take_along_axis(prices, column[:, None], axis=1)[:, 0]
    changed = column > 0
    # The last word: whatever the search above believes, a price that breaks a limit stays out.
    refused = np.where(changed, violations(price, catalogue, competitors, policy.limits), 0)
    price = np.where(refused != 0, catalogue.price, price)
    changed &= refused == 0
    held = np.where(changed, 0, refused | passed_over | _without_candidates(bounds, valid))

    at_lower, at_upper = _pressed(price, prices, valid, catalogue, demand, policy, context)
    after = _expected(price, catalogue, demand, context)
    before = _expected(catalogue.price, catalogue, demand, context)
    elasticity, std_error = demand.price_elasticity(_major(price, catalogue))
    return Decisions(
        catalogue=catalogue,
        competitors=competitors,
        decided_at=decided_at,
        price=price,
        action=np.where(changed, Action.CHANGE, np.where(held != 0, Action.HOLD, Action.KEEP)),
        held_by=held,
        broken_before=broken & ~int(MISSING_INPUT),
        lower=bounds.lower,
        upper=bounds.upper,
        lower_limit=bounds.lower_limit,
        upper_limit=bounds.upper_limit,
        at_lower=at_lower & (held == 0),
        at_upper=at_upper & (held == 0),
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
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Expected:
    """Expected figures a period at given prices, each (n,)."""

    units: FloatArray
    units_low: FloatArray
    units_high: FloatArray
    revenue: FloatArray
    profit: FloatArray


def _candidates(
    catalogue: Catalogue, bounds: PriceBounds, policy: PricingPolicy
) -> tuple[IntArray, BoolArray]:
    """(n, 1 + k) prices to choose from, the price in force in column 0, and which are real."""
    n, k = len(catalogue), policy.candidates
    prices = np.zeros((n, 1 + k), dtype=np.int64)
    valid = np.zeros((n, 1 + k), dtype=np.bool_)
    prices[:, 0], valid[:, 0] = catalogue.price, True
    for code, market in enumerate(catalogue.markets):
        rows = np.flatnonzero((catalogue.market.codes == code) & (bounds.hold == 0))
        if len(rows) == 0:
            continue
        rule = policy.endings.get(market.code) or EndingRule.usual(market.currency)
        ladder = rule.ladder(int(bounds.upper[rows].max()))
        prices[rows, 1:], valid[rows, 1:] = candidate_grid(
            bounds.lower[rows], bounds.upper[rows], ladder, k
        )
    valid[:, 1:] &= prices[:, 1:] != catalogue.price[:, None]
    return prices, valid


def _worth(
    prices: IntArray,
    catalogue: Catalogue,
    demand: DemandModel,
    policy: PricingPolicy,
    context: DemandContext | None,
) -> FloatArray:
    """(n, k) the objective at each candidate; 0 where the row has nothing to choose by."""
    price = _major(prices, catalogue)
    net = price / (1.0 + catalogue.tax_rate)[:, None]
    cost = _major(catalogue.cost, catalogue)[:, None]
    weights = policy.objective
    worth = demand.units(price, context) * (weights.profit * (net - cost) + weights.revenue * net)
    worth *= _exchange_rate(catalogue, policy)[:, None]
    return np.nan_to_num(worth, copy=False, nan=0.0)


def _choose(
    worth: FloatArray, valid: BoolArray, broken: BoolArray, policy: PricingPolicy
) -> tuple[IntArray, IntArray, SolveReport]:
    """The column chosen a row, and the rows that only the change budget kept from changing.

    A row whose price in force breaks a limit must move if it can. Where there are more such rows
    than changes allowed, they alone compete for the budget.
    """
    must = broken & valid[:, 1:].any(axis=1)
    allowed = valid.copy()
    limits = []
    if policy.max_changes is None or int(must.sum()) <= policy.max_changes:
        allowed[must, 0] = False
    else:
        allowed[~must, 1:] = False
    if policy.max_changes is not None:
        usage = np.ones(worth.shape, dtype=np.int64)
        usage[:, 0] = 0
        limits.append(JointLimit("max_changes", usage, policy.max_changes))
    column, solve = choose(worth, allowed, limits, time_limit=policy.time_limit)
    wanted = must | (np.where(valid, worth, -np.inf).argmax(axis=1) > 0)
    passed_over = np.where(wanted & (column == 0), int(Limit.CHANGE_BUDGET), 0)
    return column, passed_over, solve


def _without_candidates(bounds: PriceBounds, valid: BoolArray) -> IntArray:
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
    return np.where(none, why, 0)


def _pressed(
    price: IntArray,
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    demand: DemandModel,
    policy: PricingPolicy,
    context: DemandContext | None,
) -> tuple[BoolArray, BoolArray]:
    """Rows at the lowest or highest candidate whose objective would rise beyond it."""
    grid, real = prices[:, 1:], valid[:, 1:]
    lowest = np.where(real, grid, np.iinfo(np.int64).max).min(axis=1)
    highest = np.where(real, grid, np.iinfo(np.int64).min).max(axis=1)
    major = _major(price, catalogue)
    keep = 1.0 / (1.0 + catalogue.tax_rate)
    units, slope = demand.units(major, context), demand.gradient(major, context)
    margin = major * keep - _major(catalogue.cost, catalogue)
    weights = policy.objective
    rise = weights.profit * (keep * units + margin * slope)
    rise += weights.revenue * keep * (units + major * slope)
    return (price <= lowest) & (rise < 0), (price >= highest) & (rise > 0)


def _expected(
    price: IntArray, catalogue: Catalogue, demand: DemandModel, context: DemandContext | None
) -> _Expected:
    """Expected units, revenue and profit at these prices; NaN where something is unknown."""
    major = _major(price, catalogue)
    net = major / (1.0 + catalogue.tax_rate)
    units = demand.units(major, context)
    low, high = demand.interval(major, 0.95, context)
    profit = (net - _major(catalogue.cost, catalogue)) * units
    return _Expected(units, low, high, net * units, profit)


def _major(minor: IntArray, catalogue: Catalogue) -> FloatArray:
    """Minor units (n,) or (n, k) as major units, NaN where the amount is unknown or no price."""
    scale = catalogue.scale if minor.ndim == 1 else catalogue.scale[:, None]
    return np.where(minor > 0, minor / scale, np.nan)


def _exchange_rate(catalogue: Catalogue, policy: PricingPolicy) -> FloatArray:
    """(n,) worth of each row's major unit; 1 where no joint limit weighs currencies."""
    currencies = [market.currency for market in catalogue.markets]
    if policy.max_changes is None or len(set(currencies)) <= 1:
        return np.ones(len(catalogue))
    missing = sorted(set(currencies) - set(policy.exchange_rates))
    if missing:
        raise InvalidLimits(
            f"max_changes couples markets in {sorted(set(currencies))}; "
            f"exchange_rates lacks {missing}"
        )
    by_market = np.array([policy.exchange_rates[currency] for currency in currencies])
    rate: FloatArray = by_market[catalogue.market.codes]
    return rate
