"""Every promotion type by example: what goes in, what comes out."""

from __future__ import annotations

from typing import Any

import pytest

from pricing.promotions.evaluate import evaluate
from pricing.promotions.evaluation import Evaluation
from tests.pricing.promotions.carts import cart, check_sums, explain, line, price, promotions

SHOES: dict[str, Any] = {"category": "shoes"}
SOCKS: dict[str, Any] = {"category": "socks"}


def totals(answer: Evaluation) -> tuple[int, dict[str, int]]:
    return answer.total, {entry.id: entry.amount for entry in answer.applied}


def test_a_percentage_comes_off_each_unit_rounded_half_up() -> None:
    shopping = cart(line("a", "0.05", 3), line("b", 10))
    answer = price(shopping, {"type": "percent_off", "percent": 10})
    # 10 % of 0.05 is half a cent: a whole one off each unit.
    assert totals(answer) == (12 + 900, {"p0": 103})


def test_a_percentage_of_the_original_looks_at_the_regular_price() -> None:
    shopping = cart(line("a", 90, regular_price=100))
    current = {"type": "percent_off", "percent": 20}
    assert price(shopping, current).total == 7_200
    assert price(shopping, {**current, "of": "original"}).total == 7_000


def test_an_amount_off_never_takes_a_unit_below_zero() -> None:
    shopping = cart(line("a", 3, 2), line("b", 8))
    assert totals(price(shopping, {"type": "amount_off", "amount": 5})) == (300, {"p0": 1_100})


def test_a_special_price_by_sku_or_for_all_has_no_effect_on_cheaper_units() -> None:
    shopping = cart(line("a", 10), line("b", 10), line("c", 4))
    offer = {"type": "special_price", "price": 8, "prices": {"b": 5}}
    assert totals(price(shopping, offer)) == (800 + 500 + 400, {"p0": 700})


def test_a_flash_sale_ends_with_its_stock_and_its_hour() -> None:
    flash = {
        "type": "special_price",
        "price": 5,
        "limits": {"units": 100, "units_per_order": 2},
        "when": {"from": "2026-11-11T10:00", "until": "2026-11-11T14:00"},
    }
    assert price(cart(line("a", 9, 3)), flash).total == 2 * 500 + 900
    late = cart(line("a", 9, 3), at="2026-11-11T14:00:00+00:00")
    assert price(late, flash).total == 2_700


def test_a_member_price_is_for_its_tier() -> None:
    member = {"type": "special_price", "prices": {"a": 8}, "for": {"tiers": ["gold"]}}
    assert price(cart(line("a", 10), tier="gold"), member).total == 800
    assert price(cart(line("a", 10)), member).total == 1_000


def test_the_highest_spend_step_reached_counts_and_is_shared_by_largest_remainder() -> None:
    steps = [{"spend": 30, "amount": 3}, {"spend": 50, "amount": 10}]
    offer = {"type": "spend_and_save", "tiers": steps}
    shopping = cart(line("a", 10), line("b", 20), line("c", 30))
    answer = price(shopping, offer)
    assert totals(answer) == (5_000, {"p0": 1_000})
    assert [dict(x.discounts)["p0"] for x in answer.lines] == [167, 333, 500]
    assert price(cart(line("a", 49)), offer).total == 4_600


@pytest.mark.parametrize(("spent", "off"), [(299, 0), (300, 30), (899, 60), (900, 90), (5_000, 90)])
def test_per_every_counts_each_time_the_threshold_is_reached_up_to_its_most(
    spent: int, off: int
) -> None:
    offer = {"type": "spend_and_save", "spend": 300, "amount": 30, "every": True, "at_most": 3}
    assert price(cart(line("a", spent)), offer).total == (spent - off) * 100


@pytest.mark.parametrize(("units", "total"), [(1, 1_000), (2, 1_800), (3, 2_100), (4, 2_800)])
def test_the_more_units_the_better_for_all_of_them(units: int, total: int) -> None:
    steps = [{"quantity": 2, "percent": 10}, {"quantity": 3, "percent": 30}]
    shopping = cart(line("a", 10, units))
    assert price(shopping, {"type": "quantity_tiers", "tiers": steps}).total == total


def test_units_together_may_bring_an_amount_off_all_of_them() -> None:
    offer = {"type": "quantity_tiers", "tiers": [{"quantity": 3, "amount": 5}]}
    assert price(cart(line("a", 10, 4)), offer).total == 3_500


