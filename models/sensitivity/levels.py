"""The level of each curve: how much a plain period sells at the reference price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import ConstantElasticityDemand
from models.sensitivity.design import Design
from models.sensitivity.panel import Panel
from models.sensitivity.partialling import Partialled

_MOST: Final = 3.0
"""Times the best period that a plain one can hardly sell."""
_LEAST: Final = 0.1
"""Share of the usual period below which a plain one can hardly fall."""
_GREATEST: Final = 1e300
"""Stands for what no float can hold, so that every level can be stored and shown."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelBlock:
    """What the level of a block of s series needs once its elasticities are settled.

    Attributes:
        log_units, log_price: (s, t) without controls; the price term of semi-log series is the
            price as a multiple of the reference price.
        ratio: (s, t) units over the antilog of the dependent variable, 0 where not used.
        weights: (s, t) that read the plain-period level off a dependent variable.
        level_units, level_price: (s,) plain-period level of log units and of log price.
        n_obs, degrees: (s,) periods, and those beyond the parameters.
        reference: (s,) price at which the level is told; NaN without rows.
        anchor: (s,) the price term there.
        exponent: (s,) 0 log-log, 1 semi-log.
        middle: (s,) mean of the price term over the periods seen.
        best: (s,) most units of a period.
        usual: (s,) median units of a period; their mean where most periods sold nothing.
    """

    log_units: FloatArray
    log_price: FloatArray
    ratio: FloatArray
    weights: FloatArray
    level_units: FloatArray
    level_price: FloatArray
    n_obs: IntArray
    degrees: IntArray
    reference: FloatArray
    anchor: FloatArray
    exponent: FloatArray
    middle: FloatArray
    best: FloatArray
    usual: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """What n curves say a plain period sells, beside what periods did sell; arrays (n,).

    Attributes:
        level: units a plain period at the price where they lie farthest from sales: the reference
            price, or the middle of the prices paid; at most 1e300.
        best: most units that a period sold.
        usual: units of the median period; of the mean one where most periods sold nothing.
        implausible: True where `level` exceeds three times the best or falls under a tenth of the
            usual period: no sales carry such a curve.
    """

    level: FloatArray
    best: FloatArray
    usual: FloatArray
    implausible: BoolArray


def level_block(
    design: Design, parts: Partialled, reference: FloatArray, semi_log: BoolArray
) -> LevelBlock:
    """Keep of a block of series what their level needs.

    Args:
        design: of the block.
        parts: the same without controls.
        reference: (s,) reference prices.
        semi_log: (s,) series whose price term is relative to it.
    """
    n_obs = np.maximum(parts.n_obs, 1)
    weights = parts.controls.weights_of(
        design.plain if design.plain_seen is None else design.plain_seen
    )
    return LevelBlock(
        log_units=parts.log_units,
        log_price=parts.log_price,
        ratio=np.where(design.used, design.units / np.exp(design.log_units + design.offset), 0.0),
        weights=weights,
        level_units=np.vecdot(weights, design.log_units),
        level_price=np.vecdot(weights, design.log_price),
        n_obs=parts.n_obs,
        degrees=parts.degrees,
        reference=reference,
        anchor=np.where(semi_log, 1.0, np.log(reference)),
        exponent=semi_log.astype(np.float64),
        middle=design.log_price.sum(axis=1) / n_obs,
        best=design.units.max(axis=1),
        usual=_usual(design.units, design.used),
    )


