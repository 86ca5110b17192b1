"""Keys and people on the command line."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from api.settings import Settings
from storage.access.people import list_people
from storage.database import reading
from tests.api.access.let_in import known_soon, logged_in, person
from tests.api.shop import open_shop
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> CommandLine:
    open_shop(engine)
    return CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})


def test_a_key_is_made_listed_rotated_and_revoked(
    shop: CommandLine, engine: Engine, settings: Settings
) -> None:
    anna = person(engine, "anna", Role.ADMIN).person_id
    made = shop("keys", "create", "web shop", "--role", "storefront", "--by", "anna")
    head, secret = made.out.split("\n")[:2]
    key_id = head.split()[1].rstrip(";")
    listed = shop("keys", "list").out
    assert key_id in listed
    assert anna in listed  # a key of a person with an account is that person's
    assert secret not in listed
    rotated = shop("keys", "rotate", key_id, "--overlap-hours", "1")
    newer = rotated.out.split("\n")[1]
    assert "the secret before is good until" in rotated.out
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        for good in (secret, newer):
            headers = {"authorization": f"Bearer {good}"}
            known_soon(client, headers)
            assert client.get("/v1/prices/TEA-2?market=online", headers=headers).status_code == 200
    assert "revoked" in shop("keys", "revoke", key_id).out
    assert "revoked" in shop("keys", "list").out
    refused = shop("keys", "rotate", key_id)
    assert (refused.status, "was revoked" in refused.err) == (1, True)
    refused = shop("keys", "create", "page", "--kind", "publishable", "--role", "admin")
    assert (refused.status, "has none" in refused.err) == (1, True)
    refused = shop("keys", "create", "nothing")
    assert (refused.status, "needs one, such as storefront" in refused.err) == (1, True)
    assert all(word in shop("price-books", "log").out for word in ("key made", "key revoked"))


def test_people_are_let_in_given_roles_and_passwords_let_out_and_erased(
    shop: CommandLine, engine: Engine, settings: Settings
) -> None:
    added = shop("people", "add", "mia", "--role", "manager", "--market", "online")
    password = added.out.split("\n")[1]
    with serving(settings) as url:
        with logged_in(url, "mia", password) as browser:
            own = browser.get("/v1/session").json()
            assert (own["must_change_password"], own["markets"]) == (True, ["online"])
        again = shop("people", "add", "mia", "--role", "manager")
        assert (again.status, "there is an account 'mia' already" in again.err) == (1, True)
        told = shop("people", "roles", "mia", "--role", "analyst", "--role", "approver")
        assert "mia is now analyst, approver, everywhere" in told.out
        other = shop("people", "password", "mia").out.split("\n")[1]
        assert other != password
        with logged_in(url, "mia", other) as browser:
            assert shop("people", "disable", "mia").status == 0
            assert browser.get("/v1/session").status_code == 401
    assert "disabled" in shop("people", "list").out
    assert shop("people", "erase", "mia").status == 0
    assert "mia" not in shop("people", "list").out
    missing = shop("people", "disable", "mia")
    assert (missing.status, "there is no account 'mia'" in missing.err) == (1, True)
    with reading(engine) as conn:
        assert {who.name for who in list_people(conn)} == {None}