def test_any_two_for_a_price_takes_the_two_that_save_most() -> None:
    offer = {"type": "n_for_price", "quantity": 2, "price": 25}
    shopping = cart(line("a", 20), line("b", 15), line("c", 14))
    answer = price(shopping, offer)
    assert totals(answer) == (2_500 + 1_400, {"p0": 1_000})
    assert answer.line("c").discounts == ()


@pytest.mark.parametrize(("units", "free"), [(2, 0), (3, 1), (5, 1), (6, 2), (9, 3)])
def test_buy_two_get_one_repeats_as_often_as_the_cart_allows(units: int, free: int) -> None:
    offer = {"type": "buy_get", "buy": 2, "get": 1, "percent": 100}
    answer = price(cart(line("a", 10, units)), offer)
    assert answer.total == (units - free) * 1_000


def test_the_cheapest_of_each_round_is_the_one_got() -> None:
    offer = {"type": "buy_get", "buy": 2, "get": 1, "percent": 100, "at_most": 1}
    shopping = cart(line("a", 10), line("b", 9), line("c", 8), line("d", 1))
    # Leaving out the cheapest unit makes the eight the cheapest of its round.
    assert price(shopping, offer).total == 1_000 + 900 + 100


def test_buy_one_thing_get_another_reduced() -> None:
    offer = {
        "type": "buy_get",
        "buy": 1,
        "get": 2,
        "percent": 50,
        "products": {"categories": ["shoes"]},
        "get_products": {"categories": ["socks"]},
    }
    shopping = cart(line("shoe", 60, **SHOES), line("sock", 4, 3, **SOCKS))
    assert price(shopping, offer).total == 6_000 + 400 + 2 * 200
    one_sock = cart(line("shoe", 60, **SHOES), line("sock", 4, **SOCKS))
    assert price(one_sock, offer).total == 6_000 + 200
    assert price(cart(line("sock", 4, 3, **SOCKS)), offer).total == 1_200


def test_an_add_on_needs_the_rest_of_the_cart_to_reach_its_condition() -> None:
    offer = {
        "type": "add_on",
        "price": 1,
        "products": {"skus": ["mug"]},
        "needs": {"spend": 50},
    }
    assert price(cart(line("a", 50), line("mug", 9, 2)), offer).total == 5_000 + 100 + 900
    # The mugs themselves do not count.
    assert price(cart(line("a", 45), line("mug", 9, 2)), offer).total == 4_500 + 1_800


def test_a_fixed_bundle_and_a_mix_and_match_bundle_across_brands() -> None:
    fixed = {
        "type": "bundle",
        "price": 40,
        "parts": [{"products": {"skus": ["pan"]}}, {"products": {"skus": ["lid"]}, "quantity": 2}],
    }
    shopping = cart(line("pan", 30), line("lid", 8, 3))
    assert price(shopping, fixed).total == 4_000 + 800
    mixed = {
        "type": "bundle",
        "percent": 20,
        "parts": [
            {"products": {"brands": ["acme"]}},
            {"products": {"brands": ["zeta"]}},
        ],
    }
    brands = cart(line("a", 10, 2, brand="acme"), line("z", 5, brand="zeta"))
    assert price(brands, mixed).total == 1_000 + 800 + 400


def test_a_coupon_needs_its_code_in_any_case_and_takes_a_capped_percentage() -> None:
    coupon = {
        "type": "spend_and_save",
        "percent": 20,
        "max_discount": 15,
        "spend": 50,
        "code": "SAVE20",
        "products": {"categories": ["shoes"]},
    }
    shoes = line("shoe", 100, **SHOES)
    answer = price(cart(shoes, line("x", 5), codes=["save-2o"]), coupon)
    assert totals(answer) == (9_000, {"p0": 1_500})
    assert answer.applied[0].lane == "coupon"
    assert answer.applied[0].code == "save-2o"
    assert price(cart(shoes, codes=["SAVE21"]), coupon).total == 10_000


@pytest.mark.parametrize(("size", "total"), [(0, 2_000), (1, 2_000), (2, 1_800), (5, 1_500)])
def test_a_group_buy_takes_the_price_of_the_reached_size(size: int, total: int) -> None:
    offer = {"type": "group_buy", "tiers": [{"size": 2, "price": 18}, {"size": 5, "price": 15}]}
    assert price(cart(line("a", 20), group_sizes={"p0": size}), offer).total == total


def test_a_presale_deposit_counts_for_more_than_was_paid() -> None:
    offer = {"type": "presale", "deposit": 50, "worth": 100, "products": {"skus": ["tv"]}}
    answer = price(cart(line("tv", 999, 2), line("cable", 5)), offer)
    assert totals(answer) == (99_900 * 2 - 2 * 5_000 + 500, {"p0": 10_000})
    assert answer.deposit == 10_000


