"""Many regressions at once against statsmodels, one at a time; 1e-8 relative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS, WLS

from models.arrays import BoolArray, FloatArray, IntArray
from models.estimators.batched import least_squares
from models.estimators.sandwich import Errors


def random_panel(
    seed: int, series: int = 6, periods: int = 40, k: int = 5
) -> tuple[FloatArray, FloatArray, BoolArray, IntArray, FloatArray]:
    """Ragged series of different scales with errors that differ in size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(series, periods, k)) * 10.0 ** rng.integers(-3, 4, size=k)
    x[..., 0] = 1.0
    y = x @ rng.normal(size=k) + rng.normal(size=(series, periods)) * (1 + np.abs(x[..., 1]))
    used = np.arange(periods) < rng.integers(k + 5, periods + 1, series)[:, None]
    return x, y, used, rng.integers(0, 8, (series, periods)), rng.uniform(0.5, 2, (series, periods))


def assert_equal_coefficients(mine: FloatArray, theirs: Any) -> None:  # noqa: ANN401
    """To eight digits of the coefficient, or of its standard error where that is larger.

    A coefficient that happens to lie near nothing has fewer digits of its own: both solvers lose
    them to the larger ones beside it.
    """
    digits = 1e-8 * np.maximum(np.abs(theirs.params), theirs.bse)
    np.testing.assert_array_less(np.abs(mine - theirs.params), digits)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_coefficients_and_all_errors_equal_statsmodels(seed: int) -> None:
    x, y, used, cluster, _ = random_panel(seed)
    kinds: dict[Errors, Callable[[int], dict[str, Any]]] = {
        Errors.CLASSICAL: lambda row: {},
        Errors.HC1: lambda row: {"cov_type": "HC1"},
        Errors.CLUSTER: lambda row: {
            "cov_type": "cluster",
            "cov_kwds": {"groups": cluster[row][used[row]]},
        },
    }
    for kind, keywords in kinds.items():
        mine = least_squares(
            y, x, used=used, errors=kind, cluster=cluster if kind is Errors.CLUSTER else None
        )
        for row in range(len(y)):
            theirs = OLS(y[row][used[row]], x[row][used[row]]).fit(**keywords(row))
            assert_equal_coefficients(mine.coefficients[row], theirs)
            np.testing.assert_allclose(mine.std_errors[row], theirs.bse, rtol=1e-8)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_weighted_least_squares_equals_statsmodels(seed: int) -> None:
    x, y, used, _, weights = random_panel(seed)
    mine = least_squares(y, x, used=used, weights=weights)
    for row in range(len(y)):
        there = used[row]
        theirs = WLS(y[row][there], x[row][there], weights=weights[row][there]).fit(cov_type="HC1")
        assert_equal_coefficients(mine.coefficients[row], theirs)
        np.testing.assert_allclose(mine.std_errors[row], theirs.bse, rtol=1e-8)
        np.testing.assert_allclose(mine.residuals[row][there], theirs.resid, rtol=1e-6, atol=1e-9)


def test_nearly_dependent_columns_keep_their_digits() -> None:
    x, y, _, _, _ = random_panel(4)
    x[..., 2] = x[..., 1] + 1e-4 * x[..., 2]
    mine = least_squares(y, x)
    for row in range(len(y)):
        theirs = OLS(y[row], x[row]).fit(cov_type="HC1")
        np.testing.assert_allclose(mine.coefficients[row], theirs.params, rtol=1e-8)
        np.testing.assert_allclose(mine.std_errors[row], theirs.bse, rtol=1e-7)


def test_a_series_of_dependent_columns_has_no_answer_and_spoils_no_other() -> None:
    x, y, used, _, _ = random_panel(1)
    alone = least_squares(y, x, used=used)
    x[2, :, 3] = x[2, :, 1] - 2.0 * x[2, :, 4]
    together = least_squares(y, x, used=used)
    assert together.identified.tolist() == [True, True, False, True, True, True]
    assert np.isnan(together.coefficients[2]).all()
    others = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(together.coefficients[others], alone.coefficients[others])


def test_one_cluster_or_no_spare_rows_is_not_identified() -> None:
    x, y, _, cluster, _ = random_panel(2)
    one = least_squares(y, x, errors=Errors.CLUSTER, cluster=np.zeros_like(cluster))
    assert not one.identified.any()
    short = least_squares(y, x, used=np.arange(40) < np.full((6, 1), 5))
    assert not short.identified.any()


def test_clustered_errors_need_clusters() -> None:
    x, y, *_ = random_panel(2)
    with pytest.raises(TypeError, match="cluster"):
        least_squares(y, x, errors=Errors.CLUSTER)
