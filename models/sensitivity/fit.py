"""The whole fit, from panel to demand curves: estimate each series, pool, set the level.

panel ─▶ design (blocks) ─▶ least squares and two-stage least squares, a series at a time
      ─▶ choice of estimator ─▶ pooling toward the category ─▶ level at the reference price
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import joblib
import numpy as np
import pandas as pd
import statsmodels

from models.arrays import FloatArray, IntArray, StrArray
from models.demand import FittedCurves, Provenance
from models.errors import InvalidPanel
from models.sensitivity.attributes import BrandEffects, ElasticityPrior, brand_effects, prior_of
from models.sensitivity.design import Calendar, calendar_of, design_block
from models.sensitivity.evidence import Evidence, Standing, evidence_of, stand
from models.sensitivity.form_choice import (
    COUNTS,
    affordable,
    choose_forms,
    forms_by_sales,
    relative_prices,
    shaped,
)
from models.sensitivity.levels import (
    LevelBlock,
    curves_through,
    level_block,
    levels_of,
    reference_prices,
)
from models.sensitivity.panel import Panel
from models.sensitivity.partialling import partial_out
from models.sensitivity.pooled_trap import pooled_trap
from models.sensitivity.report import IMPLAUSIBLE_LEVEL, FitReport, report_of
from models.sensitivity.shrinkage import Pooled, pool
from models.sensitivity.spec import DemandForm, FitSpec

_POOLING_ROUNDS: Final = 3
"""Errors depend a little on the pooled elasticities, and those on the errors."""


@dataclass(frozen=True, slots=True, eq=False)
class DemandFit:
    """Curves, and what was learnt on the way to them.

    Attributes:
        curves: the result.
        report: the fit in figures, for people and for storage.
        evidence: what each series says alone, in the order of the curves: both estimators and
            the tests between them.
        prior: what the fit says of products that have no sales yet.
    """

    curves: FittedCurves
    report: FitReport
    evidence: Evidence
    prior: ElasticityPrior


@dataclass(frozen=True, slots=True, eq=False)
class _Settled:
    """The elasticity in force of each of n series."""

    elasticity: FloatArray
    std: FloatArray
    method: StrArray
    status: StrArray


def fit_demand(
    panel: Panel, spec: FitSpec | None = None, parallel: joblib.Parallel | None = None
) -> DemandFit:
    """Fit a demand curve to every series of a panel.

    A series that can not stand alone (its price never moved, its history is too short, its
    instruments are too weak where prices follow demand, its estimate has the wrong sign) takes
    its category's elasticity; `status` says why. One that never sold gets no curve, and none is
    believed whose level its sales cannot carry (`implausible_level`).

    Args:
        panel: from `build_panel`.
        spec: what is asked; the defaults of `FitSpec` where None.
        parallel: runs blocks of `spec.series_at_once` series at the same time: threads, local
            processes or a cluster (joblib's back ends). The answer does not depend on it.

    Returns:
        curves in the panel's order, the report, and the evidence of each series.

    Raises:
        InvalidPanel: no series has any usable row.
        InvalidSpec: the country's holidays are not known.

    Example:
        >>> from models.sensitivity.panel import build_panel
        >>> price = np.tile([1.0, 1.25, 1.5, 2.0], 10)
        >>> panel, _ = build_panel(pd.DataFrame({
        ...     "sku": "A", "market": "online", "category": "tea",
        ...     "period_start": pd.date_range("2025-01-06", periods=40, freq="7D"),
        ...     "units": 100_000 * price**-2.0, "price": price,
        ... }))
        >>> fit_demand(panel, FitSpec(pooled=False)).curves.demand.elasticity.round(3).tolist()
        [-2.0]
    """
    spec = FitSpec() if spec is None else spec
    if not len(panel.period_start):
        raise InvalidPanel(
            "no usable row is left after cleaning; the cleaning report says what was dropped"
        )
    evidence, blocks = _look(panel, spec, parallel)
    names, group = np.unique(panel.category, return_inverse=True)
    standing = stand(evidence, group, len(names), spec)
    _, product = np.unique(panel.sku, return_inverse=True)
    pooled, brands = _pool(standing, product, group, len(names), panel.brand, spec)
    settled = _settle(standing, pooled, group, spec)
    demand = curves_through(blocks, settled.elasticity, settled.std, curve=evidence.sold)
    levels = levels_of(blocks, demand)
    believed = np.where(levels.implausible, -1, np.arange(len(demand)))
    curves = FittedCurves(
        sku=panel.sku,
        market=panel.market,
        demand=demand.take(believed) if levels.implausible.any() else demand,
        own_elasticity=standing.own.elasticity,
        own_std_error=standing.own.std_error,
        n_obs=evidence.n_obs,
        method=settled.method,
        status=np.where(levels.implausible, IMPLAUSIBLE_LEVEL, settled.status),
        provenance=_provenance(panel, spec),
    )
    report = report_of(curves, evidence, pooled, names, group, levels)
    report = replace(report, warnings=report.warnings + pooled_trap(panel, evidence.ols.elasticity))
    return DemandFit(curves, report, evidence, prior_of(names, pooled, brands, spec.prior))


def _look(
    panel: Panel, spec: FitSpec, parallel: joblib.Parallel | None
) -> tuple[Evidence, list[LevelBlock]]:
    """Estimate every series alone, block by block, so that memory stays bounded."""
    calendar = calendar_of(panel, spec)
    starts = range(0, len(panel), spec.series_at_once)
    ends = [min(first + spec.series_at_once, len(panel)) for first in starts]
    tasks = (
        (
            panel.part(first, last),
            calendar.of_rows(int(panel.offset[first]), int(panel.offset[last])),
            spec,
        )
        for first, last in zip(starts, ends, strict=True)
    )
    if parallel is None:
        done = [_look_at_block(*task) for task in tasks]
    else:
        done = parallel(joblib.delayed(_look_at_block)(*task) for task in tasks)
    return Evidence.joined([evidence for evidence, _ in done]), [block for _, block in done]


def _look_at_block(panel: Panel, calendar: Calendar, spec: FitSpec) -> tuple[Evidence, LevelBlock]:
    design = design_block(panel, calendar, spec, 0, len(panel))
    reference = reference_prices(panel)
    semi_log = np.zeros(len(panel), dtype=np.bool_)
    if spec.forms is None:
        form = forms_by_sales(design)
    elif spec.forms == (DemandForm.LOG_LOG,):
        form = np.zeros(len(panel), dtype=np.int64)
    else:
        form = choose_forms(design, relative_prices(design, reference), spec.forms)
        semi_log = np.array([one is DemandForm.SEMI_LOG for one in spec.forms])[form]
        design = shaped(design, reference, semi_log)
    counted = np.array([one in COUNTS for one in spec.candidates])[form]
    design = affordable(design, counted, spec)
    parts = partial_out(design)
    return (
        evidence_of(design, parts, spec, form),
        level_block(design, parts, reference, semi_log),
    )


def _pool(
    standing: Standing,
    product: IntArray,
    category: IntArray,
    categories: int,
    brand: StrArray,
    spec: FitSpec,
) -> tuple[Pooled, BrandEffects]:
    """Pool the estimates, with errors that do not depend on where each one happened to fall.

    The last round pools what brands leave: a product is drawn toward its category's mean and its
    brand's distance from it.
    """
    own = standing.own.elasticity
    error = standing.error_at(own)
    pooled = pool(own, error, product, category, categories, spec.prior)
    for _ in range(_POOLING_ROUNDS):
        error = standing.error_at(pooled.mean)
        pooled = pool(own, error, product, category, categories, spec.prior)
    brands = brand_effects(own, error, category, brand, pooled)
    if brands.spread == 0.0:
        return pooled, brands
    at = np.searchsorted(brands.names, brand)
    shift = brands.effect[at]
    left = pool(own - shift, error, product, category, categories, spec.prior)
    # The brand's own uncertainty counts as far as the product does not speak for itself.
    speaks = np.where(np.isfinite(own), np.minimum(left.std / error, 1.0) ** 2, 0.0)
    std = np.hypot(left.std, (1.0 - speaks) * brands.std[at])
    return replace(left, mean=left.mean + shift, std=std), brands


def _settle(standing: Standing, pooled: Pooled, group: IntArray, spec: FitSpec) -> _Settled:
    """The elasticity in force for each series, and how it came to be."""
    alone, own = standing.alone, standing.own.elasticity
    groups = len(pooled.group_mean)
    told = np.bincount(group, alone, groups) > 0
    elsewhere = "all_categories" if alone.any() else "prior"
    method = np.where(
        alone,
        np.char.add(standing.method, "+pooled" if spec.pooled else ""),
        np.where(told[group], "category", elsewhere),
    )
    status = np.where(alone & (own >= 0), "positive_elasticity", standing.status)
    elasticity, std = pooled.mean, pooled.std
    if not spec.pooled:
        elasticity = np.where(alone, own, elasticity)
        std = np.where(alone, standing.error_at(own), std)
    # A curve that rises with the price would send every price to its cap: never in force.
    for mean, deviation, name in (
        (pooled.group_mean, np.hypot(pooled.group_mean_std, pooled.group_spread), "category"),
        (np.full(groups, spec.prior.mean), np.full(groups, spec.prior.std), "prior"),
    ):
        rising = elasticity >= 0
        elasticity = np.where(rising, mean[group], elasticity)
        std = np.where(rising, deviation[group], std)
        method = np.where(rising, name, method)
        status = np.where(rising & (status == "ok"), "positive_elasticity", status)
    return _Settled(elasticity, std, method, status)


def _provenance(panel: Panel, spec: FitSpec) -> Provenance:
    last = panel.period_start.max() + (panel.period_days - 1)
    return Provenance(
        window_start=panel.period_start.min().astype(object),
        window_end=last.astype(object),
        rows=len(panel.period_start),
        period_days=panel.period_days,
        method=f"{' or '.join(spec.candidates)} {spec.estimator.value}"
        + (", pooled to category and brand" if spec.pooled else ""),
        software={
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "statsmodels": statsmodels.__version__,
        },
    )
