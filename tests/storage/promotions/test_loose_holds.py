"""Holds of quotes that came without a token: half of what is left, and not for long."""

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
    cancel_quote,
    commit_quote,
    expire_quotes,
    lapse_holds,
    read_quote,
)
from storage.promotions.tables import promotion_usage
from storage.promotions.usage import Most
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
    (Most(per_customer=5), {"customer": "kim"}),
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
