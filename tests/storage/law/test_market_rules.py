from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from pricing.law.packs import Emergency, Finding, Verdict
from pricing.law.price_history import moment_of
from pricing.law.reference_price import Announcement
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import InvalidRecord, NotStored, NotWriting, UnknownMarket
from storage.law.market_rules import (
    declare_emergency,
    end_emergency,
    end_reduction,
    list_emergencies,
    list_market_rules,
    logged_inputs,
    record_reduction,
    reduction_in_force,
    set_market_rules,
)
from storage.law.personal_prices import PersonalPrice, log_personal_prices
from storage.prices.charged_prices import applied_prices, transactions
from storage.prices.decisions import save_run
from storage.releases.publishing import publish
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for

DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def shop(engine: Engine) -> Engine:
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 1, 5), 10, 10_000)
        add_sale(conn, "tea-1", "online", date(2026, 1, 12), 3, 2000, regular_price_minor=1000)
        add_sale(conn, "tea-1", "online", date(2026, 1, 19), 0, 0, regular_price_minor=1100)
        add_sale(conn, "tea-2", "online", date(2026, 1, 5), 0, 0)
        add_cost(conn, "tea-1", "online", date(2026, 1, 1), 500)
    return engine


def test_prices_before_the_first_book_come_from_sales(shop: Engine) -> None:
    with reading(shop) as conn:
        skus, history = applied_prices(conn, "online")
    assert skus.tolist() == ["tea-1"]
    assert history.price.tolist() == [1000, 666, 1100]  # 2000 cents for 3 is 666 and a bit
    assert [moment_of(since) for since in history.since] == [
        datetime(2026, 1, day, tzinfo=BERLIN).astimezone(UTC) for day in (5, 12, 19)
    ]
    assert history.source[0] == "sales of 2026-01-05"


def test_from_the_first_book_on_the_books_say_what_applied(shop: Engine) -> None:
    with writing(shop) as conn:
        run = decisions_for(read_catalogue(conn, at=NOW))
        number = save_run(conn, run, policy={}, fit_id=None, created_at=NOW)
        publish(conn, number, at=NOW)
        add_sale(conn, "tea-1", "online", date(2026, 3, 9), 1, 100)  # later than the book
    with reading(shop) as conn:
        _, history = applied_prices(conn, "online", skus=["tea-1"])
    assert history.source[-1] == "price book 1"
    assert moment_of(history.since[-1]) == NOW
    assert history.price[-1] == run.price[0]
    assert 100 not in history.price


def test_transactions_are_known_for_the_period_of_their_sale_only(shop: Engine) -> None:
    with reading(shop) as conn:
        skus, history = transactions(conn, "online")
    assert skus.tolist() == ["tea-1", "tea-2"]
    sundays = ("2026-01-04", "2026-01-11", "2026-01-18", "2026-01-25")
    starts = [np.full(2, np.datetime64(f"{day}T23:00:00")) for day in sundays]
    weeks = [history.lowest(opens, closes).tolist() for opens, closes in pairwise(starts)]
    assert weeks == [[1000, UNKNOWN], [666, UNKNOWN], [UNKNOWN, UNKNOWN]]


def test_a_market_without_prices_has_an_empty_history(shop: Engine) -> None:
    with reading(shop) as conn:
        for read in (applied_prices, transactions):
            skus, history = read(conn, "tokyo")
            assert (len(skus), len(history)) == (0, 0)
            with pytest.raises(UnknownMarket):
                read(conn, "mars")


def test_a_market_sells_under_one_law_at_a_time(shop: Engine) -> None:
    with writing(shop) as conn:
        set_market_rules(conn, "online", "EU", at=NOW, by="anna")
        set_market_rules(
            conn, "online", "DE", at=NOW, by="ben", perishable_categories=["milk", "fish", "milk"]
        )
        rules = list_market_rules(conn)
    assert list(rules) == ["online"]
    assert (rules["online"].jurisdiction, rules["online"].set_by) == ("DE", "ben")
    assert rules["online"].perishable_categories == ("fish", "milk")
    with reading(shop) as conn, pytest.raises(NotWriting):
        set_market_rules(conn, "online", "EU", at=NOW, by="anna")


