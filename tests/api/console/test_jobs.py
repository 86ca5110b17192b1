"""Jobs in a real browser: watched live, asked for, cancelled, scheduled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import Connection, Engine

from api.jobs.scheduling import set_schedule
from api.server import serving
from storage.database import reading, writing
from storage.jobs.queue import (
    Beat,
    NewJob,
    Worker,
    add_lines,
    beat_job,
    claim_job,
    end_job,
    job_request,
    read_job,
    submit_job,
)
from storage.jobs.schedules import list_schedules
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.rival_records import rival_crawl
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

WORKER = Worker("w", "here", 1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        rival_crawl(engine, "north", datetime.now(UTC))
        let_people_in(engine)
        yield engine


@pytest.fixture
def url(shop: Engine) -> Iterator[str]:
    with serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.fixture(scope="module")
def url_of_many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with jobs in every state, whose logs and errors have markup in them."""
    with sqlite_engine(tmp_path_factory.mktemp("jobs")) as engine:
        open_shop(engine)
        let_people_in(engine)
        now = datetime.now(UTC)
        with writing(engine) as conn:
            for number, (kind, status) in enumerate(
                [("import", "finished"), ("fit", "failed"), ("decide", "finished")]
            ):
                at = now - timedelta(hours=3 - number)
                job = submit_job(conn, NewJob(kind, {"market": PROBE}, at=at, by=PROBE))
                claim_job(conn, WORKER, at=at, lanes=("compute",), only=job)
                add_lines(conn, job, [(at, PROBE), (at, "half done")])
                end_job(
                    conn, job, worker="w", at=at + timedelta(minutes=2), status=status,
                    result={"run": 1} if status == "finished" else None,
                    error={"message": PROBE} if status == "failed" else None,
                )  # fmt: skip
            running(conn, now)
            submit_job(conn, NewJob("crawl", {"site": "north"}, at=now, by="max", lane="network"))
            set_schedule(
                conn, "nightly", kind="decide", cron="30 3 * * *", request={}, at=now, by="max",
                market="store-01",
            )  # fmt: skip
        with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
            yield url