def _usual(units: FloatArray, used: BoolArray) -> FloatArray:
    """(s,) median of the cells that count, the mean where that is 0; 0 where none counts."""
    count = used.sum(axis=1)
    if used.all():
        median = np.median(units, axis=1)
    else:
        order = np.sort(np.where(used, units, np.inf), axis=1)
        row, last = np.arange(len(units)), np.maximum(count, 1) - 1
        median = (order[row, last // 2] + order[row, (last + 1) // 2]) / 2.0
    median = np.where(count > 0, median, 0.0)
    return np.where(median > 0, median, units.sum(axis=1) / np.maximum(count, 1))


def levels_of(blocks: Sequence[LevelBlock], demand: ConstantElasticityDemand) -> Levels:
    """Hold the level of each curve against the sales of its series.

    Too high is judged at the reference price as well; too low only in the middle of what was paid,
    because few sales at a regular price that is seldom charged are no fault of the level.

    Args:
        blocks: of n series, in order.
        demand: their n curves.
    """
    anchor, middle, best, usual = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("anchor", "middle", "best", "usual")
    )
    with np.errstate(over="ignore", invalid="ignore"):
        there = np.exp(demand.log_base)
        paid = np.exp(demand.log_base + demand.elasticity * (middle - anchor))
        high, low = np.maximum(there, paid) > _MOST * best, paid < _LEAST * usual
    level = np.where(high, np.maximum(there, paid), np.where(low, paid, there))
    return Levels(np.minimum(level, _GREATEST), best, usual, high | low)


def curves_through(
    blocks: Sequence[LevelBlock],
    elasticity: FloatArray,
    std: FloatArray,
    *,
    curve: BoolArray,
) -> ConstantElasticityDemand:
    """Curves of these elasticities, at the level that the sales of each series ask for.

    Given the elasticity e, the level at the reference price is that of log units less e times
    that of log price. With homoskedastic errors the level at the mean price and the elasticity
    are uncorrelated, so all of their covariance comes from the distance of the reference price.

    Args:
        blocks: of n series, in order.
        elasticity: (n,) in force.
        std: (n,) their standard deviations.
        curve: (n,) False where a series gets no curve.
    """
    n_series = len(elasticity)
    reference = np.concatenate([block.reference for block in blocks])
    base, level_variance, residual_variance, distance = (
        np.full(n_series, np.nan) for _ in range(4)
    )
    first = 0
    for block in blocks:
        rows = slice(first, first + len(block.n_obs))
        first = rows.stop
        e = elasticity[rows]
        residual = block.log_units - e[:, None] * block.log_price
        degrees, n = np.maximum(block.degrees, 1), np.maximum(block.n_obs, 1)
        distance[rows] = block.anchor - block.level_price
        with np.errstate(divide="ignore"):
            # Duan (1983): the mean of the antilog, not the antilog of the mean.
            smear = np.log(np.vecdot(block.ratio, np.exp(residual)) / n)
        base[rows] = block.level_units + e * distance[rows] + smear
        residual_variance[rows] = np.vecdot(residual, residual) / degrees
        residual *= block.weights
        level_variance[rows] = np.vecdot(residual, residual) * n / degrees
    variance = std**2
    covariance = np.empty((n_series, 2, 2))
    covariance[:, 0, 0] = level_variance + distance**2 * variance
    covariance[:, 0, 1] = covariance[:, 1, 0] = distance * variance
    covariance[:, 1, 1] = variance
    return ConstantElasticityDemand(
        reference_price=np.where(curve, reference, np.nan),
        log_base=np.where(curve, base, np.nan),
        elasticity=np.where(curve, elasticity, np.nan),
        covariance=np.where(curve[:, None, None], covariance, np.nan),
        residual_variance=np.where(curve, residual_variance, np.nan),
        exponent=np.concatenate([block.exponent for block in blocks]),
    )


def reference_prices(panel: Panel) -> FloatArray:
    """(n,) the newest regular price, else the median price paid; NaN without rows."""
    reference = np.full(len(panel), np.nan)
    filled = np.flatnonzero(panel.lengths > 0)
    if not len(filled):
        return reference
    last = panel.regular_price[panel.offset[filled + 1] - 1]
    reference[filled] = last
    missing = ~np.isfinite(last)
    if not missing.any():
        return reference
    rows = np.arange(len(panel.regular_price))
    known = np.where(np.isfinite(panel.regular_price), rows, -1)
    newest = np.maximum.reduceat(known, panel.offset[filled])
    told = newest >= 0
    reference[filled[told]] = panel.regular_price[newest[told]]
    # The median costs a sort, so only series that need it pay for it.
    for series in filled[~told].tolist():
        paid = panel.price[panel.offset[series] : panel.offset[series + 1]]
        reference[series] = np.median(paid)
    return reference
