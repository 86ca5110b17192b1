"""Refunds under both policies, with thresholds, gifts, taxes and groups."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.promotions.cart import Cart
from pricing.promotions.errors import InvalidReturn
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import Gift, GiftChoice
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.refund import Policy, Refund, at_group_price, refund, settle_group
from tests.pricing.promotions.carts import cart, line, promotions
from tests.pricing.promotions.random_carts import random_case

THIRTY = {"type": "spend_and_save", "spend": 100, "amount": 30}


def back(
    shopping: Cart, compiled: PromotionSet, returned: dict[str, int], policy: Policy, **more: object
) -> Refund:
    order = evaluate(shopping, compiled)
    return refund(shopping, compiled, order, returned, policy=policy, **more)  # type: ignore[arg-type]


def test_never_bought_takes_a_lost_threshold_off_the_refund() -> None:
    shopping = cart(line("a", 60), line("b", 60))
    answer = back(shopping, promotions(THIRTY), {"a": 1}, "never_bought")
    # Paid 90 for both; b alone costs 60.
    assert (answer.amount, answer.withheld) == (3_000, 1_500)
    assert answer.kept is not None
    assert answer.kept.total == 6_000


def test_pro_rata_gives_the_paid_share() -> None:
    shopping = cart(line("a", 60), line("b", 60))
    answer = back(shopping, promotions(THIRTY), {"a": 1}, "pro_rata")
    assert (answer.amount, answer.withheld, answer.lines) == (4_500, 0, {"a": 4_500})


def test_a_refund_is_never_below_zero() -> None:
    shopping = cart(line("a", 100), line("b", 10))
    answer = back(shopping, promotions(THIRTY), {"b": 1}, "never_bought")
    assert answer.amount == 1_000
    lost = back(cart(line("a", 95), line("b", 10)), promotions(THIRTY), {"b": 1}, "never_bought")
    assert (lost.amount, lost.owed) == (0, 2_000)
    assert lost.withheld > 0


@pytest.mark.parametrize("policy", ["never_bought", "pro_rata"])
def test_returns_one_after_the_other_give_back_all_that_was_paid(policy: Policy) -> None:
    shopping = cart(line("a", 60, 2), line("b", 35), shipping=5)
    compiled = promotions(THIRTY, {"type": "percent_off", "percent": 10})
    order = evaluate(shopping, compiled)
    given = 0
    for returned in ({"a": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 1}):
        given += refund(shopping, compiled, order, returned, policy=policy, refunded=given).amount
    assert given == order.total - order.shipping


def test_what_went_back_too_early_is_owed_and_taken_off_the_next_refund() -> None:
    shopping = cart(line("a", 290), line("b", 10), line("c", 100))
    compiled = promotions({"type": "spend_and_save", "spend": 300, "amount": 100})
    order = evaluate(shopping, compiled)
    assert order.total == 30_000

    def after(*parcels: str) -> list[tuple[int, int]]:
        given, told = 0, []
        for n in range(1, len(parcels) + 1):
            returned = dict.fromkeys(parcels[:n], 1)
            answer = refund(
                shopping, compiled, order, returned, policy="never_bought", refunded=given
            )
            given += answer.amount
            told.append((answer.amount, answer.owed))
        return told

    both = refund(shopping, compiled, order, {"b": 1, "c": 1}, policy="never_bought")
    assert (both.amount, both.owed) == (1_000, 0)
    assert after("b", "c", "a") == [(1_000, 0), (0, 0), (29_000, 0)]
    # a and b were still worth the threshold; a alone is not, so 90 of the 100 are owed.
    assert after("c", "b", "a") == [(10_000, 0), (0, 9_000), (20_000, 0)]


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1_000_000),
    policy=st.sampled_from(["never_bought", "pro_rata"]),
    data=st.data(),
)
def test_any_order_and_split_of_returns_sums_to_the_return_of_all_at_once(
    seed: int, policy: Policy, data: st.DataObject
) -> None:
    shopping, entries = random_case(seed, most_units=8)
    gift = Gift(id="gift", spend=Decimal(20), gifts=(GiftChoice(sku="mug", value=Decimal(9)),))
    compiled = PromotionSet([*entries, gift], "EUR")
    order = evaluate(shopping, compiled)
    units = [x.id for x in shopping.lines for _ in range(x.quantity)]
    turns = data.draw(st.permutations(units))
    cuts = data.draw(st.lists(st.booleans(), min_size=len(units), max_size=len(units)))
    gift_comes_at = data.draw(st.integers(0, len(units)))
    given_back = 0
    returned: Counter[str] = Counter()
    for at, (unit, cut) in enumerate(zip(turns, cuts, strict=True)):
        returned[unit] += 1
        if not cut and at < len(units) - 1:
            continue
        gifts = {"gift": 1} if at >= gift_comes_at else {}
        answer = refund(
            shopping,
            compiled,
            order,
            returned,
            policy=policy,
            refunded=given_back,
            gifts_back=gifts,
        )
        at_once = refund(shopping, compiled, order, returned, policy=policy, gifts_back=gifts)
        assert answer.amount >= 0
        assert answer.owed >= 0
        assert not answer.amount or not answer.owed
        given_back += answer.amount
        assert given_back - answer.owed == at_once.amount - at_once.owed
        assert given_back <= order.total - order.shipping
    kept_value = 900 if order.gifts and gift_comes_at == len(units) else 0
    assert given_back - answer.owed == order.total - order.shipping - kept_value


def test_gifts_come_back_when_their_condition_does_not_hold_or_their_value_is_withheld() -> None:
    gift = {"type": "gift", "spend": 100, "gifts": [{"sku": "mug", "value": 9}]}
    shopping = cart(line("a", 60), line("b", 60))
    sent_back = back(shopping, promotions(gift), {"a": 1}, "pro_rata")
    assert (sent_back.amount, [due.sku for due in sent_back.gifts_due]) == (6_000, ["mug"])
    kept = back(shopping, promotions(gift), {"a": 1}, "pro_rata", gifts_back={})
    assert (kept.amount, kept.gifts_kept_value) == (5_100, 900)
    later = back(shopping, promotions(gift), {"a": 1}, "pro_rata", gifts_back={"p0": 1})
    assert (later.amount, later.gifts_kept_value) == (6_000, 0)
    still = back(cart(line("a", 60), line("b", 160)), promotions(gift), {"a": 1}, "pro_rata")
    assert still.gifts_due == ()


def test_added_tax_goes_back_with_the_price() -> None:
    shopping = cart(line("a", 60, 2, tax_rate=20), line("b", 60), prices_include_tax=False)
    order = evaluate(shopping, promotions(THIRTY))
    for policy in ("never_bought", "pro_rata"):
        whole = back(shopping, promotions(THIRTY), {"a": 2, "b": 1}, policy)
        assert whole.amount == order.total
    half = back(shopping, promotions(THIRTY), {"a": 1}, "pro_rata")
    assert half.amount == 5_000 + 1_000


@pytest.mark.parametrize("returned", [{"z": 1}, {"a": 0}, {"a": 3}, {"a": -1}])
def test_what_was_never_in_the_order_can_not_come_back(returned: dict[str, int]) -> None:
    with pytest.raises(InvalidReturn) as refused:
        back(cart(line("a", 60, 2)), promotions(THIRTY), returned, "pro_rata")
    assert refused.value.field == f"returned.{next(iter(returned))}"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1_000_000), policy=st.sampled_from(["never_bought", "pro_rata"]))
def test_a_refund_is_at_most_what_was_paid_and_its_lines_add_up(seed: int, policy: Policy) -> None:
    shopping, entries = random_case(seed, most_units=8)
    compiled = PromotionSet(entries, "EUR")
    order = evaluate(shopping, compiled)
    first = shopping.lines[0]
    answer = refund(shopping, compiled, order, {first.id: 1}, policy=policy)
    assert 0 <= answer.amount <= order.total - order.shipping
    assert sum(answer.lines.values()) == answer.amount
    everything = {x.id: x.quantity for x in shopping.lines}
    whole = refund(shopping, compiled, order, everything, policy=policy)
    assert whole.amount == order.total - order.shipping


@pytest.mark.parametrize(
    ("size", "reached", "amount"), [(1, False, 3_600), (2, True, 0), (5, True, 600)]
)
def test_a_group_that_is_not_reached_gets_all_back_and_a_larger_one_the_difference(
    size: int, reached: bool, amount: int
) -> None:
    offer = {"type": "group_buy", "tiers": [{"size": 2, "price": 18}, {"size": 5, "price": 15}]}
    compiled = promotions(offer)
    order = evaluate(cart(line("a", 20, 2), group_sizes={"p0": 2}), compiled)
    closed = settle_group(compiled, "p0", order, size)
    assert (closed.reached, closed.amount, closed.units) == (reached, amount, {"a": 2})
    if closed.price is not None:
        better = at_group_price(order, "p0", closed.price)
        assert order.total - better.total == amount
        assert sum(run.paid * run.count for run in better.lines[0].units) == better.lines[0].after
    with pytest.raises(InvalidReturn):
        settle_group(compiled, "p9", order, size)
