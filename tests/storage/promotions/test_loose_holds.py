"""What open quotes hold: a share of what orders have left, so much of one shopper, for its time."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from storage.database import reading, writing
from storage.errors import HoldRefused, LimitReached
from storage.promotions.monitor import figures_of
from storage.promotions.quotes import (
    Holder,
    cancel_quote,
    commit_quote,
    expire_quotes,
    lapse_holds,
    read_quote,
)
from storage.promotions.tables import promotion_usage, quotes
from storage.promotions.usage import NAMED, UNNAMED, HoldShare, Most
from storage.promotions.versions import read_promotion
from tests.storage.promotions_at_hand import LATER, a_take, open_promotion, quote_of
from tests.storage.samples import NOW

REFUSED: dict[str, tuple[type[Exception], ...]] = {
    "loose": (HoldRefused,),
    "firm": (LimitReached,),
    "none": (),
}
SOON = NOW + timedelta(seconds=60)

LIMITS: list[tuple[Most, dict[str, Any]]] = [
    (Most(uses=5), {}),
    (Most(units=11), {}),
    (Most(minor=1_199), {}),
    (Most(per_day=5), {}),
    (Most(per_code=5), {"code": "SAVE"}),
    (Most(by_funder={"brand": 550}), {"by_funder": {"brand": 100, "ours": 100}}),
    (Most(gifts={"cup-1": 5}), {"gifts": {"cup-1": 1}}),
]


@pytest.mark.parametrize(("most", "more"), LIMITS)
def test_of_each_limit_loose_holds_take_half_of_what_is_left_and_firm_ones_the_rest(
    engine: Engine, most: Most, more: dict[str, Any]
) -> None:
    number = open_promotion(engine).promotion_id

    def hold(quote_id: str, **held: Any) -> None:  # noqa: ANN401
        with writing(engine) as conn:
            quote_of(conn, quote_id, a_take(number, most=most, **more), **held)

    hold("loose1", held_until=SOON)
    hold("loose2", held_until=SOON)
    with pytest.raises(HoldRefused):
        hold("loose3", held_until=SOON)
    for name in ("firm1", "firm2", "firm3"):
        hold(name)
    with pytest.raises(LimitReached):
        hold("firm4")
    with writing(engine) as conn:
        cancel_quote(conn, "loose1", at=NOW)
    hold("firm4")


@pytest.mark.parametrize(
    ("most", "more"),
    [(Most(per_customer=1), {"customer": "kim"}), (Most(per_code=1), {"code": "ONLY-ONCE"})],
)
def test_what_is_shared_with_nobody_is_held_whole(
    engine: Engine, most: Most, more: dict[str, Any]
) -> None:
    take = a_take(open_promotion(engine).promotion_id, most=most, **more)
    with writing(engine) as conn:
        quote_of(conn, "q0", take, held_until=LATER)
    with pytest.raises(HoldRefused), writing(engine) as conn:
        quote_of(conn, "q1", take, held_until=LATER)
    with writing(engine) as conn:
        quote_of(conn, "q2", take, reserve=False)
    with pytest.raises(LimitReached), writing(engine) as conn:
        commit_quote(conn, "q2", at=NOW)
    with writing(engine) as conn:
        assert commit_quote(conn, "q0", at=NOW).status == "committed"


@pytest.mark.parametrize(
    ("share", "limit"), [(NAMED, 1), (NAMED, 2), (NAMED, 25), (UNNAMED, 1), (UNNAMED, 25)]
)
@pytest.mark.parametrize("ordered", [0, 1, 7])
def test_a_share_of_each_limit_stays_free_for_whoever_commits(
    engine: Engine, share: HoldShare, limit: int, ordered: int
) -> None:
    ordered = min(ordered, limit)
    take = a_take(open_promotion(engine).promotion_id, most=Most(uses=limit))
    with writing(engine) as conn:
        for number in range(ordered):
            quote_of(conn, f"o{number}", take, reserve=False)
            commit_quote(conn, f"o{number}", at=NOW)
    held = 0
    for number in range(limit + 1):
        holder = Holder(f"a{number}", 20, 3, share)
        try:
            with writing(engine) as conn:
                quote_of(conn, f"h{number}", take, held_until=LATER, holder=holder)
        except HoldRefused:
            continue
        held += 1
    left = limit - ordered
    assert held == left * share.parts // share.of
    assert held < left or not left
    with writing(engine) as conn:
        for number in range(left - held):
            quote_of(conn, f"c{number}", take, reserve=False)
            commit_quote(conn, f"c{number}", at=NOW)
        for number in range(held):  # who holds is as sure as before
            commit_quote(conn, f"h{number}", at=NOW)
    with writing(engine) as conn:
        quote_of(conn, "more", take, reserve=False)
    with pytest.raises(LimitReached), writing(engine) as conn:
        commit_quote(conn, "more", at=NOW)


def test_a_customers_newest_quotes_hold_and_of_an_address_so_many(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    take = a_take(number, most=Most(uses=1_000))

    def hold(name: str, at: int, customer: str | None, shopper: str | None) -> None:
        with writing(engine) as conn:
            quote_of(
                conn,
                name,
                take,
                at=NOW + timedelta(seconds=at),
                customer=customer,
                held_until=LATER,
                holder=Holder(shopper, 5, 2, NAMED),
            )

    def holding() -> set[str]:
        with reading(engine) as conn:
            t = quotes
            return set(conn.scalars(sa.select(t.c.quote_id).where(t.c.reserved)))

    for at in range(4):
        hold(f"kim{at}", at, "kim", None)
    assert holding() == {"kim2", "kim3"}
    for at in range(4):
        hold(f"lee{at}", at, f"lee{at}", "one address")
    hold("kim4", 4, "kim", "one address")
    for customer in ("mia", None, "kim"):
        with pytest.raises(HoldRefused):
            hold("more", 9, customer, "one address")
    assert holding() == {"kim3", "kim4", "lee0", "lee1", "lee2", "lee3"}
    with reading(engine) as conn:
        assert counters(conn, number) == (6, 6)
    with writing(engine) as conn:
        cancel_quote(conn, "lee0", at=NOW)
        commit_quote(conn, "lee1", at=NOW)
        commit_quote(conn, "kim0", at=NOW)  # takes its share now
        assert counters(conn, number) == (6, 4)
        kept = sa.select(quotes.c.quote_id).where(quotes.c.shopper.is_not(None))
        assert set(conn.scalars(kept)) == {"kim4", "lee2", "lee3"}  # no longer than it is needed
        assert expire_quotes(conn, now=LATER) == 6
        assert counters(conn, number) == (2, 0)
        assert set(conn.scalars(kept)) == set()


def test_a_limit_of_one_is_never_held_loosely_and_goes_to_who_commits_first(engine: Engine) -> None:
    number = open_promotion(engine).promotion_id
    once = a_take(number, most=Most(uses=1))
    with pytest.raises(HoldRefused), writing(engine) as conn:
        quote_of(conn, "q0", once, held_until=SOON)
    with writing(engine) as conn:
        quote_of(conn, "q1", once, reserve=False)
        quote_of(conn, "q2", once, reserve=False)
        assert commit_quote(conn, "q2", at=NOW).status == "committed"
    with pytest.raises(LimitReached), writing(engine) as conn:
        commit_quote(conn, "q1", at=NOW)


def test_a_loose_hold_ends_and_the_quote_takes_its_share_at_commit_if_there_is_one(
    engine: Engine,
) -> None:
    stored = open_promotion(engine)
    take = a_take(stored.promotion_id, most=Most(uses=2))
    with writing(engine) as conn:
        quote_of(conn, "loose", take, held_until=SOON)
        assert lapse_holds(conn, now=SOON - timedelta(microseconds=1)) == 0
        assert lapse_holds(conn, now=SOON) == 1
        assert lapse_holds(conn, now=SOON) == 0
        quote = read_quote(conn, "loose")
        assert (quote.status, quote.reserved) == ("open", False)
        figures = figures_of(conn, read_promotion(conn, stored.name), at=SOON)
        assert (figures.offered, figures.held, figures.taken.uses) == (1, 0, 0)
        quote_of(conn, "firm1", take)
        assert commit_quote(conn, "loose", at=SOON).status == "committed"
        figures = figures_of(conn, read_promotion(conn, stored.name), at=SOON)
        assert (figures.offered, figures.held, figures.committed) == (2, 1, 1)
        assert figures.taken.uses == 2
    with pytest.raises(LimitReached), writing(engine) as conn:
        quote_of(conn, "firm2", take)
    with writing(engine) as conn:
        cancel_quote(conn, "loose", at=SOON)
        quote_of(conn, "firm2", take)
        assert expire_quotes(conn, now=LATER) == 2
        figures = figures_of(conn, read_promotion(conn, stored.name), at=SOON)
        assert (figures.held, figures.committed, figures.taken.uses) == (0, 0, 0)


def counters(conn: Connection, number: int) -> tuple[int, int]:
    """Uses taken in all, and of these held loosely."""
    t = promotion_usage
    query = sa.select(t.c.uses, t.c.loose_uses).where(
        t.c.promotion_id == number, t.c.scope == "all"
    )
    row = conn.execute(query).one_or_none()
    return (0, 0) if row is None else (row.uses, row.loose_uses)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_books_agree_with_a_simple_model(engine: Engine, seed: int) -> None:
    number = open_promotion(engine).promotion_id
    limit, rng = 9, Random(seed)
    most = Most(uses=limit)
    clock = NOW
    kinds: dict[str, str] = {}  # of the quotes that are neither cancelled nor expired

    def count(*wanted: str) -> int:
        return sum(kind in wanted for kind in kinds.values())

    for step in range(150):
        clock += timedelta(seconds=rng.choice([0, 1, 20]))
        move = rng.choice(["loose", "loose", "firm", "none", "commit", "commit", "cancel", "sweep"])
        name = f"q{step}"
        taken, loose = count("loose", "firm", "committed"), count("loose")
        if move in ("loose", "firm", "none"):
            fits = 2 * (loose + 1) <= limit - (taken - loose) if move == "loose" else taken < limit
            until = clock + timedelta(seconds=60) if move == "loose" else None
            try:
                with writing(engine) as conn:
                    quote_of(
                        conn,
                        name,
                        a_take(number, most=most),
                        reserve=move != "none",
                        at=clock,
                        expires_at=clock + timedelta(days=1),
                        held_until=until,
                    )
            except REFUSED[move]:
                assert not fits
            else:
                assert fits or move == "none"
                kinds[name] = move
        elif move == "sweep":
            later = clock + timedelta(seconds=60)
            with writing(engine) as conn:
                assert lapse_holds(conn, now=later) == loose
            kinds = {q: "none" if kind == "loose" else kind for q, kind in kinds.items()}
        elif kinds:
            name = rng.choice(sorted(kinds))
            if move == "cancel":
                with writing(engine) as conn:
                    cancel_quote(conn, name, at=clock)
                del kinds[name]
            elif kinds[name] != "committed":
                fits = kinds[name] != "none" or taken < limit
                try:
                    with writing(engine) as conn:
                        commit_quote(conn, name, at=clock)
                except LimitReached:
                    assert not fits
                else:
                    assert fits
                    kinds[name] = "committed"
        with reading(engine) as conn:
            expected = count("loose", "firm", "committed"), count("loose")
            assert counters(conn, number) == expected
        assert expected[0] <= limit
    assert count("committed")
