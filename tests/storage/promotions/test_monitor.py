"""The figures of a running promotion."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading, writing
from storage.promotions.monitor import figures_of, first_alert, planned_share
from storage.promotions.quotes import cancel_quote, commit_quote, expire_quotes
from storage.promotions.versions import (
    StoredPromotion,
    create_promotion,
    read_promotion,
    schedule_promotion,
)
from tests.storage.promotions_at_hand import LATER, a_take, open_promotion, quote_of, terms
from tests.storage.samples import NOW, add_shop, add_stock

DAY = timedelta(days=1)


def scheduled(engine: Engine, **more: Any) -> StoredPromotion:  # noqa: ANN401
    add_shop(engine)
    with writing(engine) as conn:
        create_promotion(conn, terms(**more), actor="ann", at=NOW)
        return schedule_promotion(conn, "spring", actor="ann", at=NOW)


TEN_DAYS = {
    "promotion": {
        "when": {"from": NOW.isoformat(), "until": (NOW + 10 * DAY).isoformat()},
        "limits": {"budget": "10", "units": 8},
    }
}


def test_what_was_redeemed_held_cancelled_and_let_go_is_told_apart(engine: Engine) -> None:
    stored = scheduled(engine, **TEN_DAYS)
    number = stored.promotion_id
    with writing(engine) as conn:
        add_stock(conn, "tea-1", "online", date(2026, 3, 1), 6)
        for quote_id in ("redeemed", "called-off", "held", "let-go", "second"):
            by_funder = {"ours": 150, "brand": 50}
            quote_of(conn, quote_id, a_take(number, by_funder=by_funder, by_sku={"tea-1": 2}))
        quote_of(conn, "offered", a_take(number), reserve=False)
        quote_of(conn, "expired", a_take(number), expires_at=NOW + DAY / 24)
        for quote_id in ("redeemed", "called-off", "second"):
            commit_quote(conn, quote_id, at=NOW)
        cancel_quote(conn, "called-off", at=NOW)
        cancel_quote(conn, "let-go", at=NOW)
        expire_quotes(conn, now=NOW + DAY / 24)
    with writing(engine) as conn:
        quote_of(conn, "held again", a_take(number), at=LATER, expires_at=NOW + 9 * DAY)
    with reading(engine) as conn:
        seen = figures_of(conn, stored, at=NOW + DAY)
    assert (seen.offered, seen.committed, seen.held) == (8, 2, 1)
    assert seen.conversion == 0.25
    assert seen.given_minor == 400
    assert seen.order_minor == 1800
    assert seen.margin_orders == 2
    assert seen.taken.uses == 3
    assert (seen.budget_share, seen.units_share) == (0.6, 0.75)
    assert seen.planned_share == pytest.approx(0.1)
    assert (seen.stock_units, seen.scarcest_sku) == (6, "tea-1")
    assert seen.runs_out_at == NOW + DAY + 1.5 * DAY  # 6 in stock, 4 a day


def test_a_promotion_that_nobody_used_has_no_rates(engine: Engine) -> None:
    stored = open_promotion(engine)
    with reading(engine) as conn:
        seen = figures_of(conn, stored, at=NOW)
    assert (seen.offered, seen.conversion, seen.order_minor, seen.margin_minor) == (
        0,
        None,
        None,
        0,
    )
    assert (seen.budget_share, seen.planned_share, seen.runs_out_at) == (None, None, None)


PLAN = [
    {"at": (NOW + 2 * DAY).isoformat(), "percent": "60"},
    {"at": (NOW + 4 * DAY).isoformat(), "percent": "80"},
]


@pytest.mark.parametrize(
    ("at", "share"),
    [
        (NOW - DAY, 0.0),
        (NOW, 0.0),
        (NOW + DAY, 0.3),
        (NOW + 3 * DAY, 0.7),
        (NOW + 4 * DAY, 0.8),
        (NOW + 99 * DAY, 0.8),
    ],
)
def test_a_plan_runs_straight_between_its_points(
    engine: Engine, at: datetime, share: float
) -> None:
    stored = scheduled(engine, plan=PLAN, **TEN_DAYS)
    assert planned_share(stored, at) == pytest.approx(share)


def test_of_one_version_each_kind_of_alert_is_the_first_once(engine: Engine) -> None:
    stored = open_promotion(engine)
    with writing(engine) as conn:
        told = [first_alert(conn, stored, kind, at=NOW) for kind in ("budget", "budget", "stock")]
        assert told == [True, False, True]
        assert read_promotion(conn, "spring") == stored
