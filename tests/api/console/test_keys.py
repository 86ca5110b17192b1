"""Keys in a real browser: made, shown once, rotated, revoked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from storage.access.keys import list_keys
from storage.access.scopes import Scope
from storage.database import reading
from tests.api.access.let_in import key
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
        yield engine


@pytest.fixture
def url(shop: Engine) -> Iterator[str]:
    settings = quick_settings(shop, crawl_schedule=False, work_processes=0, open_prices=False)
    with serving(settings) as url:
        yield url


@pytest.fixture(scope="module")
def url_of_many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service whose keys have markup in their names."""
    with sqlite_engine(tmp_path_factory.mktemp("keys")) as engine:
        open_shop(engine)
        let_people_in(engine)
        key(engine, Role.STOREFRONT, name=PROBE, per_day=1000, per_minute=60)
        now = datetime.now(UTC)
        key(engine, name="web shop", expires_at=now + timedelta(days=30), test=True)
        key(engine, Role.ANALYST, name="report", scope=Scope(markets=frozenset({"online"})))
        with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
            yield url


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_it_is_readable(
    visits: Visits, url_of_many: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url_of_many, language=language, theme=theme, size=size)
    page = visitor.goes_to("/console/keys")
    visitor.saves_picture(f"keys-{language}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []
    expect(page.locator("tbody")).to_contain_text(PROBE)
    expect(page.locator("main img")).to_have_count(0)
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.saves_picture(f"keys-make-{language}-{theme}")
    assert visitor.serious_findings() == []


def test_a_key_is_made_shown_once_rotated_and_revoked(
    visits: Visits, url: str, shop: Engine
) -> None:
    page = visits(url).goes_to("/console/keys")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("a")
    form = page.get_by_role("dialog")
    form.get_by_label("What it is for").fill(PROBE)
    form.get_by_label("Secret").check()
    form.get_by_label("Storefront").check()
    form.get_by_label("Only these markets").select_option("online")
    form.get_by_label("Most requests a day").fill("500")
    form.get_by_label("Last day").fill("2099-12-31")
    form.get_by_role("button", name="Make the key").click()
    expect(form).to_be_hidden()
    secret = page.locator("#secret")
    first = secret.inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == first
    with reading(shop) as conn:
        (made,) = list_keys(conn)
    assert (made.name, made.kind) == (PROBE, "secret")
    assert made.roles == {"storefront"}
    assert made.scope.markets == frozenset({"online"})
    assert made.per_day == 500
    assert made.expires_at is not None
    assert made.expires_at.date().isoformat() in {"2099-12-31", "2100-01-01"}
    price = f"{url}/v1/prices/TEA-1?market=online"
    assert httpx.get(price, headers={"authorization": f"Bearer {first}"}).status_code == 200

    page.get_by_role("button", name="Rotate").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(secret).not_to_have_text(first)
    second = secret.inner_text()
    page.reload()
    expect(page.locator("main")).not_to_contain_text(second)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog", name="Are you sure?").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Yes, do it").click()
    expect(page.locator("tbody")).to_contain_text("revoked")
    for gone in (first, second):
        assert httpx.get(price, headers={"authorization": f"Bearer {gone}"}).status_code == 401


def test_a_key_that_cannot_be_is_refused_in_the_dialog(visits: Visits, url: str) -> None:
    visitor = visits(url)
    visitor.expected.append("status of 422")
    page = visitor.goes_to("/console/keys")
    page.keyboard.press("a")
    form = page.get_by_role("dialog", name="Make a key")
    form.get_by_label("What it is for").fill("a server")
    form.get_by_label("Secret").check()
    form.get_by_role("button", name="Make the key").click()
    expect(form.get_by_role("alert")).to_contain_text("a secret key needs one")
    form.get_by_role("button", name="Close").click()
    expect(form.get_by_label("What it is for")).to_have_value("a server")


def test_only_an_admin_has_the_pages_of_who_is_let_in(visits: Visits, url: str) -> None:
    visitor = visits(url, name="max")
    page = visitor.goes_to("/console/today")
    rail = page.get_by_role("navigation", name="Pages", exact=True)
    expect(rail).to_contain_text("Jobs")
    expect(rail).not_to_contain_text("Keys")
    expect(rail).not_to_contain_text("People")
    token = page.locator('meta[name="csrf-token"]').get_attribute("content") or ""
    headers = {"x-csrf-token": token, "sec-fetch-site": "same-origin"}
    for path in ("/console/keys", "/console/people"):
        assert page.request.get(f"{url}{path}").status == 403
        assert page.request.post(f"{url}{path}", headers=headers).status == 403
