"""What a morning begins with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from api.jobs.today import NextStep, Today, read_today
from storage.competitors.match_reviews import decide, reviews
from storage.competitors.quarantine import held_offers, settle
from storage.competitors.sites import finish_crawl, save_site, start_crawl
from storage.database import writing
from storage.overview import Waiting
from storage.releases.drafts import list_drafts, reject
from storage.releases.freezes import freeze
from tests.api.console.morning import busy_morning
from tests.api.rival_records import rival_crawl, rival_offer
from tests.api.shop import OPENED, open_shop

NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)
DAY = timedelta(days=1)


def today(engine: Engine, now: datetime = NOW) -> Today:
    return read_today(engine, now=now, offer_max_age=timedelta(hours=72))


def test_before_anything_was_brought_in(engine: Engine) -> None:
    empty = today(engine)
    assert empty.next_step is NextStep.IMPORT_PRODUCTS
    assert empty.waiting == Waiting(0, 0, 0, 0)
    assert empty.overnight.version is None
    assert empty.fit is None
    assert (*empty.data, *empty.sites, *empty.freezes) == ()


def test_a_busy_morning(engine: Engine) -> None:
    busy_morning(engine, NOW)
    seen = today(engine)
    assert seen.waiting == Waiting(drafts=1, reviews=1, held_offers=1, failed_jobs=1)
    diff = seen.overnight.diff
    assert diff is not None
    assert (diff.older, diff.newer, diff.raised, diff.lowered) == (1, "2", 1, 1)
    assert {(change.sku, change.market) for change in diff.largest} == {
        ("TEA-1", "online"),
        ("TEA-1", "store-01"),
    }
    assert seen.overnight.rival_changes == 1
    assert {file.kind: file.finished_at for file in seen.data} == {
        "products": NOW - 9 * DAY,
        "sales": NOW - 2 * DAY,
        "costs": NOW - DAY,
    }
    assert seen.fit is not None
    assert seen.fit.doubted == 1
    north, south = seen.sites
    assert (north.site, north.market, north.old, north.in_doubt) == ("north", "online", False, True)
    assert north.findings == ("1 offer, not 40: Their green tea",)
    assert (south.site, south.old, south.findings) == ("south", True, ())


def test_a_day_later_the_night_is_another(engine: Engine) -> None:
    busy_morning(engine, NOW)
    later = today(engine, NOW + DAY)
    assert later.overnight.version == 2
    assert later.overnight.diff is None
    assert later.overnight.rival_changes == 0
    assert later.waiting == Waiting(drafts=1, reviews=1, held_offers=1, failed_jobs=0)


def test_what_is_first_comes_first(engine: Engine) -> None:
    busy_morning(engine, NOW)
    steps = [today(engine).next_step]
    with writing(engine) as conn:
        (draft,) = list_drafts(conn)
        reject(conn, draft.draft_id, at=NOW, by="pia", reason="too much")
    steps.append(today(engine).next_step)
    a_day_on = NOW + DAY  # the failed job is none of this day's
    steps.append(today(engine, a_day_on).next_step)
    with writing(engine) as conn:
        (held,) = held_offers(conn)
        settle(conn, held.quarantine_id, release=False, by="max", at=NOW)
    steps.append(today(engine, a_day_on).next_step)
    with writing(engine) as conn:
        (review,) = reviews(conn)
        decide(conn, review.review_id, same=True, by="max", at=NOW)
    steps.append(today(engine, a_day_on).next_step)
    for site in ("north", "south"):
        rival_crawl(engine, site, a_day_on, [rival_offer("TEA-1", 480, a_day_on, site=site)])
    steps.append(today(engine, a_day_on).next_step)
    assert steps == [
        NextStep.DRAFTS,
        NextStep.JOBS,
        NextStep.HELD_OFFERS,
        NextStep.REVIEWS,
        NextStep.CRAWLS,
        NextStep.NOTHING,
    ]


def test_a_shop_without_sales_brings_them_in_next(engine: Engine) -> None:
    open_shop(engine)
    begun = today(engine, OPENED + timedelta(hours=1))
    assert begun.next_step is NextStep.IMPORT_SALES
    assert begun.overnight.first
    assert not today(engine, OPENED + 2 * DAY).overnight.first


@pytest.mark.parametrize("market", [None, "online"])
def test_a_freeze_is_told(engine: Engine, market: str | None) -> None:
    open_shop(engine)
    with writing(engine) as conn:
        freeze(conn, at=NOW, by="max", reason="a cost file in cents", market=market)
    (told,) = today(engine).freezes
    assert (told.market, told.reason) == (market, "a cost file in cents")


def test_what_others_reported_is_no_visit(engine: Engine) -> None:
    open_shop(engine)
    with writing(engine) as conn:
        save_site(
            conn, "eyes", start_url="https://e.example/", kind="storefront", market="online",
            currency="EUR",
        )  # fmt: skip
        crawl = start_crawl(conn, "eyes", at=NOW)
        finish_crawl(conn, crawl, at=NOW, status="finished", report={"reported": "tess"})
    (site,) = today(engine).sites
    assert site.crawl is None
    assert not site.in_doubt
