"""Elasticities from plain frames: against statsmodels, against planted truth, on bad input."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.genmod.families import Poisson

import models.estimators.elasticity
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.elasticity import fit
from models.estimators.elasticity_spec import ElasticitySpec, Family
from models.estimators.sandwich import Errors
from models.sensitivity.partialling import independent
from tests.demo_panel import demo_panel
from tests.models.planted import clean_panel
from tests.shared_data import shared_data


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    frame = clean_panel(np.random.default_rng(7), series=6, weeks=60)
    frame["store"] = np.tile(np.arange(5), len(frame) // 5)
    return frame.assign(weight=1.0 + frame["week"] % 3)


def one(panel: pd.DataFrame) -> pd.DataFrame:
    return panel[panel["series"] == 2].reset_index(drop=True)


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ({"errors": "classical"}, {}),
        ({}, {"cov_type": "HC1"}),
        (
            {"errors": "hac", "lags": 3, "time": "week"},
            {"cov_type": "HAC", "cov_kwds": {"maxlags": 3, "use_correction": True}},
        ),
        ({"cluster": "store"}, {"cov_type": "cluster"}),
    ],
)
def test_least_squares_and_its_errors_equal_statsmodels(
    panel: pd.DataFrame, options: dict[str, Any], keywords: dict[str, Any]
) -> None:
    data = one(panel)
    if "cluster" in options:
        keywords = {**keywords, "cov_kwds": {"groups": data["store"]}}
    theirs = smf.ols("np.log(units) ~ feature + season + np.log(price)", data).fit(**keywords)
    mine = fit(data, "log(units) ~ log(price) + feature + season", **options)
    assert mine.elasticity == pytest.approx(theirs.params.iloc[-1], rel=1e-8)
    assert mine.std_error == pytest.approx(theirs.bse.iloc[-1], rel=1e-8)
    # Many series at once are the same as each by itself.
    together = fit(panel, "log(units) ~ log(price) + feature + season", by="series", **options)
    assert together.table["elasticity"][2] == pytest.approx(mine.elasticity, rel=1e-8)
    assert together.table["std_error"][2] == pytest.approx(mine.std_error, rel=1e-8)
    assert together.table["r_squared"][2] == pytest.approx(theirs.rsquared, rel=1e-8)


def test_columns_and_formula_are_two_ways_to_say_the_same(panel: pd.DataFrame) -> None:
    by_formula = fit(panel, "log(units) ~ log(price) + feature + C(store)", by="series").table
    by_columns = fit(panel, controls=["feature", "C(store)"], by="series").table
    np.testing.assert_allclose(by_formula["elasticity"], by_columns["elasticity"], rtol=1e-10)


def test_weights_equal_statsmodels_wls(panel: pd.DataFrame) -> None:
    data = one(panel)
    theirs = smf.wls("np.log(units) ~ feature + np.log(price)", data, weights=data["weight"])
    found = theirs.fit(cov_type="HC1")
    for frame, options in ((data, {}), (panel, {"by": "series"})):
        mine = fit(frame, controls=["feature"], weights="weight", **options).table
        row = 0 if frame is data else 2
        assert mine["elasticity"][row] == pytest.approx(found.params.iloc[-1], rel=1e-8)
        assert mine["std_error"][row] == pytest.approx(found.bse.iloc[-1], rel=1e-8)


def test_absorbed_effects_equal_dummies(panel: pd.DataFrame) -> None:
    formula = "np.log(units) ~ feature + C(series) + C(week) + np.log(price)"
    theirs = smf.ols(formula, panel).fit(cov_type="HC1")
    mine = fit(panel, "log(units) ~ log(price) + feature | series + week")
    assert mine.elasticity == pytest.approx(theirs.params.iloc[-1], rel=1e-8)
    assert mine.std_error == pytest.approx(theirs.bse.iloc[-1], rel=1e-8)


def test_poisson_equals_statsmodels_and_takes_zeros(panel: pd.DataFrame) -> None:
    data = one(panel).assign(units=lambda f: np.floor(f["units"] / 2))
    assert (data["units"] == 0).any()
    theirs = smf.glm("units ~ feature + np.log(price)", data, family=Poisson()).fit(cov_type="HC1")
    mine = fit(data, controls=["feature"], family="poisson")
    assert mine.elasticity == pytest.approx(theirs.params.iloc[-1], rel=1e-6)
    assert mine.std_error == pytest.approx(theirs.bse.iloc[-1], rel=1e-6)
    for family in (Family.QUASI_POISSON, Family.NEGATIVE_BINOMIAL):
        other = fit(data, controls=["feature"], family=family)
        assert abs(other.elasticity - mine.elasticity) < 2 * mine.std_error
    dropped = fit(data, controls=["feature"])
    assert dropped.dropped == {
        "log(units) is missing or has no finite value": (data["units"] == 0).sum()
    }
    kept = fit(data, controls=["feature"], zeros="half")
    assert kept.table["n_obs"][0] == len(data)


def test_semi_log_reports_the_elasticity_at_the_mean_price(panel: pd.DataFrame) -> None:
    data = one(panel)
    theirs = smf.ols("np.log(units) ~ feature + price", data).fit(cov_type="HC1")
    mine = fit(data, controls=["feature"], form="semi-log")
    assert mine.elasticity == pytest.approx(theirs.params.iloc[-1] * data["price"].mean(), rel=1e-8)


def test_rises_and_falls_may_count_differently() -> None:
    rng = np.random.default_rng(0)
    level = np.cumsum(rng.normal(0, 0.1, 4000))
    price = level - level.mean()
    change = np.diff(price, prepend=price[0])
    units = -1.5 * price - 1.0 * np.maximum(change - 0.05, 0) + rng.normal(0, 0.1, 4000)
    frame = pd.DataFrame({"p": price, "q": units, "t": np.arange(4000)})
    mine = fit(
        frame,
        units="q",
        price="p",
        in_logs=True,
        time="t",
        asymmetric=True,
        threshold=0.05,
    )
    found = mine.coefficients[0]
    assert found["rise"] == pytest.approx(-1.0, abs=0.2)
    assert found["fall"] == pytest.approx(0.0, abs=0.2)
    assert found["p"] == pytest.approx(-1.5, abs=0.02)


def test_500_replications_with_clean_prices_are_unbiased_and_covered() -> None:
    frame = clean_panel(np.random.default_rng(1))
    table = fit(frame, controls=["feature", "season"], by="series").table
    assert len(table) == 500
    assert abs(table["elasticity"].mean() + 2.0) <= 0.05
    held = (table["ci_low"] <= -2.0) & (table["ci_high"] >= -2.0)
    assert 0.93 <= held.mean() <= 0.97


def test_a_panel_is_read_as_well_as_a_frame() -> None:
    panel = demo_panel(seed=3, products=24)
    table = fit(panel, controls=["deal", "feature", "display"], trend=True, harmonics=2).table
    assert len(table) == len(panel)
    assert {"sku", "market"} <= set(table)
    assert (table.loc[table["status"] == "ok", "elasticity"] < 0).all()


def test_every_kind_of_bad_series_gets_a_status_and_stops_no_other() -> None:
    good = clean_panel(np.random.default_rng(2), series=1, weeks=40).assign(series="good")
    bad = {
        "constant price": good.assign(price=2.0),
        "one week": good.head(1),
        "all zero": good.assign(units=0.0),
        "not a number": good.assign(units=np.nan),
        "infinite": good.assign(price=np.inf),
        "huge": good.assign(units=good["units"] * 1e9),
        "moves with a control": good.assign(price=np.exp(good["feature"])),
        "positive": good.assign(units=good["price"] ** 2),
    }
    frame = pd.concat([good, *(part.assign(series=name) for name, part in bad.items())])
    found = fit(frame, controls=["feature"], by="series")
    status = found.table.set_index("series")["status"].to_dict()
    assert status == {
        "good": "ok",
        "constant price": "price_never_moved",
        "one week": "too_few_periods",
        "all zero": "no_sales",
        "not a number": "no_usable_rows",
        "infinite": "no_usable_rows",
        "huge": "ok",
        "moves with a control": "price_moves_with_controls",
        "positive": "positive_elasticity",
    }
    counts = fit(frame, controls=["feature"], by="series", family="poisson").table
    assert counts.set_index("series")["status"]["all zero"] == "no_sales"
    assert any("more at higher prices" in text for text in found.warnings)


def test_cents_among_whole_units_are_reported() -> None:
    frame = clean_panel(np.random.default_rng(3), series=1, weeks=40)
    frame.loc[3:5, "price"] *= 100
    found = fit(frame)
    assert found.table["suspicious_prices"][0] == 3
    assert any("cents among whole units" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("units", {}, "not of the form"),
        ("log(units) ~ feature", {}, "price as a term 'log"),
        ("log(units) ~ log(price) + [cost ~ fuel]", {}, "fit_iv"),
        (None, {"no_such": 1}, "no option 'no_such'"),
        (None, {"form": "cubic"}, "'log-log', 'semi-log'"),
        (None, {"family": "poisson", "in_logs": True}, "not logarithms"),
        (None, {"trend": True}, "need `time`"),
        (None, {"errors": "cluster"}, "go together"),
        (None, {"controls": ["no_such(price)"]}, "can not be evaluated"),
    ],
)
def test_what_contradicts_itself_is_refused(
    panel: pd.DataFrame, spec: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSpec, match=message):
        fit(panel, spec, **options)


def test_a_missing_column_is_named_with_those_there_are(panel: pd.DataFrame) -> None:
    with pytest.raises(InvalidPanel, match=r"no column 'shop'.*season"):
        fit(panel, by="shop")
    with pytest.raises(InvalidSpec, match=r"prize.*season"):
        fit(panel, price="prize")


def test_the_worked_examples_hold() -> None:
    namespace = {"np": np, "pd": pd, "fit": fit}
    assert doctest.testmod(models.estimators.elasticity, extraglobs=namespace).failed == 0


def test_settings_normalise() -> None:
    assert ElasticitySpec(controls="deal", cluster="store").controls == ("deal",)  # type: ignore[arg-type]
    assert ElasticitySpec(cluster="store").errors is Errors.CLUSTER


def test_orange_juice_with_and_without_controls_and_effects() -> None:
    """Reference values: statsmodels OLS with dummies, to the digits shown."""
    raw = pd.read_csv(shared_data("oj/oj_weekly.csv"))
    price = "price_per_64oz"
    ladder = {
        "log(units_oz) ~ log(price_per_64oz)": [-3.378, -3.321, -2.712],
        "log(units_oz) ~ log(price_per_64oz) + deal + feature": [-2.814, -2.242, -2.210],
        "log(units_oz) ~ log(price_per_64oz) + deal + feature | store": [-2.810, -2.351, -2.448],
        "log(units_oz) ~ log(price_per_64oz) + deal + feature | store + week": [
            -2.095,
            -1.761,
            -1.924,
        ],
    }
    for formula, expected in ladder.items():
        table = fit(raw, formula, price=price, by="sku").table
        np.testing.assert_allclose(table["elasticity"], expected, atol=6e-4)
        assert (table["status"] == "ok").all()


def test_independence_looks_at_what_a_column_adds() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert independent(np.column_stack([x, x[:, 0] + x[:, 1]])).tolist() == [
        True,
        True,
        True,
        False,
    ]
