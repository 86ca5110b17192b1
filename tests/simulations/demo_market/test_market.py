from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simulations.demo_market.assortment import CATEGORIES, gtin13
from simulations.demo_market.market import MARKETS, MarketSpec, generate_market
from simulations.demo_market.rivals import RIVALS
from simulations.errors import InvalidMarket
from tests.demo_panel import LAST_WEEK, demo_market


def test_the_market_has_its_products_categories_weeks_and_markets() -> None:
    market = demo_market()
    assert len(market.products) == 300
    assert market.products["category"].nunique() == len(CATEGORIES) == 12
    assert market.products["sku"].is_unique
    assert market.products["title"].is_unique
    assert len(market.sales) == 300 * 104 * len(MARKETS)
    assert market.sales["date"].nunique() == 104
    assert market.sales["date"].max() == str(LAST_WEEK)
    assert set(market.sales["market"]) == set(market.markets["code"]) == set(MARKETS)


def test_equal_seeds_make_equal_markets_and_others_do_not() -> None:
    spec = MarketSpec(last_week=LAST_WEEK, products=24, weeks=30)
    one, same, other = (
        generate_market(spec, np.random.default_rng(seed)).sales for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, same)
    assert not one["units"].equals(other["units"])


def test_every_gtin_is_valid_and_none_is_from_inside_a_shop() -> None:
    gtins = demo_market().products["gtin"]
    assert gtins.is_unique
    assert all(len(g) == 13 and gtin13(g[:12]) == g for g in gtins)
    assert not gtins.str.startswith("2").any()


def test_the_check_digit_is_that_of_known_numbers() -> None:
    # The worked examples of the GS1 check digit calculator and of ISO 2108 (as a GTIN).
    assert gtin13("629104150021") == "6291041500213"
    assert gtin13("978030640615") == "9780306406157"


def test_revenue_is_units_times_a_price_exact_to_the_cent() -> None:
    sales = demo_market().sales
    sold = sales[sales["units"] > 0]
    cents = (sold["revenue"] / sold["units"] * 100).round(6)
    np.testing.assert_allclose(cents, cents.round(), atol=1e-6)
    assert (cents.round() / 100 <= sold["regular_price"] + 1e-9).all()


def test_promotions_lower_the_price_and_flags_come_with_promotions_only() -> None:
    sales = demo_market().sales
    sold = sales[sales["units"] > 0]
    discounted = sold["revenue"] / sold["units"] < sold["regular_price"] - 0.005
    assert (discounted == (sold["deal"] == 1)).mean() > 0.999
    assert (sales["feature"] <= sales["deal"]).all()
    assert (sales["display"] <= sales["deal"]).all()


def test_a_stock_out_sells_less_than_its_neighbours() -> None:
    sales = demo_market().sales
    share = sales["stock_out"].mean()
    assert 0.01 < share < 0.05
    assert sales.loc[sales["stock_out"] == 1, "units"].mean() < 0.7 * sales["units"].mean()


def test_regular_prices_rise_in_weeks_of_hidden_demand() -> None:
    """Within series and outside promotions, price and sales lie above their law together."""
    market = demo_market()
    law, sales = market.law, market.sales
    plain = sales[(sales["deal"] == 0) & (sales["stock_out"] == 0) & (sales["units"] > 0)]
    row = law.rows_of(plain["sku"].to_numpy(str), plain["market"].to_numpy(str))
    price = plain["regular_price"].to_numpy()
    expected = np.exp(
        law.demand.log_base[row]
        + law.elasticity[row] * np.log(price / law.demand.reference_price[row])
    )
    surprise = pd.Series(np.log(plain["units"].to_numpy() / expected))
    moved = pd.Series(np.log(price))
    within = [x - x.groupby(row).transform("mean") for x in (moved, surprise)]
    assert within[0].corr(within[1]) > 0.1


def test_costs_hold_from_the_first_week_and_the_law_ends_at_the_newest() -> None:
    market = demo_market()
    first = market.costs.groupby(["sku", "market"])["date"].min()
    assert (first == market.sales["date"].min()).all()
    newest = market.costs.groupby(["sku", "market"])["cost"].last()
    np.testing.assert_allclose(newest.to_numpy(), market.law.unit_cost)
    assert (market.costs["cost"] > 0).all()
    last_price = market.sales.groupby(["sku", "market"])["regular_price"].last()
    np.testing.assert_allclose(last_price.to_numpy(), market.law.start_price)


def test_some_products_never_change_their_price() -> None:
    levels = demo_market().sales.groupby(["sku", "market"])["regular_price"].nunique()
    assert 2 <= (levels == 1).sum() <= 40


def test_stock_is_counted_after_the_last_week_for_every_pair() -> None:
    market = demo_market()
    assert len(market.stock) == 600
    assert (market.stock["date"] > str(LAST_WEEK)).all()
    assert (market.stock["units"] >= 0).all()


def test_true_units_and_profit_follow_the_law() -> None:
    law = demo_market().law
    at_start = law.expected_units(law.start_price)
    dearer = law.expected_units(law.start_price * 1.1)
    np.testing.assert_allclose(np.log(dearer / at_start) / np.log(1.1), law.elasticity)
    np.testing.assert_allclose(
        law.true_profit(law.start_price), (law.start_price - law.unit_cost) * at_start
    )
    grid = law.start_price[:, None] * np.array([0.9, 1.0])
    np.testing.assert_allclose(law.true_profit(grid)[:, 1], law.true_profit(law.start_price))
    assert (law.elasticity <= -1.15).all()


def test_starting_prices_are_plausible_and_leave_profit_on_the_table() -> None:
    law = demo_market().law
    assert (law.start_price > law.unit_cost).mean() > 0.99
    best = law.unit_cost * law.elasticity / (law.elasticity + 1.0)
    within = np.clip(best, 0.85 * law.start_price, 1.15 * law.start_price)
    gain = law.true_profit(within).sum() / law.true_profit(law.start_price).sum() - 1.0
    assert 0.07 < gain < 0.20


def test_rivals_carry_most_products_in_their_own_words() -> None:
    market = demo_market()
    rivals = market.rivals
    assert set(rivals["shop"]) == set(RIVALS)
    ours = rivals[rivals["sku"] != ""]
    carried = ours.groupby("shop")["sku"].nunique()
    assert carried.between(180, 280).all()
    assert not ours.duplicated(["shop", "sku"]).any()
    joined = ours.merge(market.products, on="sku", suffixes=("", "_ours"))
    by_code, by_title = (joined[joined["shop"] == shop] for shop in RIVALS)
    assert (by_code["gtin"] == by_code["gtin_ours"]).all()
    assert (by_title["gtin"] == "").all()
    assert (by_title["title"] != by_title["title_ours"]).all()
    strangers = rivals[rivals["sku"] == ""]
    assert not set(strangers["brand"]) & set(market.products["brand"])
    assert (rivals["price"] > 0).all()
    assert set(rivals["availability"]) == {"in_stock", "out_of_stock"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weeks": 10}, r"weeks must lie in 26\.\.520"),
        ({"hidden_demand": -0.1}, "hidden_demand"),
        ({"fixed_price_share": 1.5}, "fixed_price_share"),
        ({"products": 5}, "products must lie in 12"),
        ({"products": 5000}, "not 5000"),
    ],
)
def test_a_market_that_can_not_be_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidMarket, match=message):
        generate_market(
            MarketSpec(last_week=LAST_WEEK, **changes),  # type: ignore[arg-type]
            np.random.default_rng(1),
        )
