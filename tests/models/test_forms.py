"""Forms of demand: count regressions against statsmodels, the choice of form, curves of each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from models.errors import InvalidSpec
from models.sensitivity.batched_counts import count_regressions
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import DemandForm, FitSpec

ALL = tuple(DemandForm)


def counts(seed: int, series: int = 6, periods: int = 80) -> tuple[np.ndarray, ...]:
    """Sparse counts of known elasticity, ragged, with a control that is a copy in some series."""
    rng = np.random.default_rng(seed)
    used = np.arange(periods) < rng.integers(50, periods + 1, series)[:, None]
    columns = np.ones((series, periods, 4))
    columns[..., 1] = rng.random((series, periods)) < 0.3
    columns[..., 2] = rng.normal(size=(series, periods))
    columns[::2, :, 2] = 2.0 * columns[::2, :, 1] - 1.0
    columns[..., 3] = rng.normal(0, 0.4, (series, periods))
    mean = np.exp(0.3 + 0.5 * columns[..., 1] - 1.5 * columns[..., 3])
    units = rng.poisson(mean * rng.gamma(2.0, 0.5, mean.shape)).astype(np.float64)
    return units * used, columns, used


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_batched_count_regressions_equal_statsmodels(seed: int, over: bool) -> None:
    units, columns, used = counts(seed)
    found = count_regressions(units, columns, used, negative_binomial=over)
    for i in range(len(units)):
        x = columns[i][used[i]][:, [0, 1, 3] if i % 2 == 0 else [0, 1, 2, 3]]
        y = units[i][used[i]]
        family = sm.families.Poisson()
        if over:
            family = sm.families.NegativeBinomial(alpha=max(found.alpha[i], 1e-9))
        theirs = sm.GLM(y, x, family=family).fit(cov_type="HC1", tol=1e-12)
        assert found.slope.elasticity[i] == pytest.approx(theirs.params[-1], rel=1e-7)
        assert found.slope.std_error[i] == pytest.approx(theirs.bse[-1], rel=1e-6)


def test_series_that_never_sold_or_whose_price_never_moved_have_no_count_slope() -> None:
    units, columns, used = counts(5)
    units[0] = 0.0
    columns[1, :, 3] = 0.7
    found = count_regressions(units, columns, used)
    assert np.isnan(found.slope.elasticity[:2]).all()
    assert np.isfinite(found.slope.elasticity[2:]).all()


def sales(shape: str, series: int = 12, periods: int = 156, seed: int = 2) -> pd.DataFrame:
    """Series of one known form; the regular price is 10 and elasticity there is -2."""
    rng = np.random.default_rng(seed)
    price = 10.0 * np.exp(rng.normal(-0.2, 0.45, (series, periods)))
    move = price / 10.0 - 1.0 if shape == "semi-log" else np.log(price / 10.0)
    level = 0.2 if shape == "poisson" else 6.0
    mean = np.exp(level - 2.0 * move)
    if shape == "poisson":
        units = rng.poisson(mean)
    else:
        units = np.rint(mean * np.exp(rng.normal(0, 0.15, mean.shape)))
    return pd.DataFrame(
        {
            "sku": np.repeat([f"S{i:02d}" for i in range(series)], periods),
            "market": "m",
            "category": "tea",
            "period_start": np.tile(
                pd.date_range("2022-01-03", periods=periods, freq="7D"), series
            ),
            "units": units.ravel().astype(np.float64),
            "price": price.ravel(),
            "regular_price": 10.0,
        }
    )


@pytest.mark.parametrize(
    ("shape", "method"), [("semi-log", "semi-log"), ("log-log", "ols+"), ("poisson", "o")]
)
def test_each_series_takes_the_form_that_foretells_it(shape: str, method: str) -> None:
    panel, _ = build_panel(sales(shape))
    forms = ALL if shape == "poisson" else (DemandForm.LOG_LOG, DemandForm.SEMI_LOG)
    curves = fit_demand(panel, FitSpec(forms=forms, instruments=())).curves
    right = np.char.find(curves.method, method) >= 0
    if shape == "poisson":  # a negative binomial without excess variance is the same answer
        right = np.char.find(curves.method, "ols") < 0
    assert right.mean() >= 0.75, curves.method
    demand = curves.demand
    assert ((demand.exponent == 1.0) == (np.char.find(curves.method, "semi-log") >= 0)).all()
    ten = np.full(len(curves), 10.0)
    elasticity, error = demand.price_elasticity(ten)
    assert np.abs(elasticity + 2.0).mean() < 2.5 * error.mean()
    expected = np.exp(0.2 if shape == "poisson" else 6.0)
    assert demand.units(ten).mean() == pytest.approx(expected, rel=0.06)


def test_a_semi_log_curve_bends_as_planted() -> None:
    panel, _ = build_panel(sales("semi-log"))
    spec = FitSpec(forms=(DemandForm.SEMI_LOG,), instruments=())
    demand = fit_demand(panel, spec).curves.demand
    grid = 10.0 * np.array([[0.6, 1.0, 1.5]]).repeat(len(demand), axis=0)
    truth = np.exp(6.0 - 2.0 * (grid / 10.0 - 1.0))
    np.testing.assert_allclose(demand.units(grid), truth, rtol=0.1)
    np.testing.assert_allclose(demand.price_elasticity(grid)[0], -2.0 * grid / 10.0, rtol=0.08)


def test_sparse_counts_lose_no_elasticity_to_their_zeros() -> None:
    panel, _ = build_panel(sales("poisson", series=40))
    as_counts = fit_demand(panel, FitSpec(forms=(DemandForm.POISSON,), instruments=())).curves
    logs = FitSpec(forms=(DemandForm.LOG_LOG,), instruments=())
    as_logs = fit_demand(panel, logs).curves
    assert abs(as_counts.own_elasticity.mean() + 2.0) < 0.06
    assert as_logs.own_elasticity.mean() > -1.8  # log(units + 1/2) of one or two is too flat


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="forms"):
        FitSpec(forms=("cubic",))  # type: ignore[arg-type]
    with pytest.raises(InvalidSpec, match="forms"):
        FitSpec(forms=())
