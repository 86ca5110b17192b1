"""Logging in and out in a real browser, and the first password of one's own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from tests.api.access.identity_provider import CLIENT, SECRET, provider_at_hand
from tests.api.access.let_in import PASSWORD, person
from tests.api.conftest import quick_settings
from tests.api.console.conftest import (
    DESKTOP,
    PHONE,
    Language,
    Theme,
    Visitor,
    Visits,
    let_people_in,
)
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

CHOSEN = "a password of my own"
A_BROWSER = {"accept": "text/html"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with sqlite_engine(tmp_path_factory.mktemp("login")) as engine:
        open_shop(engine)
        let_people_in(engine)
        yield engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(quick_settings(engine, crawl_schedule=False, work_processes=0)) as url:
        yield url


def log_in(visitor: Visitor, name: str, password: str) -> None:
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.keyboard.press("Enter")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_form_is_readable(
    visits: Visits, url: str, language: Language, theme: Theme, size: tuple[int, int]
) -> None:
    visitor = visits(url, language=language, theme=theme, size=size, name=None)
    visitor.goes_to("/console/login")
    visitor.saves_picture(f"login-{language}-{theme}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert visitor.serious_findings() == []


def test_nothing_of_the_shop_is_shown_to_strangers(visits: Visits, url: str) -> None:
    visitor = visits(url, name=None)
    page = visitor.goes_to("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert "TEA" not in page.content()
    expect(page.get_by_role("navigation")).to_have_count(0)
    with httpx.Client(base_url=url, headers={"accept": "text/html"}) as stranger:
        for path in ("/console", "/console/today", "/console/today/changes", "/console/nothing"):
            assert stranger.get(path).headers["location"].startswith("/console/login?next=")


def test_who_logs_in_comes_to_the_page_they_wanted_and_out_again(visits: Visits, url: str) -> None:
    visitor = visits(url, name=None)
    visitor.expected.append("status of 401")
    page = visitor.goes_to("/console/today?from=a%20link")
    log_in(visitor, "ada", "wrong password")
    expect(page.get_by_role("alert")).to_have_text("No account has this name and this password.")
    expect(page.get_by_label("Name")).to_have_value("ada")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/console/today?from=a%20link")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")

    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{url}/console/login")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_a_session_that_has_ended_leads_to_the_form(visits: Visits, url: str) -> None:
    visitor = visits(url, name="max")
    page = visitor.goes_to("/console/password")
    page.context.clear_cookies()
    page.get_by_label("Password of now").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(CHOSEN)
    page.get_by_label("New password again").fill(CHOSEN)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_first_password_is_changed_before_anything_else(
    visits: Visits, url: str, engine: Engine, language: Language
) -> None:
    words = {
        "en": ("Keep it", "is not the password", "type the new password again", "12 to 1024"),
        "zh-Hans": ("保存", "当前密码不正确", "请重新输入新密码", "12 到 1024"),
    }[language]
    person(engine, f"new {language}", Role.MANAGER, must_change=True)
    visitor = visits(url, name=None, language=language)
    page = visitor.goes_to("/console/today")
    page.locator("[name=name]").fill(f"new {language}")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/console/password")
    assert visitor.serious_findings() == []
    visitor.saves_picture(f"password-{language}")

    for old, new, again, told in (
        ("not my password", CHOSEN, CHOSEN, words[1]),
        (PASSWORD, CHOSEN, CHOSEN + "!", words[2]),
        (PASSWORD, "short", "short", words[3]),
    ):
        page.locator("[name=old]").fill(old)
        page.locator("[name=new]").fill(new)
        page.locator("[name=again]").fill(again)
        page.get_by_role("button", name=words[0]).click()
        expect(page.locator(".field.wrong .error")).to_contain_text(told)
    page.locator("[name=old]").fill(PASSWORD)
    page.locator("[name=new]").fill(CHOSEN)
    page.locator("[name=again]").fill(CHOSEN)
    page.get_by_role("button", name=words[0]).click()
    expect(page).to_have_url(f"{url}/console/today")


def test_a_log_in_from_another_page_is_refused(url: str) -> None:
    account = {"name": "ada", "password": PASSWORD}
    elsewhere = {"origin": "https://shop.example", "sec-fetch-site": "cross-site"}
    answer = httpx.post(f"{url}/console/login", data=account, headers=elsewhere)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_it_leads_nowhere_else(url: str) -> None:
    account = {"name": "ada", "password": PASSWORD}
    for elsewhere in ("https://evil.example/", "//evil.example", "/console/../v1", "/v1/people"):
        answer = httpx.post(f"{url}/console/login", params={"next": elsewhere}, data=account)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/console"


def test_a_program_is_answered_with_documents_and_a_browser_with_pages(url: str) -> None:
    told = httpx.post(f"{url}/console/login", data={"name": "ada"})
    assert told.headers["content-type"] == "application/problem+json"
    shown = httpx.post(f"{url}/console/login", data={"name": "ada"}, headers=A_BROWSER)
    assert (told.status_code, shown.status_code) == (422, 422)
    assert "password: Field required" in shown.text


def test_where_a_provider_is_known_its_button_is_there_and_its_refusal_is_told(
    visits: Visits, engine: Engine
) -> None:
    with provider_at_hand() as provider:
        settings = quick_settings(
            engine,
            crawl_schedule=False,
            work_processes=0,
            public_url="http://pricewright.test",
            oidc_discovery_url=f"{provider.url}/.well-known/openid-configuration",
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
            oidc_roles='{"pricing": "manager"}',
        )
        with serving(settings) as url:
            visitor = visits(url, name=None)
            visitor.expected.append("status of 401")
            page = visitor.goes_to("/console/login?next=/console/today")
            button = page.get_by_role("link", name="Log in with your organisation")
            expect(button).to_have_attribute("href", "/console/login/oidc?next=/console/today")
            visitor.saves_picture("login-provider")
            page = visitor.goes_to("/console/login/oidc/callback?state=theirs&code=x")
            expect(page.get_by_role("alert")).to_contain_text("not begun in this browser")
            expect(page.get_by_label("Name")).to_be_visible()
