"""Logit and nested logit: gradients against differences, estimates against planted truth."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.choice.likelihood
import models.choice.logit
from models.choice.likelihood import Choices, fit_choices, log_likelihood
from models.choice.logit import fit_logit
from models.choice.shares import log_share_slopes, shares
from models.errors import InvalidPanel, InvalidSpec


def market_shares(
    rng: np.random.Generator, *, sigma: float = 0.0, markets: int = 400
) -> pd.DataFrame:
    """Products of two nests in many markets; prices follow unseen quality."""
    parts = []
    for m in range(markets):
        n = int(rng.integers(4, 9))
        quality = rng.normal(0, 0.5, n)
        cost, sugar = rng.uniform(1, 2, n), rng.normal(size=n)
        price = cost + 0.5 * quality + rng.uniform(0, 0.5, n)
        nest = np.arange(n) % 2
        utility = 1.0 - 1.5 * price + 0.4 * sugar + quality
        parts.append(
            pd.DataFrame(
                {
                    "m": m,
                    "product": np.arange(n),
                    "price": price,
                    "cost": cost,
                    "sugar": sugar,
                    "nest": nest,
                    "share": shares(utility, nest, sigma),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), sigma=st.sampled_from([0.0, 0.3, 0.8]))
def test_share_slopes_equal_finite_differences(seed: int, sigma: float) -> None:
    rng = np.random.default_rng(seed)
    utility, nest = rng.normal(size=6), np.array([0, 0, 1, 1, 2, 2])
    share = shares(utility, nest, sigma)
    assert share.sum() < 1
    slopes = log_share_slopes(share, nest, sigma)
    for j in range(6):
        step = np.eye(6)[j] * 1e-6
        above, below = (np.log(shares(utility + sign * step, nest, sigma)) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, j], (above - below) / 2e-6, atol=1e-7)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), nested=st.booleans())
def test_likelihood_gradients_equal_finite_differences(seed: int, nested: bool) -> None:
    rng = np.random.default_rng(seed)
    chooser = np.repeat(np.arange(20), 5)
    chosen = np.zeros(100, dtype=np.bool_)
    chosen[np.arange(20) * 5 + rng.integers(0, 5, 20)] = True
    nest = chooser * 2 + np.tile([0, 0, 1, 1, 1], 20) if nested else None
    data = Choices(rng.normal(size=(100, 3)), chooser, chosen, nest)
    theta = np.append(rng.normal(size=3), [rng.normal(0, 0.3)] if nested else [])
    _, gradient = log_likelihood(theta, data)
    for j in range(len(theta)):
        step = np.eye(len(theta))[j] * 1e-6
        above, below = (log_likelihood(theta + sign * step, data)[0] for sign in (1, -1))
        assert gradient[j] == pytest.approx((above - below) / 2e-6, abs=1e-5)


def test_shares_survive_extreme_utilities() -> None:
    share = shares(np.array([800.0, -900.0, 3.0]), np.array([0, 0, 1]), 0.5)
    np.testing.assert_allclose(share, [1.0, 0.0, 0.0], atol=1e-12)


def test_instruments_find_the_planted_price_coefficient() -> None:
    frame = market_shares(np.random.default_rng(1))
    naive = fit_logit(frame, market="m", characteristics=["sugar"])
    iv = fit_logit(frame, market="m", characteristics=["sugar"], instruments=["cost"])
    by_formula = fit_logit(frame, "share ~ 1 + sugar [price ~ cost]", market="m")
    assert naive.price_coefficient > -1.2
    assert iv.price_coefficient == pytest.approx(-1.5, abs=0.1)
    assert iv.price_coefficient == pytest.approx(by_formula.price_coefficient, rel=1e-10)
    assert iv.coefficients["sugar"] == pytest.approx(0.4, abs=0.05)
    assert any("taken as given" in text for text in naive.warnings)


def test_the_nested_logit_finds_how_alike_products_of_a_nest_are() -> None:
    frame = market_shares(np.random.default_rng(2), sigma=0.5, markets=800)
    found = fit_logit(
        frame,
        market="m",
        product="product",
        nest="nest",
        characteristics=["sugar"],
        instruments=["cost"],
    )
    assert found.nesting == pytest.approx(0.5, abs=0.1)
    assert found.price_coefficient == pytest.approx(-1.5, abs=0.25)
    table = found.elasticities(0)
    # Elasticities against shares computed anew at a price that is one in a million higher.
    here = frame[frame["m"] == 0]
    nest, price, share = (here[name].to_numpy() for name in ("nest", "price", "share"))
    alpha, sigma = found.price_coefficient, found.nesting
    outside = 1 - share.sum()
    within = share / np.bincount(nest, share)[nest]
    utility = np.log(share / outside) - sigma * np.log(within)
    moved = utility.copy()
    moved[1] += alpha * price[1] * 1e-6
    change = (np.log(shares(moved, nest, sigma)) - np.log(share)) / 1e-6
    np.testing.assert_allclose(table.to_numpy()[:, 1], change, atol=1e-4)
    np.testing.assert_allclose(np.diagonal(table), found.own_elasticity[: len(here)], rtol=1e-10)


def test_product_effects_and_given_prices() -> None:
    frame = market_shares(np.random.default_rng(3))
    found = fit_logit(frame, "share ~ sugar + price | product", market="m", product="product")
    assert found.coefficients.names == ("price", "sugar")
    assert (found.own_elasticity < 0).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"share": 0.0}, InvalidPanel, "between 0 and 1"),
        ({"share": 0.4}, InvalidPanel, "nothing for the outside good"),
    ],
)
def test_what_are_no_shares_is_refused(
    change: dict[str, float], error: type[Exception], message: str
) -> None:
    frame = market_shares(np.random.default_rng(1), markets=5).assign(**change)
    with pytest.raises(error, match=message):
        fit_logit(frame, market="m")
    with pytest.raises(InvalidSpec, match="price"):
        fit_logit(market_shares(np.random.default_rng(1), markets=5), "share ~ sugar", market="m")


def test_single_choices_find_planted_tastes_and_nests() -> None:
    rng = np.random.default_rng(4)
    occasions, scale = 4000, 0.5
    price = rng.uniform(1, 3, (occasions, 4))
    utility = -1.0 * price
    nest = np.array([0, 0, 1, 1])
    inside = np.exp(utility / scale)
    total = np.stack([inside[:, nest == g].sum(axis=1) for g in (0, 1)], axis=1)
    of_nest = total**scale / (total**scale).sum(axis=1, keepdims=True)
    probability = inside / total[:, nest] * of_nest[:, nest]
    chosen = (rng.random((occasions, 1)) > probability.cumsum(axis=1)).sum(axis=1)
    frame = pd.DataFrame(
        {
            "who": np.repeat(np.arange(occasions), 4),
            "price": price.ravel(),
            "took": (np.arange(4) == chosen[:, None]).ravel(),
            "nest": np.tile(nest, occasions),
        }
    )
    found = fit_choices(frame, chooser="who", chosen="took", attributes=["price"], nest="nest")
    assert found.dissimilarity == pytest.approx(0.5, abs=0.06)
    assert found.coefficients["price"] == pytest.approx(-1.0, abs=0.1)
    plain = fit_choices(frame, chooser="who", chosen="took", attributes=["price"])
    assert plain.log_likelihood < found.log_likelihood
    with pytest.raises(InvalidPanel, match="exactly one"):
        fit_choices(frame.assign(took=1), chooser="who", chosen="took", attributes=["price"])


def test_the_worked_examples_hold() -> None:
    namespace = {"np": np, "pd": pd, "fit_logit": fit_logit, "fit_choices": fit_choices}
    for module in (models.choice.logit, models.choice.likelihood):
        assert doctest.testmod(module, extraglobs=namespace).failed == 0
