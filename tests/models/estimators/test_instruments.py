"""Instruments from plain frames: against linearmodels, against planted truth, on bad input."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS, IVGMM, IVLIML

import models.estimators.instruments
from models.arrays import FloatArray
from models.errors import InvalidSpec, NotIdentified
from models.estimators.instruments import fit_iv, other_market_prices, rival_characteristics
from tests.models.planted import followed_panel


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcx"))
    hidden = rng.normal(size=n)
    frame["p"] = frame["a"] + 0.5 * frame["b"] + 0.3 * frame["x"] + hidden + rng.normal(size=n)
    noise = rng.normal(size=n) * (1 + frame["x"] ** 2)
    frame["q"] = -2 * frame["p"] + frame["x"] + 2 * hidden + noise
    return frame.assign(g=rng.integers(0, 20, n), s=rng.integers(0, 7, n))


FORMULA = "q ~ 1 + x [p ~ a + b + c]"


@pytest.mark.parametrize("method", ["2sls", "liml"])
@pytest.mark.parametrize("errors", ["classical", "hc1", "cluster"])
def test_estimates_and_errors_equal_linearmodels(
    market: pd.DataFrame, method: str, errors: str
) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "classical": {"cov_type": "unadjusted"},
        "hc1": {"cov_type": "robust"},
        "cluster": {"cov_type": "clustered", "clusters": market["g"]},
    }
    peer: Any = {"2sls": IV2SLS, "liml": IVLIML}[method]
    theirs = peer.from_formula(FORMULA, market).fit(debiased=True, **kinds[errors])
    cluster = "g" if errors == "cluster" else None
    mine = fit_iv(market, FORMULA, method=method, errors=errors, cluster=cluster)
    for mine_name, their_name in (("p", "p"), ("x", "x"), ("Intercept", "Intercept")):
        assert mine.coefficients[mine_name] == pytest.approx(theirs.params[their_name], rel=1e-8)
        error = mine.coefficients.std_error(mine_name)
        assert error == pytest.approx(theirs.std_errors[their_name], rel=1e-8)


def test_tests_equal_linearmodels(market: pd.DataFrame) -> None:
    theirs: Any = IV2SLS.from_formula(FORMULA, market).fit(cov_type="unadjusted", debiased=True)
    mine = fit_iv(market, FORMULA, errors="classical").tests
    assert mine.overidentification is not None
    assert mine.overidentification.statistic == pytest.approx(theirs.sargan.stat, rel=1e-8)
    assert mine.overidentification.p_value == pytest.approx(theirs.sargan.pval, rel=1e-8)
    assert mine.wu_hausman.statistic == pytest.approx(theirs.wu_hausman().stat, rel=1e-8)
    diagnostics = theirs.first_stage.diagnostics
    assert mine.first_stages[0].f == pytest.approx(diagnostics["f.stat"].iloc[0], rel=1e-8)
    assert mine.first_stages[0].partial_r2 == pytest.approx(
        diagnostics["partial.rsquared"].iloc[0], rel=1e-8
    )
    liml: Any = IVLIML.from_formula(FORMULA, market).fit(cov_type="unadjusted", debiased=True)
    found = fit_iv(market, FORMULA, method="liml", errors="classical")
    assert found.kappa == pytest.approx(liml.kappa, rel=1e-8)
    over = found.tests.overidentification
    assert over is not None
    assert over.statistic == pytest.approx(liml.anderson_rubin.stat, rel=1e-6)


@pytest.mark.parametrize("errors", ["hc1", "cluster"])
def test_hansens_j_equals_linearmodels(market: pd.DataFrame, errors: str) -> None:
    # GMM with moments that are not centred, two steps, as textbooks have it.
    clusters = {"clusters": market["g"]} if errors == "cluster" else {}
    kind = "clustered" if errors == "cluster" else "robust"
    model: Any = IVGMM.from_formula(FORMULA, market, weight_type=kind, center=False, **clusters)
    theirs = model.fit(iter_limit=2)
    mine = fit_iv(market, FORMULA, cluster="g" if errors == "cluster" else None).tests.hansen_j
    assert mine is not None
    assert mine.statistic == pytest.approx(theirs.j_stat.stat, rel=1e-6)
    assert mine.p_value == pytest.approx(theirs.j_stat.pval, rel=1e-6)


def test_hansens_j_is_not_there_where_it_can_not_be() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("pabc")).assign(few=[0, 1] * 30)
    frame["q"] = -frame["p"] + rng.normal(size=60)
    assert fit_iv(frame, "q ~ 1 [p ~ a + b]", errors="classical").tests.hansen_j is None
    assert fit_iv(frame, "q ~ 1 [p ~ a]").tests.hansen_j is None
    assert fit_iv(frame, "q ~ 1 [p ~ a + b + c]", cluster="few").tests.hansen_j is None


def test_hansens_j_rejects_as_often_as_it_says_with_uneven_errors() -> None:
    rng = np.random.default_rng(1)
    robust, classical = [], []
    for _ in range(400):
        a, b, hidden, luck = rng.normal(size=(4, 300))
        price = a + b + hidden
        quantity = -2.0 * price + hidden + luck * np.abs(a) ** 2
        frame = pd.DataFrame({"q": quantity, "p": price, "a": a, "b": b})
        tests = fit_iv(frame, "q ~ 1 [p ~ a + b]").tests
        assert tests.hansen_j is not None
        assert tests.overidentification is not None
        robust.append(tests.hansen_j.p_value < 0.05)
        classical.append(tests.overidentification.p_value < 0.05)
    # 400 draws: the standard error of a share of 5 % is 1.1 %.
    assert 0.01 <= np.mean(robust) <= 0.085
    assert np.mean(classical) > 0.15


def test_absorbed_effects_equal_dummies(market: pd.DataFrame) -> None:
    theirs = IV2SLS.from_formula("q ~ 1 + x + C(s) + [p ~ a + b + c]", market)
    found = theirs.fit(cov_type="robust", debiased=True)
    mine = fit_iv(market, FORMULA + " | s")
    assert mine.elasticity == pytest.approx(found.params["p"], rel=1e-8)
    assert mine.std_error == pytest.approx(found.std_errors["p"], rel=1e-8)


def test_weights_equal_linearmodels(market: pd.DataFrame) -> None:
    weighted = market.assign(w=1.0 + market["g"])
    theirs = IV2SLS(
        weighted["q"],
        weighted[["x"]].assign(one=1.0),
        weighted[["p"]],
        weighted[["a", "b"]],
        weights=weighted["w"],
    ).fit(cov_type="robust", debiased=True)
    mine = fit_iv(weighted, "q ~ 1 + x [p ~ a + b]", weights="w")
    assert mine.elasticity == pytest.approx(theirs.params["p"], rel=1e-8)
    assert mine.std_error == pytest.approx(theirs.std_errors["p"], rel=1e-8)


def test_columns_and_formula_are_two_ways_to_say_the_same(market: pd.DataFrame) -> None:
    by_columns = fit_iv(
        market, dependent="q", endogenous="p", exogenous=["x"], instruments=["a", "b", "c"]
    )
    assert by_columns.elasticity == pytest.approx(fit_iv(market, FORMULA).elasticity, rel=1e-12)


def test_the_control_function_gives_the_answer_of_two_stage_least_squares(
    market: pd.DataFrame,
) -> None:
    two, control = (fit_iv(market, FORMULA, method=m) for m in ("2sls", "control-function"))
    assert control.elasticity == pytest.approx(two.elasticity, rel=1e-8)
    # Both estimate the same variance by different sums, so they agree to sampling error.
    assert control.std_error == pytest.approx(two.std_error, rel=0.05)


def replications(count: int = 200) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Instrumented and naive elasticities, and whether the interval holds -2, series by series."""
    panel = followed_panel(np.random.default_rng(5), series=count)
    iv, naive, held = [], [], []
    for _, one in panel.groupby("series"):
        found = fit_iv(one, "log(units) ~ 1 [log(price) ~ cost + fuel]")
        low, high = found.interval()
        iv.append(found.elasticity)
        naive.append(found.naive.elasticity)
        held.append(low <= -2.0 <= high)
    return np.array(iv), np.array(naive), np.array(held, dtype=np.float64)


