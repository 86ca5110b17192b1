"""Pages of crawls, reviews of matches and the quarantine, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Connection, Engine

from pricing.catalogue import Market
from pricing.events.competitors import MatchAnswered, MatchReopened
from pricing.money import Money
from storage.competitors.match_reviews import (
    Proposal,
    answered_by,
    decide,
    decided,
    lessons,
    pending_beside,
    place_in_queue,
    propose,
    read_review,
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
from storage.competitors.quarantine import (
    held_beside,
    held_offers,
    hold,
    hold_again,
    place_in_quarantine,
    settle,
    settled_by,
)
from storage.competitors.sites import (
    crawls_of,
    resume_crawl,
    save_site,
    site_definitions,
    start_crawl,
)
from storage.database import reading, writing
from storage.errors import (
    AlreadyDecided,
    HeldOfferNotFound,
    NotTakenBack,
    ReviewNotFound,
    UnknownSite,
)
from storage.events.store import newest_events
from storage.products.markets import add_markets
from storage.tables import decision_runs, products

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
        reopen(conn, second.review_id, by="bob", at=START)
        assert decide(conn, second.review_id, same=False, by="bob", at=START).status == "different"


def test_an_answer_taken_back_opens_what_was_rejected_with_it_and_nothing_else(
    engine: Engine,
) -> None:
    with writing(engine) as conn:
        a_site(conn)
        other = Proposal(f"{PAGE}/other", "Kettle", "K1", 0.1, [0.1])
        propose(conn, "rival", [proposal(), proposal("K2", 0.4), other], at=START)
        second, first, third = reviews(conn)
        decide(conn, third.review_id, same=False, by="ada", at=START)
        with pytest.raises(NotTakenBack, match="is open"):
            reopen(conn, first.review_id, by="ada", at=START)
        decide(conn, first.review_id, same=True, by="ada", at=START + timedelta(seconds=1))
        assert [r.review_id for r in answered_by(conn, "ada")] == [
            first.review_id,
            third.review_id,
        ]
        with pytest.raises(NotTakenBack, match="'same' by ada"):
            reopen(conn, first.review_id, by="bob", at=START, only_of="bob")
        back = reopen(conn, first.review_id, by="ada", at=START, only_of="ada")
        assert (back.status, back.decided_by) == ("pending", None)
        assert [r.review_id for r in reviews(conn)] == [second.review_id, first.review_id]
        assert read_review(conn, third.review_id).status == "different"
        # What was answered by itself before stays answered.
        decide(conn, second.review_id, same=False, by="bob", at=START)
        decide(conn, first.review_id, same=True, by="ada", at=START + timedelta(seconds=2))
        reopen(conn, first.review_id, by="ada", at=START)
        assert read_review(conn, second.review_id).status == "different"
        told = newest_events(conn, [MatchAnswered, MatchReopened], key=str(first.review_id))
    actions = [type(stored.event) for stored in told]
    assert sorted(actions, key=str) == [MatchAnswered] * 2 + [MatchReopened] * 2
    with_it = [stored.facts["with_it"] for stored in told if "with_it" in stored.facts]
    assert sorted(with_it) == [[], [second.review_id]]


def test_the_queue_is_walked_in_both_directions_and_round(engine: Engine) -> None:
    with writing(engine) as conn:
        a_site(conn)
        assert pending_beside(conn) is None
        pages = [
            Proposal(f"{PAGE}/{number}", "Kettle", "K1", score, [])
            for number, score in enumerate((0.5, 0.9, 0.5))
        ]
        propose(conn, "rival", pages, at=START)
        queue = reviews(conn)
        assert [place_in_queue(conn, review) for review in queue] == [(1, 3), (2, 3), (3, 3)]
        assert pending_beside(conn) == queue[0]
        for earlier, later in zip(queue, (*queue[1:], queue[0]), strict=True):
            assert pending_beside(conn, earlier) == later
            assert pending_beside(conn, later, backwards=True) == earlier
        decide(conn, queue[1].review_id, same=False, by="ada", at=START)
        assert pending_beside(conn, queue[1]) == queue[2]


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


@pytest.mark.parametrize("release", [True, False])
def test_a_settled_offer_is_held_again(engine: Engine, *, release: bool) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        hold(conn, crawl, offer(100), "a jump")
        (held,) = held_offers(conn)
        with pytest.raises(NotTakenBack, match="is held"):
            hold_again(conn, held.quarantine_id)
        settle(conn, held.quarantine_id, release=release, by="ada", at=START)
        assert [settled.quarantine_id for settled in settled_by(conn, "ada")] == [1]
        with pytest.raises(NotTakenBack, match="by ada"):
            hold_again(conn, held.quarantine_id, only_of="bob")
        hold_again(conn, held.quarantine_id, only_of="ada")
        assert held_offers(conn) == (held,)
        assert latest_offers(conn, "rival") == {}
        settle(conn, held.quarantine_id, release=True, by="ada", at=START)
        assert latest_offers(conn, "rival")[PAGE].offer == held.offer


def test_what_is_known_better_or_was_decided_with_is_not_held_again(engine: Engine) -> None:
    later = START + timedelta(hours=1)
    with writing(engine) as conn:
        crawl = a_site(conn)
        hold(conn, crawl, offer(100), "a jump")
        settle(conn, 1, release=False, by="ada", at=START)
        hold(conn, crawl, offer(120, later), "a jump")
        with pytest.raises(NotTakenBack, match="newer look"):
            hold_again(conn, 1)
        settle(conn, 2, release=True, by="ada", at=later)
        conn.execute(
            decision_runs.insert().values(
                created_at=later, decided_at=later, policy={}, report={}, solve_status="optimal",
                solve_method="none", solve_objective=0.0, solve_bound=0.0, solve_gap=0.0,
                solve_seconds=0.0,
            )
        )  # fmt: skip
        with pytest.raises(NotTakenBack, match="decision run 1"):
            hold_again(conn, 2)
        assert latest_offers(conn, "rival")[PAGE].offer.price == Money(120, "EUR")


def test_held_offers_are_walked_from_the_newest(engine: Engine) -> None:
    with writing(engine) as conn:
        crawl = a_site(conn)
        assert held_beside(conn) is None
        for number in range(3):
            page = replace(offer(100 + number), url=f"{PAGE}/{number}")
            hold(conn, crawl, page, "a jump")
        assert [place_in_quarantine(conn, number) for number in (3, 2, 1)] == [
            (1, 3), (2, 3), (3, 3),
        ]  # fmt: skip
        seen = [held_beside(conn), held_beside(conn, 3), held_beside(conn, 1)]
        assert [held.quarantine_id for held in seen if held] == [3, 2, 3]
        back = [held_beside(conn, 1, backwards=True), held_beside(conn, 3, backwards=True)]
        assert [held.quarantine_id for held in back if held] == [2, 1]


def test_what_is_not_there_is_said_to_be_missing(engine: Engine) -> None:
    with writing(engine) as conn:
        with pytest.raises(ReviewNotFound):
            decide(conn, 7, same=True, by="ada", at=START)
        with pytest.raises(ReviewNotFound):
            reopen(conn, 7, by="ada", at=START)
        with pytest.raises(HeldOfferNotFound):
            settle(conn, 7, release=True, by="ada", at=START)
        with pytest.raises(HeldOfferNotFound):
            hold_again(conn, 7)
        with pytest.raises(UnknownSite):
            propose(conn, "nobody", [proposal()], at=START)
