"""From a run to a live price book and back, with real databases and a clock that is given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from api.jobs.release import (
    ReleaseTerms,
    ReleaseWork,
    approve_draft,
    keep_releases,
    release,
    roll_back_to,
)
from pricing.releases.change_budget import BudgetLimit, ChangeBudget
from pricing.releases.staged_release import Band, StagePlan
from storage.database import reading, writing
from storage.errors import ClockBehind, DraftNotReady, PricesFrozen
from storage.jobs.outbox import messages
from storage.prices.decisions import save_run
from storage.prices.price_books import live_version, load_price_book
from storage.releases.drafts import read_draft
from storage.releases.freezes import freeze, unfreeze
from storage.releases.watched_figures import add_reading
from tests.api.shop import EURO_SHOP, OPENED, PRICES, YEN_STORE, decided, open_shop, publish_prices

HOUR = timedelta(hours=1)
LOOSE = ChangeBudget(1.0, 1.0, 1.0, 1.0)
FREE = ReleaseTerms(budget=LOOSE)
TEA = ("TEA-1", "online")


def store_run(engine: Engine, prices: dict[tuple[str, str], int]) -> int:
    run = decided(prices, markets=(EURO_SHOP, YEN_STORE), at=OPENED)
    with writing(engine) as conn:
        return save_run(conn, run, policy={}, fit_id=None, created_at=OPENED)


def scaled(factor: float) -> dict[tuple[str, str], int]:
    return {key: round(price * factor) for key, price in PRICES.items()}


def live(engine: Engine) -> int | None:
    with reading(engine) as conn:
        return live_version(conn)


def served(engine: Engine) -> dict[tuple[str, str], int]:
    with reading(engine) as conn:
        return {(e.sku, e.market): e.price.minor for e in load_price_book(conn)}


def alerts(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [message.topic for message in messages(conn)]


def test_a_run_within_the_budget_goes_live_at_once(shop: Engine) -> None:
    run = store_run(shop, {**PRICES, TEA: 510})
    done = release(shop, run, ReleaseTerms(), now=OPENED + HOUR, by="anna", note="small")
    assert (done.version, done.draft.status) == (2, "released")
    assert (done.report.changes, done.report.prices) == (1, 4)
    assert served(shop)[TEA] == 510


@pytest.mark.parametrize(
    ("prices", "limit"),
    [
        (scaled(1.04), BudgetLimit.SHARE_OF_PRODUCTS),
        ({**PRICES, TEA: 650}, BudgetLimit.SINGLE_CHANGE),
        ({**PRICES, TEA: 550}, BudgetLimit.AVERAGE_CHANGE),
    ],
)
def test_beyond_the_budget_it_waits_and_an_alert_says_so(
    shop: Engine, prices: dict[tuple[str, str], int], limit: BudgetLimit
) -> None:
    run = store_run(shop, prices)
    waits = release(shop, run, ReleaseTerms(), now=OPENED + HOUR, by="anna")
    assert waits.version is None
    assert waits.draft.status == "draft"
    assert limit in {breach.limit for breach in waits.report.breaches}
    assert (live(shop), served(shop)) == (1, PRICES)
    assert alerts(shop) == ["price_book.awaits_approval"]
    draft, version = approve_draft(
        shop, waits.draft.draft_id, now=OPENED + 2 * HOUR, by="anna", four_eyes=False
    )
    assert (draft.status, version, served(shop)) == ("released", 2, prices)


def test_costs_in_cents_never_go_live_by_themselves(shop: Engine) -> None:
    """Whatever decided it: a hundredfold price waits for a person."""
    run = store_run(shop, scaled(100))
    assert release(shop, run, ReleaseTerms(), now=OPENED + HOUR, by="cron").version is None
    assert served(shop) == PRICES


def test_the_first_book_waits_for_nobody_unless_four_eyes_are_asked_for(engine: Engine) -> None:
    open_shop(engine)
    with writing(engine) as conn:
        conn.exec_driver_sql("DELETE FROM price_book_entries")
        conn.exec_driver_sql("DELETE FROM price_books")
    run = store_run(engine, scaled(2.0))
    eyes = ReleaseTerms(four_eyes=True)
    assert release(engine, run, eyes, now=OPENED, by="anna").version is None
    first = release(engine, run, ReleaseTerms(), now=OPENED, by="anna")
    assert (first.version, first.report.within) == (1, False)


def test_four_eyes_are_those_of_two_people(shop: Engine) -> None:
    run = store_run(shop, {**PRICES, TEA: 505})
    waits = release(shop, run, ReleaseTerms(four_eyes=True), now=OPENED + HOUR, by="anna")
    assert (waits.report.within, waits.version) == (True, None)
    number = waits.draft.draft_id
    with pytest.raises(DraftNotReady, match="four eyes"):
        approve_draft(shop, number, now=OPENED + HOUR, by="anna", four_eyes=True)
    _, version = approve_draft(shop, number, now=OPENED + HOUR, by="ben", four_eyes=True)
    assert version == 2


def test_the_clock_an_hour_back_publishes_nothing(shop: Engine) -> None:
    run = store_run(shop, {**PRICES, TEA: 505})
    with pytest.raises(ClockBehind):
        release(shop, run, ReleaseTerms(), now=OPENED - HOUR, by="anna")
    assert live(shop) == 1


def test_a_scheduled_book_goes_live_at_its_time_and_not_before(shop: Engine) -> None:
    run = store_run(shop, scaled(1.1))
    terms = ReleaseTerms(budget=LOOSE, activate_at=OPENED + 5 * HOUR)
    assert release(shop, run, terms, now=OPENED + HOUR, by="anna").version is None
    assert keep_releases(shop, now=OPENED + 4 * HOUR) == ReleaseWork()
    assert keep_releases(shop, now=OPENED + 5 * HOUR).versions == (2,)
    assert keep_releases(shop, now=OPENED + 6 * HOUR) == ReleaseWork()


def test_stages_go_live_with_pauses_and_first_markets_first(shop: Engine) -> None:
    run = store_run(shop, scaled(1.1))
    terms = ReleaseTerms(budget=LOOSE, plan=StagePlan((1.0,), ("store-01",), HOUR))
    assert release(shop, run, terms, now=OPENED + HOUR, by="anna").version == 2
    assert served(shop) == {**PRICES, ("TEA-1", "store-01"): 858}
    assert keep_releases(shop, now=OPENED + 1.5 * HOUR) == ReleaseWork()
    assert keep_releases(shop, now=OPENED + 2 * HOUR).versions == (3,)
    assert served(shop) == scaled(1.1)


def test_the_kill_switch_stops_stages_until_it_is_lifted(shop: Engine) -> None:
    run = store_run(shop, scaled(1.1))
    terms = ReleaseTerms(budget=LOOSE, plan=StagePlan((1.0,), ("store-01",), HOUR))
    number = release(shop, run, terms, now=OPENED + HOUR, by="anna").draft.draft_id
    with writing(shop) as conn:
        freeze(conn, at=OPENED + HOUR, by="anna", reason="look")
    before = served(shop)
    assert keep_releases(shop, now=OPENED + 3 * HOUR).frozen == (number,)
    with pytest.raises(PricesFrozen):
        release(shop, run, FREE, now=OPENED + 3 * HOUR, by="anna")
    with pytest.raises(PricesFrozen):
        roll_back_to(shop, 1, now=OPENED + 3 * HOUR, by="anna", reason="?")
    assert served(shop) == before
    with writing(shop) as conn:
        unfreeze(conn, at=OPENED + 3 * HOUR, by="anna")
    assert keep_releases(shop, now=OPENED + 3 * HOUR).versions == (3,)


def watched_release(engine: Engine, *, stages: tuple[float, ...] = (1.0,)) -> int:
    run = store_run(engine, scaled(1.1))
    terms = ReleaseTerms(
        budget=LOOSE,
        plan=StagePlan(stages, pause=HOUR),
        watches={"conversion": Band(low=0.9, readings=2)},
        watch_for=timedelta(hours=24),
    )
    return release(engine, run, terms, now=OPENED + HOUR, by="anna").draft.draft_id


def read_figure(engine: Engine, *values: float, after: float = 1.0) -> None:
    with writing(engine) as conn:
        for place, value in enumerate(values):
            at = OPENED + (after + 0.1 * (place + 1)) * HOUR
            add_reading(conn, "conversion", value, at=at)


def test_a_broken_band_brings_the_old_prices_back_with_an_alert(shop: Engine) -> None:
    read_figure(shop, 0.1, 0.1, after=0.0)  # before the release: says nothing of it
    number = watched_release(shop)
    read_figure(shop, 1.0, 0.8, 0.95)
    assert keep_releases(shop, now=OPENED + 2 * HOUR) == ReleaseWork()
    read_figure(shop, 0.8, 0.7, after=2.0)
    assert keep_releases(shop, now=OPENED + 3 * HOUR).rolled_back == (number,)
    assert served(shop) == PRICES
    with reading(shop) as conn:
        draft = read_draft(conn, number)
    assert draft.status == "rolled_back"
    assert "conversion was 0.7" in draft.reason
    assert alerts(shop) == ["price_book.rolled_back"]
    assert keep_releases(shop, now=OPENED + 4 * HOUR) == ReleaseWork()


def test_a_half_released_draft_goes_back_and_stays_back(shop: Engine) -> None:
    number = watched_release(shop, stages=(0.5, 1.0))
    read_figure(shop, 0.5, 0.5)
    work = keep_releases(shop, now=OPENED + 9 * HOUR)
    assert (work.rolled_back, work.versions) == ((number,), ())
    assert served(shop) == PRICES


def test_readings_after_the_watch_has_ended_change_nothing(shop: Engine) -> None:
    watched_release(shop)
    read_figure(shop, 0.5, 0.5, after=30.0)
    assert keep_releases(shop, now=OPENED + 40 * HOUR) == ReleaseWork()


def test_a_later_book_of_others_is_not_undone_but_people_are_told_once(shop: Engine) -> None:
    watched_release(shop)
    publish_prices(shop, {TEA: 333}, at=OPENED + 2 * HOUR)
    read_figure(shop, 0.5, 0.5)
    for _ in range(2):
        assert keep_releases(shop, now=OPENED + 3 * HOUR) == ReleaseWork()
    assert served(shop)[TEA] == 333
    assert alerts(shop) == ["price_book.figure_broke"]


def test_a_rollback_by_hand_marks_the_draft_that_it_undoes(shop: Engine) -> None:
    run = store_run(shop, scaled(1.1))
    done = release(shop, run, FREE, now=OPENED + HOUR, by="anna")
    with writing(shop) as conn:
        freeze(conn, at=OPENED + HOUR, by="anna", reason="stop")
    version = roll_back_to(
        shop, 1, now=OPENED + 2 * HOUR, by="ben", reason="too dear", while_frozen=True
    )
    assert (version, served(shop)) == (3, PRICES)
    with reading(shop) as conn:
        assert read_draft(conn, done.draft.draft_id).status == "rolled_back"
