"""New products from their attributes: planted parts are found, empty ones change nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.arrays import FloatArray
from models.demand import ConstantElasticityDemand, FittedCurves
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.attribute_prior import attribute_prior
from tests.models.planted import PROVENANCE

CATEGORY = {"tea": -1.5, "milk": -2.2, "soap": -3.0}
OWN = 0.2


def assortment(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, FloatArray]:
    """Elasticities with parts of category, brand and price tier; colour says nothing."""
    table = pd.DataFrame(
        {
            "sku": [f"P{i:04d}" for i in range(n)],
            "category": rng.choice(list(CATEGORY), n),
            "brand": rng.choice([f"b{i}" for i in range(6)], n),
            "list_price": rng.lognormal(1.0, 0.6, n),
            "colour": rng.choice(["red", "green", "blue"], n),
        }
    )
    brand = table["brand"].str[1:].astype(int) * 0.16 - 0.4
    dear = np.where(table["list_price"] > np.exp(1.0), -0.5, 0.0)
    truth = table["category"].map(CATEGORY) + brand + dear + rng.normal(0, OWN, n)
    return table, np.asarray(truth, dtype=np.float64)


def fitted(sku: list[str], truth: FloatArray, error: FloatArray, seed: int) -> FittedCurves:
    n = len(truth)
    estimate = truth + error * np.random.default_rng(seed).normal(size=n)
    names = np.array(sku)
    return FittedCurves(
        sku=names,
        market=np.full(n, "m"),
        demand=ConstantElasticityDemand.unknown(n),
        own_elasticity=estimate,
        own_std_error=error,
        n_obs=np.full(n, 104),
        method=np.full(n, "ols"),
        status=np.full(n, "ok"),
        provenance=PROVENANCE,
    )


ATTRIBUTES = ["category", "brand", "list_price", "colour"]


def test_attributes_foretell_products_that_have_not_sold() -> None:
    rng = np.random.default_rng(8)
    table, truth = assortment(rng, 900)
    old, new = slice(0, 500), slice(500, 900)
    curves = fitted(table["sku"].tolist()[old], truth[old], rng.uniform(0.15, 0.6, 500), 1)
    prior = attribute_prior(curves, table, attributes=ATTRIBUTES)
    mean, std = prior.of(table[new])
    miss = truth[new] - mean
    # What no attribute tells has a spread of 0.2; the tiers blur the border of dear a little.
    assert miss.std() < 1.25 * OWN
    assert miss.std() < 0.5 * truth.std()
    # 400 products: the standard error of a coverage of 95 % is 1.1 %.
    assert 0.92 <= np.mean(np.abs(miss) < 1.96 * std) <= 0.985
    by_category = attribute_prior(curves, table, attributes=["category"]).of(table[new])[0]
    assert miss.std() < 0.7 * (truth[new] - by_category).std()
    spread = prior.table().groupby("attribute")["spread"].first()
    assert spread["category"] > spread["brand"] > spread["colour"]
    assert spread["colour"] < 0.12


def test_values_never_seen_and_values_not_known_count_with_their_spread() -> None:
    rng = np.random.default_rng(3)
    table, truth = assortment(rng, 300)
    curves = fitted(table["sku"].tolist(), truth, np.full(300, 0.2), 2)
    prior = attribute_prior(curves, table, attributes=["category", "brand"])
    asked = pd.DataFrame({"category": ["tea", "tea", None], "brand": ["b1", "new", None]})
    mean, std = prior.of(asked)
    assert std[0] < std[1] < std[2]
    assert mean[2] == pytest.approx(prior.overall)


def test_what_can_not_be_learned_is_refused() -> None:
    table, truth = assortment(np.random.default_rng(1), 20)
    curves = fitted(table["sku"].tolist(), truth, np.full(20, 0.2), 2)
    with pytest.raises(InvalidSpec, match="name one attribute"):
        attribute_prior(curves, table, attributes=[])
    with pytest.raises(InvalidPanel, match="no column 'size'"):
        attribute_prior(curves, table, attributes=["size"])
    with pytest.raises(InvalidPanel, match="more than one row"):
        attribute_prior(curves, pd.concat([table, table]), attributes=["brand"])
    with pytest.raises(InvalidPanel, match="need 8 or more"):
        attribute_prior(curves, table.head(4), attributes=["brand"])
