"""Brands: found where they matter, harmless where they do not, a prior for new products."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import FloatArray, IntArray, StrArray
from models.sensitivity.attributes import brand_effects, prior_of
from models.sensitivity.shrinkage import Pooled, Prior, pool
from tests.demo_panel import demo_fit


def shop(
    rng: np.random.Generator, between: float, products: int = 400
) -> tuple[FloatArray, FloatArray, IntArray, StrArray, FloatArray, Pooled]:
    category = np.arange(products) % 8
    code = rng.integers(0, 20, products)
    effect = rng.normal(0, between, 20)
    truth = -2.5 + 0.3 * np.sin(category) + effect[code] + rng.normal(0, 0.2, products)
    error = rng.uniform(0.1, 0.5, products)
    estimate = truth + error * rng.normal(size=products)
    brand = np.char.add("brand ", np.char.zfill(code.astype(str), 2))
    pooled = pool(estimate, error, np.arange(products), category, 8)
    return estimate, error, category, brand, effect, pooled


def test_brands_that_matter_are_found() -> None:
    estimate, error, category, brand, effect, pooled = shop(np.random.default_rng(0), 0.5)
    found = brand_effects(estimate, error, category, brand, pooled)
    assert found.spread == pytest.approx(0.5, abs=0.2)
    assert np.corrcoef(found.effect, effect)[0, 1] > 0.9
    inside = np.abs(found.effect - (effect - effect.mean())) < 1.96 * found.std + 0.1
    assert inside.mean() > 0.85


def test_brands_that_say_nothing_change_nothing() -> None:
    estimate, error, category, brand, _, pooled = shop(np.random.default_rng(1), 0.0)
    found = brand_effects(estimate, error, category, brand, pooled)
    assert np.abs(found.effect).max() < 0.15
    blank = brand_effects(estimate, error, category, np.full(400, ""), pooled)
    assert blank.spread == 0


def test_new_products_get_the_prior_of_their_category_and_brand() -> None:
    estimate, error, category, brand, _, pooled = shop(np.random.default_rng(2), 0.5)
    brands = brand_effects(estimate, error, category, brand, pooled)
    names = np.array([f"c{i}" for i in range(8)])
    prior = prior_of(names, pooled, brands, Prior())
    ask_brand = np.array(["brand 03", "never seen", ""])
    mean, std = prior.of(np.array(["c1", "c1", "elsewhere"]), ask_brand)
    assert mean[0] - mean[1] == pytest.approx(brands.effect[3])
    assert std[1] > std[0]
    assert mean[2] == pytest.approx(Prior().mean)
    assert std[2] >= Prior().std


def test_a_fit_brings_its_prior_for_new_products() -> None:
    fit = demo_fit()
    category = fit.prior.categories[:1]
    mean, std = fit.prior.of(category, np.array([""]))
    assert -6 < mean[0] < -1
    assert 0.1 < std[0] < 1.5
