"""Did it work? What a promotion changed, after the fact: an interval and placebos, always.

Treated units (stores, products) are held against units that had no promotion, before and during:

- difference in differences, where there are several of both (collapsed to one change a unit, so
  that weeks that resemble each other are not counted as if they were independent: Bertrand, Duflo
  and Mullainathan 2004);
- synthetic control, where one or few treated units have no single twin (Abadie et al. 2010);
- a structural time series with the controls as regressors, where there are too few controls to
  compare (`UnobservedComponents`; Brodersen et al. 2015).

All effects are log differences, reported as shares of what would have been sold.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import optimize, stats

from models.arrays import BoolArray, FloatArray
from models.campaigns.structural import structural_effect
from models.errors import InvalidPanel, InvalidSpec, NotIdentified
from models.estimators.model_frame import require_columns

_LEAST_BEFORE: Final = 4
_LEAST_CONTROLS: Final = 5
_BY_CHANCE: Final = 0.05


class Method(StrEnum):
    """How what would have been is found."""

    AUTO = "auto"
    """Difference in differences with two treated units and five controls or more; synthetic
    control with one and five or more; else a structural time series."""
    DIFFERENCES = "difference-in-differences"
    SYNTHETIC = "synthetic-control"
    STRUCTURAL = "structural"


@dataclass(frozen=True, slots=True, eq=False)
class Uplift:
    """What a promotion changed.

    Attributes:
        method: how it was found.
        lift: share of what would have been, 0.1 is ten percent more.
        ci_low, ci_high: 95 % interval of `lift`.
        p_value: chance of as much without any effect.
        incremental: units (of the outcome) gained over all treated units and periods, with
            `incremental_low` and `incremental_high`.
        placebo_before: lift found at a pretended start in the time before, with its p-value: should
            be nothing.
        placebo_units: lifts found when each control in turn is taken for treated; empty where the
            method has none.
        path: one row a period: `actual` and `expected` of the treated units together.
        warnings: what speaks against believing it.
    """

    method: Method
    lift: float
    ci_low: float
    ci_high: float
    p_value: float
    incremental: float
    incremental_low: float
    incremental_high: float
    placebo_before: tuple[float, float]
    placebo_units: FloatArray
    path: pd.DataFrame
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Effect:
    """Log effect with its spread; `spare` degrees of freedom; log of what would have been."""

    value: float
    std: float
    spare: float
    p_value: float
    expected: FloatArray
    placebos: FloatArray


def measure_uplift(
    frame: pd.DataFrame,
    *,
    unit: str,
    period: str,
    outcome: str,
    treated: Collection[object],
    start: Any,  # noqa: ANN401 - whatever the period column holds
    end: Any = None,  # noqa: ANN401
    method: Method | str = Method.AUTO,
    rng: np.random.Generator,
) -> Uplift:
    """Measure what a promotion changed in the treated units from start to end.

    Args:
        frame: one row a unit and period; every unit needs every period.
        unit: column of stores, products or regions.
        period: column of dates or period numbers.
        outcome: column of units sold, sales, orders, ...; not negative.
        treated: units that had the promotion.
        start: first period of the promotion.
        end: last period; the last of all where None. Later periods are left out: the dip after a
            promotion is no baseline.
        method: see `Method`.
        rng: draws paths of the structural method.

    Raises:
        InvalidPanel: a column is missing, a (unit, period) is missing or there twice, or outcomes
            are negative.
        InvalidSpec: treated units that are not in the frame, or an unknown method.
        NotIdentified: too few periods before the start, or no controls for the method asked for.

    Example: see docs/price-sensitivity.md.
    """
    chosen = _method(method)
    wide = _wide(frame, unit, period, outcome)
    unknown = [name for name in treated if name not in wide.columns]
    if unknown or not treated:
        raise InvalidSpec(f"treated units {unknown or '(none)'} are not in {unit!r}")
    if end is not None:
        wide = wide[wide.index <= end]
    before = np.asarray(wide.index < start)
    if before.sum() < _LEAST_BEFORE or before.all():
        raise NotIdentified(
            f"{int(before.sum())} periods before and {int((~before).sum())} from the start on; "
            f"{_LEAST_BEFORE} and 1 are the least"
        )
    logged = (wide + 0.5).map(np.log)
    mine = [name for name in wide.columns if name in set(treated)]
    y = logged[mine].to_numpy(np.float64)
    controls = logged.drop(columns=mine).to_numpy(np.float64)
    chosen = _chosen(chosen, y.shape[1], controls.shape[1])
    effect = _effect(chosen, y, controls, before, rng)
    middle = before.sum() * 2 // 3
    pretended = np.arange(int(before.sum())) < middle
    earlier = _effect(chosen, y[before], controls[before], pretended, rng)
    return _reported(chosen, wide, mine, before, effect, earlier)


def _method(method: Method | str) -> Method:
    try:
        return Method(method)
    except ValueError:
        known = ", ".join(repr(item.value) for item in Method)
        raise InvalidSpec(f"method {method!r} must be one of {known}") from None


def _wide(frame: pd.DataFrame, unit: str, period: str, outcome: str) -> pd.DataFrame:
    """Periods by units, complete."""
    require_columns(frame, [unit, period, outcome])
    if (twice := int(frame.duplicated([unit, period]).sum())) > 0:
        raise InvalidPanel(f"{twice} rows repeat a ({unit}, {period}); sum them first")
    wide = frame.pivot_table(index=period, columns=unit, values=outcome, observed=True).sort_index()
    holes = wide.isna().sum()
    if holes.any():
        name = holes.idxmax()
        raise InvalidPanel(
            f"{unit} {name!r} lacks {int(holes.max())} of {len(wide)} periods; leave it out, or "
            "fill periods without sales with 0"
        )
    if (wide < 0).any(axis=None):
        raise InvalidPanel(f"{outcome!r} is negative in places; take returns out first")
    return wide


def _chosen(method: Method, treated: int, controls: int) -> Method:
    if method is Method.AUTO:
        if controls < _LEAST_CONTROLS:
            return Method.STRUCTURAL
        return Method.DIFFERENCES if treated > 1 else Method.SYNTHETIC
    if method in (Method.DIFFERENCES, Method.SYNTHETIC) and controls < 2:
        raise NotIdentified(
            f"{method.value} needs two controls or more, there are {controls}; use 'structural'"
        )
    return method


def _effect(
    method: Method,
    y: FloatArray,
    controls: FloatArray,
    before: BoolArray,
    rng: np.random.Generator,
) -> _Effect:
    if method is Method.DIFFERENCES:
        return _differences(y, controls, before)
    if method is Method.SYNTHETIC:
        return _synthetic(y.mean(axis=1), controls, before)
    value, std, expected = structural_effect(y.mean(axis=1), controls, before, rng)
    p = float(2.0 * stats.norm.sf(abs(value) / std))
    return _Effect(value, std, np.inf, p, expected, np.zeros(0))


def _differences(y: FloatArray, controls: FloatArray, before: BoolArray) -> _Effect:
    """Difference in differences of one change a unit."""
    change = y[~before].mean(axis=0) - y[before].mean(axis=0)
    usual = controls[~before].mean(axis=0) - controls[before].mean(axis=0)
    value = float(change.mean() - usual.mean())
    m, c = len(change), len(usual)
    own = float(usual.var(ddof=1))
    if m > 1:
        # Welch: treated and control units may scatter differently.
        parts = np.array([change.var(ddof=1) / m, own / c])
        std = float(np.sqrt(parts.sum()))
        spare = float(parts.sum() ** 2 / (parts**2 / np.array([m - 1, c - 1])).sum())
    else:
        std, spare = float(np.sqrt(own * (1 + 1 / c))), float(c - 1)
    placebos = (usual - usual.mean()) * c / (c - 1)
    expected = y[before].mean() + controls.mean(axis=1) - controls[before].mean()
    p = float(2.0 * stats.t.sf(abs(value) / std, spare))
    return _Effect(value, std, spare, p, expected, placebos)


def _synthetic(y: FloatArray, controls: FloatArray, before: BoolArray) -> _Effect:
    """Synthetic control; its spread is that of the same exercise on every control."""
    value, expected, _ = _gap(y, controls, before)
    placebos, ratios = [], []
    for j in range(controls.shape[1]):
        others = np.delete(controls, j, axis=1)
        effect, _, ratio = _gap(controls[:, j], others, before)
        placebos.append(effect)
        ratios.append(ratio)
    spread = np.array(placebos)
    c = len(spread)
    std = float(np.sqrt((spread**2).sum() / c * (1 + 1 / c)))
    # The rank among placebos, by how much worse the fit becomes (Abadie et al. 2010).
    own = _gap(y, controls, before)[2]
    p = float((1 + (np.array(ratios) >= own).sum()) / (c + 1))
    return _Effect(value, max(std, 1e-12), float(c - 1), p, expected, spread)


def _gap(y: FloatArray, controls: FloatArray, before: BoolArray) -> tuple[float, FloatArray, float]:
    """Mean gap after less before, the synthetic path, and how many times worse it fits after.

    Weights are not negative and add up to one; levels are taken out first (Doudchenko and Imbens
    2016), so that a large shop may be built of small ones.
    """
    level, levels = y[before].mean(), controls[before].mean(axis=0)
    target, donors = y[before] - level, controls[before] - levels
    k = donors.shape[1]
    scale = max(float(np.abs(donors).max()), float(np.abs(target).max()), 1e-9)
    # The sum-to-one constraint as one heavy row of a non-negative least squares.
    heavy = 1e3 * scale * np.sqrt(len(target))
    weights, _ = optimize.nnls(
        np.vstack([donors, np.full(k, heavy)]), np.append(target, heavy), maxiter=50 * k
    )
    path = level + (controls - levels) @ weights
    gap = y - path
    fit_before = float(np.sqrt((gap[before] ** 2).mean()))
    fit_after = float(np.sqrt((gap[~before] ** 2).mean()))
    return float(gap[~before].mean() - gap[before].mean()), path, fit_after / max(fit_before, 1e-9)


def _reported(
    method: Method,
    wide: pd.DataFrame,
    mine: list[Any],
    before: BoolArray,
    effect: _Effect,
    earlier: _Effect,
) -> Uplift:
    half = float(stats.t.ppf(0.975, effect.spare)) * effect.std
    actual = wide[mine].sum(axis=1).to_numpy(np.float64)
    during = float(actual[~before].sum())
    ends = [effect.value, effect.value - half, effect.value + half]
    gained, gained_low, gained_high = (during * -np.expm1(-value) for value in ends)
    # The log path is that of the mean unit: put it at the level of the sum of them.
    level = np.log(actual[before] + 0.5).mean() - effect.expected[before].mean()
    path = pd.DataFrame(
        {"actual": actual, "expected": np.exp(effect.expected + level)}, index=wide.index
    )
    warnings = []
    if earlier.p_value < _BY_CHANCE:
        warnings.append(
            f"the same method finds {np.expm1(earlier.value):+.1%} (p {earlier.p_value:.3f}) at a "
            "pretended start before the promotion: treated and control units were drifting apart "
            "already"
        )
    if effect.p_value >= _BY_CHANCE:
        warnings.append("the effect is not told apart from chance")
    least = 1.0 / (len(effect.placebos) + 1)
    if method is Method.SYNTHETIC and least > _BY_CHANCE:
        warnings.append(
            f"with {len(effect.placebos)} controls the placebo p-value can not fall below "
            f"{least:.2f}"
        )
    return Uplift(
        method=method,
        lift=float(np.expm1(effect.value)),
        ci_low=float(np.expm1(effect.value - half)),
        ci_high=float(np.expm1(effect.value + half)),
        p_value=effect.p_value,
        incremental=float(gained),
        incremental_low=float(gained_low),
        incremental_high=float(gained_high),
        placebo_before=(float(np.expm1(earlier.value)), earlier.p_value),
        placebo_units=np.expm1(effect.placebos),
        path=path,
        warnings=tuple(warnings),
    )
