"""Sessions of people, on real sockets: logging in and out, their ends, and pages of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.access.pages import COOKIE, HOME, next_path
from api.access.passwords import hash_of, is_right
from api.access.roles import Role
from api.access.sessions import SessionDesk, begin, forget_what_is_over, log_in, session_of
from api.errors import NotAnOperator, TooManyRequests
from api.server import serving
from api.settings import Settings
from storage.access.log import read_log
from storage.access.people import (
    disable_person,
    list_people,
    password_hash_of,
    person_named,
    set_password,
    set_roles,
)
from storage.access.tables import login_attempts, sessions
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable
from tests.api.access.let_in import PASSWORD, logged_in, person
from tests.api.conftest import quick_settings

NEW_HASH = hash_of("another good password")

Logs = Callable[[], list[dict[str, Any]]]
FREEZE = {"reason": "a test"}


@pytest.fixture
def url(shop: Engine, settings: Settings) -> Iterator[str]:
    """A service with the small shop and the manager `mia`."""
    person(shop, "mia", Role.MANAGER)
    with serving(settings) as url:
        yield url


def login(url: str, name: str, password: str, **headers: str) -> httpx.Response:
    body = {"name": name, "password": password}
    return httpx.post(f"{url}/v1/session", json=body, headers=headers, timeout=60)


def actions(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [line.action for line in read_log(conn)][::-1]


def test_the_first_account_is_told_once_and_good_for_choosing_a_password_only(
    shop: Engine, settings: Settings, log_lines: Logs
) -> None:
    with serving(settings) as url:
        (line,) = [line for line in log_lines() if "first account" in line["event"]]
        made = line["password"]
        with logged_in(url, "admin", made) as browser:
            own = browser.get("/v1/session").json()
            assert (own["must_change_password"], own["roles"]) == (True, [])
            refused = browser.get("/v1/freezes")
            assert refused.status_code == 403
            assert "choose a password first" in refused.json()["detail"]
            page = browser.get("/console/jobs", headers={"accept": "text/html"})
            assert page.status_code in (303, 404)
            short = browser.put("/v1/session/password", json={"old": made, "new": "short"})
            assert (short.status_code, "12" in short.json()["detail"]) == (422, True)
            same = browser.put("/v1/session/password", json={"old": made, "new": made})
            assert same.status_code == 422
            before = browser.cookies[COOKIE]
            done = browser.put("/v1/session/password", json={"old": made, "new": PASSWORD})
            assert (done.status_code, done.json()["roles"]) == (200, ["admin"])
            assert browser.cookies[COOKIE] != before
            assert browser.get("/v1/freezes").status_code == 200
            old = httpx.get(f"{url}/v1/session", cookies={COOKIE: before}, timeout=60)
            assert old.status_code == 401
        assert login(url, "admin", made).status_code == 401
    with serving(settings) as url, logged_in(url, "admin"):
        pass  # a second start makes no second account
    with reading(shop) as conn:
        assert [who.name for who in list_people(conn)] == ["admin"]
        kept = conn.execute(sa.text("SELECT password_hash FROM people")).scalar_one()
    assert kept.startswith("$argon2id$")
    assert len([line for line in log_lines() if "first account" in line["event"]]) == 1
    assert PASSWORD not in str(log_lines())


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(shop: Engine, url: str) -> None:
    cookie = login(url, "mia", PASSWORD).headers["set-cookie"]
    assert re.fullmatch(
        rf"{COOKIE}=[\w-]{{43}}; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax", cookie
    )
    settings = quick_settings(shop, public_url="https://prices.shop.example")
    with serving(settings) as behind_tls:
        cookie = login(behind_tls, "mia", PASSWORD).headers["set-cookie"]
        assert cookie.endswith("; SameSite=Lax; Secure")
    with reading(shop) as conn:
        kept = conn.scalars(sa.select(sessions.c.session_hash)).all()
    assert len(kept) == 2
    assert not any(part in cookie for part in kept)


@pytest.mark.parametrize(
    ("headers", "lets_in"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "OWN"}, True),
        ({"origin": "OWN", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "OWN", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False),
    ],
)
def test_what_changes_something_comes_from_a_page_of_the_service_with_its_token(
    url: str, headers: dict[str, str], lets_in: bool
) -> None:
    sent = {name: value.replace("OWN", url) for name, value in headers.items()}
    with logged_in(url, "mia") as browser:
        token = browser.headers.pop("x-csrf-token")
        del browser.headers["sec-fetch-site"]
        with_token = browser.post(
            "/v1/freezes", json=FREEZE, headers={**sent, "x-csrf-token": token}
        )
        assert with_token.status_code == (200 if lets_in else 403)
        for wrong in ({}, {"x-csrf-token": ""}, {"x-csrf-token": token[:-1]}):
            refused = browser.post("/v1/freezes", json=FREEZE, headers={**sent, **wrong})
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-allowed")
            assert "X-CSRF-Token" in refused.json()["detail"]
        assert browser.get("/v1/freezes").status_code == 200  # reading needs neither


def test_the_token_of_another_session_is_not_this_ones(shop: Engine, url: str) -> None:
    person(shop, "ben", Role.MANAGER)
    with logged_in(url, "mia") as mia, logged_in(url, "ben") as ben:
        mia.headers["x-csrf-token"] = ben.headers["x-csrf-token"]
        assert mia.post("/v1/freezes", json=FREEZE).status_code == 403


def test_a_page_of_another_site_logs_nobody_in(url: str) -> None:
    assert login(url, "mia", PASSWORD, origin="http://evil.example").status_code == 403
    assert login(url, "mia", PASSWORD, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert login(url, "mia", PASSWORD, origin=url).status_code == 201
    assert login(url, "mia", PASSWORD).status_code == 201  # a program says nothing


def test_a_session_that_comes_with_a_log_in_ends_and_another_begins(url: str) -> None:
    with logged_in(url, "mia") as browser:
        before = browser.cookies[COOKIE]
        own = {"name": "mia", "password": PASSWORD}
        again = browser.post("/v1/session", json=own)
        assert again.status_code == 201
        assert browser.cookies[COOKIE] != before
        planted = httpx.get(f"{url}/v1/session", cookies={COOKIE: before}, timeout=60)
        assert planted.status_code == 401


def test_logging_out_ends_one_session_and_everywhere_ends_all(shop: Engine, url: str) -> None:
    with logged_in(url, "mia") as one, logged_in(url, "mia") as two, logged_in(url, "mia") as three:
        kept = one.cookies[COOKIE]
        gone = one.delete("/v1/session")
        assert (gone.status_code, COOKIE in one.cookies) == (204, False)
        assert httpx.get(f"{url}/v1/session", cookies={COOKIE: kept}).status_code == 401
        assert two.get("/v1/session").status_code == 200
        assert two.delete("/v1/session?everywhere=true").status_code == 204
        assert three.get("/v1/session").status_code == 401
    assert actions(shop)[-2:] == ["logged_in", "logged_out_everywhere"]


def ago(engine: Engine, **columns: timedelta) -> None:
    """As if all sessions were older."""
    with writing(engine) as conn:
        for name, age in columns.items():
            conn.execute(sessions.update().values({name: datetime.now(UTC) - age}))


def test_a_session_ends_when_it_is_idle_and_at_last_whatever_it_does(
    shop: Engine, url: str
) -> None:
    desk = SessionDesk(shop, idle=timedelta(minutes=60), longest=timedelta(hours=12))
    with logged_in(url, "mia") as browser:
        ago(shop, seen_at=timedelta(minutes=59))
        assert browser.get("/v1/session").status_code == 200  # and is seen anew
        with reading(shop) as conn:
            seen = conn.scalars(sa.select(sessions.c.seen_at)).one()
        assert datetime.now(UTC) - seen < timedelta(minutes=5)
        ago(shop, seen_at=timedelta(minutes=60))
        assert browser.get("/v1/session").status_code == 401
    with logged_in(url, "mia") as browser:
        ago(shop, created_at=timedelta(hours=12))
        assert browser.get("/v1/session").status_code == 401
        forget_what_is_over(desk)
        with reading(shop) as conn:
            assert conn.scalars(sa.select(sessions.c.person_id)).all() == []


def test_a_session_outlives_a_restart_and_another_worker_knows_it(
    shop: Engine, settings: Settings, url: str
) -> None:
    with logged_in(url, "mia") as browser, serving(settings) as another:
        cookies = {COOKIE: browser.cookies[COOKIE]}
        same = httpx.get(f"{another}/v1/session", cookies=cookies, timeout=60).json()
        assert same == browser.get("/v1/session").json()


def test_who_is_disabled_or_has_other_roles_is_so_at_once(shop: Engine, url: str) -> None:
    with reading(shop) as conn:
        (mia,) = [who for who in list_people(conn) if who.name == "mia"]
    with logged_in(url, "mia") as browser:
        assert browser.post("/v1/freezes", json=FREEZE).status_code == 200
        with writing(shop) as conn:
            set_roles(conn, mia.person_id, [Role.ANALYST], by="a test", at=datetime.now(UTC))
        refused = browser.post("/v1/freezes", json=FREEZE)
        assert refused.status_code == 403
        assert "takes one of the roles admin, approver, manager" in refused.json()["detail"]
        with writing(shop) as conn:
            disable_person(conn, mia.person_id, by="a test", at=datetime.now(UTC))
        assert browser.get("/v1/session").status_code == 401
    assert login(url, "mia", PASSWORD).status_code == 401


def test_the_last_admin_is_kept_over_http(shop: Engine, url: str) -> None:
    with logged_in(url, "mia") as browser:
        with writing(shop) as conn:
            mia = person_named(conn, "mia").person_id
            for other in list_people(conn):
                if other.person_id != mia:
                    set_roles(conn, mia, [Role.ADMIN], by="a test", at=datetime.now(UTC))
                    disable_person(conn, other.person_id, by="a test", at=datetime.now(UTC))
            set_roles(conn, mia, [Role.ADMIN], by="a test", at=datetime.now(UTC))
        path = f"/v1/people/{mia}"
        for answer in (
            browser.post(f"{path}/disable"),
            browser.delete(path),
            browser.put(f"{path}/roles", json={"roles": ["manager"]}),
            browser.put(f"{path}/roles", json={"roles": ["admin"], "markets": ["online"]}),
        ):
            assert answer.status_code == 409, answer.text
            assert "nobody else administers" in answer.json()["detail"]
        assert browser.get("/v1/session").json()["roles"] == ["admin"]


def test_guesses_are_few_and_are_answered_alike_whoever_they_are_of(shop: Engine, url: str) -> None:
    for name in ("mia", "nobody"):
        answers = [login(url, name, f"guess number {n}") for n in range(7)]
        assert [a.status_code for a in answers] == [401] * 5 + [429] * 2
        told = {(a.json()["type"], a.json()["detail"]) for a in answers[:5]}
        assert told == {("/problems/not-an-operator", "no account has this name and this password")}
        assert 0 < int(answers[5].headers["retry-after"]) <= 300
    assert login(url, "mia", PASSWORD).status_code == 429  # the right one, too: it might be one
    with writing(shop) as conn:
        assert "mia" not in str(conn.execute(sa.select(login_attempts)).all())
        past = login_attempts.update().values(since=datetime.now(UTC) - timedelta(minutes=5))
        conn.execute(past)
    assert login(url, "mia", PASSWORD).status_code == 201
    # As many failures as were looked at, and one line for the flood of each name.
    assert actions(shop).count("login_failed") == 12


def test_one_address_guesses_no_more_than_thirty_names_in_a_window(url: str) -> None:
    codes = [login(url, f"name {n}", "a guess of a password").status_code for n in range(32)]
    assert codes == [401] * 30 + [429] * 2


async def tries(engine: Engine, name: str, password: str, address: str) -> str:
    desk = SessionDesk(engine, idle=timedelta(hours=1), longest=timedelta(hours=1))
    try:
        await log_in(desk, name, password, address=address)
    except (NotAnOperator, TooManyRequests) as refused:
        return type(refused).__name__
    return "in"


def test_one_address_cannot_keep_an_account_out_of_every_other(shop: Engine) -> None:
    person(shop, "mia", Role.MANAGER)

    async def story() -> tuple[list[str], str]:
        wrong = [await tries(shop, "mia", "a guess", "203.0.113.9") for _ in range(60)]
        return wrong, await tries(shop, "mia", PASSWORD, "198.51.100.7")

    wrong, right = anyio.run(story)
    assert wrong == ["NotAnOperator"] * 5 + ["TooManyRequests"] * 55
    assert right == "in"


def test_a_password_that_was_replaced_while_it_was_being_compared_lets_nobody_in(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = person(shop, "mia", Role.MANAGER).person_id

    def replaced_meanwhile(password: str, kept: str | None) -> bool:
        with writing(shop) as conn:
            set_password(conn, mia, NEW_HASH, by="a test", at=datetime.now(UTC), must_change=True)
        return is_right(password, kept)

    monkeypatch.setattr("api.access.sessions.is_right", replaced_meanwhile)
    monkeypatch.setattr("api.access.sessions.is_outdated", lambda _: True)
    assert anyio.run(tries, shop, "mia", PASSWORD, "203.0.113.9") == "NotAnOperator"
    with reading(shop) as conn:
        assert conn.execute(sa.select(sessions)).all() == []
        known = password_hash_of(conn, "mia")
    assert known is not None
    assert known[1] == NEW_HASH


def test_a_session_holds_while_that_it_was_used_cannot_be_noted(
    shop: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = person(shop, "mia", Role.MANAGER)
    desk = SessionDesk(shop, idle=timedelta(hours=1), longest=timedelta(hours=9))
    began = datetime.now(UTC)
    session = begin(desk, mia, by="password", now=began)

    def locked(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the database stays locked")

    monkeypatch.setattr("api.access.sessions.saw_session", locked)
    assert session_of(desk, session.id, began + timedelta(minutes=30)) == session
    assert session_of(desk, session.id, began + timedelta(hours=1)) is None


def test_all_addresses_of_one_network_guess_as_one(shop: Engine) -> None:
    async def story() -> list[str]:
        return [
            await tries(shop, "mia", "a guess", address)
            for address in (*(f"2001:db8::{n}" for n in range(7)), "2001:db8:0:1::1")
        ]

    told = anyio.run(story)
    assert told == ["NotAnOperator"] * 5 + ["TooManyRequests"] * 2 + ["NotAnOperator"]


def test_a_page_without_a_session_leads_to_the_log_in_and_back(url: str) -> None:
    asks = {"accept": "text/html,application/xhtml+xml"}
    with httpx.Client(base_url=url, timeout=60) as browser:
        sent_on = browser.get("/console/drafts/7?tab=diff&page=2", headers=asks)
        assert sent_on.status_code == 303
        where = "/console/login?next=/console/drafts/7%3Ftab%3Ddiff%26page%3D2"
        assert sent_on.headers["location"] == where
        assert browser.get("/console/drafts/7").status_code == 401  # no page was asked for
        assert browser.get("/v1/freezes", headers=asks).status_code == 401


@pytest.mark.parametrize(
    "elsewhere",
    [
        None, "", "//evil.example", "https://evil.example/console", "/\\evil.example",
        "/v1/freezes", "//[", "https://[::1/console", "//[v1.x]]",
        "/console//evil.example", "/console/../v1", "/consoles", "javascript:alert(1)", "console",
        "/console/\r\nset-cookie: a=b", "\t//evil.example", "/console\\@evil.example", "/console/é",
    ],
)  # fmt: skip
def test_who_logged_in_is_led_nowhere_else(elsewhere: str | None) -> None:
    assert next_path(elsewhere) == HOME


@given(st.text(max_size=40))
def test_whatever_is_asked_the_way_back_is_a_path_of_the_console(asked: str) -> None:
    for given_path in (asked, f"/console/{asked}", f"/console?{asked}"):
        led = next_path(given_path)
        assert led == HOME or led.startswith(("/console/", "/console?", "/console#"))
        assert not set(led) & set("\\\r\n\t")
