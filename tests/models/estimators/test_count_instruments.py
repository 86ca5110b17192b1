"""Counts with zeros whose prices follow demand: the control function in a Poisson regression."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

import models.estimators.count_instruments
from models.errors import InvalidPanel, InvalidSpec, NotIdentified
from models.estimators.count_instruments import fit_iv_counts


def sparse_sales(rng: np.random.Generator, rows: int = 1500) -> pd.DataFrame:
    """Counts of about one a period; the price rises with demand that nobody wrote down."""
    cost, hidden, rain = rng.normal(0, 0.3, (3, rows))
    log_price = 0.2 + cost + 0.6 * hidden + 0.2 * rain + rng.normal(0, 0.05, rows)
    units = rng.poisson(np.exp(0.4 - 2.0 * log_price + hidden + 0.5 * rain))
    return pd.DataFrame(
        {
            "units": units,
            "price": np.exp(log_price),
            "cost": cost,
            "fuel": cost + rng.normal(0, 0.2, rows),
            "rain": rain,
            "store": rng.integers(0, 8, rows),
        }
    )


FORMULA = "units ~ rain [log(price) ~ cost + fuel]"


def test_the_control_function_sees_through_prices_that_follow_demand() -> None:
    rng = np.random.default_rng(2)
    found, naive, held = [], [], []
    for _ in range(200):
        one = fit_iv_counts(sparse_sales(rng, 600), FORMULA)
        low, high = one.interval()
        found.append(one.elasticity)
        naive.append(one.naive.elasticity)
        held.append(low <= -2.0 <= high)
    assert np.mean(naive) > -1.7
    # The standard error of the mean of 200 is 0.012.
    assert abs(np.mean(found) + 2.0) < 0.04
    assert 0.91 <= np.mean(held) <= 0.985


def test_errors_count_both_stages_as_the_bootstrap_does() -> None:
    rng = np.random.default_rng(4)
    # A weak first stage and a strong hidden cause: where the correction matters most.
    frame = sparse_sales(rng, 1500)
    frame["price"] = frame["price"] * np.exp(-0.8 * frame["cost"])
    one = fit_iv_counts(frame, FORMULA)
    again = []
    for _ in range(200):
        drawn = frame.iloc[rng.integers(0, len(frame), len(frame))]
        again.append(fit_iv_counts(drawn, FORMULA).elasticity)
    # A standard deviation from 200 draws is known to 5 %.
    assert one.std_error == pytest.approx(np.std(again), rel=0.15)


def test_columns_formula_effects_and_clusters() -> None:
    frame = sparse_sales(np.random.default_rng(5)).assign(log_price=lambda f: np.log(f["price"]))
    by_columns = fit_iv_counts(
        frame,
        dependent="units",
        endogenous="log_price",
        exogenous=["rain"],
        instruments=["cost", "fuel"],
    )
    by_formula = fit_iv_counts(frame, FORMULA)
    assert by_columns.elasticity == pytest.approx(by_formula.elasticity, rel=1e-9)
    stores = fit_iv_counts(frame, FORMULA + " | store", cluster="store")
    dummies = fit_iv_counts(frame, "units ~ rain + C(store) [log(price) ~ cost + fuel]")
    assert stores.elasticity == pytest.approx(dummies.elasticity, rel=1e-6)
    assert stores.std_error != dummies.std_error
    assert by_formula.first_stages[0].f > 100
    assert by_formula.endogeneity.p_value < 0.01
    assert by_formula.used == "control-function poisson"


def test_where_nothing_is_endogenous_and_instruments_are_weak_the_naive_answer_is_used() -> None:
    rng = np.random.default_rng(0)
    price, cost = np.exp(rng.normal(0, 0.3, (2, 400)))
    frame = pd.DataFrame({"units": rng.poisson(3 * price**-2.0), "price": price, "cost": cost})
    found = fit_iv_counts(frame, "units ~ 1 [log(price) ~ cost]")
    assert found.used == "poisson"
    assert any("weak" in text for text in found.why)


@pytest.mark.parametrize(
    ("change", "formula", "options", "error", "message"),
    [
        ({}, "units ~ rain", {}, InvalidSpec, "needs the endogenous price"),
        ({}, FORMULA, {"errors": "classical"}, InvalidSpec, "hc1, hac or cluster"),
        ({"units": -1.0}, FORMULA, {}, InvalidSpec, "must not be negative"),
        ({"units": 0.0}, FORMULA, {}, NotIdentified, "nothing was sold"),
        ({"cost": 1.0, "fuel": 2.0}, FORMULA, {}, NotIdentified, "only 0 instrument"),
        ({"price": np.nan}, FORMULA, {}, InvalidPanel, "no row is left"),
    ],
)
def test_what_can_not_be_answered_is_refused(
    change: dict[str, float], formula: str, options: dict[str, str], error: type, message: str
) -> None:
    frame = sparse_sales(np.random.default_rng(1), 100).assign(**change)
    with pytest.raises(error, match=message):
        fit_iv_counts(frame, formula, **options)  # type: ignore[arg-type]


def test_the_worked_example_holds() -> None:
    namespace = {"np": np, "pd": pd, "fit_iv_counts": fit_iv_counts}
    assert doctest.testmod(models.estimators.count_instruments, extraglobs=namespace).failed == 0
