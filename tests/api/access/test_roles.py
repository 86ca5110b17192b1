"""The table of who may ask what: whole, and what the service really answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import PEOPLE, RULES, Besides, Role, Rule, methods_of, rule_of
from api.server import serving
from tests.api.access.let_in import key, known_soon, logged_in, person
from tests.api.access.manual_table import with_table
from tests.api.conftest import quick_settings
from tests.api.every_route import filled, routes_of_the_service
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

ROUTES = routes_of_the_service()
LOG_OUTS = (("POST", "/console/logout"), ("DELETE", "/v1/session"))
"""They end the session that asks."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with sqlite_engine(tmp_path_factory.mktemp("roles")) as engine:
        open_shop(engine)
        yield engine


@pytest.fixture(scope="module")
def url(shop: Engine) -> Iterator[str]:
    with serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url:
        yield url


def test_every_route_stands_in_the_table_and_nothing_else_does() -> None:
    assert set(ROUTES) == set(RULES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_path_is_found_by_its_own_rule_whatever_its_variables_hold(
    method: str, path: str
) -> None:
    for value in ("1", "TEA 3 ü", "kinds%", "a\nb", "x.csv", ".."):
        assert rule_of(method, path.replace("{sku}", value).replace("{name}", value)) is not None
    assert rule_of(method, filled(path)) is RULES[method, path]
    assert rule_of("HEAD", filled(path)) is rule_of("GET", filled(path))
    assert method in methods_of(filled(path))
    # A router passes over a line feed at the end of a path: the table must not be passed by so.
    assert rule_of(method, filled(path) + "\n") is None


def may(rule: Rule, role: Role, *, of_a_person: bool) -> bool:
    """Whether the table lets somebody with this one role ask."""
    if rule.besides in (Besides.ANYBODY, Besides.SHOPPER):
        return True
    if rule.besides is Besides.LOGGED_IN:
        return of_a_person
    return role in rule.roles


def refused(client: httpx.Client, method: str, path: str) -> bool:
    answer = client.request(method, filled(path), content=b"")
    # Without a body that makes sense nothing is changed: what is let in is refused for its body.
    assert answer.status_code != 401, (method, path)
    if answer.status_code != 403:
        return False
    assert answer.json()["type"] == "/problems/not-allowed"
    return True


@pytest.mark.parametrize("role", Role)
def test_a_key_asks_what_the_table_says_and_nothing_else(
    shop: Engine, url: str, role: Role
) -> None:
    _, headers = key(shop, role)
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        known_soon(client, headers)
        for method, path in ROUTES:
            expected = may(RULES[method, path], role, of_a_person=False)
            assert refused(client, method, path) != expected, (method, path)


@pytest.mark.parametrize("role", sorted(PEOPLE))
def test_a_person_asks_what_the_table_says_and_nothing_else(
    shop: Engine, url: str, role: Role
) -> None:
    person(shop, f"a {role}", role)
    with logged_in(url, f"a {role}") as browser:
        for method, path in ROUTES:
            if (method, path) not in LOG_OUTS:
                expected = may(RULES[method, path], role, of_a_person=True)
                assert refused(browser, method, path) != expected, (method, path)
    for method, path in LOG_OUTS:
        with logged_in(url, f"a {role}") as browser:
            assert not refused(browser, method, path)
            assert browser.get("/v1/session").status_code == 401


def test_nobody_is_asked_who_they_are_on_every_route_that_is_not_open(url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        for method, path in ROUTES:
            open_to_all = RULES[method, path].besides in (Besides.ANYBODY, Besides.SHOPPER)
            answer = client.request(method, filled(path), content=b"")
            assert (answer.status_code != 401) == open_to_all, (method, path)


def test_the_manual_has_the_table_as_it_is() -> None:
    page = Path("docs/access.md").read_text(encoding="utf-8")
    assert page == with_table(page), (
        "write it anew: python -m tests.api.access.manual_table docs/access.md"
    )
