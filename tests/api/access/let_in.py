"""People and keys for tests: made in the database, used over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import Engine

from api.access.pages import COOKIE
from api.access.passwords import hash_of
from api.access.roles import Role
from storage.access.keys import AccessKey, make_key
from storage.access.people import Person, add_person
from storage.access.scopes import EVERYWHERE, Scope
from storage.database import writing

PASSWORD = "correct horse battery staple"
_KEPT = hash_of(PASSWORD)


def person(
    engine: Engine, name: str, *roles: Role, scope: Scope = EVERYWHERE, must_change: bool = False
) -> Person:
    """An account with `PASSWORD`."""
    with writing(engine) as conn:
        return add_person(
            conn,
            name=name,
            roles=roles,
            by="a test",
            at=datetime.now(UTC),
            scope=scope,
            password_hash=_KEPT,
            must_change_password=must_change,
        )


def key(engine: Engine, *roles: Role, **given: Any) -> tuple[AccessKey, dict[str, str]]:  # noqa: ANN401
    """A key, and the headers of who has it. Without roles it is publishable."""
    more = {"name": "a test", "by": "a test", "at": datetime.now(UTC), **given}
    kind: Any = "secret" if roles else "publishable"
    with writing(engine) as conn:
        made, secret = make_key(conn, kind=kind, roles=frozenset(roles), **more)
    return made, {"authorization": f"Bearer {secret}"}


def known_soon(client: httpx.Client, headers: dict[str, str]) -> None:
    """Wait until the service knows a new key."""
    for _ in range(1_000):
        if client.get("/v1/prices/TEA-1?market=online", headers=headers).status_code != 401:
            return
    raise AssertionError("the key is not known")


@contextmanager
def logged_in(url: str, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """A browser in which somebody logged in; it sends what a page of the service sends."""
    own = {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=url, timeout=60, headers=own) as browser:
        answer = browser.post("/v1/session", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        assert browser.cookies[COOKIE]
        browser.headers["x-csrf-token"] = answer.json()["csrf_token"]
        yield browser
