"""Conditions: who, when, where, and what must be in the cart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.promotions.conditions import days_from_birthday
from pricing.promotions.evaluate import evaluate
from pricing.promotions.explain import evaluate_and_explain
from pricing.promotions.promotion import Used, When
from pricing.promotions.windows import Window, compile_window
from tests.pricing.promotions.carts import cart, explain, line, promotions

TEN = {"type": "percent_off", "percent": 10}


def reason(entry: Mapping[str, object], *lines: Mapping[str, object], **more: object) -> str:
    """Why the promotion does not apply; empty if it does."""
    shopping = cart(*(lines or (line("a", 100),)), **more)
    answer, why = explain(shopping, {**TEN, **entry})
    return "" if answer.applied else why.not_applied[0].reason.code


@pytest.mark.parametrize(
    ("who", "fits", "fits_not"),
    [
        ({"markets": ["online"]}, {"market": "online"}, {"market": "store-01"}),
        ({"channels": ["app"]}, {"channel": "app"}, {"channel": "web"}),
        ({"tiers": ["gold", "black"]}, {"tier": "black"}, {}),
        ({"payment": ["card"]}, {"payment": "card"}, {"payment": "cash"}),
        ({"segments": ["vip"]}, {"customer": {"segments": ["x", "vip"]}}, {}),
        ({"lifecycle": ["dormant", "lost"]}, {"customer": {"lifecycle": "lost"}}, {}),
        ({"customers": ["c7"]}, {"customer": {"id": "c7"}}, {"customer": {"id": "c8"}}),
        ({"first_order": True}, {"customer": {"first_order": True}}, {}),
        (
            {"birthday_within_days": 3},
            {"customer": {"birthday": "1990-11-14"}},
            {"customer": {"birthday": "1990-11-15"}},
        ),
    ],
)
def test_a_promotion_is_for_those_it_names(
    who: dict[str, object], fits: dict[str, object], fits_not: dict[str, object]
) -> None:
    assert reason({"for": who}, **fits) == ""
    assert reason({"for": who}, **fits_not) in {
        "market", "channel", "tier", "payment", "segment", "lifecycle", "customer", "first_order",
        "birthday",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("products", "discounted"),
    [
        ({}, "abc"),
        ({"skus": ["a", "c"]}, "ac"),
        ({"categories": ["shoes"]}, "ab"),
        ({"categories": ["shoes/boots"]}, "b"),
        ({"brands": ["zeta"]}, "bc"),
        ({"categories": ["shoes"], "brands": ["zeta"]}, "b"),
        ({"categories": ["shoes"], "except_brands": ["zeta"]}, "a"),
        ({"except_categories": ["shoes"]}, "c"),
        ({"collections": ["new"]}, "c"),
        ({"except_collections": ["new"], "except_skus": ["a"]}, "b"),
        ({"shops": ["north"]}, "a"),
        ({"full_price_only": True}, "ab"),
    ],
)
def test_a_product_set_joins_kinds_by_and_and_values_by_or(
    products: dict[str, object], discounted: str
) -> None:
    shopping = cart(
        line("a", 10, category="shoes/sneakers", brand="acme", shop="north"),
        line("b", 10, category="shoes/boots", brand="zeta"),
        line("c", 10, category="hats", brand="zeta", collections=["new"], regular_price=12),
    )
    answer, _ = explain(shopping, {**TEN, "products": products})
    assert "".join(x.id for x in answer.lines if x.discounts) == discounted


@pytest.mark.parametrize(
    ("limits", "used", "code"),
    [
        ({"uses": 3}, {"uses": 3}, "limit_reached"),
        ({"per_customer": 1}, {"customer_uses": 1}, "customer_limit_reached"),
        ({"per_day": 9}, {"day_uses": 9}, "day_limit_reached"),
        ({"units": 5}, {"units": 5}, "sold_out"),
        ({"budget": 50}, {"budget": 50}, "budget_spent"),
    ],
)
def test_a_promotion_that_is_used_up_says_which_limit(
    limits: dict[str, object], used: dict[str, object], code: str
) -> None:
    compiled = promotions({**TEN, "limits": limits})
    spent = {"p0": Used(**used)}  # type: ignore[arg-type]
    shopping = cart(line("a", 100))
    _, why = evaluate_and_explain(shopping, compiled, used=spent)
    assert why.not_applied[0].reason.code == code
    assert evaluate(shopping, compiled).total == 9_000


def test_what_is_left_of_stock_and_budget_limits_the_discount() -> None:
    shopping = cart(line("a", 100, 3))
    stock = promotions({**TEN, "limits": {"units": 5}})
    assert evaluate(shopping, stock, used={"p0": Used(units=4)}).total == 29_000
    budget = promotions({**TEN, "limits": {"budget": 100}})
    assert evaluate(shopping, budget, used={"p0": Used(budget=Decimal("85.50"))}).total == 28_550


def test_quantity_and_spend_may_be_needed_of_other_products() -> None:
    needs = {"needs": {"products": {"skus": ["b"]}, "quantity": 2, "spend": 30}}
    assert reason(needs, line("a", 100), line("b", 10)) == "quantity_short"
    assert reason(needs, line("a", 100), line("b", 10, 2)) == "spend_short"
    assert reason(needs, line("a", 100), line("b", 15, 2)) == ""


def test_every_friday_evening_is_local_time_in_summer_and_winter() -> None:
    happy = {
        "when": {
            "from": "2026-01-02T20:00",
            "time_zone": "Europe/Berlin",
            "repeat": "FREQ=WEEKLY;BYDAY=FR",
            "lasts": "PT2H",
        }
    }
    assert reason(happy, at="2026-07-03T18:30:00+00:00") == ""
    assert reason(happy, at="2026-07-03T19:59:59+00:00") == ""
    assert reason(happy, at="2026-07-03T20:00:00+00:00") == "outside_hours"
    assert reason(happy, at="2026-12-04T18:30:00+00:00") == "outside_hours"
    assert reason(happy, at="2026-12-04T19:00:00+00:00") == ""
    assert reason(happy, at="2025-12-26T19:30:00+00:00") == "not_started"


def test_the_first_sunday_of_the_month_until_the_end() -> None:
    sunday = {
        "when": {
            "from": "2026-01-04",
            "until": "2026-06-01",
            "repeat": "FREQ=MONTHLY;BYDAY=1SU",
            "lasts": "P1D",
        }
    }
    assert reason(sunday, at="2026-05-03T23:59:00+00:00") == ""
    assert reason(sunday, at="2026-05-10T12:00:00+00:00") == "outside_hours"
    assert reason(sunday, at="2026-06-07T12:00:00+00:00") == "expired"


@given(
    minutes=st.integers(0, 60 * 24 * 40),
    rule=st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=HOURLY;INTERVAL=5"]),
    hours=st.integers(1, 30),
)
def test_a_phase_holds_over_the_whole_span_it_names(minutes: int, rule: str, hours: int) -> None:
    when = When(
        from_="2026-03-20T20:00", until="2026-04-20", repeat=rule, lasts=f"PT{hours}H",
        time_zone="Europe/Berlin",
    )  # fmt: skip
    window: Window = compile_window(when, "UTC", "when")
    at = datetime(2026, 3, 18, tzinfo=UTC) + timedelta(minutes=minutes)
    phase, since, until = window.phase(at)
    assert since <= at < until
    for other in (since, at + (until - at) / 2, until - timedelta(seconds=1)):
        if other.year not in (1, 9999):
            assert window.phase(other)[0] == phase


@given(
    minutes=st.integers(0, 60 * 24 * 40),
    span=st.integers(1, 60 * 24 * 20),
    rule=st.sampled_from(
        ["", "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=4", "FREQ=HOURLY;INTERVAL=5"]
    ),
    hours=st.integers(1, 30),
    part=st.floats(0, 1),
)
def test_the_spans_of_a_window_are_the_moments_at_which_it_runs(
    minutes: int, span: int, rule: str, hours: int, part: float
) -> None:
    repeat = {"repeat": rule, "lasts": f"PT{hours}H"} if rule else {}
    when = When(from_="2026-03-20T20:00", until="2026-04-20", time_zone="Europe/Berlin", **repeat)
    window = compile_window(when, "UTC", "when")
    since = datetime(2026, 3, 15, tzinfo=UTC) + timedelta(minutes=minutes)
    until = since + timedelta(minutes=span)
    spans = list(window.spans(since, until))
    assert all(since <= starts < ends <= until for starts, ends in spans)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    moments = [
        since + timedelta(minutes=min(int(span * part), span - 1)),
        *(starts for starts, _ in spans),
    ]
    moments += [ends for _, ends in spans if ends < until]
    for at in moments:
        inside = any(starts <= at < ends for starts, ends in spans)
        assert inside == (window.phase(at)[0] == "live")


def test_a_set_knows_what_runs_whatever_moment_was_asked_for_before() -> None:
    happy = promotions(
        {**TEN, "when": {"from": "2026-11-11T10:00", "repeat": "FREQ=DAILY", "lasts": "PT4H"}}
    )
    seen = []
    for hour in (12, 9, 12, 15, 11):
        at = datetime(2026, 11, 11, hour, tzinfo=ZoneInfo("UTC"))
        seen.append(len(happy.live(at).rules))
    assert seen == [1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("today", "birthday", "days"),
    [
        (date(2026, 1, 2), date(1990, 12, 31), 2),
        (date(2026, 12, 30), date(1990, 1, 1), 2),
        (date(2026, 3, 1), date(1992, 2, 29), 0),
        (date(2028, 2, 29), date(1992, 2, 29), 0),
        (date(2026, 7, 1), date(1992, 1, 1), 181),
    ],
)
def test_a_birthday_is_near_across_the_year_and_in_leap_years(
    today: date, birthday: date, days: int
) -> None:
    assert days_from_birthday(today, birthday) == days


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        ("COUNT=3", "2026-01-04"),
        ("UNTIL=20260104T190000Z", "2026-01-04"),  # 20:00 in Berlin, the start itself
        ("UNTIL=20260104T185959Z", "2026-01-03"),
        ("until=20260104t190000z", "2026-01-04"),
        ("UNTIL=20260104T200000", "2026-01-04"),
        ("UNTIL=20260104", "2026-01-04"),
    ],
)
def test_a_recurrence_ends_as_rfc_5545_says_and_is_expired_then(ends: str, last: str) -> None:
    when = When(from_="2026-01-02T20:00", repeat=f"FREQ=DAILY;{ends}", lasts="PT2H")
    window = compile_window(when, "Europe/Berlin", "when")
    zone = ZoneInfo("Europe/Berlin")
    day = datetime.fromisoformat(last).replace(tzinfo=zone)
    assert window.phase(day + timedelta(hours=21))[0] == "live"
    assert window.phase(day + timedelta(hours=22))[0] == "expired"
    assert window.phase(day + timedelta(days=1, hours=21))[0] == "expired"
