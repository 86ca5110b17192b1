"""Every estimator ends in a demand model: own price in each form, cross effects, choice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.choice.logit import fit_logit
from models.choice.shares import shares
from models.cross.cross_price import fit_cross
from models.cross.demand import CrossPriceDemand, with_cross_effects
from models.demand import ConstantElasticityDemand
from models.demand_records import RecordedDemand, from_record, to_record
from models.errors import InvalidDemand, InvalidSpec
from models.estimators.elasticity import fit
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from tests.models.choice.test_logit import market_shares
from tests.models.conformance import assert_is_a_demand_model
from tests.models.cross.test_cross_price import category
from tests.models.planted import PROVENANCE


def shop(rng: np.random.Generator, *, semi_log: bool = False, level: float = 5.0) -> pd.DataFrame:
    """Three series; elasticity -2 at a price of 4."""
    price = 4.0 * np.exp(rng.normal(0, 0.15, (3, 400)))
    move = price / 4.0 - 1.0 if semi_log else np.log(price / 4.0)
    deal = (rng.random(price.shape) < 0.25) * 1.0
    mean = np.exp(level - 2.0 * move + 0.4 * deal)
    return pd.DataFrame(
        {
            "sku": np.repeat(["a", "b", "c"], 400),
            "price": price.ravel(),
            "deal": deal.ravel(),
            "units": rng.poisson(mean).ravel().astype(np.float64),
        }
    )


@pytest.mark.parametrize("form", ["log-log", "semi-log"])
@pytest.mark.parametrize("family", ["normal", "poisson", "quasi-poisson", "negative-binomial"])
def test_every_form_and_family_ends_in_a_demand_model(form: str, family: str) -> None:
    frame = shop(np.random.default_rng(11), semi_log=form == "semi-log")
    model = fit(frame, controls=["deal"], by="sku", form=form, family=family).demand()
    four = np.full(3, 4.0)
    assert_is_a_demand_model(model, four)
    elasticity, error = model.price_elasticity(four)
    assert (np.abs(elasticity + 2.0) < 4.0 * error).all()
    # A quarter of the periods had a deal: the average period lies a quarter of its effect up.
    low, high = model.interval(four, 0.999)
    expected = np.exp(5.0 + 0.25 * 0.4)
    assert (low * 0.98 < expected).all()
    assert (expected < high * 1.02).all()


def test_series_that_can_not_be_estimated_have_no_curve() -> None:
    frame = shop(np.random.default_rng(5))
    frame.loc[frame["sku"] == "b", "price"] = 4.0
    model = fit(frame, by="sku").demand()
    assert model.known.tolist() == [True, False, True]


def test_fixed_effects_leave_the_level_of_the_average_period() -> None:
    frame = shop(np.random.default_rng(6)).assign(week=np.tile(np.arange(400) // 20, 3))
    model = fit(frame, "log(units) ~ log(price) + deal | week + sku").demand()
    assert model.units(np.array([4.0]))[0] == pytest.approx(np.exp(5.1), rel=0.03)


def test_cross_effects_end_in_a_demand_model() -> None:
    frame, truth = category(np.random.default_rng(3))
    found = fit_cross(frame, place="store", period="week", group="group")
    week = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * frame["week"], unit="D")
    one = frame.assign(period_start=week, sku=frame["sku"].astype(str))
    panel, _ = build_panel(one.assign(market=one["store"].astype(str)))
    of_store = panel.market == "0"
    curves = fit_demand(panel).curves.select(np.flatnonzero(of_store))
    model = found.demand(curves.demand, [int(name) for name in curves.sku])
    prices = curves.demand.reference_price
    assert_is_a_demand_model(model, prices)
    names = curves.sku.astype(int)
    other = int(np.flatnonzero(truth[names[0], names] > 0)[0])
    dearer = prices.copy()
    dearer[other] *= 1.1
    gain = model.units_together(dearer)[0] / model.units_together(prices)[0] - 1.0
    assert gain == pytest.approx(1.1 ** truth[names[0], names[other]] - 1.0, abs=0.02)
    np.testing.assert_allclose(model.at(dearer).units(prices)[0], model.units_together(dearer)[0])
    numeric = _numeric_jacobian(model, prices)
    np.testing.assert_allclose(model.jacobian(prices), numeric, rtol=1e-5, atol=1e-6)
    # Far from the reference prices the error of the cross effects counts as well.
    width = np.log(model.interval(prices)[1] / model.interval(prices)[0])
    moved = model.at(prices * 1.3)
    wider = np.log(moved.interval(prices)[1] / moved.interval(prices)[0])
    assert (wider >= width).all()
    assert (wider > width).any()


def _numeric_jacobian(model: CrossPriceDemand, prices: np.ndarray) -> np.ndarray:
    columns = []
    for j in range(len(prices)):
        step = np.zeros(len(prices))
        step[j] = prices[j] * 1e-6
        rise = model.units_together(prices + step) - model.units_together(prices - step)
        columns.append(rise / (2.0 * step[j]))
    return np.stack(columns, axis=1)


def two_curves() -> ConstantElasticityDemand:
    return ConstantElasticityDemand(
        reference_price=np.array([2.0, 3.0]),
        log_base=np.array([4.0, 5.0]),
        elasticity=np.array([-2.0, -1.5]),
        covariance=np.tile(np.diag([0.01, 0.04]), (2, 1, 1)),
        residual_variance=np.array([0.1, 0.1]),
    )


def test_rivals_prices_move_demand_by_their_elasticity() -> None:
    model = with_cross_effects(
        two_curves(), np.zeros((2, 2)), rival=np.array([0.8, 0.0]), rival_variance=np.full(2, 0.01)
    )
    price = np.array([2.0, 3.0])
    cheaper = model.at(rival_ratio=np.array([0.9, 0.9]))
    np.testing.assert_allclose(cheaper.units(price) / model.units(price), [0.9**0.8, 1.0])
    assert_is_a_demand_model(cheaper, price)


def test_cross_effects_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidDemand, match="2 by 2"):
        with_cross_effects(two_curves(), np.zeros((3, 3)))
    with pytest.raises(InvalidDemand, match="every product needs a curve"):
        with_cross_effects(ConstantElasticityDemand.unknown(1), np.zeros((1, 1)))
    model = with_cross_effects(two_curves(), np.zeros((2, 2)))
    with pytest.raises(InvalidDemand, match="above zero"):
        model.at(np.array([1.0, 0.0]))


@pytest.mark.parametrize("nest", [None, "nest"])
@pytest.mark.parametrize("term", ["price", "log(price)"])
def test_a_logit_ends_in_a_demand_model(nest: str | None, term: str) -> None:
    frame = market_shares(np.random.default_rng(2), sigma=0.4 if nest else 0.0, markets=200)
    found = fit_logit(
        frame, f"share ~ sugar [{term} ~ cost]", market="m", product="product", nest=nest
    )
    model = found.demand(7, size=1000.0)
    prices = frame.loc[frame["m"] == 7, "price"].to_numpy()
    seen = frame.loc[frame["m"] == 7, "share"].to_numpy()
    np.testing.assert_allclose(model.units(prices), 1000.0 * seen, rtol=1e-9)
    assert_is_a_demand_model(model, prices * 1.02)
    np.testing.assert_allclose(
        model.price_elasticity(prices)[0], np.diagonal(found.elasticities(7)), rtol=1e-9
    )
    cross = model.jacobian(prices) * prices / model.units(prices)[:, None]
    np.testing.assert_allclose(cross, found.elasticities(7), rtol=1e-9)
    dearer = prices * np.where(np.arange(len(prices)) == 1, 1.2, 1.0)
    moved = model.units_together(dearer)
    np.testing.assert_allclose(model.at(dearer).units(dearer), moved, rtol=1e-9)
    assert moved[1] < model.units(prices)[1]
    assert (np.delete(moved, 1) > np.delete(model.units(prices), 1)).all()


def test_logit_units_at_new_prices_are_the_planted_ones() -> None:
    rng = np.random.default_rng(9)
    frame = market_shares(rng, sigma=0.3, markets=1500)
    found = fit_logit(frame, "share ~ sugar [price ~ cost]", market="m", nest="nest")
    here = frame[frame["m"] == 0]
    nest = here["nest"].to_numpy()
    # What the market's own shares say of utility, less the planted price effect.
    utility = np.log(here["share"] / (1 - here["share"].sum())).to_numpy()
    within = here["share"] / here.groupby("nest")["share"].transform("sum")
    utility = utility - 0.3 * np.log(within.to_numpy())
    up = here["price"].to_numpy() * 1.1
    truth = shares(utility - 1.5 * (up - here["price"].to_numpy()), nest, 0.3)
    said = found.demand(0, size=1.0).units_together(up)
    np.testing.assert_allclose(said, truth, rtol=0.1)


def test_a_logit_that_no_price_may_rest_on_ends_in_no_demand_model() -> None:
    frame = market_shares(np.random.default_rng(1), markets=60)
    wrong = fit_logit(frame.assign(price=-frame["price"] + 9), "share ~ price", market="m")
    with pytest.raises(InvalidSpec, match="rises with the price"):
        wrong.demand(0, size=10.0)


def test_records_of_another_format_or_kind_are_refused() -> None:
    keys = np.array(["a", "b"])
    record = to_record(RecordedDemand(keys, keys, two_curves(), PROVENANCE))
    with pytest.raises(InvalidDemand, match="format 99"):
        from_record({**record, "format": 99})
    with pytest.raises(InvalidDemand, match="not whole"):
        from_record({**record, "kind": "crystal ball"})
    with pytest.raises(InvalidDemand, match="not whole"):
        from_record({name: value for name, value in record.items() if name != "values"})
    with pytest.raises(InvalidDemand, match="as many keys"):
        RecordedDemand(keys[:1], keys, two_curves(), PROVENANCE)
