"""What if prices were different: units, revenue and profit by scenario, with intervals.

Every scenario meets the same customers: one draw of the demand parameters and of the weekly luck
is used at all prices, so a difference between scenarios carries only the uncertainty that matters
to the choice between them (common random numbers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import ConstantElasticityDemand, DemandModel
from pricing.catalogue import UNKNOWN, Catalogue
from simulations.errors import InvalidScenario
from simulations.scenarios.outlook import Estimate

MEASURES: Final = ("units", "revenue", "profit")
_CELLS_AT_ONCE: Final = 4_000_000
"""Draws x rows x scenarios held in memory at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """Totals over the rows that could be simulated, for all periods together.

    Revenue and profit are in major units of `currency`, net of tax.

    Attributes:
        scenarios: (k,) names.
        currency: ISO 4217 code.
        periods: how many periods are added up.
        rows: how many catalogue rows were simulated.
        left_out: rows that were not, by reason.
        draws: (3, draws, k) totals of each of `MEASURES` in every draw.
        base_draws: (3, draws) the same at the prices in force, from which differences are taken.
        level: of the intervals.
    """

    scenarios: tuple[str, ...]
    currency: str
    periods: int
    rows: int
    left_out: Mapping[str, int]
    draws: FloatArray
    base_draws: FloatArray
    level: float = 0.95

    def outcome(self, scenario: str, measure: str) -> Estimate:
        """`units`, `revenue` or `profit` of one scenario."""
        m, k = self._position(scenario, measure)
        return Estimate.of(self.draws[m, :, k], self.level)

    def difference(self, scenario: str, measure: str) -> Estimate:
        """The same less that at the prices in force, draw by draw."""
        m, k = self._position(scenario, measure)
        with np.errstate(over="ignore", invalid="ignore"):
            less = self.draws[m, :, k] - self.base_draws[m]
        return Estimate.of(less, self.level)

    def to_frame(self) -> pd.DataFrame:
        """One row a scenario and measure: mean, low, high, and the same of the difference.

        `change` is the mean difference as a share of the mean at the prices in force.
        """
        rows = []
        for scenario in self.scenarios:
            for m, measure in enumerate(MEASURES):
                is_, less = self.outcome(scenario, measure), self.difference(scenario, measure)
                base = float(self.base_draws[m].mean())
                rows.append(
                    {
                        "scenario": scenario,
                        "measure": measure,
                        "mean": is_.mean,
                        "low": is_.low,
                        "high": is_.high,
                        "difference": less.mean,
                        "difference_low": less.low,
                        "difference_high": less.high,
                        "change": less.mean / base if base else float("nan"),
                    }
                )
        return pd.DataFrame(rows)

    def _position(self, scenario: str, measure: str) -> tuple[int, int]:
        try:
            return MEASURES.index(measure), self.scenarios.index(scenario)
        except ValueError:
            raise InvalidScenario(
                f"no {measure!r} of scenario {scenario!r}; measures are {', '.join(MEASURES)}, "
                f"scenarios {', '.join(self.scenarios)}"
            ) from None


