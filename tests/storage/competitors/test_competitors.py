"""Pages of crawls, reviews of matches and the quarantine, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import Market
from pricing.money import Money
from storage.competitors.match_reviews import (
    Proposal,
    decide,
    decided,
    lessons,
    propose,
    reopen,
    reviews,
)
from storage.competitors.offers import ObservedOffer, latest_offers
from storage.competitors.pages import (
    PageOutcome,
    PageState,
    gaps_of,
    note_outcomes,
    outcomes_of,
    page_states,
    save_page_states,
)
from storage.competitors.quarantine import held_offers, hold, settle
from storage.competitors.sites import (
    crawls_of,
    resume_crawl,
    save_site,
    site_definitions,
    start_crawl,
)
from storage.database import reading, writing
from storage.errors import AlreadyDecided, HeldOfferNotFound, ReviewNotFound, UnknownSite
from storage.products.markets import add_markets
from storage.tables import products

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PAGE = "https://rival.example/kettle"


def a_site(conn: Connection) -> int:
    add_markets(conn, [Market("online", "EUR")])
    conn.execute(
        products.insert(),
        [
            {"sku": sku, "title": sku, "category": "c", "created_at": START, "updated_at": START}
            for sku in ("K1", "K2")
        ],
    )
    save_site(conn, "rival", start_url="https://rival.example/", kind="storefront",
              market="online", currency="EUR", definition={"name": "rival"})  # fmt: skip
    return start_crawl(conn, "rival", at=START, report={"host": "here"})


def offer(price: int, at: datetime = START) -> ObservedOffer:
    money, more = Money(price, "EUR"), Money(price + 100, "EUR")
    details = {"condition": "new"}
    return ObservedOffer(
        PAGE, at, money, "in_stock", "Kettle", "json-ld", 0.9, list_price=more, details=details
    )


def proposal(sku: str = "K1", score: float = 0.3) -> Proposal:
    return Proposal(PAGE, "Kettle", sku, score, [0.1, 0.2])


def test_a_site_keeps_its_whole_definition_and_a_crawl_goes_on(engine: Engine) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        resume_crawl(conn, crawl, report={"resumed": 1})
    with reading(engine) as conn:
        assert site_definitions(conn) == {"rival": {"name": "rival"}}
        assert crawls_of(conn)[0].report == {"resumed": 1}


def test_a_page_of_a_crawl_is_done_once_and_gaps_are_kept_apart_from_prices(
    engine: Engine,
) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        later = START + timedelta(hours=1)
        note_outcomes(conn, crawl, [PageOutcome(PAGE, "gone", "HTTP 404", START)])
        note_outcomes(conn, crawl, [PageOutcome(PAGE, "observed", "", later)])
        note_outcomes(conn, start_crawl(conn, "rival", at=later),
                      [PageOutcome(PAGE, "observed", "", later)])  # fmt: skip
    with reading(engine) as conn:
        assert outcomes_of(conn, crawl)[PAGE].outcome == "gone"
        assert [gap.detail for gap in gaps_of(conn, PAGE, "rival")] == ["HTTP 404"]


def test_what_a_server_told_is_replaced_and_forgotten_by_another_reader(engine: Engine) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        save_page_states(conn, crawl, [PageState(PAGE, '"a"', None, "h1", "1")])
        save_page_states(conn, crawl, [PageState(PAGE, '"b"', None, "h2", "2")])
    with reading(engine) as conn:
        assert page_states(conn, "rival", reader="1") == {}
        assert page_states(conn, "rival", reader="2")[PAGE].etag == '"b"'


def test_an_answer_is_kept_whatever_is_proposed_later(engine: Engine) -> None:
    with writing(engine) as conn:
        a_site(conn)
        propose(conn, "rival", [proposal(), proposal("K2", 0.4), proposal("gone")], at=START)
        first, second = reviews(conn)
        assert (first.sku, second.sku) == ("K2", "K1")
        answered = decide(conn, second.review_id, same=True, by="ada", at=START)
        assert (answered.status, answered.decided_by) == ("same", "ada")
        propose(conn, "rival", [proposal(score=0.01)], at=START)
        assert reviews(conn) == ()  # the page's other pair was answered with it
        told = decided(conn, "rival")
        assert told.same == {PAGE: "K1"}
        assert told.different == {("K2", PAGE)}
        assert lessons(conn) == ([[0.1, 0.2], [0.1, 0.2]], [True, False])
        with pytest.raises(AlreadyDecided, match="'same' by ada"):
            decide(conn, second.review_id, same=False, by="bob", at=START)
        reopen(conn, second.review_id)
        assert decide(conn, second.review_id, same=False, by="bob", at=START).status == "different"


def test_an_open_pair_takes_the_newest_score(engine: Engine) -> None:
    with writing(engine) as conn:
        a_site(conn)
        propose(conn, "rival", [proposal(score=0.2)], at=START)
        propose(conn, "rival", [proposal(score=0.4)], at=START)
        (only,) = reviews(conn)
    assert only.score == 0.4


def test_an_offer_that_is_released_counts_from_when_it_was_seen(engine: Engine) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        hold(conn, crawl, offer(100), "a jump")
        hold(conn, crawl, offer(110, START + timedelta(minutes=1)), "a jump")
        (held,) = held_offers(conn, site="rival", urls=[PAGE])
        assert held.offer == offer(110, START + timedelta(minutes=1))
        assert latest_offers(conn, "rival") == {}
        released = settle(conn, held.quarantine_id, release=True, by="ada", at=START)
        assert released.status == "released"
        assert settle(conn, held.quarantine_id, release=True, by="ada", at=START) == released
        assert latest_offers(conn, "rival")[PAGE].offer == held.offer
        with pytest.raises(AlreadyDecided):
            settle(conn, held.quarantine_id, release=False, by="bob", at=START)
        assert len(held_offers(conn, status="dropped")) == 1


def test_what_is_not_there_is_said_to_be_missing(engine: Engine) -> None:
    with writing(engine) as conn:
        with pytest.raises(ReviewNotFound):
            decide(conn, 7, same=True, by="ada", at=START)
        with pytest.raises(ReviewNotFound):
            reopen(conn, 7)
        with pytest.raises(HeldOfferNotFound):
            settle(conn, 7, release=True, by="ada", at=START)
        with pytest.raises(UnknownSite):
            propose(conn, "nobody", [proposal()], at=START)
