"""Offers into storage: what is matched, what is told, and that both happen or neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pricing.events.competitors import CompetitorPriceChanged
from pricing.money import Money
from scrapers.extract import Availability, Offer, ProductFacts, Source
from scrapers.offers.store import OfferStore
from scrapers.outcomes import Ledger, Observation, Outcome
from scrapers.sites import Site
from storage.competitors.match_reviews import decide, reviews
from storage.competitors.offers import StoredOffer, latest_offers
from storage.competitors.quarantine import held_offers, settle
from storage.competitors.sites import save_site, start_crawl
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable
from storage.events.tables import events
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.tables import offers as offers_table
from storage.tables import sales as sales_table
from tests.scrapers.conftest import KETTLE, LAMP, TOASTER

SITE = Site("rival", "https://shop.example.com/sitemap.xml", "online", "EUR")
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def seen(
    page: str,
    price: str,
    title: str,
    *,
    gtin: str | None = None,
    currency: str | None = "EUR",
    at: datetime = START,
) -> Observation:
    facts = ProductFacts(title=title, gtin=gtin, availability=Availability.IN_STOCK)
    url = f"https://shop.example.com/{page}"
    offer = Offer(url, Decimal(price), currency, None, 0.9, Source.JSON_LD, facts, ())
    return Observation(offer, at)


def crawl(engine: Engine, *observations: Observation, at: datetime = START) -> Ledger:
    """One crawl that sees these offers, in this order."""
    with writing(engine) as conn:
        save_site(conn, SITE.name, start_url=SITE.start_url, kind="storefront", market="online",
                  currency="EUR")  # fmt: skip
        number = start_crawl(conn, SITE.name, at=at)
    ledger = Ledger(SITE.name)
    store = OfferStore(engine, SITE, number, ledger)
    for observation in observations:
        store.add(observation)
    store.finish()
    return ledger


def stored(engine: Engine) -> dict[str, StoredOffer]:
    with reading(engine) as conn:
        found = latest_offers(conn, SITE.name)
    return {url.rsplit("/", 1)[-1]: offer for url, offer in found.items()}


def told(engine: Engine) -> list[dict[str, object]]:
    with reading(engine) as conn:
        rows = conn.execute(
            sa.select(events.c.facts)
            .where(events.c.type == CompetitorPriceChanged.type_name)
            .order_by(events.c.event_id)
        )
        return [dict(payload) for (payload,) in rows]


def test_offers_are_stored_with_the_product_they_are(each_database: Engine) -> None:
    ledger = crawl(
        each_database,
        seen("a", "39.90", "Kettle, shiny", gtin=KETTLE.gtin),
        seen("b", "24.50", "Wren Two Slice Toaster"),
        seen("c", "5.00", "Garden gnome"),
    )
    found = stored(each_database)
    assert {page: offer.offer.sku for page, offer in found.items()} == {
        "a": "K1",
        "b": "T1",
        "c": None,
    }
    assert found["a"].offer.price == Money(3990, "EUR")
    assert found["a"].offer.match_method == "gtin"
    assert found["b"].offer.match_method == "title"
    assert (ledger.stored, ledger.matched, ledger.changes) == (3, 2, 0)


def test_the_first_sight_of_a_price_is_no_change(each_database: Engine) -> None:
    crawl(each_database, seen("a", "39.90", "x", gtin=KETTLE.gtin))
    assert told(each_database) == []


def test_a_changed_price_is_told_once_with_old_and_new(each_database: Engine) -> None:
    later = START + timedelta(days=1)
    crawl(each_database, seen("a", "40.00", "Kettle", gtin=KETTLE.gtin))
    ledger = crawl(each_database, seen("a", "35.00", "Kettle", gtin=KETTLE.gtin, at=later))
    crawl(each_database, seen("a", "35.00", "Kettle", gtin=KETTLE.gtin))
    assert ledger.changes == 1
    assert told(each_database) == [
        {
            "sku": "K1",
            "market": "online",
            "competitor": "rival",
            "url": "https://shop.example.com/a",
            "title": "Kettle",
            "old": {"amount": "40.00", "currency": "EUR"},
            "new": {"amount": "35.00", "currency": "EUR"},
            "change_pct": -12.5,
            "observed_at": later.isoformat(),
        }
    ]


def test_a_change_of_a_product_that_is_not_ours_is_not_told(database: Engine) -> None:
    crawl(database, seen("c", "5.00", "Garden gnome"))
    assert crawl(database, seen("c", "9.00", "Garden gnome")).changes == 0


def test_another_currency_is_no_change_of_the_price(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "x", gtin=KETTLE.gtin))
    crawl(database, seen("a", "44.00", "x", gtin=KETTLE.gtin, currency="USD"))
    assert told(database) == []


def test_another_product_at_the_same_address_is_no_change_of_the_price(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "x", gtin=KETTLE.gtin))
    crawl(database, seen("a", "24.00", "x", gtin=TOASTER.gtin))
    assert told(database) == []
    assert stored(database)["a"].offer.sku == "T1"


def test_a_page_keeps_its_product_when_only_its_title_changes(database: Engine) -> None:
    crawl(database, seen("b", "24.50", "Wren Two Slice Toaster"))
    crawl(database, seen("b", "22.00", "Wren - our best ever! - breakfast helper"))
    assert stored(database)["b"].offer.sku == "T1"
    assert [change["sku"] for change in told(database)] == ["T1"]


def test_a_product_is_given_to_one_page_of_a_shop_only(database: Engine) -> None:
    crawl(
        database,
        seen("a", "30.00", "Heron Desk Lamp black edition"),
        seen("b", "31.00", "Heron Desk Lamp"),
        seen("c", "39.00", "x", gtin=KETTLE.gtin),
        seen("d", "38.00", "x", gtin=KETTLE.gtin),
    )
    owners = [offer.offer.sku for offer in stored(database).values() if offer.offer.sku]
    assert sorted(owners) == ["K1", "L1"]
    assert stored(database)["b"].offer.sku == LAMP.sku


def test_a_page_that_had_the_product_keeps_it_against_a_newcomer(database: Engine) -> None:
    crawl(database, seen("old", "39.00", "x", gtin=KETTLE.gtin))
    crawl(database, seen("new", "38.00", "x", gtin=KETTLE.gtin),
          seen("old", "39.00", "x", gtin=KETTLE.gtin))  # fmt: skip
    assert {page: offer.offer.sku for page, offer in stored(database).items()} == {
        "old": "K1",
        "new": None,
    }


def test_a_product_moves_to_the_new_page_when_the_old_one_is_gone(database: Engine) -> None:
    crawl(database, seen("old", "39.00", "x", gtin=KETTLE.gtin))
    crawl(database, seen("new", "38.00", "x", gtin=KETTLE.gtin))
    assert stored(database)["new"].offer.sku == "K1"


def test_a_page_counts_once_in_a_crawl(database: Engine) -> None:
    ledger = crawl(database, seen("a", "40.00", "x", gtin=KETTLE.gtin),
                   seen("a", "10.00", "x", gtin=KETTLE.gtin))  # fmt: skip
    assert ledger.stored == 1
    assert stored(database)["a"].offer.price == Money(4000, "EUR")


def test_a_page_without_a_currency_is_in_the_sites(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "x", currency=None))
    assert stored(database)["a"].offer.price == Money(4000, "EUR")


def test_a_price_below_the_smallest_coin_is_missing_not_stored(database: Engine) -> None:
    ledger = crawl(database, seen("a", "0.001", "x"))
    assert stored(database) == {}
    assert ledger.outcomes[Outcome.MISSING] == 1


def test_if_the_change_can_not_be_told_the_offer_is_not_stored_either(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "x", gtin=KETTLE.gtin))
    with writing(database) as conn:
        conn.execute(sa.text("DROP TABLE outbox"))
    with pytest.raises(DatabaseUnavailable):
        crawl(database, seen("a", "35.00", "x", gtin=KETTLE.gtin))
    with reading(database) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(offers_table)) == 1


def test_a_price_that_can_hardly_be_right_waits_for_another_route_and_is_not_told(
    each_database: Engine,
) -> None:
    gtin = KETTLE.gtin
    days = [START + timedelta(days=n) for n in range(4)]
    crawl(each_database, seen("a", "40.00", "Kettle", gtin=gtin))
    first = crawl(each_database, seen("a", "4.00", "Kettle", gtin=gtin, at=days[1]))
    again = crawl(each_database, seen("a", "4.00", "Kettle", gtin=gtin, at=days[2]))
    assert (first.held, again.held, first.changes + again.changes) == (1, 0, 0)
    assert stored(each_database)["a"].offer.price == Money(4000, "EUR")
    otherwise = seen("a", "4.00", "Kettle", gtin=gtin, at=days[3])
    offer = replace(otherwise.offer, source=Source.MICRODATA)
    assert crawl(each_database, replace(otherwise, offer=offer)).changes == 1
    assert stored(each_database)["a"].offer.price == Money(400, "EUR")
    with reading(each_database) as conn:
        assert held_offers(conn) == ()


def test_a_held_price_that_a_person_approves_counts_from_then_on(database: Engine) -> None:
    crawl(database, seen("a", "40.00", "x", gtin=KETTLE.gtin))
    crawl(database, seen("a", "4.00", "x", gtin=KETTLE.gtin))
    with writing(database) as conn:
        (held,) = held_offers(conn, site=SITE.name)
        settle(conn, held.quarantine_id, release=True, by="ada", at=START)
    assert crawl(database, seen("a", "4.10", "x", gtin=KETTLE.gtin)).held == 0
    assert [change["old"] for change in told(database)] == [{"amount": "4.00", "currency": "EUR"}]


def test_pages_that_all_turn_to_one_price_are_held_back(database: Engine) -> None:
    crawl(database, *(seen(f"p{n}", f"{n + 20}.00", f"Thing {n}") for n in range(5)))
    ledger = crawl(database, *(seen(f"p{n}", "22.00", f"Thing {n}") for n in range(5)))
    assert ledger.held == 4  # the fifth asked that price before


def test_a_match_in_doubt_is_put_to_a_person_whose_answer_stands(each_database: Engine) -> None:
    doubtful = "Desk Lamp of metal"
    ledger = crawl(each_database, seen("lamp", "30.00", doubtful))
    with writing(each_database) as conn:
        (review,) = reviews(conn)
        decide(conn, review.review_id, same=True, by="ada", at=START)
    assert (ledger.to_review, review.sku) == (1, "L1")
    assert stored(each_database)["lamp"].offer.sku is None
    crawl(each_database, seen("lamp", "30.00", "Now called something else entirely"))
    offer = stored(each_database)["lamp"].offer
    assert (offer.sku, offer.match_method, offer.match_score) == ("L1", "person", 1.0)


def test_what_a_person_denied_is_never_matched_again(database: Engine) -> None:
    crawl(database, seen("lamp", "30.00", "Desk Lamp of metal"))
    with writing(database) as conn:
        (review,) = reviews(conn)
        decide(conn, review.review_id, same=False, by="ada", at=START)
    crawl(database, seen("lamp", "30.00", "Heron Desk Lamp"))
    assert stored(database)["lamp"].offer.sku is None
    with reading(database) as conn:
        assert reviews(conn) == ()


def test_another_product_at_a_known_address_is_noticed(database: Engine) -> None:
    crawl(database, seen("b", "24.50", "Wren Two Slice Toaster"))
    ledger = crawl(database, seen("b", "24.50", "Garden gnome", gtin="4006381333948"))
    assert ledger.moved_in == ["https://shop.example.com/b"]


def test_more_offers_than_a_batch_are_all_stored(database: Engine) -> None:
    many = [seen(f"p{i}", f"{i}.50", f"Thing {i}") for i in range(1, 451)]
    assert crawl(database, *many).stored == 450
    assert len(stored(database)) == 450


def priced(engine: Engine, sku: str, minor: int) -> None:
    """Our own newest regular price."""
    with writing(engine) as conn:
        conn.execute(
            sales_table.insert().values(
                product_id=product_ids(conn, [sku])[sku], market_id=market_ids(conn)["online"],
                period_start=START.date(), units=1, revenue_minor=minor, regular_price_minor=minor,
            )
        )  # fmt: skip


@pytest.mark.parametrize(("ours", "currency", "sku"), [(3100, "EUR", "L1"), (39000, "EUR", None),
                                                       (39000, "USD", "L1")])  # fmt: skip
def test_our_own_price_speaks_for_and_against_a_match_in_the_same_currency_only(
    database: Engine, ours: int, currency: str, sku: str | None
) -> None:
    priced(database, "L1", ours)
    crawl(database, seen("lamp", "30.00", "Heron Lamp", currency=currency))
    assert stored(database)["lamp"].offer.sku == sku
