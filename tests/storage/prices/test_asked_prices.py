"""What everybody was asked: list prices with public promotions taken off, and with no others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from pricing.law.price_history import PriceHistory, instant, moment_of
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import UnknownMarket
from storage.prices.asked_prices import asked_prices
from storage.prices.decisions import save_run
from storage.products.products import product_ids
from storage.promotion_terms import Terms, terms_from
from storage.promotions.versions import (
    create_promotion,
    end_promotion,
    revise_promotion,
    schedule_promotion,
    withdraw_promotion,
)
from storage.releases.publishing import publish
from storage.tables import price_book_entries as entries
from storage.tables import price_books as books
from storage.tables import price_limits
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for

DAY = timedelta(days=1)
LIST = 2499
WHOLE = 1999
"""Twenty per cent off the list price."""
TWENTY: dict[str, Any] = {"type": "percent_off", "percent": "20"}


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """tea-1 at 24.99 in the price book, online, since NOW."""
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 10, 24_990)
        run = decisions_for(read_catalogue(conn, at=NOW))
        number = save_run(conn, run, policy={}, fit_id=None, created_at=NOW)
        publish(conn, number, at=NOW)
        conn.execute(entries.update().values(price_minor=LIST))
    return engine


def terms(name: str = "spring", *, promotion: Mapping[str, Any], **more: Any) -> Terms:  # noqa: ANN401
    return terms_from({"promotion": {"id": name, **promotion}, "currency": "EUR", **more})


def run_promotion(
    conn: Connection,
    promotion: Mapping[str, Any],
    *,
    at: datetime = NOW + DAY,
    ends: datetime | None = NOW + 2 * DAY,
    name: str = "spring",
    **more: Any,  # noqa: ANN401
) -> None:
    create_promotion(conn, terms(name, promotion=promotion, **more), actor="ann", at=at)
    schedule_promotion(conn, name, actor="ann", at=at)
    if ends is not None:
        end_promotion(conn, name, actor="ann", at=ends)


def asked(conn: Connection, until: datetime = NOW + 60 * DAY, market: str = "online") -> Any:  # noqa: ANN401
    """(days since NOW, price) of tea-1 from the first price book on."""
    found = asked_prices(conn, market, skus=["tea-1"], until=until).asked
    return [
        ((moment_of(since) - NOW) / DAY, price)
        for since, price in zip(found.since, found.price.tolist(), strict=True)
        if moment_of(since) >= NOW
    ]


PUBLIC: dict[str, tuple[dict[str, Any], int]] = {
    "percentage": (TWENTY, WHOLE),
    "amount": ({"type": "amount_off", "amount": "5"}, 1999),
    "fixed price": ({"type": "special_price", "price": "19.99"}, 1999),
    "fixed price of the item": ({"type": "special_price", "prices": {"tea-1": "15"}}, 1500),
    "order discount for nothing": ({"type": "spend_and_save", "percent": "20"}, WHOLE),
    "from one unit on": (
        {"type": "quantity_tiers", "tiers": [{"quantity": 1, "percent": "20"},
                                             {"quantity": 5, "percent": "50"}]}, WHOLE),
    "steps of which the first is free": (
        {"type": "spend_and_save", "tiers": [{"spend": "0", "percent": "20"},
                                             {"spend": "10", "percent": "50"}]}, WHOLE),
    "its category": ({**TWENTY, "products": {"categories": ["tea"]}}, WHOLE),
    "its brand": ({**TWENTY, "products": {"brands": ["Hill"]}}, WHOLE),
    "its market": ({**TWENTY, "for": {"markets": ["online", "mars"]}}, WHOLE),
    "its channel": ({**TWENTY, "for": {"channels": ["online"]}}, WHOLE),
    "everybody's tier": ({**TWENTY, "for": {"tiers": ["public", "gold"]}}, WHOLE),
    "needs the unit itself": ({**TWENTY, "needs": {"quantity": 1}}, WHOLE),
    "while stocks last": ({**TWENTY, "limits": {"units": 5, "budget": "50"}}, WHOLE),
    "at most so much": ({**TWENTY, "max_discount": "2"}, 2299),
    "given away": ({"type": "percent_off", "percent": "100"}, 1),
}  # fmt: skip

SOME: dict[str, dict[str, Any]] = {
    "code": {**TWENTY, "code": "TEN"},
    "codes": {**TWENTY, "codes": ["TEN", "ELEVEN"]},
    "members": {**TWENTY, "for": {"tiers": ["gold"]}},
    "segment": {**TWENTY, "for": {"segments": ["students"]}},
    "new customers": {**TWENTY, "for": {"lifecycle": ["new"]}},
    "first order": {**TWENTY, "for": {"first_order": True}},
    "one customer": {**TWENTY, "for": {"customers": ["kim"]}},
    "a card": {**TWENTY, "for": {"payment": ["card"]}},
    "birthday": {**TWENTY, "for": {"birthday_within_days": 3}},
    "another market": {**TWENTY, "for": {"markets": ["tokyo"]}},
    "another channel": {**TWENTY, "for": {"channels": ["store"]}},
    "another product": {**TWENTY, "products": {"skus": ["tea-2"]}},
    "but not this": {**TWENTY, "products": {"except_categories": ["tea"]}},
    "spend needed": {**TWENTY, "needs": {"spend": "5"}},
    "two units needed": {**TWENTY, "needs": {"quantity": 2}},
    "something else needed": {**TWENTY, "needs": {"quantity": 1, "products": {"skus": ["cup-1"]}}},
    "order discount": {"type": "spend_and_save", "spend": "5", "percent": "20"},
    "steps": {"type": "spend_and_save", "tiers": [{"spend": "5", "percent": "20"}]},
    "two units": {"type": "quantity_tiers", "tiers": [{"quantity": 2, "percent": "20"}]},
    "three for ten": {"type": "n_for_price", "quantity": 3, "price": "10"},
    "one of two free": {"type": "buy_get", "buy": 1, "get": 1, "percent": "100"},
    "bundle": {"type": "bundle", "price": "10", "parts": [
        {"products": {"skus": ["tea-1"]}}, {"products": {"skus": ["cup-1"]}}]},
    "group": {"type": "group_buy", "tiers": [{"size": 2, "price": "10"}]},
    "shipping": {"type": "shipping_off"},
    "gift": {"type": "gift", "gifts": [{"sku": "cup-1"}]},
}  # fmt: skip


@pytest.mark.parametrize("kind", PUBLIC)
def test_what_everybody_may_have_was_asked_of_everybody(shop: Engine, kind: str) -> None:
    promotion, price = PUBLIC[kind]
    with writing(shop) as conn:
        run_promotion(conn, promotion)
        assert asked(conn) == [(0, LIST), (1, price), (2, LIST)]


@pytest.mark.parametrize("kind", SOME)
def test_what_only_some_may_have_was_not(shop: Engine, kind: str) -> None:
    with writing(shop) as conn:
        run_promotion(conn, SOME[kind])
        assert asked(conn) == [(0, LIST)]


def test_unique_codes_are_not_for_everybody_and_other_currencies_are_elsewhere(
    shop: Engine,
) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, unique_codes=True)
        run_promotion(conn, TWENTY, name="yen", currency="JPY")
        assert asked(conn) == [(0, LIST)]


def test_an_open_end_lasts_until_the_end_that_is_asked_for(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, ends=None)
        assert asked(conn, NOW + 5 * DAY) == [(0, LIST), (1, WHOLE), (5, LIST)]
        assert asked(conn, NOW + DAY) == [(0, LIST)]


def test_windows_and_recurrences_cut_it_in_the_time_zone_of_the_promotion(shop: Engine) -> None:
    hours = {"from": "2026-03-04T18:00", "until": "2026-03-12", "repeat": "FREQ=WEEKLY;BYDAY=WE,FR",
             "lasts": "PT2H"}  # fmt: skip
    with writing(shop) as conn:
        run_promotion(conn, {**TWENTY, "when": hours}, ends=None, time_zone="Europe/Berlin")
        found = asked(conn)
    starts = [datetime(2026, 3, day, 17, tzinfo=UTC) for day in (4, 6, 11)]
    edges = [((start - NOW) / DAY, price) for day in starts
             for start, price in ((day, WHOLE), (day + timedelta(hours=2), LIST))]  # fmt: skip
    assert found == [(0, LIST), *edges]


def test_a_window_ahead_counts_as_planned_and_a_draft_never(shop: Engine) -> None:
    ahead = {"from": "2026-03-10T12:00", "until": "2026-03-11T12:00"}
    with writing(shop) as conn:
        create_promotion(conn, terms(promotion={**TWENTY, "when": ahead}), actor="ann", at=NOW)
        assert asked(conn) == [(0, LIST)]
        schedule_promotion(conn, "spring", actor="ann", at=NOW)
        assert asked(conn) == [(0, LIST), (8, WHOLE), (9, LIST)]
        withdraw_promotion(conn, "spring", actor="ann", at=NOW + DAY)
        assert asked(conn) == [(0, LIST)]


def test_each_version_counts_for_the_time_that_it_held(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, ends=None)
        for day, promotion in ((2, {**TWENTY, "percent": "40"}), (3, SOME["code"])):
            told = terms(promotion=promotion)
            revise_promotion(conn, told, actor="ann", at=NOW + day * DAY)
        revise_promotion(conn, terms(promotion=TWENTY), actor="ann", at=NOW + 4 * DAY)
        end_promotion(conn, "spring", actor="ann", at=NOW + 5 * DAY)
        assert asked(conn) == [(0, LIST), (1, WHOLE), (2, 1499), (3, LIST), (4, WHOLE), (5, LIST)]
        assert asked(conn, NOW + 2 * DAY) == [(0, LIST), (1, WHOLE), (2, LIST)]


def test_promotions_that_run_together_take_off_what_the_till_would(shop: Engine) -> None:
    ten = {"type": "percent_off", "percent": "10", "stack": True}
    with writing(shop) as conn:
        run_promotion(conn, ten, name="a", ends=NOW + 4 * DAY)
        run_promotion(conn, {"type": "special_price", "price": "20"}, name="c",
                      at=NOW + 2 * DAY, ends=NOW + 3 * DAY)  # fmt: skip
        assert asked(conn) == [(0, LIST), (1, 2249), (2, 2000), (3, 2249), (4, LIST)]


def test_no_promotion_was_asked_below_the_floor_of_the_day(shop: Engine) -> None:
    midnight = (datetime(2026, 3, 4, 23, tzinfo=UTC) - NOW) / DAY  # of 5 March in Berlin
    with writing(shop) as conn:
        add_cost(conn, "tea-1", "online", date(2026, 1, 1), 2100)
        add_cost(conn, "tea-1", "online", date(2026, 3, 5), 1500)
        run_promotion(conn, TWENTY, ends=NOW + 6 * DAY)
        assert asked(conn) == [(0, LIST), (1, 2100), (midnight, WHOLE), (6, LIST)]
        key = {"product_id": product_ids(conn, ["tea-1"])["tea-1"], "market_id": sa.select(
            entries.c.market_id).limit(1).scalar_subquery()}  # fmt: skip
        conn.execute(price_limits.insert().values(
            **key, valid_from=date(2026, 1, 1), minimum_minor=2600))  # fmt: skip
        assert {price for _, price in asked(conn)} == {LIST}


def test_a_list_price_that_moves_under_a_promotion_moves_what_is_asked(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, ends=NOW + 5 * DAY)
        key = dict(conn.execute(sa.select(entries)).mappings().first() or {})
        second = {"version": 2, "published_at": NOW + 2 * DAY, "status": "superseded"}
        conn.execute(books.insert().values(**second))
        conn.execute(entries.insert().values(**{**key, "version": 2, "price_minor": 2000}))
        assert asked(conn) == [(0, LIST), (1, WHOLE), (2, 1600), (5, 2000)]


def test_what_sales_say_of_the_time_before_the_books_was_paid_as_it_is(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, at=NOW - 20 * DAY)
        found = asked_prices(conn, "online", skus=["tea-1"], until=NOW + 60 * DAY)
    assert found.asked.price.tolist() == [LIST, WHOLE, LIST]
    assert [str(source) for source in found.asked.source] == [
        "sales of 2026-02-02", "price book 1, promotion spring", "price book 1"
    ]  # fmt: skip
    assert found.listed.price.tolist() == [LIST, LIST]


def test_from_some_moment_on_only_what_matters_by_then_is_told(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, TWENTY, name="early")
        run_promotion(conn, TWENTY, name="late", at=NOW + 10 * DAY, ends=NOW + 20 * DAY)
        found = asked_prices(conn, "online", since=NOW + 15 * DAY, until=NOW + 30 * DAY)
        whole = asked_prices(conn, "online", until=NOW + 30 * DAY)
    for days in (15, 16, 19.9, 20, 29):
        assert _at(found.asked, NOW + days * DAY) == _at(whole.asked, NOW + days * DAY)
    assert "early" not in " ".join(found.asked.source.tolist())


def test_a_market_without_prices_has_none_asked_and_no_market_is_an_error(shop: Engine) -> None:
    with writing(shop) as conn:
        run_promotion(conn, {**TWENTY, "products": {"skus": ["x"]}}, currency="JPY", ends=None)
    with reading(shop) as conn:
        found = asked_prices(conn, "tokyo", until=NOW + DAY)
        assert (len(found.sku), len(found.asked)) == (0, 0)
        assert len(found.of(np.array(["tea-1"])).asked) == 0
        with pytest.raises(UnknownMarket):
            asked_prices(conn, "mars", until=NOW)


def _at(history: PriceHistory, moment: datetime) -> list[int]:
    opens = np.full(history.keys, instant(moment))
    found: list[int] = history.lowest(opens, opens + np.timedelta64(1, "s")).tolist()
    return found
