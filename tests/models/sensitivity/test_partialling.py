"""The batched arithmetic against statsmodels, one series at a time.

Tolerance 1e-8 relative: both solve the same least-squares problem, statsmodels by pseudo-inverse,
this package by orthogonalisation, so they may differ by rounding times the condition number.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sensitivity.design import Design, calendar_of, design_block
from models.sensitivity.partialling import (
    fit_series,
    ols,
    ols_by_statsmodels,
    orthonormal,
    partial_out,
)
from models.sensitivity.spec import FitSpec
from tests.demo_panel import demo_panel


def demo_design(products: int = 24) -> Design:
    panel = demo_panel(seed=3, products=products)
    spec = FitSpec(country="US")
    return design_block(panel, calendar_of(panel, spec), spec, 0, len(panel))


def random_design(rng: np.random.Generator, *, series: int = 5, periods: int = 40) -> Design:
    """Ragged series with correlated controls, one of them a copy and one constant in places."""
    used = np.arange(periods) < rng.integers(20, periods + 1, series)[:, None]
    controls = rng.normal(size=(series, periods, 5)) + rng.normal(size=(series, periods, 1))
    controls[..., 0] = 1.0
    controls[..., 3] = controls[..., 1]
    controls[::2, :, 4] = 7.0
    controls *= used[..., None]
    price = used * (rng.normal(size=used.shape) + controls[..., 2])
    instruments = price[..., None] + rng.normal(size=(*used.shape, 2))
    instruments *= used[..., None]
    units = used * (3.0 - 2.0 * price + controls[..., 1] + rng.normal(size=used.shape))
    return Design(
        used=used,
        log_units=units,
        units=np.exp(units),
        log_price=price,
        own_controls=controls,
        names=("constant", "a", "b", "copy_of_a", "sometimes_constant"),
        plain=np.array([1.0, 0.0, 0.0, 0.0, 0.0]),
        instruments=instruments,
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_batched_least_squares_equals_statsmodels_on_random_panels(seed: int) -> None:
    design = random_design(np.random.default_rng(seed))
    mine = ols(partial_out(design))
    for row in range(len(design.used)):
        used = design.used[row]
        kept = [0, 1, 2] if row % 2 == 0 else [0, 1, 2, 4]
        exog = np.column_stack([design.controls[row][used][:, kept], design.log_price[row][used]])
        theirs = sm.OLS(design.log_units[row][used], exog).fit(cov_type="HC1")
        assert mine.elasticity[row] == pytest.approx(theirs.params[-1], rel=1e-8)
        assert mine.std_error[row] == pytest.approx(theirs.bse[-1], rel=1e-8)


def test_batched_least_squares_equals_statsmodels_on_the_demo_market() -> None:
    design = demo_design()
    mine, theirs = ols(partial_out(design)), ols_by_statsmodels(design)
    known = np.isfinite(theirs[0])
    assert known.sum() > 40
    np.testing.assert_allclose(mine.elasticity[known], theirs[0][known], rtol=1e-8)
    np.testing.assert_allclose(mine.std_error[known], theirs[1][known], rtol=1e-8)


def test_one_series_comes_with_the_diagnostics_of_statsmodels() -> None:
    design = demo_design()
    results = fit_series(design, 0)
    assert results.model.exog_names[-1] == "log_price"
    assert "log_price" in str(results.summary())
    assert results.cov_type == "HC1"


def test_level_weights_read_off_the_fitted_value_of_a_plain_period() -> None:
    design = demo_design()
    parts = partial_out(design)
    weights = parts.controls.weights_of(design.plain)
    row = 0
    used = design.used[row]
    alive = (design.controls[row][used] != 0).any(axis=0)
    fit = sm.OLS(design.log_units[row][used], design.controls[row][used][:, alive]).fit()
    expected = fit.params @ design.plain[alive]
    assert (weights[row] * design.log_units[row]).sum() == pytest.approx(expected, rel=1e-8)


def test_a_price_that_never_moves_has_no_elasticity() -> None:
    design = random_design(np.random.default_rng(0))
    frozen_price = np.where(design.used, np.log(2.0), 0.0)
    still = Design(
        used=design.used,
        log_units=design.log_units,
        units=design.units,
        log_price=frozen_price,
        own_controls=design.controls,
        names=design.names,
        plain=design.plain,
        instruments=design.instruments,
    )
    assert (partial_out(still).price_variation < 1e-12).all()


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_basis_is_orthonormal_and_rebuilds_the_columns(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(3, 30, 4)) * np.array([1.0, scale, 1.0, 1.0])
    columns[1, :, 2] = columns[1, :, 0] - 2 * columns[1, :, 3]
    columns[:, 20:, 1] = 0.0
    basis = orthonormal(columns)
    assert basis.rank.tolist() == [4, 3, 4]
    gram = np.matmul(basis.q.transpose(0, 2, 1), basis.q)
    kept = np.diagonal(gram, axis1=1, axis2=2).round()
    np.testing.assert_allclose(gram, kept[:, :, None] * np.eye(4), atol=1e-10)
    rebuilt = np.matmul(basis.q, basis.r)
    left_out = kept == 0
    np.testing.assert_allclose(
        np.where(left_out[:, None, :], columns, rebuilt), columns, atol=1e-9 * max(scale, 1.0)
    )


def test_controls_that_all_series_share_are_taken_out_once_with_the_same_answer() -> None:
    rng = np.random.default_rng(8)
    shared = np.column_stack([np.ones(60), rng.normal(size=(60, 4))])
    shared[:, 4] = shared[:, 1] - shared[:, 2]
    own = rng.normal(size=(12, 60, 3)) + shared[:, 1, None]
    own[3, :, 0] = 0.0
    own[4, :, 1] = 3.0 * shared[:, 2] - 1.0
    own[5, :, 2] = own[5, :, 0]
    price = rng.normal(size=(12, 60)) + own[..., 0]
    together = Design(
        used=np.ones((12, 60), dtype=np.bool_),
        log_units=rng.normal(size=(12, 60)) - 2.0 * price,
        units=np.ones((12, 60)),
        log_price=price,
        own_controls=own,
        names=tuple("abcdefgh"),
        plain=np.array([1.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        instruments=price[..., None] + rng.normal(size=(12, 60, 2)),
        common_controls=shared,
    )
    apart = replace(together, own_controls=together.controls, common_controls=np.empty((0, 0)))
    fast, slow = partial_out(together), partial_out(apart)
    assert fast.controls.rank.tolist() == slow.controls.rank.tolist()
    for name in ("log_units", "log_price", "instruments", "leverage"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-11)
    np.testing.assert_allclose(
        fast.controls.weights_of(together.plain), slow.controls.weights_of(apart.plain), atol=1e-11
    )
    np.testing.assert_allclose(ols(fast).std_error, ols(slow).std_error, rtol=1e-9)
    np.testing.assert_allclose(ols(fast).elasticity, ols_by_statsmodels(apart)[0], rtol=1e-8)
