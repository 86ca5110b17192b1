"""Deciding a past price again from what was stored, with the prices that were not chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.demand import DemandModel
from pricing.catalogue import UNKNOWN
from pricing.cross_effects import CrossEffects
from pricing.deciding.decide import decide
from pricing.deciding.decisions import Decisions, PriceDecision
from pricing.deciding.objective import worth_of
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.sanity import plausible_offers
from pricing.money import Money
from pricing.price_points import EndingRule, candidate_grid


@dataclass(frozen=True, slots=True)
class Candidate:
    """One price that could have been.

    Attributes:
        price: the price.
        units: expected units a period.
        revenue: expected revenue net of tax, major units.
        profit: expected profit, major units.
        objective: what the run maximised, at this price.
    """

    price: Money
    units: float
    revenue: float
    profit: float
    objective: float


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision made again.

    Attributes:
        decision: what comes out today of what was known then.
        same: it is the price that was decided then.
        chosen: the price decided; None where there was nothing to decide by.
        runner_up: the candidate with the next best objective; None where there was no other.
        candidates: all prices between the limits and the price in force, the cheapest first.
    """

    decision: PriceDecision
    same: bool
    chosen: Candidate | None
    runner_up: Candidate | None
    candidates: tuple[Candidate, ...]


def replay(
    run: Decisions,
    row: int,
    demand: DemandModel,
    policy: PricingPolicy,
    cross: CrossEffects | None = None,
) -> Replay:
    """Decide one row of a stored run again.

    Where the policy or cross effects weigh rows against each other the whole run is decided again;
    the candidates are then those that the row had by itself.

    Args:
        run: the stored run.
        row: the row in question.
        demand: the curves that the run used, aligned to it.
        policy: the policy that it was given.
        cross: the cross effects that it rested on.
    """
    together = policy.couples_rows or cross is not None
    rows = np.arange(len(run)) if together else np.array([row])
    place = row if together else 0
    again = decide(
        run.catalogue.take(rows),
        demand.take(rows),
        run.competitors.take(rows),
        policy,
        decided_at=run.decided_at,
        cross=cross,
        legal=None if run.legal is None else run.legal.take(rows),
        doubts=None if run.doubts is None else run.doubts.take(rows),
    )
    candidates = _candidates(run, row, demand, policy, again, place)
    price = int(again.price[place])
    chosen = next((item for item in candidates if item.price.minor == price), None)
    others = [item for item in candidates if item.price.minor != price]
    return Replay(
        decision=again.record(place),
        same=price == int(run.price[row]),
        chosen=chosen,
        runner_up=max(others, key=lambda item: item.objective, default=None),
        candidates=candidates,
    )


def _candidates(
    run: Decisions,
    row: int,
    demand: DemandModel,
    policy: PricingPolicy,
    again: Decisions,
    place: int,
) -> tuple[Candidate, ...]:
    """The rungs between the limits, and the price in force."""
    known = run.catalogue.take(np.array([row]))
    market = known.markets[int(known.market.codes[0])]
    rule = policy.endings.get(market.code) or EndingRule.usual(market.currency)
    lower, upper = again.lower[place : place + 1], again.upper[place : place + 1]
    rungs = rule.ladder(int(upper[0])) if upper[0] > 0 else np.empty(0, np.int64)
    grid, real = candidate_grid(lower, upper, rungs, policy.candidates)
    in_force, decided = int(known.price[0]), int(again.price[place])
    rest = {*grid[real].tolist(), decided} - {in_force, UNKNOWN, 0}
    minor = np.array([[in_force, *sorted(rest)]])
    price = np.where(minor > 0, minor / known.scale[:, None], np.nan)
    curve = demand.take(np.array([row]))
    offers = plausible_offers(known, run.competitors.take(np.array([row])), policy.limits)
    worth = worth_of(price, policy.objective, known, curve, offers)
    net = price / (1.0 + known.tax_rate)[:, None]
    cost = np.where(known.cost > 0, known.cost / known.scale, np.nan)[:, None]
    columns = (minor, worth.units, net * worth.units, (net - cost) * worth.units, worth.total)
    found = [
        Candidate(
            price=Money(amount, market.currency),
            units=units,
            revenue=revenue,
            profit=profit,
            objective=objective,
        )
        for amount, units, revenue, profit, objective in zip(
            *(np.asarray(column)[0].tolist() for column in columns), strict=True
        )
        if amount > 0 and np.isfinite(objective)
    ]
    return tuple(sorted(found, key=lambda item: item.price.minor))
