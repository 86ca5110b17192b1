"""Matches decided in a real browser: by keyboard, taken back, by two people at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from api.server import serving
from storage.access.people import names_of
from storage.competitors.match_reviews import decide, read_review, reviews
from storage.database import reading, writing
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.console.rivals import pairs_in_doubt
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
    """A service in which a competitor writes markup into titles; nobody answers there."""
    with sqlite_engine(tmp_path_factory.mktemp("matches")) as engine:
        open_shop(engine)
        pairs_in_doubt(engine, 3, datetime.now(UTC), title=PROBE)
        let_people_in(engine)
        with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
            yield url


def presses(page: Page, key: str) -> None:
    """Press a key and wait for what it brings."""
    with page.expect_response(lambda answer: "/console/matches/" in answer.url):
        page.keyboard.press(key)
    expect(page.locator(".htmx-request")).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url_of_doubts: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url_of_doubts, language=language, theme=theme, size=size, name="max")
    page = visitor.goes_to("/console/matches")
    visitor.saves_picture(f"matches-{language}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_both_sides_and_the_reasons_stand_side_by_side(visits: Visits, url_of_doubts: str) -> None:
    page = visits(url_of_doubts, name="max").goes_to("/console/matches")
    pair = page.locator(".pair")
    expect(pair.get_by_role("heading")).to_have_text("Pair 1 of 3")
    rows = {row.locator("th").inner_text(): row for row in pair.locator("tbody tr").all()}
    expect(rows["Title"]).to_contain_text(f"{PROBE} no. 0")
    expect(rows["Brand"]).to_contain_text("Kestrel Another different")
    expect(rows["Pack"]).to_contain_text("1 kg")
    expect(rows["Price"]).to_contain_text("€4.99 €4.80 \N{MINUS SIGN}3.8%")
    expect(rows["Unit price"]).to_contain_text("€4.99 / kg")
    expect(rows["Image"]).to_contain_text("https://north.example/0.jpg")
    link = rows["Web address"].get_by_role("link", name="https://north.example/0")
    assert "noopener" in (link.get_attribute("rel") or "")
    assert link.get_attribute("href") == "https://north.example/0"
    why = page.locator(".panel").filter(has_text="Why")
    expect(why).to_contain_text("90%")
    expect(why.locator("li")).to_have_text(
        [
            "for 62% of the words agree, rare ones counting more",
            "for The same brand",
            "against Another pack",
            "against One price is 2.0 times the other",
        ]
    )
    presses(page, "ArrowRight")
    expect(rows["GTIN"]).to_contain_text("same")
    assert page.locator("main img").count() == 0


def test_twenty_matches_by_keyboard_in_one_go(visits: Visits, url: str, shop: Engine) -> None:
    numbers = pairs_in_doubt(shop, 20, datetime.now(UTC))
    page = visits(url, name="max").goes_to("/console/matches")
    page.locator("#same").focus()
    for place, number in enumerate(numbers):
        expect(page.locator(".pair")).to_have_attribute("data-review", str(number))
        presses(page, "n" if place % 3 == 2 else "y")
        if place < 19:
            expect(page.locator("#same")).to_be_focused()
    expect(page.locator(".empty").first).to_contain_text("No match waits.")
    with reading(shop) as conn:
        found = {review.review_id: review for review in reviews(conn, status=None)}
        assert set(names_of(conn, {r.decided_by or "" for r in found.values()}).values()) == {"max"}
    assert [found[number].status for number in numbers] == [
        "different" if place % 3 == 2 else "same" for place in range(20)
    ]


def test_answers_are_taken_back_one_by_one_and_after_a_reload(
    visits: Visits, url: str, shop: Engine
) -> None:
    first, second, third = pairs_in_doubt(shop, 3, datetime.now(UTC))
    visitor = visits(url, name="max")
    page = visitor.goes_to("/console/matches")
    pair = page.locator(".pair")
    presses(page, "u")
    expect(page.locator("#notices")).to_contain_text("You have answered nothing")
    presses(page, "y")
    presses(page, "n")
    presses(page, "u")
    expect(pair).to_have_attribute("data-review", str(second))
    expect(page.locator(".callout").first).to_contain_text("Taken back")
    page.reload()
    presses(page, "u")
    expect(pair).to_have_attribute("data-review", str(first))
    presses(page, "y")
    presses(page, "s")
    expect(pair).to_have_attribute("data-review", str(third))
    presses(page, "ArrowLeft")
    expect(pair).to_have_attribute("data-review", str(second))
    presses(page, "n")
    # Not only the last one: the list takes back any.
    entry = page.locator("#answered li").filter(has_text="no. 0")
    entry.get_by_role("button").click()
    expect(pair).to_have_attribute("data-review", str(first))
    with reading(shop) as conn:
        assert [read_review(conn, number).status for number in (first, second, third)] == [
            "pending", "different", "pending",
        ]  # fmt: skip


def test_what_somebody_else_answered_meanwhile_is_said_and_skipped(
    visits: Visits, url: str, shop: Engine
) -> None:
    first, second = pairs_in_doubt(shop, 2, datetime.now(UTC))
    page = visits(url, name="max").goes_to("/console/matches")
    with writing(shop) as conn:
        decide(conn, first, same=False, by="ada", at=datetime.now(UTC))
    presses(page, "y")
    expect(page.locator(".callout").first).to_contain_text(
        "ada has meanwhile answered this: different. Your answer was not counted."
    )
    expect(page.locator(".pair")).to_have_attribute("data-review", str(second))
    with reading(shop) as conn:
        assert read_review(conn, first).status == "different"


def test_an_analyst_looks_and_may_not_answer(visits: Visits, url: str, shop: Engine) -> None:
    (number,) = pairs_in_doubt(shop, 1, datetime.now(UTC))
    visitor = visits(url, name="ana")
    page = visitor.goes_to("/console/matches")
    expect(page.locator(".pair")).to_be_visible()
    expect(page.locator("#same, #different, #undo")).to_have_count(0)
    token = page.locator('meta[name="csrf-token"]').get_attribute("content")
    answer = page.request.post(
        f"{url}/console/matches/answer",
        form={"review": str(number), "same": "true"},
        headers={"x-csrf-token": token or "", "sec-fetch-site": "same-origin"},
    )
    assert answer.status == 403
    with reading(shop) as conn:
        assert read_review(conn, number).status == "pending"
