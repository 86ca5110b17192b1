"""Lanes, and who may meet whom."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pricing.promotions.evaluation import Mode
from tests.pricing.promotions.carts import cart, explain, line, price

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


PRESALE = {"type": "presale", "deposit": 10, "worth": 30}
GROUP = {"type": "group_buy", "tiers": [{"size": 2, "price": 180}], "id": "together"}


@pytest.mark.parametrize("mode", ["best", "priority"])
@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("term", [{**PRESALE, "id": "early"}, GROUP], ids=["presale", "group buy"])
def test_a_term_of_sale_is_settled_first_and_discounts_follow(
    term: dict[str, object], stack: bool, mode: Mode
) -> None:
    shopping = cart(line("a", 200), group_sizes={"together": 2})
    coming = {"type": "spend_and_save", "amount": 30, "stack": stack}
    name = term["id"]
    missed = price(shopping, {**term, "stack": stack}, {**coming, "spend": 181}, mode=mode)
    assert (missed.total, [entry.id for entry in missed.applied]) == (18_000, [name])
    reached = price(shopping, {**term, "stack": stack}, {**coming, "spend": 180}, mode=mode)
    assert (reached.total, [entry.id for entry in reached.applied]) == (15_000, [name, "p1"])
    assert [a.deposit for a in (missed, reached)] == [1_000 if name == "early" else 0] * 2


@pytest.mark.parametrize("mode", ["best", "priority"])
def test_a_term_of_sale_keeps_its_units_from_dearer_discounts_unless_they_stack(mode: Mode) -> None:
    shopping = cart(line("a", 200, 2), line("b", 50))
    half = {"type": "percent_off", "percent": 50, "priority": 9}
    early = {**PRESALE, "products": {"skus": ["a"]}}
    apart = price(shopping, early, half, mode=mode)
    assert (apart.total, apart.deposit) == (2 * 18_000 + 2_500, 2_000)
    both = price(shopping, {**early, "stack": True}, {**half, "stack": True}, mode=mode)
    assert (both.total, both.deposit) == (2 * 8_000 + 2_500, 2_000)
    one = price(shopping, {**early, "limits": {"units_per_order": 1}}, half, mode=mode)
    assert (one.total, one.deposit) == (18_000 + 10_000 + 2_500, 1_000)
    never = price(shopping, {**early, "not_with": ["p1"]}, half, mode=mode)
    assert (never.total, never.deposit) == (2 * 18_000 + 5_000, 2_000)
    # The floor leaves room for one of them: the term has it.
    tight = cart(line("a", 200, floor=180))
    answer = price(tight, {**early, "stack": True}, {**half, "stack": True}, mode=mode)
    assert [entry.id for entry in answer.applied] == ["p0"]


def test_two_terms_of_sale_go_by_priority_and_stop_spares_what_has_more_of_it() -> None:
    shopping = cart(line("a", 200), group_sizes={"together": 2})
    for mode in ("best", "priority"):
        answer = price(shopping, {**PRESALE, "priority": 1}, GROUP, mode=mode)
        assert [entry.id for entry in answer.applied] == ["p0"]
        answer = price(shopping, PRESALE, {**GROUP, "priority": 1}, mode=mode)
        assert [entry.id for entry in answer.applied] == ["together"]
    wide = cart(line("a", 200), line("b", 50), line("c", 50))
    early = {**PRESALE, "priority": 1, "stop": True, "products": {"skus": ["a"]}}
    high = {"type": "amount_off", "amount": 1, "priority": 2, "products": {"skus": ["b"]}}
    low = {"type": "amount_off", "amount": 1, "products": {"skus": ["c"]}}
    answer = price(wide, early, high, low, mode="priority")
    assert [entry.id for entry in answer.applied] == ["p0", "p1"]


def test_why_a_discount_gave_way_to_a_term_of_sale_is_said_and_no_runner_up_goes_without_it() -> (
    None
):
    half = {"type": "percent_off", "percent": 50}
    answer, why = explain(cart(line("a", 200)), PRESALE, half, {**half, "not_with": ["p0"]})
    assert answer.total == 18_000
    assert {n.id: n.reason.code for n in why.not_applied} == {
        "p1": "units_taken",
        "p2": "not_combinable",
    }
    assert why.runner_up is None
