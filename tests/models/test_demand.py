"""A demand curve answers for prices of both shapes, with honest derivatives and intervals."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import (
    ConstantElasticityDemand,
    DemandContext,
    DemandModel,
    FittedCurves,
    Provenance,
)
from models.errors import InvalidDemand


def random_curves(seed: int, n: int = 4) -> ConstantElasticityDemand:
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 0.2, (n, 2, 2))
    return ConstantElasticityDemand(
        reference_price=rng.uniform(1, 100, n),
        log_base=rng.normal(3, 1, n),
        elasticity=rng.uniform(-4, -0.5, n),
        covariance=root @ root.transpose(0, 2, 1),
        residual_variance=rng.uniform(0, 0.3, n),
    )


def test_a_curve_is_a_demand_model() -> None:
    model: DemandModel = random_curves(0)
    assert model.units(np.ones(4)).shape == (4,)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 2.0))
def test_the_gradient_is_the_finite_difference(seed: int, ratio: float) -> None:
    demand = random_curves(seed)
    price = demand.reference_price * ratio
    context = DemandContext(np.linspace(-0.5, 0.5, len(demand)))
    step = price * 1e-6
    difference = demand.units(price + step, context) - demand.units(price - step, context)
    assert demand.gradient(price, context) == pytest.approx(difference / (2 * step), rel=1e-6)


def test_a_grid_of_prices_gives_what_its_columns_give() -> None:
    demand = random_curves(1)
    grid = demand.reference_price[:, None] * np.array([0.9, 1.0, 1.1])
    for method in (
        demand.units,
        demand.gradient,
        lambda p: demand.interval(p)[0],
        lambda p: demand.price_elasticity(p)[1],
    ):
        whole = method(grid)
        for column in range(3):
            assert whole[:, column] == pytest.approx(method(grid[:, column]))


def test_draws_have_the_moments_of_the_covariance() -> None:
    demand = random_curves(2)
    price = demand.reference_price * 1.3
    drawn = np.log(demand.sample(price, np.random.default_rng(0), 40_000))
    ratio = np.log(1.3)
    variance = (
        demand.covariance[:, 0, 0]
        + 2 * ratio * demand.covariance[:, 0, 1]
        + ratio**2 * demand.covariance[:, 1, 1]
    )
    assert drawn.mean(axis=0) == pytest.approx(np.log(demand.units(price)), abs=0.01)
    assert drawn.var(axis=0) == pytest.approx(variance, rel=0.05)
    low, high = demand.interval(price, 0.95)
    inside = ((drawn >= np.log(low)) & (drawn <= np.log(high))).mean(axis=0)
    assert inside == pytest.approx(np.full(4, 0.95), abs=0.01)


def test_one_draw_uses_the_same_parameters_at_all_prices_of_a_row() -> None:
    demand = random_curves(3)
    same = np.repeat(demand.reference_price[:, None], 2, axis=1)
    drawn = demand.sample(same, np.random.default_rng(0), 100)
    assert (drawn[..., 0] == drawn[..., 1]).all()


def test_a_row_without_a_curve_answers_nan_everywhere() -> None:
    demand = random_curves(4).take(np.array([2, -1]))
    assert demand.known.tolist() == [True, False]
    for answer in (
        demand.units(np.ones(2)),
        demand.gradient(np.ones(2)),
        *demand.interval(np.ones(2)),
    ):
        assert np.isnan(answer).tolist() == [False, True]
    assert len(ConstantElasticityDemand.unknown(0).take(np.array([-1]))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_base": np.zeros(3)}, "log_base has shape"),
        ({"covariance": np.zeros((4, 2))}, "covariance has shape"),
        ({"elasticity": np.full(4, np.nan)}, "elasticity must be finite"),
        ({"reference_price": np.zeros(4)}, "above zero"),
        ({"residual_variance": -np.ones(4)}, "variances"),
    ],
)
def test_arrays_that_are_no_curves_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidDemand, match=message):
        replace(random_curves(5), **change)  # type: ignore[arg-type]


def fitted() -> FittedCurves:
    demand = random_curves(6)
    return FittedCurves(
        sku=np.array(["A", "A", "B", "C"]),
        market=np.array(["x", "y", "x", "x"]),
        demand=demand,
        own_elasticity=demand.elasticity,
        own_std_error=np.full(4, 0.3),
        n_obs=np.full(4, 104),
        method=np.array(["ols"] * 4),
        status=np.array(["ok"] * 4),
        provenance=Provenance(date(2024, 1, 1), date(2025, 12, 28), 416, 7, "test"),
    )


def test_curves_align_to_the_pairs_that_are_asked_for() -> None:
    curves = fitted()
    aligned = curves.align(np.array(["C", "B", "A"]), np.array(["x", "y", "y"]))
    assert aligned.known.tolist() == [True, False, True]
    assert aligned.elasticity[[0, 2]].tolist() == curves.demand.elasticity[[3, 1]].tolist()
    part = curves.select(np.array([2]))
    assert (part.sku.tolist(), len(part)) == (["B"], 1)


def test_the_table_has_an_interval_around_the_estimate() -> None:
    table = fitted().to_frame()
    assert {
        "sku",
        "market",
        "elasticity",
        "std_error",
        "ci_low",
        "ci_high",
        "n_obs",
        "method",
    } <= set(table.columns)
    half = table["ci_high"] - table["elasticity"]
    assert half.to_numpy() == pytest.approx(1.959964 * table["std_error"].to_numpy(), rel=1e-6)


def test_a_pair_with_two_curves_is_refused() -> None:
    with pytest.raises(InvalidDemand, match="more than one curve"):
        replace(fitted(), market=np.array(["x", "x", "x", "x"]))
