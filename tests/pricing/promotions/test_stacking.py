"""Lanes, and who may meet whom."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.pricing.promotions.carts import cart, line, price

TEN = {"type": "percent_off", "percent": 10}
ORDER = {"type": "spend_and_save", "spend": 100, "amount": 20}


def applied(
    *entries: Mapping[str, object], mode: str = "best", **more: object
) -> tuple[int, list[str]]:
    shopping = cart(line("a", 100), **{"codes": ["C1", "C2"], "shipping": 5, **more})
    answer = price(shopping, *entries, mode=mode)  # type: ignore[arg-type]
    return answer.total, [entry.id for entry in answer.applied]


def test_lanes_run_in_turn_and_each_looks_at_what_the_one_before_left() -> None:
    coupon = {"type": "spend_and_save", "percent": 10, "code": "C1"}
    assert applied(TEN, {**ORDER, "spend": 90}, coupon) == (6_300 + 500, ["p0", "p1", "p2"])


def test_a_lane_takes_one_promotion_unless_promotions_stack() -> None:
    five, ten = ({"type": "spend_and_save", "amount": amount} for amount in (5, 10))
    assert applied(five, ten)[1] == ["p1"]
    assert applied({**five, "stack": True}, ten)[1] == ["p1"]
    assert applied({**five, "stack": True}, {**ten, "stack": True}) == (9_000, ["p0", "p1"])
    assert applied({**five, "combines_with": ["p1"]}, ten)[1] == ["p0", "p1"]


def test_inside_a_lane_stacked_percentages_add_up_and_across_lanes_they_multiply() -> None:
    ten = {"type": "spend_and_save", "percent": 10, "stack": True}
    assert applied(ten, ten)[0] == 8_000 + 500
    assert applied(ten, {**ten, "code": "C1"})[0] == 8_100 + 500


def test_a_unit_carries_one_item_promotion_unless_they_stack() -> None:
    assert applied(TEN, TEN)[0] == 9_500
    assert applied({**TEN, "stack": True}, {**TEN, "stack": True})[0] == 8_500


def test_different_units_may_carry_different_promotions() -> None:
    shopping = cart(line("a", 100), line("b", 50))
    a_only = {"type": "percent_off", "percent": 20, "products": {"skus": ["a"]}}
    answer = price(shopping, TEN, a_only)
    assert answer.total == 8_000 + 4_500


def test_at_most_one_promotion_of_a_group_is_on_a_cart_in_any_lane() -> None:
    one = {**TEN, "group": "summer"}
    assert applied(one, {**ORDER, "spend": 0, "group": "summer"}) == (8_500, ["p1"])


def test_not_with_holds_across_lanes_and_in_both_directions() -> None:
    order = {**ORDER, "spend": 0}
    assert applied({**TEN, "not_with": ["p1"]}, order) == (8_500, ["p1"])
    assert applied(TEN, {**order, "not_with": ["lane:item"]}) == (8_500, ["p1"])
    assert applied({**TEN, "not_with": ["all"]}, {"type": "shipping_off"}) == (9_500, ["p0"])


def test_requires_needs_the_other_one_to_be_applied() -> None:
    extra = {"type": "spend_and_save", "amount": 1, "requires": ["p0"]}
    member = {**TEN, "for": {"tiers": ["gold"]}}
    assert applied(member, extra) == (10_500, [])
    assert applied(member, extra, tier="gold") == (8_900 + 500, ["p0", "p1"])


def test_an_item_discount_is_given_up_where_it_would_lose_a_threshold() -> None:
    assert applied(TEN, ORDER) == (8_500, ["p1"])
    # Greedy takes the ten percent first and misses the hundred.
    assert applied(TEN, ORDER, mode="priority") == (9_500, ["p0"])


def test_just_so_many_units_are_discounted_that_the_threshold_holds() -> None:
    shopping = cart(line("a", 35, 3))
    answer = price(shopping, {**TEN}, ORDER)
    # One unit at 31.50 leaves 101.50; two would leave 98.00.
    assert answer.total == 10_150 - 2_000
    assert answer.applied[0].units == 1


def test_a_threshold_before_items_does_not_care() -> None:
    assert applied(TEN, {**ORDER, "basis": "before_items"}) == (7_000 + 500, ["p0", "p1"])


def test_priority_mode_goes_by_priority_and_stop_ends_the_lane() -> None:
    low = {"type": "spend_and_save", "amount": 30, "stack": True}
    high = {"type": "spend_and_save", "amount": 1, "stack": True, "priority": 5}
    assert applied(low, high, mode="priority")[1] == ["p1", "p0"]
    assert applied(low, {**high, "stop": True}, mode="priority")[1] == ["p1"]
    assert applied(low, {**high, "stop": True})[1] == ["p1", "p0"]


def test_already_discounted_items_can_be_left_out() -> None:
    shopping = cart(line("a", 100), line("b", 100, regular_price=120), line("c", 100))
    coupon = {
        "type": "spend_and_save",
        "percent": 10,
        "basis": "before_items",
        "products": {"full_price_only": True},
    }
    item = {"type": "amount_off", "amount": 50, "products": {"skus": ["a"]}}
    assert price(shopping, coupon).total == 28_000
    assert price(shopping, coupon, item).total == 24_000
    assert price(shopping, {**TEN, "products": {"full_price_only": True}}).total == 28_000


@pytest.mark.parametrize("mode", ["best", "priority"])
def test_the_cheapest_coupon_of_two_needs_no_order_from_the_customer(mode: str) -> None:
    small = {"type": "spend_and_save", "amount": 5, "code": "C1"}
    large = {"type": "spend_and_save", "amount": 25, "code": "C2"}
    total, names = applied(small, large, mode=mode)
    assert (total, names) == ((8_000, ["p1"]) if mode == "best" else (10_000, ["p0"]))
