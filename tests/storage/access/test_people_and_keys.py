"""Accounts, sessions and keys in either database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from pricing.events.access import KeyMade, PersonAdded
from storage.access.keys import (
    count_uses,
    digest_of,
    keys_in_force,
    last_change,
    list_keys,
    make_key,
    revoke_key,
    rotate_key,
    uses_on,
)
from storage.access.people import (
    Person,
    active_with_a_role,
    actor_named,
    add_person,
    disable_person,
    erase_person,
    follow_provider,
    identity_of,
    names_of,
    password_hash_of,
    person_known_as,
    person_named,
    set_password,
    set_roles,
)
from storage.access.scopes import Scope
from storage.access.sessions import (
    Journey,
    begin_journey,
    begin_session,
    count_attempt,
    end_journey,
    read_session,
    sweep,
)
from storage.access.tables import login_attempts, login_journeys, people
from storage.database import reading, writing
from storage.errors import (
    KeyNotFound,
    KeyNotInForce,
    LastAdmin,
    NotWriting,
    PersonNameTaken,
    PersonNotFound,
)
from storage.events.store import newest_events

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def added(engine: Engine, name: str, *roles: str, scope: Scope | None = None) -> Person:
    with writing(engine) as conn:
        return add_person(
            conn,
            name=name,
            roles=roles,
            by="a test",
            at=NOW,
            scope=scope or Scope(),
            password_hash="$argon2id$x",
            identity=("https://id.example", f"sub of {name}"),
        )


def test_an_account_is_found_by_name_id_and_identity_and_by_none_once_erased(
    engine: Engine,
) -> None:
    mia = added(engine, " mia ", "manager", scope=Scope.of(["online"], ["tea"]))
    assert (mia.name, mia.roles, mia.scope.markets) == (
        "mia",
        frozenset({"manager"}),
        frozenset({"online"}),
    )
    with reading(engine) as conn:
        assert person_named(conn, "mia") == mia
        assert person_known_as(conn, "https://id.example", "sub of  mia ") == mia
        assert person_known_as(conn, "https://evil.example", "sub of  mia ") is None
        assert actor_named(conn, "mia") == mia.person_id
        assert actor_named(conn, "nobody") == "nobody"
        assert names_of(conn, [mia.person_id, "p_none"]) == {mia.person_id: "mia"}
        assert password_hash_of(conn, "mia") == (mia, "$argon2id$x")
    with pytest.raises(PersonNameTaken):
        added(engine, "mia")
    with writing(engine) as conn:
        begin_session(conn, "x" * 43, mia.person_id, at=NOW, by="password")
        erased = erase_person(conn, mia.person_id, by="a test", at=NOW)
        assert erase_person(conn, mia.person_id, by="a test", at=NOW + HOUR) == erased
        with pytest.raises(PersonNotFound):
            set_password(conn, mia.person_id, "x", by="a test", at=NOW, must_change=False)
    assert (erased.name, erased.roles, erased.has_password) == (None, frozenset(), False)
    with reading(engine) as conn:
        assert read_session(conn, "x" * 43) is None
        assert names_of(conn, [mia.person_id]) == {}
        row = str(conn.execute(sa.select(people)).all())
        with pytest.raises(PersonNotFound):
            person_named(conn, "mia")
    assert "mia" not in row
    added(engine, "mia")  # a name that nobody has any more


def test_who_may_approve_what_lies_in_a_reach(engine: Engine) -> None:
    everywhere = added(engine, "ann", "approver", "admin").person_id
    online = added(engine, "ben", "approver", scope=Scope.of(["online"], None)).person_id
    added(engine, "carl", "manager")
    gone = added(engine, "dora", "admin").person_id
    roles = ("approver", "admin")
    with writing(engine) as conn:
        disable_person(conn, gone, by="a test", at=NOW)
        assert active_with_a_role(conn, roles) == {everywhere}
        assert active_with_a_role(conn, roles, Scope.of(["online"], ["tea"])) == {
            everywhere,
            online,
        }
        assert active_with_a_role(conn, roles, Scope.of(["online", "b"], None)) == {everywhere}
        set_roles(conn, online, ["analyst"], by="a test", at=NOW)
        assert active_with_a_role(conn, roles, Scope.of(["online"], None)) == {everywhere}
    assert identity_of("p_1/k_2") == identity_of("p_1") == "p_1"


def test_the_record_says_where_somebody_was_let_in_and_where_a_key_holds(engine: Engine) -> None:
    part = Scope.of(["online"], ["tea", "coffee"])
    mia = added(engine, "mia", "manager", scope=part)
    with writing(engine) as conn:
        everywhere, _ = make_key(
            conn, name="a", kind="secret", roles=frozenset({"admin"}), by="a test", at=NOW
        )
        made, _ = make_key(
            conn, name="b", kind="publishable", roles=frozenset(), by="a test", at=NOW,
            scope=part, expires_at=NOW + HOUR,
        )  # fmt: skip
        told = {stored.key: stored.facts for stored in newest_events(conn, [PersonAdded, KeyMade])}
    where = {"markets": ["online"], "categories": ["coffee", "tea"]}
    nowhere_named = {"markets": None, "categories": None}
    assert where.items() <= told[mia.person_id].items()
    ends = {"expires_at": (NOW + HOUR).isoformat()}
    assert {**where, **ends}.items() <= told[made.key_id].items()
    assert {**nowhere_named, "expires_at": None}.items() <= told[everywhere.key_id].items()


def test_the_last_who_administers_everywhere_stays_until_another_does(engine: Engine) -> None:
    ada = added(engine, "ada", "admin").person_id
    part = added(engine, "ben", "admin", scope=Scope.of(["online"], None)).person_id
    carl = added(engine, "carl", "manager").person_id
    told: dict[str, Any] = {"by": "a test", "at": NOW}
    with writing(engine) as conn:
        refusals: tuple[Callable[[], Person], ...] = (
            lambda: disable_person(conn, ada, **told),
            lambda: erase_person(conn, ada, **told),
            lambda: set_roles(conn, ada, ["manager"], **told),
            lambda: set_roles(conn, ada, ["admin"], scope=Scope.of(["online"], None), **told),
        )
        for refused in refusals:
            with pytest.raises(LastAdmin, match="give another account the role admin first"):
                refused()
        assert set_roles(conn, ada, ["admin", "manager"], **told).roles == {"admin", "manager"}
        disable_person(conn, part, **told)
        set_roles(conn, carl, ["admin"], **told)
        assert disable_person(conn, ada, **told).disabled_at == NOW
        with pytest.raises(LastAdmin):
            erase_person(conn, carl, **told)
        assert disable_person(conn, ada, **told).disabled_at == NOW
        # What the provider of identities says is not for this service to overrule.
        assert follow_provider(conn, carl, ["analyst"], at=NOW).roles == {"analyst"}


def test_guesses_are_counted_in_windows_by_all_at_once(engine: Engine) -> None:
    window = timedelta(minutes=5)

    def guess(_: int) -> int:
        with writing(engine) as conn:
            return count_attempt(conn, "mia from 1.2.3.4", at=NOW, window=window)[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(guess, range(24))) == list(range(1, 25))
    with writing(engine) as conn:
        assert count_attempt(conn, "mia from 1.2.3.4", at=NOW + window / 2, window=window)[0] == 25
        assert count_attempt(conn, "mia from 1.2.3.4", at=NOW + window, window=window) == (
            1,
            NOW + window,
        )
        assert "1.2.3.4" not in str(conn.execute(sa.select(login_attempts)).all())


def test_a_journey_comes_back_once_and_in_time_and_is_forgotten(engine: Engine) -> None:
    journey = Journey("nonce", "verifier", "/console")
    with writing(engine) as conn:
        for state in ("a", "b", "c"):
            begin_journey(conn, state, journey, ends_at=NOW + HOUR)
        assert end_journey(conn, "a", at=NOW) == journey
        assert end_journey(conn, "a", at=NOW) is None
        assert end_journey(conn, "b", at=NOW + HOUR) is None
        sweep(conn, idle_before=NOW, begun_before=NOW, at=NOW + HOUR)
        assert conn.execute(sa.select(login_journeys)).all() == []


def test_a_key_is_kept_as_digests_and_each_change_has_a_number(engine: Engine) -> None:
    with writing(engine) as conn:
        made, secret = make_key(
            conn, name="shop", kind="secret", roles=frozenset({"storefront"}), by="tess", at=NOW
        )
        assert made.hashes == (digest_of(secret.encode()),)
        first = last_change(conn)
        rotated, newer = rotate_key(conn, made.key_id, by="tess", at=NOW, overlap=HOUR)
        assert rotated.hashes == (digest_of(newer.encode()), digest_of(secret.encode()))
        assert rotated.previous_until == NOW + HOUR
        assert last_change(conn) > first
        assert keys_in_force(conn, NOW) == (rotated,)
        revoked = revoke_key(conn, made.key_id, by="tess", at=NOW)
        assert revoke_key(conn, made.key_id, by="tess", at=NOW + HOUR) == revoked
        assert keys_in_force(conn, NOW) == ()
        assert list_keys(conn) == (revoked,)
        with pytest.raises(KeyNotInForce):
            rotate_key(conn, made.key_id, by="tess", at=NOW, overlap=HOUR)
        with pytest.raises(KeyNotFound):
            revoke_key(conn, "k_none", by="tess", at=NOW)
    with reading(engine) as conn, pytest.raises(NotWriting):
        count_uses(conn, {made.key_id: 1}, at=NOW, day=NOW.date())


def test_uses_add_up_by_day_whoever_counts(engine: Engine) -> None:
    with writing(engine) as conn:
        made, _ = make_key(
            conn, name="shop", kind="secret", roles=frozenset({"analyst"}), by="tess", at=NOW
        )

    def count(_: int) -> None:
        with writing(engine) as conn:
            count_uses(conn, {made.key_id: 3}, at=NOW, day=NOW.date())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(12)))
    with reading(engine) as conn:
        assert uses_on(conn, NOW.date()) == {made.key_id: 36}
        assert uses_on(conn, date(2026, 12, 1)) == {}
        assert list_keys(conn)[0].last_used_at == NOW
