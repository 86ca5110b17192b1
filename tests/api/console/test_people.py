"""People in a real browser: let in, given roles and a password, logged out, let out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from storage.access.people import person_named
from storage.database import reading
from tests.api.access.let_in import logged_in, person
from tests.api.conftest import quick_settings
from tests.api.console.conftest import DESKTOP, PHONE, Language, Theme, Visits, let_people_in
from tests.api.console.gallery import PROBE
from tests.api.shop import open_shop
from tests.databases import sqlite_engine


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        let_people_in(engine)
        person(engine, PROBE, Role.ANALYST)
        yield engine


@pytest.fixture
def url(shop: Engine) -> Iterator[str]:
    with serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url:
        yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url: str, shop: Engine, language: Language, size: tuple[int, int]
) -> None:
    theme: Theme = "light" if language == "en" else "dark"
    visitor = visits(url, language=language, theme=theme, size=size)
    page = visitor.goes_to("/console/people")
    expect(page.locator("tbody")).to_contain_text(PROBE)
    expect(page.locator("main img")).to_have_count(0)
    with reading(shop) as conn:
        probe = person_named(conn, PROBE).person_id
    for path, name in (("", "people"), (f"/{probe}", "person")):
        page = visitor.goes_to(f"/console/people{path}")
        visitor.saves_picture(f"{name}-{language}-{theme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visitor.serious_findings() == []
    expect(page.get_by_role("heading", level=1)).to_have_text(PROBE)


def test_somebody_is_let_in_changed_logged_out_and_let_out(
    visits: Visits, url: str, shop: Engine
) -> None:
    page = visits(url).goes_to("/console/people")
    page.keyboard.press("a")
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("zoe")
    form.get_by_label("Analyst").check()
    form.get_by_role("button", name="Make the account").click()
    expect(form).to_be_hidden()
    password = page.locator("#secret").inner_text()
    expect(page.locator("tbody")).to_contain_text("must choose a password")
    with logged_in(url, "zoe", password) as zoe:
        page.get_by_role("link", name="zoe").click()
        expect(page.locator("main")).not_to_contain_text(password)
        page.get_by_label("Manager").check()
        page.get_by_label("Only these markets").select_option("store-01")
        page.get_by_role("button", name="Keep").click()
        expect(page.locator("#notices")).to_contain_text("Kept.")
        with reading(shop) as conn:
            known = person_named(conn, "zoe")
        assert known.roles == {"analyst", "manager"}
        assert known.scope.markets == frozenset({"store-01"})
        page.locator("#logout").click()
        page.get_by_role("button", name="Yes, do it").click()
        expect(page.locator("#notices")).to_contain_text("1 session ended.")
        assert zoe.get("/v1/session").status_code == 401
    page.locator("#password").click()
    page.get_by_role("button", name="Yes, do it").click()
    renewed = page.locator("#secret").inner_text()
    assert renewed != password
    with logged_in(url, "zoe", renewed) as zoe:
        page.locator("#disable").click()
        page.get_by_role("button", name="Yes, do it").click()
        expect(page.locator("#state")).to_contain_text("closed")
        assert zoe.get("/v1/session").status_code == 401
    again = httpx.post(f"{url}/v1/session", json={"name": "zoe", "password": renewed})
    assert again.status_code == 401


def test_the_last_admin_cannot_be_let_out(visits: Visits, url: str, shop: Engine) -> None:
    visitor = visits(url)
    visitor.expected.append("status of 409")
    with reading(shop) as conn:
        ada = person_named(conn, "ada").person_id
    page = visitor.goes_to(f"/console/people/{ada}")
    page.locator("#disable").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("#notices")).to_contain_text("nobody else administers")
    page.get_by_label("Manager").check()
    page.get_by_label("Admin").uncheck()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#notices .notice")).to_have_count(2)
    with reading(shop) as conn:
        known = person_named(conn, "ada")
    assert known.roles == {"admin"}
    assert known.disabled_at is None
