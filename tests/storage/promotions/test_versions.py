"""Promotions: what may be stored, and how they live and end."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.promotion_set import PromotionSet
from storage.database import reading, writing
from storage.errors import NameTaken, PromotionNotFound, StepNotAllowed, VersionMoved
from storage.promotion_terms import engine_promotion, joined, terms_from
from storage.promotions.quotes import commit_quote
from storage.promotions.versions import (
    audit_of,
    change_mark,
    create_promotion,
    end_promotion,
    list_promotions,
    read_promotion,
    revise_promotion,
    schedule_promotion,
    scheduled_promotions,
    versions_of,
    withdraw_promotion,
)
from tests.storage.promotions_at_hand import a_take, open_promotion, quote_of, terms
from tests.storage.samples import NOW

HOUR = timedelta(hours=1)
WINDOW = {"when": {"from": "2026-03-02T14:00", "until": "2026-03-02T15:00"}}
IN_BERLIN: dict[str, Any] = {"promotion": WINDOW, "time_zone": "Europe/Berlin"}


def at_berlin(hour: int, minute: int = 0) -> datetime:
    return NOW.replace(hour=hour - 1, minute=minute)


def test_terms_come_back_as_they_were_written(engine: Engine) -> None:
    written = terms(
        unique_codes=True,
        funder_budgets={"brand": "500.00"},
        plan=[{"at": "2026-03-10T00:00:00Z", "percent": "40"}],
        promotion={"funding": {"ours": "60", "brand": "40"}, "limits": {"uses": 10}},
    )
    with writing(engine) as conn:
        stored = create_promotion(conn, written, actor="ann", at=NOW)
    assert stored.terms == written
    assert (stored.status, stored.version, stored.created_at) == ("draft", 1, NOW)
    with reading(engine) as conn:
        assert read_promotion(conn, "spring") == stored
    assert stored.terms.funder_budgets["brand"] == Decimal("500.00")
    assert stored.terms.most_by_code == 1


def test_the_clock_alone_brings_a_scheduled_promotion_to_life_and_ends_it(engine: Engine) -> None:
    with writing(engine) as conn:
        stored = create_promotion(conn, terms(**IN_BERLIN), actor="ann", at=NOW)
        assert stored.phase(NOW) == "draft"
        stored = schedule_promotion(conn, "spring", actor="ann", at=NOW)
    assert (stored.starts_at, stored.ends_at) == (at_berlin(14), at_berlin(15))
    assert stored.phase(at_berlin(13, 59)) == "scheduled"
    assert stored.phase(at_berlin(14)) == "live"
    assert stored.phase(at_berlin(14, 59)) == "live"
    assert stored.phase(at_berlin(15)) == "ended"


def test_every_version_and_every_step_stays_on_record(engine: Engine) -> None:
    with writing(engine) as conn:
        create_promotion(conn, terms(**IN_BERLIN), actor="ann", at=NOW)
        schedule_promotion(conn, "spring", actor="bob", at=NOW)
        more = terms(time_zone="Europe/Berlin", promotion={**WINDOW, "percent": "15"})
        revise_promotion(conn, more, actor="cat", at=NOW + HOUR / 2, note="more")
        withdraw_promotion(conn, "spring", actor="ann", at=NOW + HOUR / 2)
        end_promotion(conn, "spring", actor="ann", at=NOW + HOUR)
    with reading(engine) as conn:
        versions = versions_of(conn, "spring")
        rows = audit_of(conn, "spring")
        assert read_promotion(conn, "spring").phase(NOW) == "ended"
    assert [(v.version, v.author, v.note) for v in versions] == [(1, "ann", ""), (2, "cat", "more")]
    assert [v.terms.document()["promotion"]["percent"] for v in versions] == ["10", "15"]
    assert [(row.action, row.actor, row.version) for row in rows] == [
        ("created", "ann", 1),
        ("scheduled", "bob", 1),
        ("revised", "cat", 2),
        ("withdrawn", "ann", 2),
        ("discarded", "ann", 2),
    ]
    assert rows[2].detail == {"note": "more"}


def test_a_change_moves_the_mark_that_services_watch(engine: Engine) -> None:
    with writing(engine) as conn:
        marks = [change_mark(conn)]
        create_promotion(conn, terms(), actor="ann", at=NOW)
        marks.append(change_mark(conn))
        schedule_promotion(conn, "spring", actor="ann", at=NOW)
        marks.append(change_mark(conn))
        assert [p.name for p in scheduled_promotions(conn)] == ["spring"]
    assert marks == sorted(set(marks))


def test_steps_that_do_not_follow_are_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        create_promotion(conn, terms(), actor="ann", at=NOW)
        with pytest.raises(NameTaken, match="spring"):
            create_promotion(conn, terms(), actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed, match="only before"):
            withdraw_promotion(conn, "spring", actor="ann", at=NOW)
        schedule_promotion(conn, "spring", actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed, match="only a draft"):
            schedule_promotion(conn, "spring", actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed, match="is live"):
            withdraw_promotion(conn, "spring", actor="ann", at=NOW)
        with pytest.raises(VersionMoved, match="at version 1, not 7"):
            revise_promotion(conn, terms(), actor="ann", at=NOW, from_version=7)
        end_promotion(conn, "spring", actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed):
            end_promotion(conn, "spring", actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed):
            revise_promotion(conn, terms(), actor="ann", at=NOW)
        with pytest.raises(PromotionNotFound, match="autumn"):
            revise_promotion(conn, terms("autumn"), actor="ann", at=NOW)
        create_promotion(conn, terms("late", **IN_BERLIN), actor="ann", at=NOW)
        with pytest.raises(StepNotAllowed, match="14:00 UTC"):
            schedule_promotion(conn, "late", actor="ann", at=at_berlin(15))


def test_a_promotion_that_was_used_keeps_its_currency(engine: Engine) -> None:
    stored = open_promotion(engine)
    with writing(engine) as conn:
        quote_of(conn, "q1", a_take(stored.promotion_id))
        commit_quote(conn, "q1", at=NOW)
        with pytest.raises(StepNotAllowed, match="EUR"):
            revise_promotion(conn, terms(currency="JPY"), actor="ann", at=NOW)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"promotion": {"percent": "101"}}, "promotion.percent"),
    (
        {"promotion": {"when": {"from": "2026-03-02", "until": "2026-03-01"}}},
        "promotion.when.until",
    ),
    ({"promotion": {"id": "a b"}}, "promotion.id"),
    ({"promotion": {"combines_with": ["nobody"]}}, "promotion.combines_with[0]"),
    ({"promotion": {"funding": {"ours": "60"}}}, "promotion.funding"),
    ({"promotion": {"code": "X"}, "unique_codes": True}, "unique_codes"),
    ({"currency": "XXY"}, "currency"),
    ({"time_zone": "Berlin"}, "promotion.when.time_zone"),
    ({"uses_per_code": 0}, "uses_per_code"),
    ({"funder_budgets": {"brand": "5"}}, "funder_budgets.brand"),
    (
        {"funder_budgets": {"a": "0"}, "promotion": {"funding": {"a": "100"}}},
        "funder_budgets.a",
    ),
    (
        {"funder_budgets": {"a": "1.234"}, "promotion": {"funding": {"a": "100"}}},
        "funder_budgets.a",
    ),
    ({"plan": [{"at": "2026-03-01T00:00:00Z", "percent": "101"}]}, "plan[0].percent"),
    ({"plan": [{"at": "2026-03-01T00:00:00", "percent": "1"}]}, "plan[0].at"),
    (
        {
            "plan": [
                {"at": "2026-03-01T00:00:00Z", "percent": "50"},
                {"at": "2026-03-02T00:00:00Z", "percent": "40"},
            ]
        },
        "plan[1].percent",
    ),
]


@pytest.mark.parametrize(("more", "field"), REFUSED)
def test_terms_that_make_no_sense_are_refused_by_the_field(
    engine: Engine, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidPromotion) as refused, writing(engine) as conn:
        create_promotion(conn, terms(**more), actor="ann", at=NOW)
    assert refused.value.field == field
    with reading(engine) as conn:
        assert list_promotions(conn) == ()


def test_a_document_of_another_form_is_refused_by_the_field() -> None:
    with pytest.raises(InvalidPromotion) as refused:
        terms_from(
            {"promotion": {"type": "percent_off", "id": "a", "percent": []}, "currency": "EUR"}
        )
    assert refused.value.field == "promotion.percent"


def test_a_code_that_can_not_be_told_from_another_one_is_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        create_promotion(conn, terms("one", promotion={"code": "SAVE10"}), actor="ann", at=NOW)
        with pytest.raises(InvalidPromotion) as refused:
            create_promotion(conn, terms("two", promotion={"code": "save-1O"}), actor="ann", at=NOW)
    assert refused.value.field.startswith("promotion")


def test_promotions_are_listed_by_id_in_pages(engine: Engine) -> None:
    with writing(engine) as conn:
        for name in ("b", "c", "a"):
            create_promotion(conn, terms(name), actor="ann", at=NOW)
        end_promotion(conn, "b", actor="ann", at=NOW)
        assert [p.name for p in list_promotions(conn)] == ["a", "b", "c"]
        assert [p.name for p in list_promotions(conn, ended=False)] == ["a", "c"]
        assert [p.name for p in list_promotions(conn, after="a", limit=1)] == ["b"]


def test_what_is_said_of_absent_promotions_does_not_stop_the_others() -> None:
    a = terms("a", promotion={"combines_with": ["gone", "b", "lane:item"], "not_with": ["gone"]})
    b = terms("b", promotion={"combines_with": ["group:gone"]})
    c = terms("c", promotion={"requires": ["gone"]})
    d = terms("d", promotion={"requires": ["c"]})
    there = joined(engine_promotion(t) for t in (a, b, c, d))
    assert [p.id for p in there] == ["a", "b"]
    assert there[0].combines_with == ("b", "lane:item")
    assert len(PromotionSet(there, "EUR").rules) == 2
