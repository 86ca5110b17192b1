"""The first page of a day in a real browser: empty, busy, in both languages, for each role."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from storage.access.scopes import Scope
from storage.database import writing
from storage.releases.freezes import freeze
from tests.api.access.let_in import person
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.console.morning import busy_morning
from tests.databases import sqlite_engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A shop on a busy morning, in which somebody writes markup into names."""
    with sqlite_engine(tmp_path_factory.mktemp("today")) as engine:
        now = datetime.now(UTC)
        busy_morning(engine, now, title=PROBE)
        let_people_in(engine)
        person(engine, "sam", Role.MANAGER, scope=Scope(markets=frozenset({"store-01"})))
        with writing(engine) as conn:
            freeze(conn, at=now, by="max", reason=PROBE, market="store-01")
        yield engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.fixture
def url_of_nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service over an empty database."""
    with sqlite_engine(tmp_path_factory.mktemp("empty")) as engine:
        let_people_in(engine)
        with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
            yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url, language=language, theme=theme, size=size, name="max")
    page = visitor.goes_to("/console/today")
    visitor.saves_picture(f"today-{language}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_it_tells_what_waits_and_what_changed(visits: Visits, url: str) -> None:
    page = visits(url, name="max").goes_to("/console/today")
    expect(page.locator(".next")).to_contain_text("Look at the prices that wait")
    figures = page.locator(".figure")
    expect(figures).to_have_text(
        [
            "1 Drafts to approve",
            "1 Matches in doubt",
            "1 Held competitor prices",
            "1 Failed jobs since yesterday",
        ]
    )
    since = page.locator(".panel").filter(has_text="Since yesterday")
    online, store = (since.locator("tr").filter(has_text=name) for name in ("online", "store-01"))
    expect(online).to_contain_text("€4.99 €5.49 +10.0%")
    expect(store).to_contain_text("¥780 ¥740 \N{MINUS SIGN}5.1%")
    expect(since).to_contain_text("1 price was changed by competitors.")
    fresh = page.locator(".panel").filter(has_text="How fresh it is")
    expect(fresh).to_contain_text("1 fitted level is not believed.")
    sites = page.locator("#sites")
    expect(sites).to_contain_text("1 offer, not 40")
    expect(sites).to_contain_text("too old to count in a decision")


def test_what_others_wrote_stays_text(visits: Visits, url: str) -> None:
    page = visits(url, name="max").goes_to("/console/today")
    for place in (".callout.doubt", ".panel"):
        expect(page.locator(place).filter(has_text=PROBE).first).to_be_visible()
    assert page.locator("main img").count() == 0


def test_who_acts_in_a_part_sees_that_part(visits: Visits, url: str) -> None:
    page = visits(url, name="sam").goes_to("/console/today")
    expect(page.locator("main")).to_contain_text("You work in a part of the shop.")
    expect(page.locator(".figure")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("north")


def test_chinese_has_its_own_money_and_words(visits: Visits, url: str) -> None:
    page = visits(url, name="ana", language="zh-Hans").goes_to("/console/today")
    expect(page.locator(".figure").first).to_have_text("1 待批准的草案")
    expect(page.locator("tbody")).to_contain_text("JP¥780")


def test_an_empty_shop_is_told_how_to_begin(visits: Visits, url_of_nothing: str) -> None:
    visitor = visits(url_of_nothing)
    page = visitor.goes_to("/console/today")
    expect(page.locator(".next")).to_contain_text("pricewright import products FILE")
    expect(page.locator(".empty")).to_have_count(3)
    visitor.saves_picture("today-empty")
    assert visitor.serious_findings() == []
