"""What the estimators must show on planted truth, in full size: 500 replications, 20 categories.

Shorter versions of each run with every test of its estimator.
"""

from __future__ import annotations

import numpy as np
import pytest

from models.cross.cross_price import fit_cross
from models.estimators.elasticity import fit
from models.estimators.instruments import fit_iv
from models.sensitivity.shrinkage import pool_groups
from tests.models.cross.test_cross_price import category
from tests.models.planted import clean_panel, followed_panel

pytestmark = pytest.mark.slow


def test_own_elasticities_with_clean_prices() -> None:
    """Bias at most 0.05 and coverage of 93 to 97 %, in four times 500 replications."""
    for seed in range(4):
        frame = clean_panel(np.random.default_rng(seed))
        table = fit(frame, controls=["feature", "season"], by="series").table
        assert abs(table["elasticity"].mean() + 2.0) <= 0.05
        held = (table["ci_low"] <= -2.0) & (table["ci_high"] >= -2.0)
        assert 0.93 <= held.mean() <= 0.97


def test_prices_that_follow_demand() -> None:
    """Naive bias shown, instrumented bias at most 0.10, over 500 replications."""
    panel = followed_panel(np.random.default_rng(5), series=500)
    naive, found, held = [], [], []
    for _, one in panel.groupby("series"):
        iv = fit_iv(one, "log(units) ~ 1 [log(price) ~ cost + fuel]")
        low, high = iv.interval()
        naive.append(iv.naive.elasticity)
        found.append(iv.elasticity)
        held.append(low <= -2.0 <= high)
    assert np.mean(naive) + 2.0 > 0.5
    assert abs(np.mean(found) + 2.0) <= 0.10
    assert 0.92 <= np.mean(held) <= 0.97


def test_pooling_takes_forty_percent_off_the_error_of_thin_products() -> None:
    """Twenty weeks a product, elasticities that differ by 0.4 within their category."""
    rng = np.random.default_rng(7)
    products, weeks = 1_000, 20
    truth = rng.normal(-2.0, 0.4, products)
    price = rng.normal(0, 0.15, (products, weeks))
    price -= price.mean(axis=1, keepdims=True)
    units = truth[:, None] * price + rng.normal(0, 0.4, price.shape)
    units -= units.mean(axis=1, keepdims=True)
    squares = (price**2).sum(axis=1)
    estimate = (price * units).sum(axis=1) / squares
    rest = units - estimate[:, None] * price
    error = np.sqrt((rest**2).sum() / (products * (weeks - 2)) / squares)
    group = np.arange(products) % 20
    pooled = pool_groups(estimate, error, group, 20)
    alone, together = (np.sqrt(((e - truth) ** 2).mean()) for e in (estimate, pooled.mean))
    assert together <= 0.60 * alone
    held = np.abs(pooled.mean - truth) <= 1.96 * pooled.std
    assert 0.93 <= held.mean() <= 0.97


def test_signs_of_cross_prices() -> None:
    """Nine true substitutes in ten found, at most one finding in ten false, in 20 categories."""
    right, kept, wrong = [], 0, 0
    for seed in range(20):
        frame, truth = category(np.random.default_rng(100 + seed))
        pairs = fit_cross(frame, place="store", period="week", group="group").pairs
        real = truth[pairs["product"], pairs["other"]] > 0
        right.append(((pairs["kind"] == "substitute") & real).sum() / real.sum())
        kept += int((pairs["kind"] != "none").sum())
        wrong += int(((pairs["kind"] != "none") & ~real).sum())
    assert np.mean(right) >= 0.90
    assert wrong / kept <= 0.10
