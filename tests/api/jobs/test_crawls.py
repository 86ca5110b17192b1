"""Crawls as jobs: what is due is asked for once, nobody crawls a site twice at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from api.jobs.crawls import (
    MOST,
    CrawlAsked,
    TooManyCrawls,
    ask_for_crawl,
    ask_for_due_crawls,
)
from api.jobs.working import work_room
from api.settings import load_settings
from pricing.catalogue import Market
from scrapers.crawling.crawl import CrawlRun
from scrapers.crawling.timetable import MOST_RESUMED, due_at, state_of, stored_sites, timetable
from scrapers.errors import CrawlRunning
from scrapers.sites import Site, SiteKind, site_fields
from storage.competitors.sites import Crawl, finish_crawl, remove_site, save_site, start_crawl
from storage.database import reading, writing
from storage.errors import UnknownSite
from storage.jobs.lease_tables import leases
from storage.jobs.leases import Lease, find_lease
from storage.jobs.queue import StoredJob, cancel_job, job_result, list_jobs
from storage.products.markets import add_markets
from tests.api.conftest import eventually
from tests.databases import postgres_engine, sqlite_engine, url_of
from tests.scrapers.scripted_server import Reply, ScriptedServer, html

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
SITE = Site("rival", "https://shop.example.com/", "online", "EUR", schedule="every 6h")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with a market in Berlin."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        with writing(engine) as conn:
            add_markets(conn, [Market("online", "EUR", "Europe/Berlin")])
        yield engine


def keep(engine: Engine, *sites: Site) -> None:
    with writing(engine) as conn:
        for site in sites:
            save_site(conn, site.name, start_url=site.start_url, kind=site.kind.value,
                      market=site.market, currency=site.currency,
                      definition=site_fields(site))  # fmt: skip


def ask_for_due(engine: Engine, most: int = 2) -> tuple[str, ...]:
    return ask_for_due_crawls(engine, at=datetime.now(UTC), most=most)


def test_what_is_due_is_asked_for_once_by_however_many(database: Engine) -> None:
    keep(database, SITE, replace(SITE, name="other"), replace(SITE, name="third"))
    start = threading.Barrier(3)
    asked: list[str] = []

    def tick() -> None:
        start.wait()
        asked.extend(ask_for_due(database))

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == len(set(asked)) == 2, "so many at a time"
    with reading(database) as conn:
        assert sorted(job.scope or "" for job in list_jobs(conn)) == sorted(
            f"site {name}" for name in asked
        )


def test_nobody_crawls_a_site_twice_at_once_and_a_stopped_room_hands_it_back(
    database: Engine,
) -> None:
    slow = Reply(b"", 503, {"Retry-After": "100"})
    with ScriptedServer({"/a": [slow, html('<h1>A</h1><p class="price">€1.00</p>')]}) as shop:
        site = replace(SITE, start_url=f"{shop.url}/", allow_private=True, delay=0.0,
                       kind=SiteKind.WATCH, urls=(f"{shop.url}/a",))  # fmt: skip
        keep(database, site, replace(site, name="never", schedule=None))
        settings = load_settings(None, database_url=url_of(database), work_poll_seconds=0.05)
        first = work_room(database, settings)
        first.start()
        assert ask_for_due(database) == ("rival",)
        assert ask_for_due(database) == (), "it is under way"
        with writing(database) as conn, pytest.raises(CrawlRunning, match="is being crawled"):
            ask_for_crawl(conn, CrawlAsked("rival"), at=datetime.now(UTC), by="ada")
        assert eventually(lambda: shop.asked["/a"] > 0)
        first.stop(timedelta(seconds=20))
        with reading(database) as conn:
            (plan, _) = timetable(conn, stored_sites(conn).values(), datetime.now(UTC))
            (job,) = list_jobs(conn)
        assert plan.last is not None
        assert state_of(plan.last, plan.lease) == "cut_off"
        assert (job.status, job.tries) == ("queued", 0)
        assert ask_for_due(database) == (), "the job that waits goes on with it"
        second = work_room(database, settings)
        second.start()
        assert eventually(lambda: last_job(database).status == "finished"), last_job(database)
        second.stop(timedelta(seconds=20))
    with reading(database) as conn:
        (crawl,) = [plan.last for plan in timetable(conn, [site], datetime.now(UTC))]
        assert job_result(conn, job.job_id) is not None
    assert crawl is not None
    assert (crawl.crawl_id, crawl.status) == (plan.last.crawl_id, "finished")


def test_a_crawl_that_is_cancelled_is_not_gone_on_with(database: Engine) -> None:
    with ScriptedServer({"/a": [Reply(b"", 503, {"Retry-After": "100"})]}) as shop:
        site = replace(SITE, start_url=f"{shop.url}/", allow_private=True, delay=0.0,
                       kind=SiteKind.WATCH, urls=(f"{shop.url}/a",))  # fmt: skip
        keep(database, site)
        settings = load_settings(None, database_url=url_of(database), work_poll_seconds=0.05)
        room = work_room(database, settings)
        room.start()
        assert ask_for_due(database) == ("rival",)
        assert eventually(lambda: shop.asked["/a"] > 0)
        with writing(database) as conn:
            cancel_job(conn, last_job(database).job_id, at=datetime.now(UTC))
        assert eventually(lambda: last_job(database).status == "cancelled"), last_job(database)
        room.stop(timedelta(seconds=20))
    with reading(database) as conn:
        (plan,) = timetable(conn, [site], datetime.now(UTC))
    assert plan.last is not None
    assert state_of(plan.last, plan.lease) == "failed"
    assert not plan.is_due(datetime.now(UTC))


def test_there_is_an_end_to_how_many_crawls_are_under_way(database: Engine) -> None:
    keep(database, *(replace(SITE, name=f"rival-{k}") for k in range(MOST + 1)))
    with writing(database) as conn:
        for k in range(MOST):
            ask_for_crawl(conn, CrawlAsked(f"rival-{k}"), at=NOW, by="ada")
        with pytest.raises(TooManyCrawls, match="ask again later"):
            ask_for_crawl(conn, CrawlAsked(f"rival-{MOST}"), at=NOW, by="ada")


def last_job(engine: Engine) -> StoredJob:
    with reading(engine) as conn:
        return list_jobs(conn, limit=1)[0]


def test_what_a_site_became_since_the_timetable_was_read_is_kept(database: Engine) -> None:
    keep(database, SITE)
    changed = replace(SITE, delay=9.0, schedule="daily at 03:00")
    keep(database, changed)  # somebody described it anew
    run = CrawlRun.begin(database, SITE, at=NOW, stored=True)
    assert run.site == changed
    with reading(database) as conn:
        assert stored_sites(conn) == {"rival": changed}
    CrawlRun.begin(database, replace(SITE, name="other"), at=NOW)
    with writing(database) as conn:
        remove_site(conn, "rival")
        conn.execute(leases.delete())
    with writing(database) as conn, pytest.raises(UnknownSite, match="no site 'rival'"):
        ask_for_crawl(conn, CrawlAsked("rival"), at=NOW, by="ada")
    with reading(database) as conn:
        assert set(stored_sites(conn)) == {"other"}
        assert find_lease(conn, "site rival") is None


def test_a_timetable_knows_the_market_and_leaves_out_what_others_reported(
    database: Engine,
) -> None:
    nightly = replace(SITE, name="nightly", schedule="daily at 03:00")
    keep(database, SITE, nightly, replace(SITE, name="never", schedule=None))
    with writing(database) as conn:
        for name in ("rival", "nightly"):
            number = start_crawl(conn, name, at=NOW - 8 * HOUR)
            finish_crawl(conn, number, at=NOW - 8 * HOUR, status="finished", report={"pages": 1})
            start_crawl(conn, name, at=NOW - HOUR, report={"reported": 3})
        plans = timetable(conn, stored_sites(conn).values(), NOW)
        assert [(plan.site.name, plan.due_at) for plan in plans] == [
            ("nightly", datetime(2026, 3, 2, 2, tzinfo=UTC)),  # 03:00 in Berlin
            ("rival", NOW - 2 * HOUR),
            ("never", None),
        ]
        assert [plan.is_due(NOW) for plan in plans] == [True, True, False]
        remove_site(conn, "nightly")
        assert set(stored_sites(conn)) == {"rival", "never"}
        save_site(conn, "odd", start_url="x", kind="x", market="online", currency="EUR",
                  definition={"name": "odd", "colour": "red"})  # fmt: skip
        assert "odd" not in stored_sites(conn), "another program's site does not stop ours"


def crawl(status: str, **report: object) -> Crawl:
    ended = None if status == "running" else NOW - HOUR
    return Crawl(1, "rival", NOW - 2 * HOUR, ended, status, 0, 0, 0, report)


@pytest.mark.parametrize(
    ("last", "hours"),
    [
        (crawl("finished"), 4.0),  # the schedule's time
        (crawl("failed"), 4.0),
        (crawl("failed", cut_off=True), -1.0),  # as soon as it was cut off
        (crawl("running"), -2.0),  # killed, nobody knows when
        (crawl("failed", cut_off=True, resumed=1), -1.0 + 4 / 60),  # later each time
        (crawl("failed", cut_off=True, resumed=2), -1.0 + 8 / 60),
        (crawl("failed", cut_off=True, resumed=MOST_RESUMED), 4.0),  # something ends it always
    ],
)
def test_a_crawl_that_was_cut_off_goes_on_soon_but_not_for_ever(last: Crawl, hours: float) -> None:
    assert due_at(SITE, last, now=NOW, zone=BERLIN) == NOW + hours * HOUR
    assert due_at(replace(SITE, schedule=None), last, now=NOW, zone=BERLIN) is None


def test_a_crawl_runs_only_while_somebody_holds_its_site() -> None:
    lease = Lease("site rival", "t", "m", 1, None, NOW, NOW + HOUR)
    assert state_of(crawl("running"), lease) == "running"
    assert state_of(crawl("running"), None) == "cut_off"
    assert state_of(crawl("failed", cut_off=True), None) == "cut_off"
    assert state_of(crawl("failed"), None) == "failed"
    assert state_of(crawl("finished"), None) == "finished"
