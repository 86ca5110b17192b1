from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.arrays import FloatArray, IntArray
from models.errors import InvalidSpec
from models.sensitivity.shrinkage import Pooled, Prior, pool, pool_groups


def shop(
    rng: np.random.Generator, *, error: float, markets: int = 2, products: int = 300
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, IntArray]:
    """Truth, estimates, errors, products and categories of a shop that obeys the hierarchy."""
    category_of = np.arange(products) % 12
    means = rng.normal(-2.6, 0.6, 12)
    product = np.repeat(np.arange(products), markets)
    own = means[category_of] + rng.normal(0.0, 0.32, products)
    truth = own[product] + rng.normal(0.0, 0.13, products * markets)
    std_error = error * np.exp(rng.normal(0.0, 0.4, len(truth)))
    estimate = truth + std_error * rng.standard_normal(len(truth))
    return truth, estimate, std_error, product, category_of[product]


def coverage(found: Pooled, truth: FloatArray) -> float:
    return float((np.abs(found.mean - truth) < 1.96 * found.std).mean())


@pytest.mark.parametrize("error", [0.1, 0.3, 0.8])
@pytest.mark.parametrize("markets", [1, 2, 5])
def test_intervals_hold_the_truth_as_often_as_they_say(error: float, markets: int) -> None:
    rng = np.random.default_rng(40)
    shares = []
    for _ in range(20):
        truth, estimate, std_error, product, category = shop(rng, error=error, markets=markets)
        shares.append(coverage(pool(estimate, std_error, product, category, 12), truth))
    assert 0.93 <= np.mean(shares) <= 0.97


def test_pooling_cuts_the_error_of_thin_data_by_two_fifths_and_more() -> None:
    truth, estimate, std_error, product, category = shop(np.random.default_rng(5), error=0.8)
    found = pool(estimate, std_error, product, category, 12)
    before = np.sqrt(((estimate - truth) ** 2).mean())
    after = np.sqrt(((found.mean - truth) ** 2).mean())
    assert after < 0.6 * before


def test_a_product_is_told_more_by_its_other_market_than_by_its_category() -> None:
    """Product 0 is far from its category in market 1; in market 2 nothing is known of it."""
    rng = np.random.default_rng(6)
    _, estimate, std_error, product, category = shop(rng, error=0.1)
    mean = estimate[category == 0].mean()
    estimate[0], std_error[0] = mean - 1.5, 0.05
    estimate[1] = np.nan
    found = pool(estimate, std_error, product, category, 12)
    assert found.mean[1] < mean - 1.0
    assert found.std[1] > found.std[0]


def test_what_nothing_is_known_of_gets_its_category_with_the_spread_of_its_members() -> None:
    truth, estimate, std_error, product, category = shop(np.random.default_rng(7), error=0.2)
    unknown = product % 10 == 3
    estimate[unknown] = np.nan
    found = pool(estimate, std_error, product, category, 12)
    np.testing.assert_allclose(found.mean[unknown], found.group_mean[category[unknown]])
    assert (found.std[unknown] > found.group_spread[category[unknown]]).all()
    assert 0.85 <= np.mean(np.abs(found.mean - truth)[unknown] < 1.96 * found.std[unknown]) <= 1.0


def test_an_empty_category_gets_what_the_others_have_in_common() -> None:
    estimate = np.array([-2.0, -2.1, -3.0, -3.1, np.nan])
    category = np.array([0, 0, 1, 1, 2])
    found = pool(estimate, np.full(5, 0.05), np.arange(5), category, 3)
    assert -2.9 < found.mean[4] < -2.2
    assert found.std[4] > 0.4


def test_with_nothing_identified_the_prior_is_all_there_is() -> None:
    nothing = np.full(3, np.nan)
    found = pool(nothing, nothing, np.arange(3), np.zeros(3, dtype=np.int64), 1, Prior(-2.0, 0.5))
    np.testing.assert_allclose(found.mean, -2.0)
    assert (found.std > 0.5).all()


def test_a_precise_estimate_keeps_its_own_word() -> None:
    estimate = np.array([-1.0, -3.0, -3.1, -2.9, -3.0])
    std_error = np.array([0.01, 0.3, 0.3, 0.3, 0.3])
    found = pool_groups(estimate, std_error, np.zeros(5, dtype=np.int64), 1)
    assert found.mean[0] == pytest.approx(-1.0, abs=0.02)


@settings(deadline=None, max_examples=30)
@given(
    estimates=st.lists(st.floats(-6, 1), min_size=1, max_size=20),
    shift=st.floats(-3, 3),
    seed=st.integers(0, 1000),
)
def test_moving_all_estimates_and_the_prior_moves_the_answer_alike(
    estimates: list[float], shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y = np.array(estimates)
    error = rng.uniform(0.05, 1.0, len(y))
    product, category = np.arange(len(y)), rng.integers(0, 3, len(y))
    here = pool(y, error, product, category, 3, Prior(-2.6, 1.5))
    there = pool(y + shift, error, product, category, 3, Prior(-2.6 + shift, 1.5))
    np.testing.assert_allclose(there.mean, here.mean + shift, atol=1e-6)
    np.testing.assert_allclose(there.std, here.std, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000))
def test_a_pooled_value_lies_between_its_estimate_and_its_group(seed: int) -> None:
    _, estimate, std_error, _, category = shop(np.random.default_rng(seed), error=0.4, products=60)
    found = pool_groups(estimate, std_error, category, 12)
    centre = found.group_mean[category]
    # The group's centre varies a little with the spread, hence the slack.
    slack = 0.05
    assert (found.mean >= np.minimum(estimate, centre) - slack).all()
    assert (found.mean <= np.maximum(estimate, centre) + slack).all()


def test_estimates_without_a_positive_error_are_refused() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(InvalidSpec, match="std_error must be above zero"):
        pool(np.array([-2.0]), np.array([0.0]), one, one, 1)
    with pytest.raises(InvalidSpec, match="equal length"):
        pool(np.array([-2.0, -1.0]), np.array([0.1]), one, one, 1)
    with pytest.raises(InvalidSpec, match="std above zero"):
        Prior(-2.0, 0.0)