def test_instruments_find_the_planted_elasticity_where_prices_follow_demand() -> None:
    iv, naive, held = replications()
    assert naive.mean() + 2.0 > 0.5
    assert abs(iv.mean() + 2.0) <= 0.10
    assert 0.91 <= held.mean() <= 0.98


def test_the_verdict_says_which_answer_and_why(market: pd.DataFrame) -> None:
    strong = fit_iv(market, FORMULA)
    assert strong.used == "2sls"
    assert any("prices follow demand" in text for text in strong.why)
    weak = fit_iv(market, "q ~ 1 + x [p ~ c]")
    assert any("weak" in text for text in weak.why)
    invalid = market.assign(z=market["q"] + market["a"])
    assert any("contradict" in text for text in fit_iv(invalid, "q ~ 1 [p ~ a + z]").why)


def test_the_anderson_rubin_set_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    held = []
    for _ in range(300):
        z, hidden, luck = rng.normal(size=(3, 120))
        price = 0.15 * z + hidden
        frame = pd.DataFrame({"q": -2 * price + 2 * hidden + luck, "p": price, "z": z})
        found = fit_iv(frame, "q ~ 1 [p ~ z]").tests.anderson_rubin
        # No single interval: with one instrument the set is then the outside of one.
        held.append(True if found is None else found[0] <= -2.0 <= found[1])
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize(
    ("formula", "options", "error", "message"),
    [
        ("q ~ x", {}, InvalidSpec, "needs the endogenous price"),
        ("q ~ 1 [p ~ a]", {"method": "magic"}, InvalidSpec, "'liml'"),
        ("q ~ 1 + a [p ~ a]", {}, NotIdentified, "only 0 instrument"),
        ("q ~ 1 + x [still ~ a]", {}, NotIdentified, "still does not move"),
        ("q ~ 1 [p ~ a]", {"dependent": "q"}, InvalidSpec, "give a formula, or"),
    ],
)
def test_what_can_not_be_answered_is_refused(
    market: pd.DataFrame, formula: str, options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        fit_iv(market.assign(still=1.0), formula, **options)


def test_instruments_made_from_other_products_and_markets() -> None:
    frame = pd.DataFrame(
        {
            "market": ["m", "m", "m", "n"],
            "firm": ["f", "f", "g", "g"],
            "product": ["1", "2", "3", "3"],
            "sugar": [1.0, 2.0, 4.0, 8.0],
            "price": [1.0, 2.0, 3.0, 5.0],
        }
    )
    made = rival_characteristics(frame, market="market", columns=["sugar"], firm="firm")
    assert made["others_sugar"].tolist() == [6.0, 5.0, 3.0, 0.0]
    assert made["rivals_sugar"].tolist() == [4.0, 4.0, 3.0, 0.0]
    elsewhere = other_market_prices(
        frame.assign(week=1), product="product", period="week", price="price"
    )
    assert elsewhere.isna().tolist() == [True, True, False, False]
    assert elsewhere.tolist()[2:] == [5.0, 3.0]


def test_the_worked_example_holds() -> None:
    namespace = {"np": np, "pd": pd, "fit_iv": fit_iv}
    assert doctest.testmod(models.estimators.instruments, extraglobs=namespace).failed == 0
