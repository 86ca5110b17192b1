from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import IntArray
from models.demand import ConstantElasticityDemand
from pricing.catalogue import UNKNOWN, Catalogue, Labels, Market
from simulations.errors import InvalidScenario
from simulations.scenarios.what_if import MEASURES, what_if

ONLINE = Market("online", "USD")


def catalogue(n: int = 6, **changes: object) -> Catalogue:
    """Products at 10.00 that cost 6.00."""
    plain = Catalogue(
        sku=np.array([f"P{i}" for i in range(n)]),
        market=Labels.of(["online"] * n),
        markets=(ONLINE,),
        category=Labels.of(["tea"] * n),
        brand=Labels.of([""] * n),
        price=np.full(n, 1000),
        cost=np.full(n, 600),
        stock=np.full(n, np.nan),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def curves(n: int = 6, *, std: float = 0.2, noise: float = 0.04) -> ConstantElasticityDemand:
    """100 units at 10.00, elasticity -2."""
    covariance = np.zeros((n, 2, 2))
    covariance[:, 1, 1] = std**2
    return ConstantElasticityDemand(
        reference_price=np.full(n, 10.0),
        log_base=np.full(n, np.log(100.0)),
        elasticity=np.full(n, -2.0),
        covariance=covariance,
        residual_variance=np.full(n, noise),
    )


def lists(n: int = 6) -> dict[str, IntArray]:
    return {"-10 %": np.full(n, 900), "same": np.full(n, 1000), "+10 %": np.full(n, 1100)}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_without_any_doubt_the_answer_is_the_curve_itself() -> None:
    found = what_if(catalogue(), curves(std=0.0, noise=0.0), lists(), rng=rng(), periods=4)
    units = 6 * 4 * 100 * 1.1**-2.0
    assert found.outcome("+10 %", "units").mean == pytest.approx(units)
    assert found.outcome("+10 %", "revenue").mean == pytest.approx(units * 11.0)
    profit = found.outcome("+10 %", "profit")
    assert profit.mean == pytest.approx(units * 5.0)
    assert profit.low == pytest.approx(profit.high)


def test_the_mean_over_draws_is_the_expected_value() -> None:
    found = what_if(catalogue(), curves(std=0.0), lists(), rng=rng(), draws=4000, periods=4)
    assert found.outcome("same", "units").mean == pytest.approx(2400, rel=0.005)


def test_differences_are_sharper_than_the_figures_they_come_from() -> None:
    """Common random numbers: the luck of the weeks hits all scenarios alike."""
    found = what_if(catalogue(), curves(std=0.0, noise=0.25), lists(), rng=rng())
    level, less = found.outcome("+10 %", "revenue"), found.difference("+10 %", "revenue")
    assert less.high - less.low < 0.3 * (level.high - level.low)
    assert less.high < 0


def test_a_scenario_equal_to_the_base_makes_no_difference_at_all() -> None:
    found = what_if(catalogue(), curves(), lists(), rng=rng())
    for measure in MEASURES:
        nothing = found.difference("same", measure)
        assert (nothing.mean, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_a_less_certain_elasticity_makes_a_wider_interval() -> None:
    narrow = what_if(catalogue(), curves(std=0.1), lists(), rng=rng())
    wide = what_if(catalogue(), curves(std=0.5), lists(), rng=rng())
    a, b = (found.difference("+10 %", "units") for found in (narrow, wide))
    assert b.high - b.low > 2 * (a.high - a.low)


def test_intervals_hold_what_happens_as_often_as_they_say() -> None:
    """Truth drawn from the very law that the intervals describe."""
    source = rng(5)
    truth_at: list[bool] = []
    found = what_if(catalogue(), curves(), lists(), rng=rng(1), draws=4000, periods=2)
    interval = found.outcome("+10 %", "units")
    for _ in range(2000):
        elasticity = source.normal(-2.0, 0.2, 6)
        luck = np.exp(source.normal(0.0, 0.2, (2, 6)) - 0.02).sum(axis=0)
        happened = float((100 * 1.1**elasticity * luck).sum())
        truth_at.append(interval.low <= happened <= interval.high)
    assert 0.93 <= np.mean(truth_at) <= 0.97


def test_equal_seeds_give_equal_answers() -> None:
    one, two = (what_if(catalogue(), curves(), lists(), rng=rng(3)).to_frame() for _ in range(2))
    assert one.equals(two)


def test_the_table_has_a_row_for_each_scenario_and_measure() -> None:
    table = what_if(catalogue(), curves(), lists(), rng=rng()).to_frame()
    assert len(table) == 9
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    cheaper = table[(table["scenario"] == "-10 %") & (table["measure"] == "units")].iloc[0]
    assert cheaper["change"] == pytest.approx(0.9**-2.0 - 1, abs=0.02)


def test_tax_inside_the_price_is_not_revenue() -> None:
    taxed = catalogue(markets=(Market("online", "USD", tax_rate=0.25),))
    found = what_if(taxed, curves(std=0.0, noise=0.0), lists(), rng=rng(), periods=1)
    assert found.outcome("same", "revenue").mean == pytest.approx(6 * 100 * 8.0)
    assert found.outcome("same", "profit").mean == pytest.approx(6 * 100 * 2.0)


def test_a_currency_without_decimals_is_read_in_whole_units() -> None:
    yen = catalogue(markets=(Market("online", "JPY"),), price=np.full(6, 10), cost=np.full(6, 6))
    found = what_if(yen, curves(std=0.0, noise=0.0), {"same": np.full(6, 10)}, rng=rng(), periods=1)
    assert found.currency == "JPY"
    assert found.outcome("same", "profit").mean == pytest.approx(6 * 100 * 4.0)


def test_rows_that_can_not_be_simulated_are_counted_by_reason() -> None:
    price = np.array([1000, UNKNOWN, 1000, 1000, 1000, 1000])
    cost = np.array([600, 600, UNKNOWN, 600, 600, 600])
    demand = curves().take(np.array([0, 1, 2, -1, 4, 5]))
    scenario = {"x": np.array([900, 900, 900, 900, UNKNOWN, 900])}
    found = what_if(catalogue(price=price, cost=cost), demand, scenario, rng=rng())
    assert found.rows == 2
    assert found.left_out == {
        "no price in force": 1,
        "no cost": 1,
        "no demand curve": 1,
        "no scenario price": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenarios": {}}, "no scenarios"),
        ({"scenarios": {"x": np.full(5, 900)}}, "'x' has prices"),
        ({"draws": 1}, "draws 1 must be at least 2"),
        ({"periods": 0}, "periods 0"),
        ({"demand": curves(5)}, "demand 5; align"),
        ({"scenarios": {"x": np.full(6, UNKNOWN)}}, "no row can be simulated: 6 with no scenario"),
        (
            {
                "catalogue": catalogue(
                    2,
                    market=Labels.of(["eu", "us"]),
                    markets=(Market("eu", "EUR"), Market("us", "USD")),
                ),
                "demand": curves(2),
                "scenarios": lists(2),
            },
            "EUR, USD can not be added up",
        ),
    ],
)
def test_a_question_that_has_no_answer_is_refused(
    arguments: dict[str, object], message: str
) -> None:
    asked: dict[str, object] = {
        "catalogue": catalogue(),
        "demand": curves(),
        "scenarios": lists(),
        "rng": rng(),
    }
    with pytest.raises(InvalidScenario, match=message):
        what_if(**(asked | arguments))  # type: ignore[arg-type]


def test_asking_for_a_scenario_that_was_not_simulated_names_those_that_were() -> None:
    found = what_if(catalogue(), curves(), lists(), rng=rng())
    with pytest.raises(InvalidScenario, match=r"scenarios -10 %, same, \+10 %"):
        found.outcome("+20 %", "units")