def test_shipping_is_free_or_reduced_once_enough_is_left_to_pay() -> None:
    shopping = cart(line("a", 50), shipping="6.90")
    assert price(shopping, {"type": "shipping_off", "spend": 49}).total == 5_000
    assert price(shopping, {"type": "shipping_off", "spend": 51}).total == 5_690
    assert price(shopping, {"type": "shipping_off", "percent": 50}).total == 5_345
    assert price(shopping, {"type": "shipping_off", "price": "2.90"}).total == 5_290
    assert price(shopping, {"type": "shipping_off", "amount": 10}).total == 5_000


def test_a_gift_goes_with_the_order_and_changes_no_amount() -> None:
    offer = {
        "type": "gift",
        "spend": 50,
        "every": True,
        "at_most": 2,
        "gifts": [
            {"sku": "mug", "value": 9, "stock": 1},
            {"sku": "pen", "value": 2},
        ],
    }
    answer = price(cart(line("a", 60)), offer)
    assert (answer.total, answer.gifts[0].sku, answer.gifts[0].choices) == (6_000, "mug", ("pen",))
    twice = price(cart(line("a", 150)), offer)
    # One mug is left and two are earned: the pen goes out.
    assert (twice.gifts[0].sku, twice.gifts[0].quantity, twice.gifts[0].value) == ("pen", 2, 400)
    chosen = price(cart(line("a", 60), gift_choices={"p0": "pen"}), offer)
    assert chosen.gifts[0].sku == "pen"
    assert price(cart(line("a", 49)), offer).gifts == ()


def test_a_joint_promotion_is_funded_in_shares_that_add_up() -> None:
    offer = {
        "type": "spend_and_save",
        "amount": "10.01",
        "funding": {"ours": 50, "brand": 30, "platform": 20},
    }
    entry = price(cart(line("a", 60)), offer).applied[0]
    assert entry.funding == {"ours": 501, "brand": 300, "platform": 200}


def test_a_threshold_across_shops_is_shared_pro_rata() -> None:
    offer = {"type": "spend_and_save", "spend": 300, "amount": 50}
    shopping = cart(line("a", 200, shop="north"), line("b", 100, shop="south"))
    assert price(shopping, offer).applied[0].shops == {"north": 3_333, "south": 1_667}


def test_an_order_discount_that_hits_a_floor_flows_on_to_the_other_lines() -> None:
    shopping = cart(line("a", 50, floor=45), line("b", 50))
    answer = price(shopping, {"type": "spend_and_save", "amount": 30})
    assert [x.after for x in answer.lines] == [4_500, 2_500]
    deep = price(cart(line("a", 50, floor=45)), {"type": "spend_and_save", "amount": 30})
    assert deep.total == 4_500


def test_a_free_unit_is_paid_for_by_its_whole_round_so_that_floors_can_hold() -> None:
    offer = {"type": "buy_get", "buy": 2, "get": 1, "percent": 100}
    answer = price(cart(line("a", 30, 3, floor=18)), offer)
    assert answer.total == 6_000
    assert {run.paid for run in answer.line("a").units} == {2_000}
    tight = price(cart(line("a", 30, 3, floor=25)), offer)
    assert tight.total == 7_500


@pytest.mark.parametrize(
    ("currency", "unit_price", "percent", "total"),
    [("JPY", "105", 10, 94), ("EUR", "1.05", 10, 94), ("KWD", "1.005", 10, 904)],
)
def test_currencies_with_no_two_and_three_decimals_round_to_their_own_unit(
    currency: str, unit_price: str, percent: int, total: int
) -> None:
    shopping = cart(line("a", unit_price), currency=currency)
    compiled = promotions({"type": "percent_off", "percent": percent}, currency=currency)
    assert evaluate(shopping, compiled).total == total


def test_tax_is_contained_in_the_total_or_added_to_it() -> None:
    offer = {"type": "spend_and_save", "amount": 10}
    lines = (line("a", 60, tax_rate=20), line("b", 40, tax_rate=5))
    inside = price(cart(*lines), offer)
    assert (inside.total, inside.tax) == (9_000, 900 + 171)
    outside = price(cart(*lines, prices_include_tax=False), offer)
    assert (outside.total, outside.tax) == (9_000 + 1_080 + 180, 1_260)
    check_sums(cart(*lines, prices_include_tax=False), outside)


def test_a_promotion_that_takes_nothing_off_is_not_applied() -> None:
    answer, why = explain(cart(line("a", 10, floor=10)), {"type": "percent_off", "percent": 10})
    assert answer.applied == ()
    assert why.not_applied[0].id == "p0"