def what_if(
    catalogue: Catalogue,
    demand: DemandModel,
    scenarios: Mapping[str, IntArray],
    *,
    rng: np.random.Generator,
    draws: int = 1000,
    periods: int = 4,
) -> WhatIf:
    """Simulate the sales of a catalogue under several price lists.

    Two kinds of doubt are drawn: the parameters of each curve, from their covariance, and the
    luck of each row and period. Stock is taken as replenished in time.

    Args:
        catalogue: n rows of one currency.
        demand: curves aligned to the catalogue.
        scenarios: by name, (n,) prices in minor units; UNKNOWN leaves a row out of all scenarios.
        rng: source of chance; the same state gives the same answer.
        draws: how many futures are drawn.
        periods: periods of the demand model that are added up.

    Raises:
        InvalidScenario: no scenarios, prices of another length, several
            currencies, no row that can be simulated, or counts below one.
    """
    _refuse(catalogue, demand, scenarios, draws, periods)
    prices = np.column_stack([catalogue.price, *scenarios.values()]).astype(np.float64)
    usable, left_out = _usable(catalogue, demand, prices)
    rows = np.flatnonzero(usable)
    if not len(rows):
        raise InvalidScenario(
            "no row can be simulated: "
            + ", ".join(f"{count} with {reason}" for reason, count in left_out.items())
        )
    noise = np.zeros(len(catalogue))
    if isinstance(demand, ConstantElasticityDemand):
        noise = demand.residual_variance
    major = prices[rows] / catalogue.scale[rows][:, None]
    totals = _totals(
        demand.take(rows),
        major,
        net=major / (1.0 + catalogue.tax_rate[rows])[:, None],
        cost=catalogue.cost[rows] / catalogue.scale[rows],
        noise=np.sqrt(noise[rows]),
        rng=rng,
        draws=draws,
        periods=periods,
    )
    return WhatIf(
        scenarios=tuple(scenarios),
        currency=catalogue.currency(int(rows[0])),
        periods=periods,
        rows=len(rows),
        left_out=left_out,
        draws=totals[:, :, 1:],
        base_draws=totals[:, :, 0],
    )


def _totals(
    demand: DemandModel,
    price: FloatArray,
    *,
    net: FloatArray,
    cost: FloatArray,
    noise: FloatArray,
    rng: np.random.Generator,
    draws: int,
    periods: int,
) -> FloatArray:
    """(3, draws, k) units, revenue and profit, summed over rows and periods."""
    n, k = price.shape
    at_once = max(1, _CELLS_AT_ONCE // (n * k))
    parts = []
    for first in range(0, draws, at_once):
        count = min(at_once, draws - first)
        units = demand.sample(price, rng, count)
        units *= _luck(noise, rng, count, periods)[:, :, None]
        parts.append(
            np.stack(
                [
                    units.sum(axis=1),
                    np.einsum("dnk,nk->dk", units, net),
                    np.einsum("dnk,nk->dk", units, net - cost[:, None]),
                ]
            )
        )
    return np.concatenate(parts, axis=1)


def _luck(noise: FloatArray, rng: np.random.Generator, draws: int, periods: int) -> FloatArray:
    """(draws, n) sum over periods of log-normal factors whose mean is 1."""
    total = np.zeros((draws, len(noise)))
    for _ in range(periods):
        total += np.exp(noise * rng.standard_normal(total.shape) - noise**2 / 2.0)
    return total


def _usable(
    catalogue: Catalogue, demand: DemandModel, prices: FloatArray
) -> tuple[BoolArray, dict[str, int]]:
    """Which rows can be simulated, and how many can not for which (first) reason."""
    usable = np.ones(len(catalogue), dtype=np.bool_)
    left_out: dict[str, int] = {}
    for reason, missing in (
        ("no price in force", catalogue.price == UNKNOWN),
        ("no cost", catalogue.cost == UNKNOWN),
        ("no demand curve", ~demand.known),
        ("no scenario price", (prices <= 0).any(axis=1)),
    ):
        count = int((usable & missing).sum())
        if count:
            left_out[reason] = count
        usable &= ~missing
    return usable, left_out


def _refuse(
    catalogue: Catalogue,
    demand: DemandModel,
    scenarios: Mapping[str, IntArray],
    draws: int,
    periods: int,
) -> None:
    n = len(catalogue)
    if not scenarios:
        raise InvalidScenario("no scenarios; give at least one price list by name")
    if len(demand) != n:
        raise InvalidScenario(f"catalogue has {n} rows, demand {len(demand)}; align them first")
    for name, price in scenarios.items():
        if price.shape != (n,):
            raise InvalidScenario(f"scenario {name!r} has prices {price.shape}, not {(n,)}")
    if draws < 2 or periods < 1:
        raise InvalidScenario(f"draws {draws} must be at least 2, periods {periods} at least 1")
    currencies = {catalogue.markets[code].currency for code in np.unique(catalogue.market.codes)}
    if len(currencies) > 1:
        raise InvalidScenario(
            f"rows in {', '.join(sorted(currencies))} can not be added up; ask for one market"
        )
