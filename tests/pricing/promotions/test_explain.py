"""Why not, almost, and the runner-up."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from pricing.promotions.explain import NearMiss, evaluate_and_explain
from pricing.promotions.promotion_set import PromotionSet
from tests.pricing.promotions.carts import cart, explain, line
from tests.pricing.promotions.random_carts import random_case

TEN = {"type": "percent_off", "percent": 10}
STEPS = {
    "type": "spend_and_save",
    "name": "spend more",
    "tiers": [{"spend": 50, "amount": 5}, {"spend": 100, "amount": 15}],
}


def test_add_twelve_more_to_save_ten_more() -> None:
    _, why = explain(cart(line("a", 88)), STEPS)
    assert why.near_misses == (NearMiss("p0", "spend more", spend=1_200, saves=1_000),)


def test_near_misses_count_what_earlier_lanes_left() -> None:
    _, why = explain(cart(line("a", 100)), TEN, STEPS)
    (miss,) = [miss for miss in why.near_misses if miss.id == "p1"]
    assert (miss.spend, miss.saves) == (1_000, 1_000)


def test_units_gifts_and_shipping_can_be_near_as_well() -> None:
    _, why = explain(
        cart(line("a", 20, 2), shipping=5),
        {"type": "buy_get", "buy": 2, "get": 1, "percent": 100},
        {"type": "gift", "spend": 60, "gifts": [{"sku": "mug"}]},
        {"type": "shipping_off", "spend": 45},
        {"type": "quantity_tiers", "tiers": [{"quantity": 5, "percent": 10}]},
    )
    assert {
        miss.id: (miss.units, miss.spend, miss.saves, miss.gift) for miss in why.near_misses
    } == {
        "p0": (1, 0, 0, ""),
        "p1": (0, 2_000, 0, "mug"),
        "p2": (0, 500, 500, ""),
        "p3": (3, 0, 0, ""),
    }


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({**TEN, "when": {"until": "2026-01-01"}}, "expired"),
        ({**TEN, "when": {"from": "2027-01-01"}}, "not_started"),
        ({**TEN, "code": "SECRET"}, "code_missing"),
        ({**TEN, "products": {"skus": ["z"]}}, "no_product"),
        ({**TEN, "percent": 5}, "units_taken"),
        ({**STEPS, "tiers": [{"spend": 500, "amount": 5}], "lane": "coupon"}, "spend_short"),
        ({"type": "spend_and_save", "amount": 1}, "not_combinable"),
        ({"type": "spend_and_save", "amount": 1, "requires": ["gone"]}, "requires"),
        ({"type": "shipping_off"}, "no_shipping"),
        ({"type": "group_buy", "tiers": [{"size": 2, "price": 1}]}, "group_too_small"),
    ],
)
def test_a_promotion_that_does_not_apply_says_why(entry: Mapping[str, object], code: str) -> None:
    answer, why = explain(
        cart(line("a", 100)),
        {**TEN, "percent": 20},
        {"type": "spend_and_save", "amount": 10},
        {**TEN, "id": "gone", "for": {"tiers": ["gold"]}},
        {"id": "asked", **entry},
    )
    assert [entry.id for entry in answer.applied] == ["p0", "p1"]
    assert {other.id: other.reason.code for other in why.not_applied} == {
        "gone": "tier",
        "asked": code,
    }


def test_reasons_name_who_stands_in_the_way_and_how_much_is_short() -> None:
    one = {"type": "spend_and_save", "amount": 10}
    short = {"type": "spend_and_save", "spend": "112.50", "amount": 20, "stack": True}
    _, why = explain(cart(line("a", 100)), one, {**one, "amount": 5}, short)
    reasons = {other.id: other.reason for other in why.not_applied}
    assert reasons["p1"].blocked_by == ("p0",)
    assert reasons["p1"].text == "not combinable with p0"
    _, why = explain(cart(line("a", 100)), short)
    assert why.not_applied[0].reason.text == "12.50 short"
    assert why.not_applied[0].reason.missing == 1_250


def test_the_runner_up_is_the_cheapest_without_one_of_those_applied() -> None:
    answer, why = explain(cart(line("a", 100)), {**TEN, "percent": 20}, {**TEN, "percent": 15})
    assert why.runner_up is not None
    assert (answer.total, why.runner_up.total, why.runner_up.applied) == (8_000, 8_500, ("p1",))
    assert why.runner_up.without == "p0"
    assert explain(cart(line("a", 100)))[1].runner_up is None


def test_every_promotion_is_either_applied_or_explained() -> None:
    for seed in Random(5).sample(range(100_000), 120):
        shopping, entries = random_case(seed, most_units=8, most=7)
        answer, why = evaluate_and_explain(shopping, PromotionSet(entries, "EUR"))
        names = [entry.id for entry in answer.applied] + [other.id for other in why.not_applied]
        assert sorted(names) == sorted(entry.id for entry in entries)
        assert all(other.reason.text for other in why.not_applied)
        if why.runner_up is not None and answer.proven_optimal:
            assert why.runner_up.total >= answer.total
