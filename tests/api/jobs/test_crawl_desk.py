"""The desk that begins crawls: one keeps the schedule, nobody crawls a site twice at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from api.jobs.crawls import SCHEDULE, CrawlDesk, TooManyCrawls
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
from storage.products.markets import add_markets
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


def test_one_desk_keeps_the_schedule_until_it_stops_or_dies(database: Engine) -> None:
    first = CrawlDesk(database, url_of(database), lasts=HOUR)
    second = CrawlDesk(database, url_of(database), lasts=HOUR)
    for desk in (first, second, first):
        assert desk.run_due() == ()
    with reading(database) as conn:
        held = find_lease(conn, SCHEDULE)
    assert first.stop(timedelta(seconds=1))
    second.run_due()
    with reading(database) as conn:
        taken = find_lease(conn, SCHEDULE)
    assert held is not None
    assert taken is not None
    assert held.token != taken.token
    with writing(database) as conn:
        conn.execute(leases.update().values(pid=2**22 + 1))  # it was killed
    third = CrawlDesk(database, url_of(database), lasts=HOUR)
    third.run_due()
    with reading(database) as conn:
        last = find_lease(conn, SCHEDULE)
    assert last is not None
    assert last.token != taken.token


def test_two_desks_never_crawl_one_site_at_once(database: Engine) -> None:
    slow = Reply(b"", 503, {"Retry-After": "100"})
    with ScriptedServer({"/a": [slow, html('<h1>A</h1><p class="price">€1.00</p>')]}) as shop:
        site = replace(SITE, start_url=f"{shop.url}/", allow_private=True, delay=0.0,
                       kind=SiteKind.WATCH, urls=(f"{shop.url}/a",))  # fmt: skip
        keep(database, site, replace(site, name="never", schedule=None))
        first, second = (CrawlDesk(database, url_of(database)) for _ in range(2))
        assert first.run_due() == ("rival",)
        assert first.running == ("rival",)
        assert first.run_due() == (), "it is under way"
        for desk in (first, second):
            with pytest.raises(CrawlRunning, match="is being crawled"):
                desk.start(site)
        assert first.stop(timedelta(seconds=20))
        with pytest.raises(TooManyCrawls, match="about to stop"):
            first.start(site)
        with reading(database) as conn:
            (plan, _) = timetable(conn, stored_sites(conn).values(), datetime.now(UTC))
    assert plan.last is not None
    assert state_of(plan.last, plan.lease) == "cut_off"
    assert plan.is_due(datetime.now(UTC)), "it goes on at once"


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
    with pytest.raises(UnknownSite, match="'rival' was forgotten"):
        CrawlDesk(database, url_of(database)).start(SITE)
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
