"""How long a decision takes, against the same decision written as a loop over products."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from models.arrays import IntArray
from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import FrozenWindow, GuardrailLimits
from tests.benchmarks.figure import Figure, peak_megabytes, seconds

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_LOOP_ROWS = 500
_LIMITS = GuardrailLimits(
    hours_between_changes=24.0,
    map_floor_in=("online",),
    frozen_windows=(FrozenWindow(_AT + timedelta(days=7), _AT + timedelta(days=8)),),
)


def figures() -> Iterator[Figure]:
    """Seconds for a million rows, without and with a joint limit; rows a second against a loop."""
    small = _problem(_LOOP_ROWS)
    loop = seconds(lambda: _one_by_one(*small)) / _LOOP_ROWS
    for rows, changes in ((1_000_000, None), (1_000_000, 200_000)):
        catalogue, demand, rivals = _problem(rows)
        policy = PricingPolicy(limits=_LIMITS, max_changes=changes)
        found: list[Decisions] = []
        took = seconds(
            lambda c=catalogue, d=demand, r=rivals, p=policy, f=found: f.append(  # type: ignore[misc]
                decide(c, d, r, p, decided_at=_AT)
            )
        )
        solve = found[0].solve
        which = "no joint limit" if changes is None else f"at most {changes:,} changes"
        yield Figure(
            f"decide {rows:,} rows, {which}",
            took,
            "s",
            "the same function called once a row",
            loop * rows,
            f"{solve.method}, {solve.status}, gap {solve.gap:.1e}",
        )
    yield Figure("decide, peak memory", peak_megabytes(), "MB", "limit", 4_000.0)


def _one_by_one(
    catalogue: Catalogue, demand: ConstantElasticityDemand, rivals: CompetitorPrices
) -> None:
    for row in range(len(catalogue)):
        one = np.array([row])
        decide(
            catalogue.take(one),
            demand.take(one),
            rivals.take(one),
            PricingPolicy(limits=_LIMITS),
            decided_at=_AT,
        )


def _problem(n: int) -> tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices]:
    rng = np.random.default_rng(0)
    cost = rng.integers(100, 5_000, n)
    price = (cost * 1.19 * rng.uniform(1.1, 1.9, n)).astype(np.int64)
    lowest = np.where(rng.random(n) < 0.5, (price * rng.uniform(0.8, 1.2, n)).astype(int), UNKNOWN)
    covariance = np.zeros((n, 2, 2))
    now, day = np.datetime64(_AT.replace(tzinfo=None), "s"), np.timedelta64(86_400, "s")
    covariance[:, 0, 0], covariance[:, 1, 1] = 0.001, 0.04
    catalogue = Catalogue(
        sku=np.char.add("P", np.arange(n).astype(str)),
        market=Labels(np.zeros(n, np.int64), ("online",)),
        markets=(Market("online", "EUR", "Europe/Berlin", tax_rate=0.19),),
        category=Labels(rng.integers(0, 12, n), tuple(f"c{i}" for i in range(12))),
        brand=Labels(np.zeros(n, np.int64), ("own",)),
        price=price,
        cost=cost,
        stock=rng.integers(0, 500, n).astype(float),
        # Every column that a guardrail reads, in half of the rows, so that each limit has work.
        kvi=rng.random(n) < 0.05,
        minimum_price=_somewhere(rng, price, 0.6, 0.95),
        maximum_price=_somewhere(rng, price, 1.05, 1.5),
        rrp=_somewhere(rng, price, 1.0, 1.4),
        map_floor=_somewhere(rng, price, 0.7, 1.0),
        price_day_ago=_somewhere(rng, price, 0.9, 1.1),
        price_week_ago=_somewhere(rng, price, 0.8, 1.2),
        changed_at=now - rng.integers(0, 60, n) * day,
        inputs_at=now - rng.integers(0, 130, n) * day,
        money_currency=np.where(rng.random(n) < 0.99, "EUR", "USD"),
    )
    demand = ConstantElasticityDemand(
        reference_price=price / 100,
        log_base=rng.normal(3, 1, n),
        elasticity=-np.abs(rng.normal(2.2, 0.6, n)) - 0.1,
        covariance=covariance,
        residual_variance=np.full(n, 0.1),
    )
    return catalogue, demand, CompetitorPrices(lowest, (lowest != UNKNOWN).astype(np.int64))


def _somewhere(rng: np.random.Generator, price: IntArray, low: float, high: float) -> IntArray:
    """(n,) amounts around the price in half of the rows, unknown in the others."""
    amount = (price * rng.uniform(low, high, len(price))).astype(np.int64)
    return np.where(rng.random(len(price)) < 0.5, amount, UNKNOWN)
