"""Competitor prices and festivals as controls, parallel blocks, the pooled trap, MixedLM."""

from __future__ import annotations

from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose

from models.calendar import festival_share
from models.errors import InvalidSpec
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.shrinkage import pool_groups
from models.sensitivity.spec import FitSpec
from simulations.demo_market.market import COUNTRY
from tests.demo_panel import demo_panel


def rival_panel(rng: np.random.Generator) -> Panel:
    """Twenty products whose prices follow a rival's, which takes their customers when it is low."""
    weeks = 104
    rival = np.exp(rng.normal(0.7, 0.15, (20, weeks)))
    price = rival**0.7 * np.exp(rng.normal(0.3, 0.1, (20, weeks)))
    units = np.exp(6 - 2.0 * np.log(price) + 1.0 * np.log(rival) + rng.normal(0, 0.1, (20, weeks)))
    frame = pd.DataFrame(
        {
            "sku": np.repeat([f"P{i:02}" for i in range(20)], weeks),
            "market": "online",
            "period_start": np.tile(pd.date_range("2024-01-01", periods=weeks, freq="7D"), 20),
            "units": np.rint(units).ravel(),
            "price": price.ravel(),
            "competitor_price": rival.ravel(),
        }
    )
    return build_panel(frame)[0]


def test_competitor_prices_held_constant_give_the_own_elasticity() -> None:
    panel = rival_panel(np.random.default_rng(0))
    blind = fit_demand(panel, FitSpec(controls=("deal",))).curves.demand.elasticity
    seeing = fit_demand(panel, FitSpec(controls=("competitor",))).curves.demand.elasticity
    assert blind.mean() > -1.7
    assert seeing.mean() == pytest.approx(-2.0, abs=0.05)


def test_festivals_fall_where_they_fall() -> None:
    weeks = np.array(
        ["2025-11-03", "2025-11-24", "2026-02-16", "2026-03-30", "2026-06-08"], "M8[D]"
    )
    assert_allclose(festival_share(weeks, 7, "double-11"), [1, 0, 0, 0, 0])
    assert_allclose(festival_share(weeks, 7, "black-friday"), [0, 3 / 7, 0, 0, 0])
    assert_allclose(festival_share(weeks, 7, "chinese-new-year"), [0, 0, 1, 0, 0])
    assert_allclose(festival_share(weeks, 7, "easter"), [0, 0, 0, 1, 0])
    assert_allclose(festival_share(weeks, 7, "618"), [0, 0, 0, 0, 1])
    with pytest.raises(InvalidSpec, match="double-11"):
        festival_share(weeks, 7, "black-monday")
    with pytest.raises(InvalidSpec, match="festivals"):
        FitSpec(festivals=("black-monday",))


def test_festivals_are_held_constant() -> None:
    panel = demo_panel(seed=3, products=24)
    found = fit_demand(panel, FitSpec(country=COUNTRY, festivals=("black-friday", "easter")))
    assert (found.curves.demand.elasticity < 0).all()


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_blocks_side_by_side_give_the_same_answer(backend: str) -> None:
    panel = demo_panel(seed=3, products=24)
    spec = FitSpec(country=COUNTRY, series_at_once=12)
    alone = fit_demand(panel, spec).curves.to_frame()
    with joblib.Parallel(n_jobs=2, backend=backend) as parallel:
        together = fit_demand(panel, spec, parallel).curves.to_frame()
    pd.testing.assert_frame_equal(alone, together)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_blocks_on_a_dask_cluster_give_the_same_answer() -> None:
    distributed = pytest.importorskip("distributed")
    panel = demo_panel(seed=3, products=24)
    spec = FitSpec(country=COUNTRY, series_at_once=12)
    alone = fit_demand(panel, spec).curves.to_frame()
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True
    )
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        together = fit_demand(panel, spec, joblib.Parallel()).curves.to_frame()
    pd.testing.assert_frame_equal(alone, together)


def test_markets_that_are_dear_and_rich_are_told() -> None:
    rng = np.random.default_rng(4)
    stores, weeks, products = 8, 60, 3
    wealth = rng.normal(0, 0.6, (1, stores, 1))
    log_price = 0.5 * wealth + rng.normal(0.5, 0.1, (products, stores, weeks))
    log_units = 5 + 3 * wealth - 1.5 * log_price + rng.normal(0, 0.1, log_price.shape)
    index = pd.MultiIndex.from_product(
        [
            ["a", "b", "c"],
            [f"s{i}" for i in range(stores)],
            pd.date_range("2025-01-06", periods=weeks, freq="7D"),
        ],
        names=["sku", "market", "period_start"],
    )
    values = {"units": np.exp(log_units).ravel(), "price": np.exp(log_price).ravel()}
    panel, _ = build_panel(pd.DataFrame(values, index=index).reset_index())
    report = fit_demand(panel).report
    assert any("when their markets are pooled" in text for text in report.warnings)


def test_pooling_agrees_with_the_mixed_model_of_statsmodels() -> None:
    """The reference of pooling: random slopes by maximum likelihood on the raw rows."""
    rng = np.random.default_rng(5)
    products, weeks = 60, 25
    truth = rng.normal(-2.0, 0.4, products)
    price = rng.normal(0, 0.2, (products, weeks))
    units = rng.normal(3, 0.5, (products, 1)) + truth[:, None] * price
    units = units + rng.normal(0, 0.4, price.shape)
    price = price - price.mean(axis=1, keepdims=True)
    units = units - units.mean(axis=1, keepdims=True)
    frame = pd.DataFrame(
        {"y": units.ravel(), "x": price.ravel(), "g": np.repeat(np.arange(products), weeks)}
    )
    mixed = smf.mixedlm("y ~ 0 + x", frame, groups="g", re_formula="0 + x").fit()
    reference = np.array(
        [mixed.params["x"] + mixed.random_effects[g]["x"] for g in range(products)]
    )
    estimate = (price * units).sum(axis=1) / (price**2).sum(axis=1)
    variance = ((units - estimate[:, None] * price) ** 2).sum() / (products * (weeks - 2))
    error = np.sqrt(variance / (price**2).sum(axis=1))
    pooled = pool_groups(estimate, error, np.zeros(products, dtype=np.int64), 1)
    # With their spread and their noise, the formula of pooling is theirs.
    spread2, noise = float(mixed.cov_re.iloc[0, 0]), mixed.scale / (price**2).sum(axis=1)
    own = spread2 / (spread2 + noise)
    assert_allclose(own * estimate + (1 - own) * mixed.params["x"], reference, atol=1e-4)
    # This one integrates over the spread in place of plugging the likeliest in: that moves a value
    # by a part of what is not known of it.
    assert (np.abs(pooled.mean - reference) < 0.35 * pooled.std).all()
    assert np.corrcoef(pooled.mean, reference)[0, 1] > 0.99
    before, after = (np.sqrt(((e - truth) ** 2).mean()) for e in (estimate, pooled.mean))
    assert after < 0.8 * before


def test_a_panel_up_to_a_day_has_the_rows_up_to_it() -> None:
    panel = demo_panel(seed=3, products=24)
    day = np.sort(np.unique(panel.period_start))[50]
    earlier = panel.until(day)
    assert len(earlier) == len(panel)
    assert earlier.period_start.max() == day
    assert len(earlier.period_start) == (panel.period_start <= day).sum()
    whole = replace(panel).until(panel.period_start.max())
    assert whole.offset.tolist() == panel.offset.tolist()
