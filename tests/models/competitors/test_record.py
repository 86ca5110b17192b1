"""Indices, promotions, endings and stock with a planted truth; too little data is no number."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import FloatArray
from models.competitors.figures import mean, median, median_time, share
from models.competitors.habits import endings, stock
from models.competitors.index import standing
from models.competitors.promotions import find_reductions, promotions
from models.competitors.record import analyse_market
from models.errors import InvalidPanel, InvalidSpec
from tests.models.rivals import batch_prices, number, panel_of

NAN = np.nan


def constant(products: int, days: int, level: float = 10.0) -> FloatArray:
    return np.full((products, days), level)


# Indices


def test_the_index_is_the_geometric_mean_of_the_price_ratios() -> None:
    ours = constant(6, 30)
    theirs = ours * np.array([0.5, 2.0, 1.1, 1.1, 1.1, 1.0])[:, None]
    found = standing(panel_of({"north": theirs}, ours), "north")
    assert number(found.index.value) == pytest.approx(100 * 1.1 ** (3 / 6))
    assert (found.index.n, found.coverage.value) == (6, 1.0)
    assert [each.value for each in (found.cheaper, found.equal, found.dearer)] == [
        4 / 6,
        1 / 6,
        1 / 6,
    ]
    assert number(found.index.low) < number(found.index.value) < number(found.index.high)


def test_the_interval_holds_the_planted_index_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    ours = constant(40, 2)
    inside = 0
    for _ in range(200):
        theirs = ours * np.exp(rng.normal(np.log(0.95), 0.1, (40, 1)))
        index = standing(panel_of({"north": theirs}, ours), "north").index
        inside += number(index.low) <= 95.0 <= number(index.high)
    assert inside / 200 == pytest.approx(0.95, abs=0.045)  # three standard errors


def test_a_product_that_comes_in_moves_the_direct_index_and_not_the_chained_one() -> None:
    ours = constant(20, 71)
    theirs = ours * np.exp(0.001 * np.arange(71))  # a tenth of a per cent dearer a day
    theirs[10:, :36] = NAN
    theirs[10:] *= 3.0  # the newcomers are dear
    panel = panel_of({"north": theirs}, ours)
    found = standing(panel, "north")
    since_begin = (found.weeks - panel.days[0]).astype(int)
    np.testing.assert_allclose(found.chained, 100 * np.exp(0.001 * since_begin))
    assert found.direct[-1] > 1.5 * found.chained[-1]
    assert found.common.tolist()[0] == 10
    assert found.common.tolist()[-1] == 20


def test_a_week_without_a_crawl_does_not_break_the_chain() -> None:
    ours = constant(10, 50)
    theirs = ours * np.where(np.arange(50) < 25, 1.0, 1.2)
    theirs[:, 20:30] = NAN
    found = standing(panel_of({"north": theirs}, ours), "north")
    assert np.isnan(found.chained[found.common == 0]).all()
    assert found.chained[-1] == pytest.approx(120.0)


def test_what_is_out_of_stock_is_no_price_to_compare_with() -> None:
    ours = constant(6, 8)
    out = np.ones_like(ours)
    out[0] = 0.0
    theirs = ours.copy()
    theirs[0] = 1.0
    found = standing(panel_of({"north": theirs}, ours, in_stock={"north": out}), "north")
    assert number(found.index.value) == pytest.approx(100.0)
    assert found.index.n == 5


def test_four_products_in_common_are_too_few_for_an_index() -> None:
    ours = constant(4, 8)
    found = standing(panel_of({"north": ours}, ours), "north")
    assert found.index.value is None
    assert found.index.why == "4 products in common; 5 are needed"
    assert found.cheaper.value is None


# Promotions


def planted_promotions(
    products: int = 30, days: int = 280, every: int = 42, lasts: int = 10, depth: float = 0.2
) -> FloatArray:
    """Each product is reduced every `every` days, from a day of its own on."""
    price = constant(products, days)
    for row in range(products):
        phase = 7 + (row * 5) % every
        reduced = (np.arange(days) - phase) % every < lasts
        price[row, reduced & (np.arange(days) >= phase)] *= 1.0 - depth
    return price


def test_cadence_depth_and_length_are_the_planted_ones() -> None:
    price = planted_promotions()
    price[20:] = 10.0  # a third of the products is never reduced
    panel = panel_of({"north": price}, constant(30, 280))
    found = promotions(panel, find_reductions(panel), "north")
    assert found.interval.value == 42
    assert found.duration.value == 10
    assert number(found.depth.value) == pytest.approx(0.2)
    assert number(found.products.value) == pytest.approx(2 / 3)
    assert found.products.n == 30
    assert number(found.days.value) == pytest.approx(2 / 3 * 10 / 42, abs=0.02)
    assert found.claimed.value is None  # no price is shown beside


def test_a_cut_that_stays_is_no_promotion() -> None:
    price = constant(10, 200)
    price[:, 100:] = 8.0
    panel = panel_of({"north": price}, constant(10, 200))
    assert find_reductions(panel).empty
    assert find_reductions(panel, returns_within=30).empty


def test_a_drop_is_a_promotion_only_if_it_comes_back_in_time() -> None:
    price = constant(1, 200)
    price[:, 50:120] = 8.0  # ten weeks
    panel = panel_of({"north": price}, constant(1, 200))
    assert find_reductions(panel, returns_within=8).empty
    (only,) = find_reductions(panel, returns_within=11).itertuples()
    assert (only.start, only.end, only.kind) == (50, 120, "drop")


def test_a_price_shown_beside_makes_a_promotion_and_its_claim_is_told_apart() -> None:
    price, beside = constant(10, 100), np.full((10, 100), NAN)
    price[:, 40:60], beside[:, 40:60] = 9.0, 15.0  # it cost 10 before, and they say 15
    panel = panel_of({"north": price}, constant(10, 100), list_price={"north": beside})
    reductions = find_reductions(panel)
    assert set(reductions["kind"]) == {"list"}
    found = promotions(panel, reductions, "north")
    assert number(found.depth.value) == pytest.approx(0.1)
    assert number(found.claimed.value) == pytest.approx(0.4)
    assert found.duration.value == 20


def test_a_price_that_is_always_struck_out_is_a_claim_and_no_promotion() -> None:
    price, beside = constant(10, 100), constant(10, 100, 20.0)
    panel = panel_of({"north": price}, constant(10, 100), list_price={"north": beside})
    found = promotions(panel, find_reductions(panel), "north")
    assert (found.standing.value, found.reductions) == (1.0, 0)


def test_a_gap_ends_what_is_known_and_invents_no_promotion() -> None:
    price = constant(1, 100)
    price[:, 40:60] = 8.0
    price[:, 35:42] = NAN  # nobody saw when it dropped
    panel = panel_of({"north": price}, constant(1, 100))
    assert find_reductions(panel).empty
    same = constant(1, 100)
    same[:, 40:50] = 8.0
    same[:, 43:46] = NAN  # three days within it, alike on both sides
    (only,) = find_reductions(panel_of({"north": same}, constant(1, 100))).itertuples()
    assert (only.start, only.end) == (40, 50)


def test_few_reductions_give_no_cadence() -> None:
    price = planted_promotions(products=6, days=60)
    panel = panel_of({"north": price}, constant(6, 60))
    found = promotions(panel, find_reductions(panel), "north")
    assert found.interval.value is None
    assert "are needed" in found.interval.why


@pytest.mark.parametrize(("least", "weeks"), [(0.0, 8), (1.0, 8), (0.05, 0)])
def test_settings_of_reductions_are_checked(least: float, weeks: int) -> None:
    panel = panel_of({"north": constant(1, 8)}, constant(1, 8))
    with pytest.raises(InvalidSpec):
        find_reductions(panel, least=least, returns_within=weeks)


# Endings


def test_planted_endings_are_found_and_are_not_even() -> None:
    rng = np.random.default_rng(4)
    whole = rng.integers(1, 90, 600).astype(float)
    cents = rng.choice([0.99, 0.95, 0.0], 600, p=[0.6, 0.3, 0.1])
    price = np.repeat((whole + cents)[:, None], 3, axis=1)
    found = endings(panel_of({"north": price}, price), "north")
    for figure, planted in ((found.nines, 0.6), (found.fives, 0.3), (found.rounds, 0.1)):
        assert number(figure.value) == pytest.approx(planted, abs=0.06)  # three standard errors
        assert number(figure.low) < planted < number(figure.high)
    assert [ending for ending, _ in found.common] == ["99", "95", "00"]
    assert (found.digits, number(found.p_value) < 1e-6) == (2, True)


def test_even_endings_are_called_even() -> None:
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        price = np.repeat(rng.integers(100, 9_000, 100)[:, None] / 100, 2, axis=1)
        found = endings(panel_of({"north": price}, price), "north")
        assert found.digits == 1
        p_values.append(number(found.p_value))
    assert sum(p < 0.05 for p in p_values) <= 6  # Binomial(40, .05) exceeds 6 at .3 %


def test_few_prices_have_no_habit() -> None:
    price = constant(20, 3)
    found = endings(panel_of({"north": price}, price), "north")
    assert (found.p_value, found.common, found.nines.value) == (None, (), None)
    assert found.why == "20 prices; 50 are needed"


# Stock


def test_stock_outs_are_the_planted_ones() -> None:
    told = np.ones((40, 140))
    for row in range(40):
        for begin in (20 + row, 90 + row % 7):
            told[row, begin : begin + 7] = 0.0
    price = constant(40, 140)
    found = stock(panel_of({"north": price}, price, in_stock={"north": told}), "north")
    assert number(found.out.value) == pytest.approx(14 / 140, abs=0.005)
    assert (found.spell.value, found.spells) == (7, 80)
    assert (found.out_now.value, found.listed) == (0.0, 40)


def test_a_spell_that_still_runs_is_not_taken_for_a_short_one() -> None:
    told = np.ones((20, 100))
    told[:, 60:] = 0.0
    told[:8, 70:] = 1.0
    price = constant(20, 100)
    found = stock(panel_of({"north": price}, price, in_stock={"north": told}), "north")
    assert found.spell.value is None
    assert found.spell.why == "fewer than half of 20 spells had ended"


def test_products_that_they_do_not_offer_are_named() -> None:
    theirs = constant(4, 20)
    theirs[2] = NAN
    theirs[3, 10:] = NAN
    panel = panel_of({"north": theirs, "south": constant(4, 20)}, constant(4, 20))
    keep = ~((panel.seller == 0) & (panel.product == 2))
    sparse = type(panel)(
        panel.sellers, panel.sku, panel.category, panel.days, panel.ours, panel.seller[keep],
        panel.product[keep], panel.price[keep], panel.list_price[keep], panel.in_stock[keep],
        panel.cadence,
    )  # fmt: skip
    found = stock(sparse, "north")
    assert (found.never, found.lost, found.listed) == (("sku-0002",), ("sku-0003",), 2)


# Figures and the whole


@given(st.integers(0, 200), st.integers(1, 200))
def test_a_share_lies_in_its_interval(count: int, n: int) -> None:
    count = min(count, n)
    found = share(count, n, least=1, things="things")
    assert 0.0 <= number(found.low) <= count / n <= number(found.high) <= 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=60))
def test_a_median_lies_in_its_interval(values: list[float]) -> None:
    found = median(np.array(values), least=1, things="things")
    assert number(found.low) <= number(found.value) <= number(found.high)


def test_spells_that_ran_on_make_the_median_longer() -> None:
    lasted = np.array([3, 3, 4, 5, 6, 9, 9, 9, 9, 9, 9])
    ended = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1], dtype=bool)
    found = median_time(lasted, ended, least=5, things="spells")
    assert (found.value, found.n) == (9, 11)
    assert number(median_time(lasted, np.ones(11, bool), least=5, things="spells").value) == 9
    alone = median_time(lasted[ended], ended[ended], least=5, things="spells")
    assert number(alone.value) < 9


def test_one_value_has_no_mean_with_an_interval() -> None:
    assert mean(np.array([1.0]), least=1, things="products").why == "1 products; 2 are needed"


def test_the_whole_analysis_has_every_seller_and_category() -> None:
    rng = np.random.default_rng(9)
    ours = batch_prices(rng, 20, 70)
    panel = panel_of(
        {"north": ours * 1.1, "south": batch_prices(rng, 20, 70)}, ours,
        category=["tea"] * 12 + ["cups"] * 8,
    )  # fmt: skip
    found = analyse_market(panel, placebos=99)
    views = [("north", None), ("south", None), ("north", "cups"), ("north", "tea"),
             ("south", "cups"), ("south", "tea")]  # fmt: skip
    for figures in (found.standings, found.promotions, found.endings, found.stock):
        assert [(each.seller, each.category) for each in figures] == views
    assert number(found.standings[0].index.value) == pytest.approx(110.0)
    assert len(found.following) == 6
    assert found.since == date(2026, 1, 5)


def test_a_panel_refuses_arrays_that_do_not_fit() -> None:
    with pytest.raises(InvalidPanel, match="in_stock"):
        panel_of({"north": constant(2, 5)}, constant(2, 5), in_stock={"north": np.ones((2, 4))})
