"""Is a fit still right? Errors, coverage and elasticity against what happened since.

And whether a new fit may take the place of the one in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import ConstantElasticityDemand, FittedCurves
from models.sensitivity.panel import Panel

_STALE_DAYS: Final = 92
_LEAST_ROWS: Final = 20
_DRIFT: Final = 0.15
"""Median log error over all series that is worth an alert: 15 % too high or too low."""
_LOW_COVERAGE: Final = 0.85
_CLEAR: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """A fit against what happened after it.

    Attributes:
        series: one row a series: `sku`, `market`, `rows` since, `bias` (mean log error, above zero
            where more was sold than expected), `error` (mean absolute), `inside` (share of periods
            within the 95 % interval), `elasticity_shift` (in standard errors, against a newer fit;
            NaN without one).
        rows: periods compared.
        bias, error, coverage: over all series.
        age_days: from the end of the fit's window to the newest sale.
        alerts: sentences; none where all is well.
    """

    series: pd.DataFrame
    rows: int
    bias: float
    error: float
    coverage: float
    age_days: int
    alerts: tuple[str, ...]

    @property
    def stale(self) -> bool:
        """True where there is an alert."""
        return bool(self.alerts)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Whether a new fit may take the place of the one in use.

    Attributes:
        accepted: it may.
        rows: held-out periods on which both were judged.
        new_error, old_error: mean absolute log error of each on them; NaN where not judged.
        why: the sentence to show.
    """

    accepted: bool
    rows: int
    new_error: float
    old_error: float
    why: str


def health(curves: FittedCurves, panel: Panel, newer: FittedCurves | None = None) -> Health:
    """Compare a fit with the weeks after its window.

    Only plain weeks count: no deal, feature or display was on, because a curve tells of those.

    Args:
        curves: the fit in use.
        panel: sales, of any time; what lies after the fit's window is used.
        newer: a fit on newer data, for the drift of elasticities.
    """
    since = np.datetime64(curves.provenance.window_end, "D")
    rows = _plain_rows(panel) & (panel.period_start > since)
    error, series, std = _errors(curves, panel, rows)
    inside = np.abs(error) <= special.ndtri(0.975) * std
    n = len(curves)
    count = np.bincount(series, minlength=n)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = pd.DataFrame(
            {
                "sku": curves.sku,
                "market": curves.market,
                "rows": count,
                "bias": np.bincount(series, error, n) / count,
                "error": np.bincount(series, np.abs(error), n) / count,
                "inside": np.bincount(series, inside, n) / count,
                "elasticity_shift": _shift(curves, newer),
            }
        )
    newest = panel.period_start.max() if len(panel.period_start) else since
    age = int((newest - since).astype(np.int64)) + panel.period_days - 1
    bias = float(np.median(error)) if len(error) else np.nan
    coverage = float(inside.mean()) if len(error) else np.nan
    return Health(
        series=table,
        rows=len(error),
        bias=bias,
        error=float(np.abs(error).mean()) if len(error) else np.nan,
        coverage=coverage,
        age_days=max(age, 0),
        alerts=_alerts(len(error), bias, coverage, age, table["elasticity_shift"].to_numpy()),
    )


