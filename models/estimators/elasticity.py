"""Own-price elasticities from a plain frame: one regression, or one for every series.

    >>> frame = pd.DataFrame({"units": [64.0, 16, 4, 1] * 5, "price": [1.0, 2, 4, 8] * 5})
    >>> round(fit(frame).elasticity, 9)
    -2.0

Series whose regressions are least squares are solved together as arrays
(`models.estimators.batched`), the others one by one with statsmodels.
`models.sensitivity.fit.fit_demand` is the larger machine that also pools and instruments; this is
the door for an analyst with a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.arrays import BoolArray, IntArray
from models.demand import ConstantElasticityDemand
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.elasticity_level import Anchor
from models.estimators.elasticity_spec import ElasticitySpec, Family, Form, elasticity_spec
from models.estimators.model_frame import readable, refuse_text, require_columns
from models.estimators.sandwich import Coefficients, quantile
from models.estimators.series_regression import Found, estimate, sample_of
from models.sensitivity.panel import Panel

_JUMP: Final = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class ElasticityFit:
    """Own-price elasticities of s series.

    Attributes:
        table: one row a series: the `by` columns, `elasticity`, `std_error`, `ci_low`, `ci_high`,
            `p_value`, `n_obs`, `r_squared`, `method`, `status`, `suspicious_prices`. `status` is
            `ok`, `positive_elasticity` (an estimate that no price should rest on), or why there is
            none: `no_usable_rows`, `no_sales`, `too_few_periods`, `price_never_moved`,
            `price_moves_with_controls`, `not_converged`.
        coefficients: of each series that has an estimate, by its position in the table.
        dropped: rows left out of all series, by reason.
        warnings: sentences that say what to be wary of.
        spec: what was asked.
        anchors: where the curve of each series with an estimate passes.
    """

    table: pd.DataFrame
    coefficients: Mapping[int, Coefficients]
    dropped: Mapping[str, int]
    warnings: tuple[str, ...]
    spec: ElasticitySpec
    anchors: Mapping[int, Anchor]

    def demand(self) -> ConstantElasticityDemand:
        """The demand curves of all series, in the order of `table`.

        They pass through an average period (all controls at their means) at the average price; a
        series without an estimate, or with one that rises with the price, gets no curve.
        """
        n = len(self.table)
        values = np.full((n, 4), np.nan)
        covariance = np.full((n, 2, 2), np.nan)
        elasticity, error = self.table["elasticity"], self.table["std_error"]
        for i, at in self.anchors.items():
            if elasticity.iloc[i] < 0:
                slope = float(elasticity.iloc[i])
                values[i] = at.reference, at.log_base, slope, at.residual_variance
                across = at.covariance
                covariance[i] = [[at.variance, across], [across, float(error.iloc[i]) ** 2]]
        semi_log = self.spec.form is Form.SEMI_LOG and not self.spec.in_logs
        return ConstantElasticityDemand(
            reference_price=values[:, 0],
            log_base=values[:, 1],
            elasticity=values[:, 2],
            covariance=covariance,
            residual_variance=values[:, 3],
            exponent=np.full(n, float(semi_log)),
        )

    @property
    def elasticity(self) -> float:
        """The elasticity of the only series.

        Raises:
            InvalidSpec: there are several series; read `table`.
        """
        self._only()
        return float(self.table["elasticity"].iloc[0])

    @property
    def std_error(self) -> float:
        """Standard error of the only series; see `elasticity`."""
        self._only()
        return float(self.table["std_error"].iloc[0])

    def _only(self) -> None:
        if len(self.table) != 1:
            raise InvalidSpec(f"there are {len(self.table)} series; read them from `table`")


def fit(
    panel: pd.DataFrame | Panel,
    spec: ElasticitySpec | str | None = None,
    **options: Any,  # noqa: ANN401
) -> ElasticityFit:
    """Estimate own-price elasticities.

    Args:
        panel: one row a series and period, with whatever columns the spec names; or a `Panel`,
            whose columns are those of `build_panel` and whose series are told apart by default.
        spec: a record, a formula, or nothing for log(units) on log(price).
        **options: fields of `ElasticitySpec`, over those of `spec`.

    Returns:
        one row a series. A series that can not be estimated has a status that says why; it never
        stops the others.

    Raises:
        InvalidPanel: a column is missing.
        InvalidSpec: settings contradict each other, or a term can not be evaluated.

    Example:
        >>> price = [1.0, 1.25, 1.6, 2.0] * 6
        >>> frame = pd.DataFrame({"sku": "A", "price": price, "deal": [0, 0, 1] * 8})
        >>> frame["units"] = 90 * frame["price"] ** -1.5 * np.exp(0.3 * frame["deal"])
        >>> fit(frame, "log(units) ~ log(price) + deal", by="sku").table["elasticity"].round(6)
        0   -1.5
        Name: elasticity, dtype: float64
    """
    if isinstance(panel, Panel):
        panel = panel.to_frame()
        options = {"by": ("sku", "market"), "time": "period_start", **options}
    panel = readable(panel)
    asked = elasticity_spec(spec, options)
    require_columns(panel, [*asked.by, *asked.error_spec.columns])
    frame = _with_time_terms(panel, asked)
    terms = asked.terms()
    refuse_text(frame, f"{terms.dependent} {terms.endogenous}")
    keys, series = _series_of(frame, asked)
    suspicious = _suspicious_prices(frame, asked, series, len(keys))
    try:
        sample = sample_of(frame, asked, series, len(keys))
    except InvalidPanel:
        require_columns(frame, [asked.price])
        table = _table(keys, asked, {}, np.full(len(keys), "no_usable_rows"), suspicious)
        return ElasticityFit(table, {}, {"no usable row": len(frame)}, (), asked, {})
    found, status = estimate(sample, asked)
    status[_nothing_sold(frame, asked, series, len(keys))] = "no_sales"
    table = _table(keys, asked, found, status, suspicious)
    dropped = sample.frame.dropped
    warnings = _warnings(table, dropped, len(frame))
    return ElasticityFit(
        table=table,
        coefficients={i: item.coefficients for i, item in found.items()},
        dropped=dropped,
        warnings=warnings,
        spec=asked,
        anchors={i: item.anchor for i, item in found.items()},
    )


def _with_time_terms(panel: pd.DataFrame, spec: ElasticitySpec) -> pd.DataFrame:
    """The frame in order of series and time where time matters."""
    if spec.time is None:
        return panel
    require_columns(panel, [spec.time])
    return panel.sort_values([*spec.by, spec.time], kind="stable")


def _series_of(frame: pd.DataFrame, spec: ElasticitySpec) -> tuple[pd.DataFrame, IntArray]:
    """Who the series are, and the series of each row."""
    if frame.empty:
        raise InvalidPanel("the frame has no rows")
    if not spec.by:
        return pd.DataFrame(index=[0]), np.zeros(len(frame), dtype=np.int64)
    missing = frame[list(spec.by)].isna().any(axis=1)
    if missing.any():
        raise InvalidPanel(f"{', '.join(spec.by)}: missing in {int(missing.sum())} rows")
    groups = frame.groupby(list(spec.by), sort=True, observed=True)
    series = groups.ngroup().to_numpy().astype(np.int64)
    keys = frame[list(spec.by)].iloc[np.unique(series, return_index=True)[1]]
    return keys.reset_index(drop=True), series


def _table(
    keys: pd.DataFrame,
    spec: ElasticitySpec,
    found: Mapping[int, Found],
    status: NDArray[Any],
    suspicious: IntArray,
) -> pd.DataFrame:
    count = len(keys)
    columns = {
        name: np.full(count, np.nan)
        for name in ("elasticity", "std_error", "ci_low", "ci_high", "p_value")
    }
    n_obs, r2 = np.zeros(count, dtype=np.int64), np.full(count, np.nan)
    status = status.astype(object)
    for i, item in found.items():
        value = float(item.coefficients.estimates[-1]) * item.multiple
        error = float(item.coefficients.std_errors[-1]) * abs(item.multiple)
        half = quantile(0.5 + spec.level / 2.0, item.coefficients.freedom) * error
        columns["elasticity"][i], columns["std_error"][i] = value, error
        columns["ci_low"][i], columns["ci_high"][i] = value - half, value + half
        columns["p_value"][i] = item.coefficients.p_values[-1]
        n_obs[i], r2[i] = item.n_obs, item.r_squared
        status[i] = "positive_elasticity" if value >= 0 else "ok"
    weighted = "wls" if spec.weights else "ols"
    method = weighted if spec.family is Family.NORMAL else spec.family.value
    return keys.assign(
        **columns,
        n_obs=n_obs,
        r_squared=r2,
        method=f"{method} {spec.form.value}",
        status=status.astype(str),
        suspicious_prices=suspicious,
    )


def _nothing_sold(
    frame: pd.DataFrame, spec: ElasticitySpec, series: IntArray, count: int
) -> BoolArray:
    """(s,) True where every row says zero units."""
    if spec.in_logs or spec.units not in frame.columns:
        return np.zeros(count, dtype=np.bool_)
    units = pd.to_numeric(frame[spec.units], errors="coerce").to_numpy(np.float64)
    sold = np.bincount(series, weights=units != 0, minlength=count)
    return np.asarray(sold == 0, dtype=np.bool_)


def _suspicious_prices(
    frame: pd.DataFrame, spec: ElasticitySpec, series: IntArray, count: int
) -> IntArray:
    """(s,) prices far from their series' median: cents among whole units, most likely."""
    if spec.in_logs or spec.price not in frame.columns:
        return np.zeros(count, dtype=np.int64)
    price = pd.to_numeric(frame[spec.price], errors="coerce").to_numpy(np.float64)
    usable = pd.Series(np.where(np.isfinite(price) & (price > 0), price, np.nan))
    middle = usable.groupby(series).transform("median")
    ratio = (usable / middle).to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        far = np.maximum(ratio, 1.0 / ratio) > _JUMP
    return np.bincount(series[far], minlength=count).astype(np.int64)


def _warnings(table: pd.DataFrame, dropped: Mapping[str, int], rows: int) -> tuple[str, ...]:
    found = [f"{number} of {rows} rows left out: {reason}" for reason, number in dropped.items()]
    if jumps := int(table["suspicious_prices"].sum()):
        found.append(
            f"{jumps} prices lie more than {_JUMP:.0f} times above or below the median of their "
            "series: cents among whole units, or a change of pack size? They were used as they are"
        )
    if wrong := int((table["status"] == "positive_elasticity").sum()):
        found.append(
            f"{wrong} series sold more at higher prices, most likely because prices followed "
            "demand; no price should rest on them: instrument the price, or pool"
        )
    return tuple(found)
