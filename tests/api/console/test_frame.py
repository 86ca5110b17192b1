"""The frame of the console in a real browser: its parts, its keys, its looks."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import expect

from api.server import serving
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE, app_with_gallery
from tests.api.shop import open_shop
from tests.databases import sqlite_engine


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service with the small shop and the gallery: none of these tests changes anything."""
    with sqlite_engine(tmp_path_factory.mktemp("console")) as engine:
        open_shop(engine)
        let_people_in(engine)
        settings = quick_settings(engine, crawl_schedule=False, work_processes=0)
        with app_with_gallery(settings) as app, serving(settings, app) as url:
            yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_everything_is_readable(
    visits: Visits, url: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url, language=language, theme=theme, size=size)
    page = visitor.goes_to("/console/gallery")
    expect(page.locator(".tabulator-row").first).to_be_visible()
    expect(page.locator("[data-chart][data-drawn]")).to_be_visible()
    visitor.saves_picture(f"gallery-{language}-{theme}")
    assert page.locator("html").get_attribute("lang") == language
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_a_meter_is_filled_in_its_whole_height(visits: Visits, url: str) -> None:
    page = visits(url).goes_to("/console/gallery")
    taken = page.get_by_role("meter", name="Average change").screenshot()
    with Image.open(io.BytesIO(taken)) as picture:
        column = picture.convert("RGB").crop((20, 0, 21, picture.height))
        most, _ = max(column.getcolors() or [])
        assert most >= picture.height - 2  # its edges may lie between two pixels


def test_what_others_wrote_stays_text(visits: Visits, url: str) -> None:
    visitor = visits(url)
    visitor.expected.append("status of 409")
    page = visitor.goes_to("/console/gallery")
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    expect(page.locator(".tabulator-row").first).to_contain_text(PROBE)
    expect(page.locator(".callout.doubt .title")).to_contain_text(PROBE)
    page.get_by_text("As a table").click()
    expect(page.locator("[data-values]")).to_contain_text(PROBE)
    page.locator(".plot").hover()
    page.get_by_role("button", name="Refuse").click()
    expect(page.locator("#notices")).to_contain_text(PROBE)
    assert page.locator("main img, #notices img").count() == 0


def test_a_refusal_is_said_where_it_happened(visits: Visits, url: str) -> None:
    visitor = visits(url)
    visitor.expected.append("status of 409")
    page = visitor.goes_to("/console/gallery")
    page.get_by_role("button", name="Refuse").click()
    notice = page.get_by_role("alert").filter(has_text="Not possible now")
    expect(notice).to_contain_text("lift the freeze first")
    page.locator("#notices").get_by_role("button", name="Close").click()
    expect(page.locator("#notices .notice")).to_have_count(0)


def test_keys_do_what_they_say(visits: Visits, url: str) -> None:
    page = visits(url).goes_to("/console/gallery")
    expect(page.locator(".tabulator-row").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_contain_text("g t Today")
    expect(shortcuts).to_contain_text("p Press")
    page.keyboard.press("Escape")
    expect(shortcuts).to_be_hidden()

    page.keyboard.press("p")
    page.get_by_role("dialog", name="Are you sure?").get_by_role("button", name="Cancel").click()
    expect(page.locator("#notices .notice")).to_have_count(0)
    page.keyboard.press("p")
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#notices")).to_contain_text("Pressed")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(".tabulator-row").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/console/today?from=99999")
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(f"{url}/console/today")


def test_a_table_of_a_hundred_thousand_rows(visits: Visits, url: str) -> None:
    page = visits(url).goes_to("/console/gallery")
    first = page.locator(".tabulator-row").first
    expect(first).to_contain_text("P099999")
    expect(page.locator("[data-count]")).to_have_text("100,000 rows")
    assert page.locator("*").count() < 2000

    page.get_by_role("columnheader", name="SKU").locator(".tabulator-col-title").click()
    expect(first).to_contain_text("P000000")
    page.get_by_label("Filter: SKU").fill("P0123")
    expect(page.locator("[data-count]")).to_have_text("100 rows")
    expect(first).to_contain_text("P012300")
    page.get_by_role("button", name="Next page").click()
    expect(first).to_contain_text("P012350")
    page.keyboard.press("/")
    page.keyboard.type("no such title")
    expect(page.locator("[data-count]")).to_have_text("0 rows")
    expect(page.locator(".table .empty")).to_contain_text("Nothing here.")


def test_language_and_colours_are_chosen_and_kept(visits: Visits, url: str) -> None:
    page = visits(url).goes_to("/console/today")
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("今日")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="深色").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != light
    expect(page.get_by_role("heading", level=1)).to_have_text("今日")


def test_on_a_phone_the_pages_are_behind_a_button(visits: Visits, url: str) -> None:
    page = visits(url, size=PHONE).goes_to("/console/gallery")
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Today").click()
    expect(page).to_have_url(f"{url}/console/today")


def test_a_page_that_is_not_there_says_so(visits: Visits, url: str) -> None:
    visitor = visits(url)
    visitor.expected.append("status of 404")
    page = visitor.goes_to("/console/nothing")
    expect(page.get_by_role("alert")).to_have_text("There is no page at /console/nothing.")
    page.get_by_role("link", name="To the first page").click()
    expect(page).to_have_url(f"{url}/console/today")


def test_the_page_of_the_documentation_works_under_its_policy(visits: Visits, url: str) -> None:
    page = visits(url, name=None).goes_to("/docs")
    expect(page.locator(".opblock").first).to_be_visible()