def accept(new: FittedCurves, old: FittedCurves | None, panel: Panel) -> Acceptance:
    """Judge two fits on weeks that neither has seen.

    Args:
        new: fitted without the last weeks of the panel.
        old: the fit in use; None where there is none.
        panel: with those weeks.
    """
    if old is None:
        return Acceptance(True, 0, np.nan, np.nan, "the first fit")  # noqa: FBT003
    since = max(
        np.datetime64(new.provenance.window_end, "D"), np.datetime64(old.provenance.window_end, "D")
    )
    rows = _plain_rows(panel) & (panel.period_start > since)
    mine, series, _ = _errors(new, panel, rows)
    theirs, their_series, _ = _errors(old, panel, rows)
    if min(len(mine), len(theirs)) < _LEAST_ROWS:
        why = (
            f"the fit in use has seen all but {len(theirs)} plain weeks of the data, too few to "
            "judge by; the new one rests on at least as much and takes its place"
        )
        return Acceptance(True, len(theirs), np.nan, np.nan, why)  # noqa: FBT003
    both = _series_of_both(new, old, series, their_series)
    new_error = float(np.abs(mine[both[0]]).mean())
    old_error = float(np.abs(theirs[both[1]]).mean())
    better = new_error < old_error
    why = (
        f"on {int(both[0].sum())} held-out weeks the new fit errs by {new_error:.3f} (log units), "
        f"the one in use by {old_error:.3f}: "
        f"the {'new one takes its place' if better else 'one in use stays'}"
    )
    return Acceptance(better, int(both[0].sum()), new_error, old_error, why)


def _series_of_both(
    new: FittedCurves, old: FittedCurves, mine: IntArray, theirs: IntArray
) -> tuple[BoolArray, BoolArray]:
    """Rows of either that belong to series which both know."""
    in_old = old.rows_of(new.sku, new.market)
    known_old = np.isin(in_old[mine], np.unique(theirs)) & (in_old[mine] >= 0)
    in_new = new.rows_of(old.sku, old.market)
    known_new = np.isin(in_new[theirs], np.unique(mine)) & (in_new[theirs] >= 0)
    return known_old, known_new


def _plain_rows(panel: Panel) -> BoolArray:
    plain: BoolArray = (panel.deal == 0) & (panel.feature == 0) & (panel.display == 0)
    return plain


def _errors(
    curves: FittedCurves, panel: Panel, rows: BoolArray
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Log errors of rows, the curve of each, and the standard deviation that the fit claims."""
    of_panel = curves.rows_of(panel.sku, panel.market)
    series = np.repeat(of_panel, panel.lengths)
    rows = rows & (series >= 0)
    rows[rows] &= curves.demand.known[series[rows]]
    row = series[rows]
    demand: ConstantElasticityDemand = curves.demand.take(row)
    price = panel.price[rows]
    expected = demand.units(price)
    # The curve is a mean; the middle of a log-normal lies below it. Counts scatter besides.
    middle = np.log(expected + 0.5) - demand.residual_variance / 2.0
    std = np.sqrt(demand.log_variance(price) + demand.residual_variance + 1e-12)
    return np.log(panel.units[rows] + 0.5) - middle, row, std


def _shift(curves: FittedCurves, newer: FittedCurves | None) -> FloatArray:
    """(n,) change of elasticity in standard errors of the difference."""
    if newer is None:
        return np.full(len(curves), np.nan)
    later = newer.align(curves.sku, curves.market)
    variance = later.covariance[:, 1, 1] + curves.demand.covariance[:, 1, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shift: FloatArray = (later.elasticity - curves.demand.elasticity) / np.sqrt(variance)
    return shift


def _alerts(
    rows: int, bias: float, coverage: float, age: int, shift: FloatArray
) -> tuple[str, ...]:
    found = []
    if age > _STALE_DAYS:
        found.append(f"the newest sales are {age} days past the fit's window: fit again")
    if rows >= _LEAST_ROWS and abs(bias) > _DRIFT:
        way = "more" if bias > 0 else "less"
        found.append(
            f"customers buy {abs(np.expm1(bias)):.0%} {way} than the curves say: levels have "
            "drifted; fit again"
        )
    if rows >= _LEAST_ROWS and coverage < _LOW_COVERAGE:
        found.append(
            f"95 % intervals held {coverage:.0%} of what happened: do not trust them until the "
            "next fit"
        )
    known = np.isfinite(shift)
    if known.any() and (share := float((np.abs(shift[known]) > _CLEAR).mean())) > 0.05:
        found.append(f"{share:.0%} of elasticities moved by more than three standard errors")
    return tuple(found)
