"""Held prices settled in a real browser: by keyboard, taken back, by two people at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from api.server import serving
from scrapers.offers.doubts import settle_held
from storage.competitors.offers import latest_offers
from storage.competitors.quarantine import read_held
from storage.database import reading, writing
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.console.rivals import SITE, held_prices
from tests.api.shop import open_shop
from tests.databases import sqlite_engine


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        let_people_in(engine)
        yield engine


@pytest.fixture
def url(shop: Engine) -> Iterator[str]:
    with serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.fixture(scope="module")
def url_of_doubts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in which a competitor writes markup into titles; nobody settles anything there."""
    with sqlite_engine(tmp_path_factory.mktemp("quarantine")) as engine:
        open_shop(engine)
        held_prices(engine, 2, datetime.now(UTC), title=PROBE)
        let_people_in(engine)
        with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
            yield url


def presses(page: Page, key: str) -> None:
    """Press a key and wait for what it brings."""
    with page.expect_response(
        lambda answer: "/console/quarantine/" in answer.url and "chart" not in answer.url
    ):
        page.keyboard.press(key)
    expect(page.locator(".htmx-request")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url_of_doubts: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url_of_doubts, language=language, theme=theme, size=size, name="max")
    page = visitor.goes_to("/console/quarantine")
    expect(page.locator("[data-chart][data-drawn]")).to_be_visible()
    visitor.saves_picture(f"quarantine-{language}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_it_says_why_and_shows_what_the_page_asked_before(
    visits: Visits, url_of_doubts: str
) -> None:
    page = visits(url_of_doubts, name="max").goes_to("/console/quarantine")
    held = page.locator(".held")
    expect(held.get_by_role("heading")).to_have_text("Price 1 of 2")
    expect(held).to_contain_text("the price went from 5.10 EUR to 0.49 EUR (-90%)")
    expect(held.locator(".figure")).to_have_text(
        [
            "€0.49 Held price",
            "€5.10 Believed before",
            "\N{MINUS SIGN}90.4% Jump",
            "€4.99 Our price",
        ]
    )
    expect(held.locator(".facts")).to_contain_text(f"{PROBE} no. 1")
    held.get_by_text("As a table").click()
    expect(held.locator("[data-values] tbody tr")).to_have_count(11)
    expect(page.locator("main img")).to_have_count(0)


def test_prices_are_settled_by_keyboard_and_taken_back(
    visits: Visits, url: str, shop: Engine
) -> None:
    first, second, third = held_prices(shop, 3, datetime.now(UTC))
    page = visits(url, name="max").goes_to("/console/quarantine")
    held = page.locator(".held")
    page.locator("#release").focus()
    presses(page, "y")
    expect(page.locator("#release")).to_be_focused()
    expect(held).to_have_attribute("data-held", str(second))
    presses(page, "n")
    presses(page, "s")
    expect(held).to_have_attribute("data-held", str(third))
    with reading(shop) as conn:
        settled = [read_held(conn, number) for number in (first, second, third)]
        assert [one.status for one in settled] == ["released", "dropped", "held"]
        assert latest_offers(conn, SITE)[settled[0].url].offer.price.minor == 49
    page.reload()
    presses(page, "u")
    expect(held).to_have_attribute("data-held", str(second))
    presses(page, "u")
    expect(held).to_have_attribute("data-held", str(first))
    expect(page.locator(".callout").first).to_contain_text("Taken back")
    with reading(shop) as conn:
        assert {read_held(conn, n).status for n in (first, second, third)} == {"held"}
        assert latest_offers(conn, SITE)[settled[0].url].offer.price.minor == 510
    presses(page, "u")
    expect(page.locator("#notices")).to_contain_text("You have settled nothing")


def test_what_somebody_else_settled_meanwhile_is_said_and_skipped(
    visits: Visits, url: str, shop: Engine
) -> None:
    first, second = held_prices(shop, 2, datetime.now(UTC))
    page = visits(url, name="max").goes_to("/console/quarantine")
    with writing(shop) as conn:
        settle_held(conn, first, release=False, by="ada", at=datetime.now(UTC))
    presses(page, "y")
    expect(page.locator(".callout").first).to_contain_text(
        "ada has meanwhile settled this: dropped. Your word was not counted."
    )
    expect(page.locator(".held")).to_have_attribute("data-held", str(second))


def test_an_analyst_looks_and_may_not_settle(visits: Visits, url: str, shop: Engine) -> None:
    (number,) = held_prices(shop, 1, datetime.now(UTC))
    page = visits(url, name="ana").goes_to("/console/quarantine")
    expect(page.locator(".held")).to_be_visible()
    expect(page.locator("#release, #drop, #undo")).to_have_count(0)
    token = page.locator('meta[name="csrf-token"]').get_attribute("content")
    answer = page.request.post(
        f"{url}/console/quarantine/settle",
        form={"held": str(number), "release": "true"},
        headers={"x-csrf-token": token or "", "sec-fetch-site": "same-origin"},
    )
    assert answer.status == 403
    with reading(shop) as conn:
        assert read_held(conn, number).status == "held"
