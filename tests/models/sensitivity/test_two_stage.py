"""Two-stage least squares against statsmodels; tolerance as in test_partialling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.sandbox.regression.gmm import IV2SLS

from models.arrays import FloatArray
from models.sensitivity.partialling import ols, partial_out
from models.sensitivity.two_stage import two_stage, two_stage_by_statsmodels
from tests.models.sensitivity.test_partialling import demo_design, random_design


def columns_of(row: int, seed: int = 5) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Units, price, independent controls and instruments of one random series."""
    design = random_design(np.random.default_rng(seed))
    used = design.used[row]
    kept = [0, 1, 2] if row % 2 == 0 else [0, 1, 2, 4]
    return (
        design.log_units[row][used],
        design.log_price[row][used],
        design.controls[row][used][:, kept],
        design.instruments[row][used],
    )


@pytest.mark.parametrize("row", range(5))
def test_two_stage_equals_the_iv2sls_of_statsmodels(row: int) -> None:
    design = random_design(np.random.default_rng(5))
    y, price, controls, outside = columns_of(row)
    mine = two_stage(partial_out(design))
    theirs = IV2SLS(
        y, np.column_stack([controls, price]), np.column_stack([controls, outside])
    ).fit()
    assert mine.slope.elasticity[row] == pytest.approx(theirs.params[-1], rel=1e-8)
    # Its covariance is the homoskedastic one; this package's, from the same projection.
    classical = mine.slope.classical[row] @ [1.0, theirs.params[-1], theirs.params[-1] ** 2]
    assert np.sqrt(classical) == pytest.approx(theirs.bse[-1], rel=1e-8)


@pytest.mark.parametrize("row", range(5))
def test_the_first_stage_f_compares_the_first_stage_with_and_without_instruments(row: int) -> None:
    design = random_design(np.random.default_rng(5))
    _, price, controls, outside = columns_of(row)
    full = sm.OLS(price, np.column_stack([controls, outside])).fit()
    expected, _, _ = full.compare_f_test(sm.OLS(price, controls).fit())
    assert two_stage(partial_out(design)).first_stage_f[row] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("row", range(5))
def test_the_wu_hausman_t_is_that_of_the_added_first_stage_residual(row: int) -> None:
    design = random_design(np.random.default_rng(5))
    y, price, controls, outside = columns_of(row)
    rest = sm.OLS(price, np.column_stack([controls, outside])).fit().resid
    added = sm.OLS(y, np.column_stack([controls, price, rest])).fit(cov_type="HC1")
    mine = two_stage(partial_out(design)).wu_hausman_t[row]
    assert mine == pytest.approx(added.tvalues[-1], rel=1e-8)


def test_both_engines_agree_on_the_demo_market() -> None:
    design = demo_design()
    mine, theirs = two_stage(partial_out(design)), two_stage_by_statsmodels(design)
    known = np.isfinite(mine.slope.elasticity) & np.isfinite(theirs[0])
    assert known.sum() > 40
    np.testing.assert_allclose(mine.slope.elasticity[known], theirs[0][known], rtol=1e-8)
    np.testing.assert_allclose(mine.slope.std_error[known], theirs[1][known], rtol=1e-8)


def test_a_series_without_instruments_has_no_instrumented_answer() -> None:
    design = random_design(np.random.default_rng(1))
    design = replace(design, instruments=np.zeros_like(design.instruments))
    found = two_stage(partial_out(design))
    assert np.isnan(found.slope.elasticity).all()
    assert np.isnan(found.first_stage_f).all()
    assert found.instruments.tolist() == [0] * 5


def test_instruments_see_through_prices_that_follow_demand() -> None:
    rng = np.random.default_rng(8)
    series, periods = 60, 400
    hidden, cost = rng.normal(size=(2, series, periods))
    price = 0.1 * cost + 0.1 * hidden + 0.05 * rng.normal(size=(series, periods))
    units = -2.0 * price + 0.3 * hidden
    design = replace(
        random_design(rng),
        used=np.ones((series, periods), dtype=np.bool_),
        log_units=units,
        log_price=price,
        own_controls=np.ones((series, periods, 1)),
        plain=np.ones(1),
        instruments=cost[..., None],
    )
    parts = partial_out(design)
    found = two_stage(parts)
    assert ols(parts).elasticity.mean() > -1.0
    assert found.slope.elasticity.mean() == pytest.approx(-2.0, abs=0.05)
    assert (found.wu_hausman_t > 4).all()
    assert (found.wu_hausman_p < 1e-3).all()
