"""Held prices: by which routes they are let go, what is told of them, what is asked of people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from pricing.money import Money
from scrapers.extract import Source, Terms
from scrapers.offers.doubts import settle_held
from scrapers.offers.reported import Reported, store_reported
from scrapers.offers.store import OfferStore
from scrapers.outcomes import Ledger, Observation, Outcome
from storage.competitors.quarantine import HeldOffer, held_offers, settle
from storage.competitors.sites import save_site, start_crawl
from storage.competitors.tables import crawl_pages, site_pages
from storage.database import reading, writing
from tests.scrapers.conftest import KETTLE, TOASTER
from tests.scrapers.offers.test_store import SITE, START, crawl, seen, stored, told

DAY = timedelta(days=1)


def held(engine: Engine, status: str = "held") -> list[tuple[str, str | None]]:
    with reading(engine) as conn:
        return [
            (str(each.offer.price), each.decided_by) for each in held_offers(conn, status=status)
        ]


@pytest.fixture
def doubtful(each_database: Engine) -> Engine:
    """The kettle at 40.00, and at 4.00 a day later, which is held."""
    crawl(each_database, seen("a", "40.00", "Kettle", gtin=KETTLE.gtin))
    crawl(each_database, seen("a", "4.00", "Kettle", gtin=KETTLE.gtin, at=START + DAY))
    assert held(each_database) == [("4.00 EUR", None)]
    return each_database


def test_another_page_of_the_product_lets_a_held_price_go_and_the_change_is_told(
    doubtful: Engine,
) -> None:
    ledger = crawl(doubtful, seen("sale", "4.00", "Kettle, now less", gtin=KETTLE.gtin,
                                  at=START + 2 * DAY))  # fmt: skip
    assert stored(doubtful)["a"].offer.price == Money(400, "EUR")
    assert held(doubtful, "released")[0][1] == (
        "another route: json-ld of https://shop.example.com/sale"
    )
    assert ledger.changes == 1
    assert [(each["url"], each["new"]) for each in told(doubtful)] == [
        ("https://shop.example.com/a", {"amount": "4.00", "currency": "EUR"})
    ]


def test_another_product_at_that_price_lets_nothing_go(doubtful: Engine) -> None:
    crawl(doubtful, seen("b", "4.00", "Toaster", gtin=TOASTER.gtin, at=START + 2 * DAY))
    assert held(doubtful) == [("4.00 EUR", None)]


def test_a_price_that_somebody_reports_lets_a_held_one_go(doubtful: Engine) -> None:
    when = START + 2 * DAY
    report = Reported(SITE.name, "online", "https://shop.example.com/a", "Kettle", "4.00", "EUR",
                      when, gtin=KETTLE.gtin)  # fmt: skip
    with writing(doubtful) as conn:
        definition = {"name": SITE.name, "start_url": SITE.start_url, "market": "online",
                      "currency": "EUR"}  # fmt: skip
        save_site(conn, SITE.name, start_url=SITE.start_url, kind="storefront", market="online",
                  currency="EUR", definition=definition)  # fmt: skip
    receipt = store_reported(doubtful, [report], now=when)
    assert (receipt.held, receipt.changes) == (0, 1)
    assert held(doubtful) == []
    assert stored(doubtful)["a"].offer.source == "reported"


def test_the_shops_own_feed_lets_a_held_price_of_its_pages_go(doubtful: Engine) -> None:
    feed = replace(SITE, name="rival-feed")
    with writing(doubtful) as conn:
        save_site(conn, feed.name, start_url=feed.start_url, kind="feed", market="online",
                  currency="EUR")  # fmt: skip
        number = start_crawl(conn, feed.name, at=START + 2 * DAY)
    store = OfferStore(doubtful, feed, number, Ledger(feed.name))
    line = seen("a", "4.00", "Kettle", gtin=KETTLE.gtin, at=START + 2 * DAY)
    store.add(replace(line, offer=replace(line.offer, source=Source.FEED)))
    store.finish()
    assert held(doubtful) == []
    assert stored(doubtful)["a"].offer.price == Money(400, "EUR")
    assert [each["competitor"] for each in told(doubtful)] == [SITE.name]


def test_a_held_price_is_dropped_when_a_later_look_is_believed(doubtful: Engine) -> None:
    crawl(doubtful, seen("a", "39.00", "Kettle", gtin=KETTLE.gtin, at=START + 2 * DAY))
    assert held(doubtful) == []
    assert held(doubtful, "dropped") == [("4.00 EUR", "a later observation")]


def test_a_person_who_lets_a_price_go_is_believed_and_the_change_is_told(doubtful: Engine) -> None:
    with writing(doubtful) as conn:
        (each,) = held_offers(conn)
        settle_held(conn, each.quarantine_id, release=True, by="ada", at=START + 2 * DAY)
        settle_held(conn, each.quarantine_id, release=True, by="ada", at=START + 2 * DAY)
    assert [each["new"] for each in told(doubtful)] == [{"amount": "4.00", "currency": "EUR"}]
    crawl(doubtful, seen("a", "4.00", "Kettle", gtin=KETTLE.gtin, at=START + 3 * DAY))
    assert (len(told(doubtful)), held(doubtful)) == (1, [])


def test_two_who_let_a_price_go_at_once_have_it_stored_and_told_once(doubtful: Engine) -> None:
    with reading(doubtful) as conn:
        (each,) = held_offers(conn)

    def let_go() -> None:
        with writing(doubtful) as conn:
            settle_held(conn, each.quarantine_id, release=True, by="bob", at=START + 2 * DAY)

    second = Thread(target=let_go)
    with writing(doubtful) as conn:
        settle_held(conn, each.quarantine_id, release=True, by="ada", at=START + 2 * DAY)
        second.start()
        second.join(0.5)  # it waits for us; where it does not, it is done by now
    second.join()
    assert len(told(doubtful)) == 1
    assert held(doubtful, "released") == [("4.00 EUR", "ada")]


def test_a_price_that_a_person_settles_while_a_crawl_looks_at_it_does_not_end_the_crawl(
    doubtful: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if doubtful.dialect.name == "sqlite":
        pytest.skip("a writer of SQLite is alone")

    def then_dropped(
        conn: Connection, *, site: str | None = None, urls: Collection[str] | None = None
    ) -> tuple[HeldOffer, ...]:
        found = held_offers(conn, site=site, urls=urls)
        with writing(doubtful) as other:
            for each in found:
                settle(other, each.quarantine_id, release=False, by="ada", at=START + 2 * DAY)
        return found

    monkeypatch.setattr("scrapers.offers.doubts.held_offers", then_dropped)
    ledger = crawl(doubtful, seen("sale", "4.00", "Kettle, now less", gtin=KETTLE.gtin,
                                  at=START + 2 * DAY))  # fmt: skip
    assert (ledger.changes, told(doubtful)) == (0, [])
    assert held(doubtful, "dropped") == [("4.00 EUR", "ada")]
    assert stored(doubtful)["sale"].offer.price == Money(400, "EUR")


def test_a_price_that_a_person_dropped_is_not_asked_about_again(doubtful: Engine) -> None:
    with writing(doubtful) as conn:
        (each,) = held_offers(conn)
        settle_held(conn, each.quarantine_id, release=False, by="ada", at=START + 2 * DAY)
    ledger = crawl(doubtful, seen("a", "4.00", "Kettle", gtin=KETTLE.gtin, at=START + 3 * DAY))
    assert (ledger.held, held(doubtful)) == (0, [])
    assert stored(doubtful)["a"].offer.price == Money(4000, "EUR")
    other = crawl(doubtful, seen("a", "3.00", "Kettle", gtin=KETTLE.gtin, at=START + 4 * DAY))
    assert (other.held, told(doubtful)) == (1, [])


def test_a_page_whose_price_is_held_is_read_anew_though_it_has_not_changed(
    database: Engine,
) -> None:
    """Else the believed price would be observed again on a page that asks another one."""
    crawl(database, seen("a", "40.00", "Kettle", gtin=KETTLE.gtin))
    with writing(database) as conn:
        number = start_crawl(conn, SITE.name, at=START + DAY)
    store = OfferStore(database, SITE, number, Ledger(SITE.name))
    store.remember("https://shop.example.com/a", b"<html>4.00", '"v2"')
    store.remember("https://shop.example.com/b", b"<html>9.00", '"v1"')
    store.add(seen("a", "4.00", "Kettle", gtin=KETTLE.gtin, at=START + DAY))
    store.add(seen("b", "9.00", "Gnome", at=START + DAY))
    store.finish()
    with reading(database) as conn:
        pages = set(conn.scalars(sa.select(site_pages.c.url)))
        query = sa.select(crawl_pages.c.url, crawl_pages.c.outcome)
        rows = conn.execute(query.where(crawl_pages.c.crawl_id == number))
        outcomes = {row.url: row.outcome for row in rows}
    assert pages == {"https://shop.example.com/b"}
    assert outcomes == {
        "https://shop.example.com/a": "held",
        "https://shop.example.com/b": "observed",
    }
    resumed = Ledger(SITE.name)
    OfferStore(database, SITE, number, resumed)
    assert resumed.outcomes[Outcome.OBSERVED] == 2


def with_terms(observation: Observation, **more: object) -> Observation:
    return replace(observation, offer=replace(observation.offer, **more))  # type: ignore[arg-type]


def test_a_price_that_turns_to_the_shops_usual_cost_of_delivery_is_held(database: Engine) -> None:
    stated = Terms(shipping=Decimal("5.90"))
    crawl(database, *(with_terms(seen(f"p{n}", f"{n}.50", f"Thing {n}"), terms=stated)
                      for n in range(6, 10)))  # fmt: skip
    ledger = crawl(database, seen("p6", "5.90", "Thing 6", at=START + DAY),
                   seen("p7", "7.30", "Thing 7", at=START + DAY))  # fmt: skip
    assert ledger.held == 1
    assert stored(database)["p6"].offer.price == Money(650, "EUR")
    assert stored(database)["p7"].offer.price == Money(730, "EUR")


def test_a_price_that_only_a_neighbour_asks_is_held(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "Kettle", gtin=KETTLE.gtin))
    strayed = seen("a", "35.00", "Kettle", gtin=KETTLE.gtin, at=START + DAY)
    assert crawl(database, with_terms(strayed, neighbouring=True)).held == 1
    with reading(database) as conn:
        assert "neighbouring" in held_offers(conn)[0].reason
