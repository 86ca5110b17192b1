"""Beyond the change budget a draft takes a second person, wherever there is one; by identity."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine

from api.access.principal import Principal
from api.access.roles import Role
from api.jobs.draft_review import review_draft, second_person
from api.jobs.release import ReleaseTerms, approve_draft, release
from api.server import serving
from api.settings import Settings
from pricing.releases.change_budget import ChangeBudget
from storage.access.keys import rotate_key
from storage.access.log import read_log
from storage.access.people import disable_person
from storage.access.scopes import Scope
from storage.database import reading, writing
from storage.errors import DraftNotReady
from storage.prices.decisions import save_run
from tests.api.access.let_in import key, known_soon, logged_in, person
from tests.api.shop import EURO_SHOP, YEN_STORE, decided

# Every price 40 % up: beyond any budget.
BOLD = {("TEA-1", "online"): 699, ("TEA-2", "online"): 1750}
TIGHT = ReleaseTerms(budget=ChangeBudget(single_change=0.1))


@pytest.fixture
def url(shop: Engine, settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield url


def run_of(engine: Engine, at: datetime) -> int:
    run = decided(BOLD, markets=(EURO_SHOP, YEN_STORE), at=at)
    with writing(engine) as conn:
        return save_run(conn, run, policy={}, fit_id=None, created_at=at)


def waiting(engine: Engine, by: str) -> int:
    """A draft beyond the budget."""
    now = datetime.now(UTC)
    done = release(engine, run_of(engine, now), TIGHT, now=now, by=by)
    assert done.draft.status == "draft"
    return done.draft.draft_id


def approve(engine: Engine, number: int, by: str) -> str:
    now = datetime.now(UTC)
    return approve_draft(engine, number, now=now, by=by, four_eyes=False)[0].status


def alone(engine: Engine) -> list[bool]:
    with reading(engine) as conn:
        return [
            line.detail.get("alone", False) for line in read_log(conn) if line.action == "approved"
        ]


def test_where_one_person_may_approve_they_may_and_the_record_says_that_they_were_alone(
    shop: Engine,
) -> None:
    anna = person(shop, "anna", Role.MANAGER, Role.APPROVER).person_id
    person(shop, "mia", Role.MANAGER)
    assert approve(shop, waiting(shop, anna), anna) == "released"
    assert alone(shop) == [True]


def test_where_two_may_it_takes_the_other_one_and_a_key_of_ones_own_is_oneself(
    shop: Engine,
) -> None:
    anna = person(shop, "anna", Role.MANAGER, Role.APPROVER).person_id
    ben = person(shop, "ben", Role.APPROVER).person_id
    number = waiting(shop, anna)
    for herself in (anna, f"{anna}/k_1", f"{anna}/k_2"):
        with pytest.raises(DraftNotReady, match="somebody else must approve it"):
            approve(shop, number, herself)
    assert approve(shop, number, f"{ben}/k_3") == "released"
    assert alone(shop) == [False]


def test_what_a_key_proposed_its_maker_does_not_approve(shop: Engine) -> None:
    anna = person(shop, "anna", Role.APPROVER).person_id
    ben = person(shop, "ben", Role.MANAGER, Role.APPROVER).person_id
    number = waiting(shop, f"{ben}/k_3")
    with pytest.raises(DraftNotReady, match="somebody else"):
        approve(shop, number, ben)
    assert approve(shop, number, anna) == "released"
    assert alone(shop) == [False]


@pytest.mark.parametrize("why", ["disabled", "another market", "no role"])
def test_somebody_who_may_not_is_no_second_person(shop: Engine, why: str) -> None:
    anna = person(shop, "anna", Role.ADMIN).person_id
    scope = Scope.of(["store-01"] if why == "another market" else None, None)
    ben = person(shop, "ben", Role.MANAGER if why == "no role" else Role.APPROVER, scope=scope)
    if why == "disabled":
        with writing(shop) as conn:
            disable_person(conn, ben.person_id, by=anna, at=datetime.now(UTC))
    assert approve(shop, waiting(shop, anna), anna) == "released"
    assert alone(shop) == [True]


def test_two_of_one_name_are_two_and_another_name_does_not_make_another_person(
    shop: Engine, url: str
) -> None:
    """Identity is the id: over HTTP with sessions, and with a key that a person made."""
    person(shop, "anna", Role.ADMIN)
    person(shop, "ben", Role.APPROVER)
    with logged_in(url, "anna") as anna, logged_in(url, "ben") as ben:
        me = anna.get("/v1/session").json()["id"]
        made = anna.post(
            "/v1/keys", json={"name": "ben", "kind": "secret", "roles": ["manager", "approver"]}
        )
        assert (made.status_code, made.json()["created_by"]) == (201, me)
        secret = {"authorization": f"Bearer {made.json()['secret']}"}
        run = run_of(shop, datetime.now(UTC))
        with httpx.Client(base_url=url, headers=secret, timeout=60) as program:
            known_soon(program, secret)
            proposed = program.post("/v1/price-book-drafts", json={"run": run}).json()
            assert proposed["status"] == "draft"
            assert proposed["created_by"] == f"{me}/{made.json()['id']}"
            word = f"/v1/price-book-drafts/{proposed['draft']}/approve"
            for again in (program, anna):
                refused = again.post(word, json={})
                assert refused.status_code == 409
                assert "somebody else must approve it" in refused.json()["detail"]
        done = ben.post(word, json={"note": "seen"})
        assert (done.status_code, done.json()["status"]) == (200, "released")


def test_a_key_names_its_maker_and_itself_and_others_themselves() -> None:
    roles = frozenset({Role.MANAGER})
    assert Principal("key", "k_1", "x", roles, made_by="p_1").actor == "p_1/k_1"
    assert Principal("key", "k_1", "x", roles).actor == "k_1"
    assert Principal("person", "p_1", "anna", roles).actor == "p_1"
    assert Principal("operator", "anna", "anna", roles).actor == "anna"


@pytest.mark.parametrize("way", ["made", "rotated", "made by a key", "made by an operator"])
def test_a_key_whose_secret_one_was_told_is_oneself(shop: Engine, way: str) -> None:
    """Whoever rotates another's key, or makes one as an operator, can use it: it is no second."""
    anna = person(shop, "anna", Role.ADMIN).person_id
    ben = person(shop, "ben", Role.APPROVER).person_id
    me = "owner" if way == "made by an operator" else anna
    maker = {"made": anna, "rotated": ben, "made by a key": f"{anna}/k_1"}.get(way, me)
    made, _ = key(shop, Role.MANAGER, Role.APPROVER, by=maker)
    now = datetime.now(UTC)
    if way == "rotated":
        with writing(shop) as conn:
            rotate_key(conn, made.key_id, by=f"{anna}/k_1", at=now, overlap=timedelta(0))
    recorded = f"{ben}/{made.key_id}" if way == "rotated" else made.key_id
    for proposed, approved in ((me, recorded), (recorded, me)):
        number = waiting(shop, proposed)
        with pytest.raises(DraftNotReady, match="somebody else must approve it"):
            approve_draft(shop, number, now=now, by=approved, four_eyes=True)
        assert second_person(shop, review_draft(shop, number), approved, four_eyes=True)
    dora = person(shop, "dora", Role.APPROVER).person_id
    done, _ = approve_draft(shop, number, now=datetime.now(UTC), by=dora, four_eyes=True)
    assert done.status == "released"


def test_a_key_of_nobody_in_particular_is_itself(shop: Engine) -> None:
    made, _ = key(shop, Role.MANAGER)
    assert made.created_by == "a test"
