"""The trap of pooled panels is told; the form of demand is chosen by held-out weeks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.errors import InvalidPanel, InvalidSpec
from models.estimators.disagreement import compare_ladder
from models.estimators.elasticity_spec import ElasticitySpec
from models.estimators.model_choice import choose_form
from tests.shared_data import shared_data


def dear_shops(rng: np.random.Generator) -> pd.DataFrame:
    """Dear shops have rich customers who buy more: pooled, demand seems to rise with the price."""
    stores, weeks = 40, 60
    wealth = rng.normal(0, 0.5, (stores, 1))
    log_price = 0.6 * wealth + rng.normal(0, 0.1, (stores, weeks))
    log_units = 4 + 2.0 * wealth - 1.5 * log_price + rng.normal(0, 0.2, (stores, weeks))
    return pd.DataFrame(
        {
            "store": np.repeat(np.arange(stores), weeks),
            "week": np.tile(np.arange(weeks), stores),
            "price": np.exp(log_price).ravel(),
            "units": np.exp(log_units).ravel(),
        }
    )


def test_a_sign_that_turns_is_told_with_its_confounder() -> None:
    found = compare_ladder(dear_shops(np.random.default_rng(0)), effects=["store", "week"])
    by_rung = found.table.set_index("rung")["elasticity"]
    assert by_rung["pooled"] > 0
    assert by_rung["all effects"] == pytest.approx(-1.5, abs=0.05)
    assert any("change sign" in text for text in found.warnings)
    assert any("confounder is what store effects" in text for text in found.warnings)


def test_without_a_confounder_there_is_nothing_to_say() -> None:
    frame = dear_shops(np.random.default_rng(1))
    rng = np.random.default_rng(2)
    frame["price"] = np.exp(rng.normal(0, 0.2, len(frame)))
    frame["units"] = np.exp(3 - 1.5 * np.log(frame["price"]) + rng.normal(0, 0.2, len(frame)))
    assert compare_ladder(frame, effects=["store", "week"]).warnings == ()


def test_orange_juice_answers_differ_with_week_effects() -> None:
    raw = pd.read_csv(shared_data("oj/oj_weekly.csv"))
    found = compare_ladder(
        raw,
        effects=["store", "week"],
        controls=["deal", "feature"],
        by="sku",
        units="units_oz",
        price="price_per_64oz",
    )
    assert len(found.table) == 15
    assert any("confounder" in text for text in found.warnings)


def test_held_out_weeks_choose_the_family_that_made_the_counts() -> None:
    rng = np.random.default_rng(3)
    price = np.exp(rng.normal(0, 0.3, 400))
    mean = np.exp(0.5 - 2 * np.log(price))
    candidates = {
        "log-log": ElasticitySpec(),
        "poisson": ElasticitySpec(family="poisson"),  # type: ignore[arg-type]
        "negative binomial": ElasticitySpec(family="negative-binomial"),  # type: ignore[arg-type]
    }
    poisson = pd.DataFrame({"units": rng.poisson(mean), "price": price, "week": range(400)})
    ranked = choose_form(poisson, candidates, time="week")
    assert ranked["form"][0] in ("poisson", "negative binomial")
    assert ranked.set_index("form")["elasticity"]["poisson"] == pytest.approx(-2.0, abs=0.2)
    many = mean * rng.gamma(0.7, 1 / 0.7, 400)
    spread = poisson.assign(units=rng.poisson(many))
    assert choose_form(spread, candidates, time="week")["form"][0] == "negative binomial"
    log_normal = poisson.assign(
        units=np.rint(np.exp(5 - 2 * np.log(price) + rng.normal(0, 0.4, 400)))
    )
    assert choose_form(log_normal, candidates, time="week")["form"][0] == "log-log"


def test_what_can_not_be_judged_is_refused() -> None:
    frame = pd.DataFrame({"units": [1.5] * 40, "price": np.linspace(1, 2, 40), "week": range(40)})
    with pytest.raises(InvalidPanel, match="counts"):
        choose_form(frame, {"a": ElasticitySpec()}, time="week")
    with pytest.raises(InvalidSpec, match="candidates"):
        choose_form(frame, {}, time="week")
    with pytest.raises(InvalidPanel, match="too few"):
        choose_form(frame.head(10), {"a": ElasticitySpec()}, time="week")