def test_an_emergency_is_declared_and_ended(shop: Engine) -> None:
    storm = Emergency("US-CA", NOW, None, ("water",))
    with writing(shop) as conn:
        number = declare_emergency(conn, storm, at=NOW, by="anna", note="proclamation 1")
        declare_emergency(conn, Emergency("US-NJ", NOW - DAY), at=NOW, by="anna")
        with pytest.raises(InvalidRecord, match="end after"):
            declare_emergency(conn, Emergency("US-CA", NOW, NOW), at=NOW, by="anna")
        with pytest.raises(InvalidRecord, match="end after"):
            end_emergency(conn, number, ends_at=NOW)
        with pytest.raises(NotStored, match="99"):
            end_emergency(conn, 99, ends_at=NOW)
        end_emergency(conn, number, ends_at=NOW + DAY)
        (only,) = list_emergencies(conn, "US-CA")
        assert [item.emergency.jurisdiction for item in list_emergencies(conn)] == [
            "US-NJ",
            "US-CA",
        ]
    assert only.emergency == Emergency("US-CA", NOW, NOW + DAY, ("water",))
    assert (only.note, only.recorded_by) == ("proclamation 1", "anna")


LAWFUL = Verdict(lawful=True, findings=(Finding.LAWFUL,), facts={"prior": 1000})


def test_the_reduction_in_force_is_the_one_that_started_last(shop: Engine) -> None:
    first = Announcement(NOW, 900, shown_prior=1000, shown_percent=10)
    second = Announcement(NOW + DAY, 800, shown_percent=20, steps_since=NOW)
    with writing(shop) as conn:
        for told, ends in ((first, NOW + 9 * DAY), (second, None)):
            record_reduction(conn, "tea-1", "online", told, LAWFUL, at=NOW, by="anna", ends_at=ends)
        assert reduction_in_force(conn, "tea-1", "online", NOW - DAY) is None
        found = [
            reduction_in_force(conn, "tea-1", "online", NOW + days * DAY) for days in (0, 1, 10)
        ]
        assert [item and item.announced for item in found] == [first, second, second]
        last = found[-1]
        assert last is not None
        end_reduction(conn, last.reduction_id, ends_at=NOW + 10 * DAY)
        assert reduction_in_force(conn, "tea-1", "online", NOW + 10 * DAY) is None
        assert reduction_in_force(conn, "tea-2", "online", NOW) is None
        with pytest.raises(NotStored, match="99"):
            end_reduction(conn, 99, ends_at=NOW)
        with pytest.raises(InvalidRecord, match="end after"):
            end_reduction(conn, last.reduction_id, ends_at=NOW)


def test_an_unlawful_reduction_is_not_recorded(shop: Engine) -> None:
    verdict = Verdict(lawful=False, findings=(Finding.NO_REDUCTION,))
    told = Announcement(NOW, 900)
    with writing(shop) as conn:
        with pytest.raises(InvalidRecord, match="not lawful: no_reduction"):
            record_reduction(conn, "tea-1", "online", told, verdict, at=NOW, by="anna")
        with pytest.raises(InvalidRecord, match="end after"):
            record_reduction(conn, "tea-1", "online", told, LAWFUL, at=NOW, by="anna", ends_at=NOW)


def test_the_log_proves_what_a_price_was_computed_from(shop: Engine) -> None:
    with writing(shop) as conn:
        for price in (950, 900):
            asked = PersonalPrice("tea-1", "gold", price, 1000, ("tier", "sku", "tier"), LAWFUL)
            log_personal_prices(conn, "online", [asked], f"q-{price}", at=NOW)
        newest, oldest = logged_inputs(conn, "tea-1", "online")
    assert (newest["price_minor"], oldest["price_minor"]) == (900, 950)
    assert newest["inputs"] == ["sku", "tier"]
    assert newest["verdict"]["findings"] == ["lawful"]
    assert newest["verdict"]["facts"]["quote"] == "q-900"
