from __future__ import annotations

import threading
from dataclasses import asdict, replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import UNKNOWN
from pricing.deciding.decide import PricingPolicy
from pricing.money import Money
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import DecisionNotFound, NotWriting, PriceBookNotFound, RunNotFound
from storage.prices.decisions import decision_of, newest_run, read_run, save_run
from storage.prices.price_books import (
    list_price_books,
    live_version,
    load_price_book,
    price_history,
    version_at,
)
from storage.releases.publishing import publish
from storage.tables import price_book_entries
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for, rows_in

DAY = timedelta(days=1)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Three prices in two currencies; the last one has no curve and no cost."""
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 1, 1000)
        add_sale(conn, "tea-1", "tokyo", date(2026, 2, 2), 1, 800)
        add_sale(conn, "tea-2", "online", date(2026, 2, 2), 1, 2000)
        add_cost(conn, "tea-1", "online", date(2026, 1, 1), 600)
        add_cost(conn, "tea-1", "tokyo", date(2026, 1, 1), 300)
    return engine


def decide_and_save(engine: Engine, change: float = 0.1) -> int:
    """One more run over the catalogue as it is now; returns its number."""
    with writing(engine) as conn:
        run = decisions_for(read_catalogue(conn, at=NOW), change=change)
        return save_run(conn, run, policy=asdict(PricingPolicy()), fit_id=None, created_at=NOW)


def test_a_run_comes_back_to_the_last_bit_with_its_reasons(shop: Engine) -> None:
    with writing(shop) as conn:
        run = decisions_for(read_catalogue(conn, at=NOW))
        number = save_run(
            conn, run, policy=asdict(PricingPolicy()), fit_id=None, created_at=NOW, report={"n": 3}
        )
    with reading(shop) as conn:
        stored = read_run(conn, number)
        assert newest_run(conn) == number
    assert stored.policy["objective"] == asdict(PricingPolicy())["objective"]
    assert stored.report == {"n": 3}
    for name, column in run.columns().items():
        np.testing.assert_array_equal(stored.decisions.columns()[name], column, err_msg=name)
    for name in ("sku", "price", "cost", "stock"):
        np.testing.assert_array_equal(
            getattr(stored.decisions.catalogue, name), getattr(run.catalogue, name)
        )
    assert stored.decisions.solve == run.solve
    # NaN is not equal to itself, so records are compared by what they say.
    assert [repr(record) for record in stored.decisions] == [repr(record) for record in run]


def test_one_decision_is_found_by_its_key_in_the_newest_run_that_has_it(shop: Engine) -> None:
    first = decide_and_save(shop)
    with writing(shop) as conn:
        only = read_catalogue(conn, at=NOW, market="tokyo")
        second = save_run(conn, decisions_for(only), policy={}, fit_id=None, created_at=NOW)
    with reading(shop) as conn:
        assert decision_of(conn, "tea-1", "online").run_id == first
        found = decision_of(conn, "tea-1", "tokyo")
        assert found.run_id == second
        assert found.decision.previous == Money(800, "JPY")
        assert found.decision.reasons
        assert decision_of(conn, "tea-1", "tokyo", run_id=first).run_id == first


def test_a_decision_that_is_not_there_is_named(shop: Engine) -> None:
    with reading(shop) as conn:
        assert newest_run(conn) is None
        with pytest.raises(DecisionNotFound, match="reprice"):
            decision_of(conn, "tea-1", "online")
        with pytest.raises(RunNotFound, match="7"):
            read_run(conn, 7)
        with pytest.raises(RunNotFound, match="7"):
            decision_of(conn, "tea-1", "online", run_id=7)
    run = decide_and_save(shop)
    with reading(shop) as conn, pytest.raises(DecisionNotFound, match="cup-1"):
        decision_of(conn, "cup-1", "online", run_id=run)


def test_the_first_book_has_every_price_and_later_ones_only_what_changed(shop: Engine) -> None:
    run = decide_and_save(shop)
    with writing(shop) as conn:
        assert publish(conn, run, at=NOW, note="first") == 1
        assert rows_in(conn, price_book_entries) == 3
    with reading(shop) as conn:
        decided = read_run(conn, run).decisions
        book = load_price_book(conn)
    for record in decided:
        assert book.entry(book.row(record.sku, record.market)).price == record.price
    with writing(shop) as conn:
        moved = decisions_for(read_catalogue(conn, at=NOW, market="tokyo"))
        second = save_run(conn, moved, policy={}, fit_id=None, created_at=NOW)
        assert publish(conn, second, at=NOW + DAY) == 2
    with reading(shop) as conn:
        newest, oldest = list_price_books(conn)
        changed = int((moved.price != moved.catalogue.price).sum())
    assert (newest.version, newest.status, newest.changes) == (2, "live", changed)
    assert (oldest.version, oldest.status, oldest.changes) == (1, "superseded", 3)
    assert (oldest.note, oldest.run_id) == ("first", run)


def test_every_version_can_be_read_again_as_it_was(shop: Engine) -> None:
    states = {}
    for step in range(4):
        run = decide_and_save(shop, change=0.1)
        with writing(shop) as conn:
            version = publish(conn, run, at=NOW + step * DAY)
            states[version] = [(e.sku, e.market, e.price) for e in load_price_book(conn)]
    with reading(shop) as conn:
        for version, state in states.items():
            book = load_price_book(conn, version)
            assert [(e.sku, e.market, e.price) for e in book] == state
            assert book.version == version
            assert version_at(conn, book.published_at) == version
        assert live_version(conn) == max(states)
        assert version_at(conn, NOW - DAY) is None


def test_publishing_the_live_run_again_changes_nothing(shop: Engine) -> None:
    run = decide_and_save(shop)
    with writing(shop) as conn:
        assert publish(conn, run, at=NOW) == publish(conn, run, at=NOW + DAY) == 1
        assert len(list_price_books(conn)) == 1


def test_the_history_of_a_price_is_its_changes_only(shop: Engine) -> None:
    for step in range(3):
        run = decide_and_save(shop, change=0.1)
        with writing(shop) as conn:
            publish(conn, run, at=NOW + step * DAY)
    with reading(shop) as conn:
        history = price_history(conn, "tea-1", "online")
        still = price_history(conn, "tea-2", "online")
        book = load_price_book(conn)
        live = book.entry(book.row("tea-1", "online")).price
    prices = [change.price for change in history]
    assert all(one != other for one, other in pairwise(prices))
    assert len(prices) > 1
    assert prices[-1] == live
    assert [change.price for change in still] == [Money(2000, "EUR")]


def test_a_price_that_was_taken_off_is_in_no_later_book(shop: Engine) -> None:
    run = decide_and_save(shop)
    with writing(shop) as conn:
        publish(conn, run, at=NOW)
        second = publish_nothing_new(conn)
        conn.execute(
            price_book_entries.insert().from_select(
                ["product_id", "market_id", "tier", "version"],
                price_book_entries.select()
                .with_only_columns(
                    price_book_entries.c.product_id,
                    price_book_entries.c.market_id,
                    price_book_entries.c.tier,
                    price_book_entries.c.version + 1,
                )
                .where(price_book_entries.c.price_minor == 2000),
            )
        )
        assert second == 2
    with reading(shop) as conn:
        assert load_price_book(conn, 1).row("tea-2", "online") >= 0
        assert load_price_book(conn, 2).row("tea-2", "online") == -1
        assert price_history(conn, "tea-2", "online")[-1].price is None


def publish_nothing_new(conn: Connection) -> int:
    """A version that changes no price."""
    catalogue = read_catalogue(conn, at=NOW)
    same = replace(decisions_for(catalogue), price=catalogue.price)
    run = save_run(conn, same, policy={}, fit_id=None, created_at=NOW)
    return publish(conn, run, at=NOW + DAY)


def test_books_that_are_not_there_are_named(shop: Engine) -> None:
    with reading(shop) as conn:
        assert live_version(conn) is None
        with pytest.raises(PriceBookNotFound, match="pricewright publish"):
            load_price_book(conn)
        with pytest.raises(PriceBookNotFound, match="9"):
            load_price_book(conn, 9)
        with pytest.raises(NotWriting):
            publish(conn, 1, at=NOW)
    with writing(shop) as conn, pytest.raises(RunNotFound, match="5"):
        publish(conn, 5, at=NOW)


def test_publishers_at_the_same_time_get_versions_one_after_the_other(shop: Engine) -> None:
    runs = [decide_and_save(shop, change=0.05 + step / 100) for step in range(4)]
    versions: list[int] = []
    start = threading.Barrier(len(runs))

    def work(run: int) -> None:
        start.wait()
        with writing(shop) as conn:
            versions.append(publish(conn, run, at=NOW))

    workers = [threading.Thread(target=work, args=(run,)) for run in runs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(versions) == [1, 2, 3, 4]
    with reading(shop) as conn:
        assert live_version(conn) == 4
        assert len(load_price_book(conn)) == 3


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.integers(1, 3), min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_state_of_a_version_is_the_last_price_of_each_key(
    shop: Engine, steps: list[list[int]]
) -> None:
    """Whatever is published in whatever order, deltas add up to whole books."""
    for prices in steps:
        with writing(shop) as conn:
            catalogue = read_catalogue(conn, at=NOW)
            run = replace(decisions_for(catalogue), price=np.array(prices, dtype=np.int64) * 100)
            version = publish(
                conn, save_run(conn, run, policy={}, fit_id=None, created_at=NOW), at=NOW
            )
            book = load_price_book(conn, version)
        assert [
            book.entry(book.row(str(sku), market)).price.minor
            for sku, market in zip(catalogue.sku, catalogue.market.values().tolist(), strict=True)
        ] == [price * 100 for price in prices]


def test_a_row_without_any_price_is_decided_but_not_published(shop: Engine) -> None:
    with writing(shop) as conn:
        catalogue = read_catalogue(conn, at=NOW)
        price = catalogue.price.copy()
        price[1] = UNKNOWN
        blind = replace(catalogue, price=price)
        run = save_run(conn, decisions_for(blind), policy={}, fit_id=None, created_at=NOW)
        publish(conn, run, at=NOW)
        assert len(load_price_book(conn)) == 2
        assert decision_of(conn, "tea-1", "tokyo").decision.price is None
