"""Double machine learning on planted truth with many controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.errors import InvalidSpec
from models.estimators.debiased import fit_dml


def many_controls(rng: np.random.Generator, n: int = 300, k: int = 150) -> pd.DataFrame:
    x = rng.normal(size=(n, k))
    cost, hidden = rng.normal(size=(2, n))
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(k)])
    frame["p"] = 0.8 * x[:, 0] + 0.4 * x[:, 1] + 0.5 * cost + 0.5 * rng.normal(size=n)
    frame["q"] = -2.0 * frame["p"] + 1.5 * x[:, 0] - x[:, 2] + rng.normal(size=n)
    frame["hidden_p"] = frame["p"] + 0.8 * hidden
    frame["hidden_q"] = frame["q"] - 1.6 * hidden + 2 * hidden
    return frame.assign(cost=cost, shop=np.arange(n) % 30)


CONTROLS = [f"x{i}" for i in range(150)]


def test_the_price_effect_is_found_beside_60_controls() -> None:
    rng = np.random.default_rng(3)
    found = [
        fit_dml(
            many_controls(rng), dependent="q", price="p", controls=CONTROLS[:60], rng=rng, repeats=1
        )
        for _ in range(3)
    ]
    error = np.array([item.elasticity + 2.0 for item in found])
    # Two standard errors of a mean of three.
    expected = np.sqrt(np.mean([item.std_error**2 for item in found]))
    assert expected < 0.09
    assert abs(error.mean()) <= 2.0 * expected / np.sqrt(3)
    assert (np.abs(error) < 3 * np.array([item.std_error for item in found])).all()
    assert found[0].price_r2 > 0.3


def test_instruments_serve_where_prices_follow_demand() -> None:
    rng = np.random.default_rng(4)
    frame = many_controls(rng, n=800, k=20)
    terms = {"dependent": "hidden_q", "price": "hidden_p", "controls": CONTROLS[:20]}
    naive = fit_dml(frame, **terms, rng=rng, repeats=1)  # type: ignore[arg-type]
    iv = fit_dml(frame, **terms, instruments=["cost"], rng=rng, repeats=1, cluster="shop")  # type: ignore[arg-type]
    assert naive.elasticity + 2.0 > 0.3
    assert iv.elasticity == pytest.approx(-2.0, abs=3 * iv.std_error)
    assert iv.std_error < 0.3


def test_one_seed_one_answer_and_no_unknown_learner() -> None:
    frame = many_controls(np.random.default_rng(1), n=120, k=10)
    answers = {
        fit_dml(
            frame,
            dependent="q",
            price="p",
            controls=CONTROLS[:10],
            learner="ridge",
            rng=np.random.default_rng(2),
        ).elasticity
        for _ in range(2)
    }
    assert len(answers) == 1
    with pytest.raises(InvalidSpec, match="'lasso'"):
        fit_dml(
            frame,
            dependent="q",
            price="p",
            controls=["x0"],
            learner="?",
            rng=np.random.default_rng(0),
        )
