"""Price books under governance, on both engines: rollback, freezes, tiers, drafts, diffs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from pricing.money import Money
from pricing.releases.staged_release import Band
from storage.access.log import read_log
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import (
    ClockBehind,
    DraftNotFound,
    DraftNotReady,
    InvalidRecord,
    NotWriting,
    PriceBookNotFound,
    PricesFrozen,
    RunNotFound,
    UnknownMarket,
)
from storage.jobs.outbox import messages
from storage.prices.decisions import save_run
from storage.prices.price_books import live_version, load_price_book
from storage.releases.book_diff import diff_books, diff_draft
from storage.releases.drafts import (
    add_parts,
    approve,
    draft_of_version,
    due_drafts,
    finish,
    list_drafts,
    propose,
    read_draft,
    reject,
    release_next_stage,
)
from storage.releases.freezes import freeze, freezes_in_force, unfreeze
from storage.releases.publishing import publish, roll_back
from storage.releases.watched_figures import (
    Watch,
    add_reading,
    end_watch,
    readings_of,
    watch,
    watched,
)
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, decisions_for

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
KEYS = (("tea-1", "online"), ("tea-1", "tokyo"), ("tea-2", "online"))
Prices = Mapping[tuple[str, str], int]


@pytest.fixture
def shop(engine: Engine) -> Engine:
    add_shop(engine)
    with writing(engine) as conn:
        for sku, market in KEYS:
            add_sale(conn, sku, market, date(2026, 2, 2), 1, 1000)
            add_cost(conn, sku, market, date(2026, 1, 1), 100)
    return engine


def run_with(conn: Connection, prices: Prices, tier: str = "public") -> int:
    """A stored run with exactly these prices."""
    catalogue = read_catalogue(conn, at=NOW)
    rows = [
        row
        for row in range(len(catalogue))
        if (str(catalogue.sku[row]), catalogue.market[row]) in prices
    ]
    catalogue = catalogue.take(np.array(rows))
    wanted = [prices[str(sku), catalogue.market[row]] for row, sku in enumerate(catalogue.sku)]
    run = replace(decisions_for(catalogue), price=np.array(wanted, dtype=np.int64))
    return save_run(conn, run, policy={}, fit_id=None, created_at=NOW, tier=tier)


def put_live(conn: Connection, prices: Prices, days: int = 0, tier: str = "public") -> int:
    return publish(conn, run_with(conn, prices, tier), at=NOW + days * DAY)


def state(conn: Connection, version: int | None = None) -> dict[tuple[str, str, str], int]:
    book = load_price_book(conn, version)
    return {(entry.sku, entry.market, entry.tier): entry.price.minor for entry in book}


def all_at(price: int) -> Prices:
    return dict.fromkeys(KEYS, price)


# Rollback


def test_a_rollback_is_a_new_version_with_the_old_state(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, {KEYS[0]: 900, KEYS[1]: 900})
        put_live(conn, all_at(1100), days=1)
        assert roll_back(conn, 1, at=NOW + 2 * DAY, note="too dear") == 3
        assert state(conn) == state(conn, 1)
        assert state(conn, 2)[*KEYS[2], "public"] == 1100  # what was taken off is on record
        assert roll_back(conn, 2, at=NOW + 2 * DAY) == 4
        assert state(conn) == state(conn, 2)
        with pytest.raises(PriceBookNotFound, match="9"):
            roll_back(conn, 9, at=NOW + 2 * DAY)
    with reading(shop) as conn, pytest.raises(NotWriting):
        roll_back(conn, 1, at=NOW + 2 * DAY)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.dictionaries(st.sampled_from(KEYS), st.integers(500, 503), min_size=1), min_size=1,
        max_size=5,
    ),
    back=st.integers(0, 4),
)  # fmt: skip
def test_any_version_comes_back_exactly(
    shop: Engine, steps: list[dict[tuple[str, str], int]], back: int
) -> None:
    with writing(shop) as conn:
        versions = [put_live(conn, prices) for prices in steps]
        to = versions[back % len(versions)]
        wanted = state(conn, to)
        version = roll_back(conn, to, at=NOW)
        assert state(conn) == wanted
        assert diff_books(conn, to, version).changes == 0


# Publishing


def test_nothing_goes_live_before_what_went_live(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        run = run_with(conn, all_at(1100))
        with pytest.raises(ClockBehind, match="clock"):
            publish(conn, run, at=NOW - HOUR)
        with pytest.raises(ClockBehind, match="clock"):
            roll_back(conn, 1, at=NOW - HOUR)
        assert live_version(conn) == 1


def test_a_tier_price_never_exceeds_the_public_one(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(1000))
        put_live(conn, {KEYS[0]: 1200, KEYS[1]: 900}, tier="gold")
        assert state(conn)[*KEYS[0], "gold"] == 1000
        assert state(conn)[*KEYS[1], "gold"] == 900
        put_live(conn, {KEYS[1]: 800})  # the public price falls below the members' price
        assert state(conn)[*KEYS[1], "gold"] == 800
        assert state(conn)[*KEYS[1], "public"] == 800


def test_while_prices_are_frozen_nothing_goes_live_and_what_is_live_stays(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        freeze(conn, at=NOW, by="anna", reason="costs in cents")
        run = run_with(conn, all_at(1100))
        with pytest.raises(PricesFrozen, match=r"anna.*costs in cents.*unfreeze"):
            publish(conn, run, at=NOW)
        assert set(state(conn).values()) == {900}
        assert [item.reason for item in freezes_in_force(conn)] == ["costs in cents"]
        assert unfreeze(conn, at=NOW, by="ben") == 1
        assert unfreeze(conn, at=NOW, by="ben") == 0
        assert publish(conn, run, at=NOW) == 2
        assert [line.action for line in read_log(conn)] == ["unfrozen", "frozen"]


def test_a_frozen_market_keeps_its_prices_while_others_change(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        freeze(conn, at=NOW, by="anna", reason="stock-taking", market="tokyo")
        put_live(conn, all_at(1100))
        assert state(conn)["tea-1", "tokyo", "public"] == 900
        assert state(conn)["tea-1", "online", "public"] == 1100
        assert unfreeze(conn, at=NOW, by="anna", market="online") == 0
        assert unfreeze(conn, at=NOW, by="anna", market="tokyo") == 1
        with pytest.raises(UnknownMarket):
            freeze(conn, at=NOW, by="anna", reason="?", market="mars")


# Drafts


def proposed(conn: Connection, prices: Prices, **more: object) -> int:
    terms: dict[str, object] = {"at": NOW, "by": "anna", "review": {}, "approvals_needed": 1}
    return propose(conn, run_with(conn, prices), **{**terms, **more})  # type: ignore[arg-type]


def test_a_draft_goes_live_once_somebody_else_approved_it(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        number = proposed(conn, all_at(1100), note="spring")
        assert read_draft(conn, number).status == "draft"
        with pytest.raises(DraftNotReady, match="must be approved"):
            release_next_stage(conn, number, at=NOW, by="anna")
        with pytest.raises(DraftNotReady, match="four eyes"):
            approve(conn, number, at=NOW, by="anna", four_eyes=True)
        approved = approve(conn, number, at=NOW, by="ben", four_eyes=True, note="fine")
        assert (approved.status, approved.approvals[0].approved_by) == ("approved", "ben")
        assert release_next_stage(conn, number, at=NOW, by="ben") == 2
        done = read_draft(conn, number)
        assert (done.status, done.version, done.restores) == ("released", 2, 1)
        assert draft_of_version(conn, 2) == done
        assert draft_of_version(conn, 1) is None
        assert [line.action for line in read_log(conn) if line.draft_id == number] == [
            "went_live",
            "approved",
            "proposed",
        ]
        assert [m.topic for m in messages(conn)] == ["price_book.awaits_approval"]
        with pytest.raises(DraftNotReady, match="waits for no approval"):
            approve(conn, number, at=NOW, by="carl", four_eyes=True)
        with pytest.raises(DraftNotReady, match="is released"):
            release_next_stage(conn, number, at=NOW, by="ben")


def test_two_consents_are_those_of_two_people(shop: Engine) -> None:
    with writing(shop) as conn:
        number = proposed(conn, all_at(900), approvals_needed=2)
        assert approve(conn, number, at=NOW, by="ben", four_eyes=False).status == "draft"
        with pytest.raises(DraftNotReady, match="already"):
            approve(conn, number, at=NOW, by="ben", four_eyes=False)
        assert approve(conn, number, at=NOW, by="anna", four_eyes=False).status == "approved"


def test_a_draft_waits_for_its_time(shop: Engine) -> None:
    with writing(shop) as conn:
        number = proposed(conn, all_at(900), approvals_needed=0, activate_at=NOW + DAY)
        assert release_next_stage(conn, number, at=NOW, by="x") is None
        assert due_drafts(conn, NOW) == ()
        assert due_drafts(conn, NOW + DAY) == (number,)
        assert release_next_stage(conn, number, at=NOW + DAY, by="x") == 1


def test_a_draft_that_was_overtaken_is_rejected_with_an_alert(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        number = proposed(conn, all_at(1100), approvals_needed=0)
        put_live(conn, all_at(950))
        assert release_next_stage(conn, number, at=NOW, by="x") is None
        found = read_draft(conn, number)
        assert (found.status, found.next_stage_at) == ("rejected", None)
        assert "overtaken: price book 2" in found.reason
        assert [m.topic for m in messages(conn)] == ["price_book.overtaken"]
        assert set(state(conn).values()) == {950}


def test_stages_go_live_one_after_the_other(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        number = proposed(conn, all_at(1100), approvals_needed=0, stages=2, pause=HOUR)
        skus, markets = (np.array(side) for side in zip(*KEYS, strict=True))
        add_parts(conn, number, skus, markets, np.array([0, 1, 1]))
        assert release_next_stage(conn, number, at=NOW, by="x") == 2
        assert [state(conn)[*key, "public"] for key in KEYS] == [1100, 900, 900]
        assert read_draft(conn, number).status == "releasing"
        assert release_next_stage(conn, number, at=NOW, by="x") is None  # the pause
        assert release_next_stage(conn, number, at=NOW + HOUR, by="x") == 3
        assert set(state(conn).values()) == {1100}
        assert read_draft(conn, number).status == "released"


def test_a_draft_is_given_up_once(shop: Engine) -> None:
    with writing(shop) as conn:
        number = proposed(conn, all_at(900))
        assert reject(conn, number, at=NOW, by="ben", reason="too dear").reason == "too dear"
        with pytest.raises(DraftNotReady, match="rejected already"):
            reject(conn, number, at=NOW, by="ben", reason="again")
        assert [item.draft_id for item in list_drafts(conn, status="rejected")] == [number]
        assert list_drafts(conn, status="draft") == ()
        with pytest.raises(DraftNotFound, match="99"):
            read_draft(conn, 99)
        with pytest.raises(RunNotFound, match="99"):
            propose(conn, 99, at=NOW, by="x", review={}, approvals_needed=0)


# Diffs


def test_a_diff_says_what_changed_why_and_what_it_should_bring(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, {KEYS[0]: 1000, KEYS[1]: 1000})
        put_live(conn, {KEYS[0]: 1100, KEYS[1]: 800, KEYS[2]: 500})
        found = diff_books(conn, 1, 2)
        assert (found.older, found.newer, found.changes) == (1, "2", 3)
        assert (found.raised, found.lowered, found.added, found.removed) == (1, 1, 1, 0)
        assert found.average_change == pytest.approx(0.15)
        assert [change.sku for change in found.largest] == ["tea-2", "tea-1", "tea-1"]
        cheaper = found.largest[1]
        assert (cheaper.before, cheaper.after) == (Money(1000, "JPY"), Money(800, "JPY"))
        assert (cheaper.run_id, bool(cheaper.reasons)) == (2, True)
        assert {effect.currency for effect in found.effects} == {"EUR", "JPY"}
        assert all(effect.revenue_before > 0 for effect in found.effects)
        back = diff_books(conn, 2, 1)
        assert (back.raised, back.lowered, back.added, back.removed) == (1, 1, 0, 1)
        pages = [diff_books(conn, 1, 2, limit=1, offset=skip) for skip in range(4)]
        assert [change for page in pages for change in page.largest] == list(found.largest)
        assert {page.changes for page in pages} == {3}
        put_live(conn, {KEYS[0]: 1000, KEYS[1]: 900}, days=1)
        over_two = diff_books(conn, 1, 3)
        assert (over_two.changes, over_two.lowered, over_two.added) == (2, 1, 1)
        with pytest.raises(PriceBookNotFound, match="7"):
            diff_books(conn, 1, 7)


def test_a_draft_is_compared_with_what_is_live(shop: Engine) -> None:
    with writing(shop) as conn:
        first = read_draft(conn, proposed(conn, {KEYS[0]: 1000}))
        assert diff_draft(conn, first).added == 1
        put_live(conn, {KEYS[0]: 1000, KEYS[1]: 900})
        second = read_draft(conn, proposed(conn, {KEYS[0]: 1000, KEYS[1]: 950}))
        found = diff_draft(conn, second)
        assert (found.changes, found.newer) == (1, f"draft {second.draft_id}")


# Watched figures


def test_figures_are_read_in_their_time(shop: Engine) -> None:
    with writing(shop) as conn:
        number = proposed(conn, all_at(900), approvals_needed=0)
        item = Watch(number, "conversion", Band(0.9, 1.1), NOW + DAY)
        watch(conn, item)
        assert watched(conn) == ()  # nothing is live yet
        release_next_stage(conn, number, at=NOW, by="x")
        assert watched(conn) == watched(conn, number) == (item,)
        for hours, value in ((2, 0.8), (1, 1.0), (30, 0.5)):
            add_reading(conn, "conversion", value, at=NOW + hours * HOUR)
        found = readings_of(conn, "conversion", since=NOW, until=item.until)
        assert [reading.value for reading in found] == [1.0, 0.8]
        end_watch(conn, item)
        assert watched(conn) == ()
        for figure, value in ((" ", 1.0), ("conversion", float("nan"))):
            with pytest.raises(InvalidRecord):
                add_reading(conn, figure, value, at=NOW)


# The log


def test_the_log_says_who_did_what(shop: Engine) -> None:
    with writing(shop) as conn:
        put_live(conn, all_at(900))
        first = proposed(conn, all_at(1100), note="spring")
        approve(conn, first, at=NOW, by="ben", four_eyes=True, note="fine")
        release_next_stage(conn, first, at=NOW, by="ben")
        freeze(conn, at=NOW, by="anna", reason="stock-taking", market="tokyo")
        unfreeze(conn, at=NOW, by="anna")
        second = proposed(conn, all_at(1000), approvals_needed=0)
        reject(conn, second, at=NOW, by="carl", reason="too cheap")
        finish(conn, first, "rolled_back", at=NOW, by="dora", reason="returns rose")
    said = [
        ("anna", "proposed", first, None, {"run": 2, "note": "spring"}),
        ("ben", "approved", first, None, {"note": "fine"}),
        ("ben", "went_live", first, 2, {"stage": 1}),
        ("anna", "frozen", None, None, {"market": "tokyo", "reason": "stock-taking"}),
        ("anna", "unfrozen", None, None, {"market": None, "lifted": 1}),
        ("anna", "proposed", second, None, {"run": 3, "note": ""}),
        ("carl", "rejected", second, None, {"reason": "too cheap"}),
        ("dora", "rolled_back", first, None, {"reason": "returns rose"}),
    ]

    with reading(shop) as conn:
        found = reversed(read_log(conn))
    assert [
        (line.actor, line.action, line.draft_id, line.version, line.detail) for line in found
    ] == said