def running(conn: Connection, at: datetime) -> int:
    """A job that is worked on, by nobody who would end it."""
    job = submit_job(conn, NewJob("decide", {}, at=at, by="max", scope="decide"))
    claim_job(conn, WORKER, at=at, lanes=("compute",), only=job)
    beat_job(conn, job, worker="w", at=at, beat=Beat("solve", 3, 10, lines=[(at, "began")]))
    return job


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url_of_many: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url_of_many, language=language, theme=theme, size=size, name="max")
    # Pages that ask again and again are never idle for long.
    page = visitor.page
    for path, name in (("", "jobs"), ("/2", "job")):
        page.goto(f"{url_of_many}/console/jobs{path}")
        visitor.saves_picture(f"{name}-{language}-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visitor.serious_findings() == []
    page.goto(f"{url_of_many}/console/jobs")
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.saves_picture(f"jobs-ask-{language}-{theme}")
    assert visitor.serious_findings() == []


def test_the_list_says_where_each_stands_and_markup_stays_text(
    visits: Visits, url_of_many: str
) -> None:
    page = visits(url_of_many, name="max").page
    page.goto(f"{url_of_many}/console/jobs")
    rows = page.locator("#jobs-list tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(0)).to_contain_text("Crawl")
    expect(rows.nth(0)).to_contain_text("waits")
    expect(rows.nth(1)).to_contain_text("solve 30%")
    expect(rows.nth(3)).to_contain_text(PROBE)
    expect(rows.nth(3)).to_contain_text("2 minutes")
    schedule = page.locator("#schedules tbody tr")
    expect(schedule).to_contain_text("Asia/Tokyo")
    expect(schedule).to_contain_text("03:30")
    page.get_by_label("State").select_option("failed")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.locator("#log")).to_contain_text(PROBE)
    expect(page.locator(".callout.bad")).to_contain_text(PROBE)
    expect(page.locator("main img")).to_have_count(0)


def test_progress_and_log_come_by_themselves(visits: Visits, url: str, shop: Engine) -> None:
    now = datetime.now(UTC)
    with writing(shop) as conn:
        job = running(conn, now)
    page = visits(url, name="max").page
    page.goto(f"{url}/console/jobs/{job}")
    expect(page.locator("#state")).to_contain_text("30%")
    with writing(shop) as conn:
        beat_job(conn, job, worker="w", at=now, beat=Beat("solve", 7, 10, lines=[(now, "more")]))
    expect(page.locator("#state")).to_contain_text("70%")
    expect(page.locator("#log")).to_contain_text("more")
    with writing(shop) as conn:
        add_lines(conn, job, [(now, "the last line")])
        end_job(conn, job, worker="w", at=now, status="finished", result={"run": 7})
    expect(page.locator("#state")).to_contain_text("finished")
    expect(page.locator("#log")).to_contain_text("the last line")
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    expect(page.locator("#log li code")).to_have_text(["began", "more", "the last line"])


def test_a_job_is_asked_for_by_its_form_and_cancelled(
    visits: Visits, url: str, shop: Engine
) -> None:
    visitor = visits(url, name="max")
    page = visitor.page
    page.goto(f"{url}/console/jobs")
    page.keyboard.press("a")
    form = page.get_by_role("dialog").locator("details").filter(has_text="Learn from sales")
    form.locator("summary").click()
    form.get_by_label("Market").select_option("store-01")
    form.get_by_label("Form of demand").select_option("poisson")
    form.get_by_label("Thin products").uncheck()
    form.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Job 1: Learn from sales")
    with reading(shop) as conn:
        assert job_request(conn, 1) == {"market": "store-01", "form": "poisson", "pooled": False}
    page.keyboard.press("c")
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#state")).to_contain_text("cancelled")
    with reading(shop) as conn:
        assert read_job(conn, 1).status == "cancelled"


def test_what_a_form_cannot_ask_is_said(visits: Visits, url: str) -> None:
    visitor = visits(url, name="max")
    visitor.expected.append("status of 422")
    page = visitor.page
    page.goto(f"{url}/console/jobs")
    page.keyboard.press("a")
    form = page.get_by_role("dialog").locator("details").filter(has_text="Learn from sales")
    form.locator("summary").click()
    form.get_by_label("Estimator").fill("guess")
    form.get_by_role("button", name="Ask").click()
    expect(page.locator("#notices")).to_contain_text("estimator")
    expect(page).to_have_url(f"{url}/console/jobs")


def test_schedules_are_set_and_forgotten(visits: Visits, url: str, shop: Engine) -> None:
    page = visits(url, name="max").page
    page.goto(f"{url}/console/jobs")
    form = page.locator("#schedules form")
    form.get_by_label("Name").fill("nightly")
    form.get_by_label("Cron line").fill("15 4 * * mon-fri")
    form.get_by_label("Clock of the market").select_option("store-01")
    form.get_by_role("button", name="Schedule").click()
    row = page.locator("#schedules tbody tr")
    expect(row).to_contain_text("04:15")
    with reading(shop) as conn:
        (schedule,) = list_schedules(conn)
    assert (schedule.kind, schedule.time_zone) == ("decide", "Asia/Tokyo")
    row.get_by_role("button", name="Forget nightly").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#schedules .empty")).to_contain_text("Nothing is scheduled.")


def test_an_analyst_watches_and_may_not_ask(visits: Visits, url: str, shop: Engine) -> None:
    with writing(shop) as conn:
        job = running(conn, datetime.now(UTC))
    page = visits(url, name="ana").page
    page.goto(f"{url}/console/jobs")
    expect(page.get_by_role("button", name="Ask for a job")).to_have_count(0)
    expect(page.locator("#schedules form")).to_have_count(0)
    page.goto(f"{url}/console/jobs/{job}")
    expect(page.locator("#state")).to_contain_text("30%")
    expect(page.locator("#cancel")).to_have_count(0)
    token = page.locator('meta[name="csrf-token"]').get_attribute("content")
    headers = {"x-csrf-token": token or "", "sec-fetch-site": "same-origin"}
    for path in (f"/console/jobs/{job}/cancel", "/console/jobs", "/console/jobs/schedules"):
        assert page.request.post(f"{url}{path}", headers=headers).status == 403
