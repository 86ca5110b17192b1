"""One series under the glass: both estimators, the first stage, residuals, the curve in force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.stattools import durbin_watson

from models.arrays import FloatArray
from models.demand import ConstantElasticityDemand, FittedCurves
from models.errors import InvalidPanel
from models.sensitivity.design import calendar_of, design_block
from models.sensitivity.evidence import evidence_of
from models.sensitivity.form_choice import COUNTS, affordable, forms_by_sales, shaped
from models.sensitivity.panel import Panel
from models.sensitivity.partialling import partial_out
from models.sensitivity.spec import FitSpec


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """The evidence behind one demand curve.

    Attributes:
        sku, market: whose it is.
        figures: name and value, in the order to read them.
        weeks: one row a period used: `period_start`, `price`, `units`, `fitted`, `residual` (log),
            `first_stage` (log price that the instruments explain, controls out), `price_left` (log
            price, controls out).
        curve: the one in force.
        notes: sentences that say what to conclude.
    """

    sku: str
    market: str
    figures: pd.DataFrame
    weeks: pd.DataFrame
    curve: ConstantElasticityDemand
    notes: tuple[str, ...]


def diagnose(panel: Panel, curves: FittedCurves, row: int, spec: FitSpec) -> Diagnosis:
    """Look at one series of a panel and its curve.

    Args:
        panel: the sales history; the calendar of the whole of it is used.
        curves: the fit in use.
        row: series of the panel.
        spec: how the fit was made.

    Raises:
        InvalidPanel: the series has no usable row, or no curve.
    """
    sku, market = str(panel.sku[row]), str(panel.market[row])
    place = int(curves.rows_of(panel.sku[row : row + 1], panel.market[row : row + 1])[0])
    if place < 0 or not curves.demand.known[place] or not panel.lengths[row]:
        why = "" if place < 0 or curves.status[place] == "ok" else f" ({curves.status[place]})"
        raise InvalidPanel(f"{sku} in {market} has no demand curve{why}; run `pricewright fit`")
    design = design_block(panel, calendar_of(panel, spec), spec, row, row + 1)
    at = np.array([place])
    design = shaped(design, curves.demand.reference_price[at], curves.demand.exponent[at] == 1.0)
    form = forms_by_sales(design) if spec.forms is None else np.zeros(1, dtype=np.int64)
    counted = spec.candidates[int(form[0])] in COUNTS
    design = affordable(design, np.array([counted]), spec)
    parts = partial_out(design)
    seen = evidence_of(design, parts, spec, form)
    used = design.used[0]
    elasticity = float(curves.demand.elasticity[place])
    residual = (parts.log_units - elasticity * parts.log_price)[0][used]
    explained = np.zeros(used.sum())
    if parts.instruments.size:
        z = parts.instruments[0][used]
        explained = z @ np.linalg.lstsq(z, parts.log_price[0][used], rcond=None)[0]
    curve = curves.select(at)
    frame = curve.to_frame().iloc[0]
    figures = {
        "elasticity in force": frame["elasticity"],
        "standard error": frame["std_error"],
        "95 % from": frame["ci_low"],
        "95 % to": frame["ci_high"],
        "alone, without instruments": seen.ols.elasticity[0],
        "its standard error (HC1)": seen.ols.std_error[0],
        "alone, with instruments": seen.iv.elasticity[0],
        "its standard error (HC1) ": seen.iv.std_error[0],
        "first-stage F": seen.first_stage_f[0],
        "Wu-Hausman t": seen.wu_hausman_t[0],
        "price variation (log, std)": seen.price_std[0],
        "left once controls are out": seen.left_std[0],
        "weeks used": float(seen.n_obs[0]),
        "residual std (log)": float(residual.std(ddof=1)),
        "Durbin-Watson": float(durbin_watson(residual)),
        "residuals normal, p": float(stats.jarque_bera(residual).pvalue),
    }
    start = int(panel.offset[row])
    rows = slice(start, start + int(panel.lengths[row]))
    log_units = design.log_units[0][used]
    weeks = pd.DataFrame(
        {
            "period_start": panel.period_start[rows].astype("datetime64[s]"),
            "price": panel.price[rows],
            "units": panel.units[rows],
        }
    )[used[: panel.lengths[row]]].reset_index(drop=True)
    weeks = weeks.assign(
        fitted=np.exp(log_units - residual),
        residual=residual,
        first_stage=explained,
        price_left=parts.log_price[0][used],
    )
    table = pd.DataFrame({"figure": list(figures), "value": list(figures.values())})
    return Diagnosis(
        sku, market, table, weeks, curve.demand, _notes(curve, seen.first_stage_f, spec, residual)
    )


def _notes(
    curve: FittedCurves, first_stage_f: FloatArray, spec: FitSpec, residual: FloatArray
) -> tuple[str, ...]:
    notes = [f"method {curve.method[0]}, status {curve.status[0]}"]
    f = float(first_stage_f[0])
    if np.isfinite(f) and f < spec.minimum_f:
        notes.append(f"the instruments are weak here (F {f:.1f}): its own answer is least squares")
    if not np.isfinite(f):
        notes.append(
            "no instrument moves this price: cost and regular price are not known, or flat"
        )
    if curve.own_elasticity[0] >= 0:
        notes.append("alone it sells more at higher prices; the group's answer is in force")
    if len(residual) > 2 and durbin_watson(residual) < 1.2:
        notes.append(
            "what one week leaves unexplained lasts into the next: errors are somewhat short"
        )
    return tuple(notes)
