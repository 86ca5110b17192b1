"""Quotes and limits: nothing is redeemed twice, nothing is lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from storage.database import reading, writing
from storage.errors import LimitReached, NotWriting, QuoteNotFound, QuoteSettled
from storage.promotions.quotes import cancel_quote, commit_quote, expire_quotes, read_quote
from storage.promotions.tables import promotion_usage, redemptions
from storage.promotions.usage import Most, UsedUp, code_uses, take, used_up
from tests.storage.promotions_at_hand import LATER, TODAY, a_take, open_promotion, quote_of
from tests.storage.samples import NOW, rows_in

ONCE = Most(uses=1)


def used(conn: Connection, promotion_id: int, **more: Any) -> UsedUp:  # noqa: ANN401
    return used_up(conn, {promotion_id: TODAY}, **more).get(promotion_id, UsedUp())


def events(conn: Connection, quote_id: str) -> list[str]:
    query = sa.select(redemptions.c.event).where(redemptions.c.quote_id == quote_id)
    return list(conn.scalars(query.order_by(redemptions.c.redemption_id)))


def test_a_quote_holds_its_share_and_committing_it_redeems_it(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, customer="kim", by_sku={"tea-1": 2}))
    with reading(engine) as conn:
        held = used(conn, number, customer="kim", by_sku=True)
    assert held == UsedUp(
        uses=1, customer_uses=1, day_uses=1, units=2, minor=200, by_sku={"tea-1": 2}
    )
    with writing(engine) as conn:
        done = commit_quote(conn, "q1", at=NOW, order_reference="order 7")
    assert (done.status, done.settled_at, done.order_reference) == ("committed", NOW, "order 7")
    with reading(engine) as conn:
        assert used(conn, number, customer="kim", by_sku=True) == held
        assert events(conn, "q1") == ["reserved", "committed"]


def test_the_last_use_is_held_by_the_quote_that_came_first(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, most=ONCE))
    with pytest.raises(LimitReached) as refused, writing(engine) as conn:
        quote_of(conn, "q2", a_take(number, most=ONCE))
    assert (refused.value.promotion_id, refused.value.scope) == (number, "all")
    with reading(engine) as conn:
        assert used(conn, number).uses == 1
        with pytest.raises(QuoteNotFound):
            read_quote(conn, "q2")


LIMITS = [
    (Most(uses=2), {}, "all"),
    (Most(units=5), {}, "all"),
    (Most(minor=599), {}, "all"),
    (Most(per_day=2), {}, "day"),
    (Most(per_customer=2), {"customer": "kim"}, "customer"),
    (Most(per_code=2), {"code": "SAVE"}, "code"),
    (Most(by_funder={"brand": 250}), {"by_funder": {"brand": 100, "ours": 100}}, "funder"),
    (Most(gifts={"cup-1": 2}), {"gifts": {"cup-1": 1}}, "gift"),
]


@pytest.mark.parametrize(("most", "more", "scope"), LIMITS)
def test_each_limit_lets_two_orders_through_and_not_the_third(
    engine: Engine, most: Most, more: dict[str, Any], scope: str
) -> None:
    number = open_promotion(engine).promotion_id
    for quote_id in ("q1", "q2"):
        with writing(engine) as conn:
            quote_of(conn, quote_id, a_take(number, most=most, **more))
    with pytest.raises(LimitReached) as refused, writing(engine) as conn:
        quote_of(conn, "q3", a_take(number, most=most, **more))
    assert refused.value.scope == scope
    with writing(engine) as conn:
        cancel_quote(conn, "q1", at=NOW)
        quote_of(conn, "q3", a_take(number, most=most, **more))


def test_a_limit_smaller_than_one_take_is_kept_from_the_first_on(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with pytest.raises(LimitReached), writing(engine) as conn:
        take(conn, [a_take(number, most=Most(minor=199))])


def test_what_takes_nothing_is_not_counted(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, minor=0, units=0, most=Most(uses=0)))
        commit_quote(conn, "q1", at=NOW)
        assert rows_in(conn, promotion_usage) == rows_in(conn, redemptions) == 0


def test_a_gift_worth_nothing_is_counted_all_the_same(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, minor=0, units=0, gifts={"cup-1": 1}))
        assert used(conn, number).gifts == {"cup-1": 1}


@pytest.mark.parametrize("committed", [False, True])
def test_cancelling_gives_everything_back_once(engine: Engine, *, committed: bool) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, customer="kim", code="SAVE", by_funder={"ours": 200}))
        if committed:
            commit_quote(conn, "q1", at=NOW)
    for _ in range(2):
        with writing(engine) as conn:
            assert cancel_quote(conn, "q1", at=NOW).status == "cancelled"
    with reading(engine) as conn:
        assert used(conn, number, customer="kim") == UsedUp(by_funder={"ours": 0})
        assert code_uses(conn, number, ["SAVE"]) == {}
        last = ["committed", "reversed"] if committed else ["released"]
        assert events(conn, "q1") == ["reserved", *last]


def test_a_quote_whose_time_has_run_out_can_not_be_committed_and_gives_back(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number, most=ONCE))
    for _ in range(2):  # before and after somebody swept up
        with pytest.raises(QuoteSettled) as refused, writing(engine) as conn:
            commit_quote(conn, "q1", at=LATER)
        assert refused.value.status == "expired"
        with writing(engine) as conn:
            expire_quotes(conn, now=LATER)
    with writing(engine) as conn:
        assert read_quote(conn, "q1").status == "expired"
        assert used(conn, number).uses == 0
        quote_of(conn, "q2", a_take(number, most=ONCE), at=LATER)
        with pytest.raises(QuoteSettled):
            cancel_quote(conn, "q1", at=LATER)


def test_a_quote_lives_to_the_last_moment_and_sweeping_before_it_does_nothing(
    engine: Engine,
) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number))
        just_before = LATER - timedelta(microseconds=1)
        assert expire_quotes(conn, now=just_before) == 0
        assert commit_quote(conn, "q1", at=just_before).status == "committed"
        assert expire_quotes(conn, now=LATER) == 0


def test_a_quote_is_committed_once(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(number))
        commit_quote(conn, "q1", at=NOW)
    with pytest.raises(QuoteSettled, match="committed"), writing(engine) as conn:
        commit_quote(conn, "q1", at=NOW)
    with pytest.raises(QuoteNotFound), writing(engine) as conn:
        commit_quote(conn, "nobody's", at=NOW)


def test_a_quote_without_reservation_takes_its_share_when_committed(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        for quote_id in ("q1", "q2", "q3"):
            quote_of(conn, quote_id, a_take(number, most=ONCE), reserve=False)
        assert used(conn, number).uses == 0
        commit_quote(conn, "q1", at=NOW)
        assert used(conn, number).uses == 1
        assert events(conn, "q1") == ["offered", "committed"]
    with pytest.raises(LimitReached), writing(engine) as conn:
        commit_quote(conn, "q2", at=NOW)
    with writing(engine) as conn:
        assert read_quote(conn, "q2").status == "open"
        cancel_quote(conn, "q2", at=NOW)
        assert expire_quotes(conn, now=LATER) == 1
        assert used(conn, number).uses == 1
        cancel_quote(conn, "q1", at=NOW)
        assert used(conn, number).uses == 0


def test_a_refusal_on_one_promotion_takes_nothing_of_another(engine: Engine) -> None:
    first = open_promotion(engine).promotion_id
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(first, most=Most(per_day=1)))
    with pytest.raises(LimitReached), writing(engine) as conn:
        quote_of(conn, "q2", a_take(first, most=Most(per_day=1), by_sku={"tea-1": 1}))
    with reading(engine) as conn:
        assert used(conn, first, by_sku=True) == UsedUp(uses=1, day_uses=1, units=2, minor=200)


def test_a_reading_transaction_may_not_take(engine: Engine) -> None:
    with reading(engine) as conn, pytest.raises(NotWriting):
        take(conn, [])


def test_many_at_once_redeem_exactly_the_limit_and_the_books_agree(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    most = Most(uses=25, per_customer=10)
    numbers = count()
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def shop(customer: str) -> None:
        start.wait()
        for _ in range(15):
            quote_id = f"q{next(numbers)}"
            try:
                with writing(engine) as conn:
                    quote_of(conn, quote_id, a_take(number, most=most, customer=customer))
                with writing(engine) as conn:
                    commit_quote(conn, quote_id, at=NOW)
            except LimitReached as refused:
                outcomes.append(refused.scope)
            else:
                outcomes.append("committed")

    shoppers = [threading.Thread(target=shop, args=(f"c{n}",)) for n in range(4)]
    for shopper in shoppers:
        shopper.start()
    for shopper in shoppers:
        shopper.join()
    assert len(outcomes) == 60
    assert outcomes.count("committed") == 25
    with reading(engine) as conn:
        assert used(conn, number).uses == 25
        committed = redemptions.c.event == "committed"
        by_customer = conn.execute(
            sa.select(sa.func.count()).where(committed).group_by(redemptions.c.customer)
        )
        assert all(n <= 10 for (n,) in by_customer)
