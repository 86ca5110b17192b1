"""Who is let in: keys of programs and accounts of people, as those who administer handle them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from api.access.naming import names_of_actors
from api.access.passwords import hash_of, made_up
from api.access.roles import Role
from models.refusals import Invalid, named_at
from pricing.events.access import LoggedOutEverywhere
from storage.access.keys import (
    AccessKey,
    Kind,
    list_keys,
    make_key,
    revoke_key,
    rotate_key,
    uses_on,
)
from storage.access.people import (
    Person,
    add_person,
    disable_person,
    end_sessions_of,
    list_people,
    read_person,
    set_password,
    set_roles,
)
from storage.access.scopes import Scope
from storage.database import reading, writing
from storage.errors import DraftNotFound
from storage.events.store import record
from storage.products.markets import list_markets
from storage.products.products import categories
from storage.releases.drafts import read_draft

Told = tuple[AccessKey, str]
"""A key and its secret, which is told once."""


@dataclass(frozen=True, slots=True)
class Places:
    """What a scope can be limited to.

    Attributes:
        markets: codes of all markets.
        categories: names of all categories.
    """

    markets: Sequence[str]
    categories: Sequence[str]


@dataclass(frozen=True, slots=True)
class KeyBoard:
    """All keys.

    Attributes:
        keys: the newest first, those that ended among them.
        names: of who made them, by how the records name them.
        used_today: requests of each key on this day (UTC), as far as processes have told.
        places: what a key can be limited to.
    """

    keys: Sequence[AccessKey]
    names: Mapping[str, str]
    used_today: Mapping[str, int]
    places: Places

    def states(self, now: datetime) -> Mapping[str, str]:
        """Of each key whether it is `in force`, `revoked` or `expired`."""
        return {key.key_id: _state(key, now) for key in self.keys}


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A key to be made.

    Attributes:
        name: what it is for.
        kind: `publishable` or `secret`.
        roles: none of a publishable key.
        markets: none for all.
        categories: none for all.
        test: it sees the prices of a draft and redeems nothing.
        draft: whose prices a test key sees; None for the live ones.
        per_minute: most requests a minute; None for no limit.
        per_day: most requests a day; None for no limit.
        expires_at: when it ends, aware; None for never.
    """

    name: str
    kind: Kind
    roles: Collection[Role]
    markets: Collection[str] = ()
    categories: Collection[str] = ()
    test: bool = False
    draft: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PeopleBoard:
    """All accounts.

    Attributes:
        people: the oldest first, those that were closed or erased among them.
        places: what an account can be limited to.
    """

    people: Sequence[Person]
    places: Places


def read_key_board(engine: Engine, *, now: datetime) -> KeyBoard:
    """All keys.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        keys = list_keys(conn)
        return KeyBoard(
            keys,
            names_of_actors(conn, {key.created_by for key in keys}),
            uses_on(conn, now.date()),
            Places([market.code for market in list_markets(conn)], categories(conn)),
        )


def create_key(engine: Engine, wanted: WantedKey, *, me: str, now: datetime) -> Told:
    """Make a key; returns it and its secret, which is told this once.

    Raises:
        DatabaseUnavailable: the database does not answer.
        InvalidRecord: names the field that cannot be so.
    """
    with writing(engine, durable=True) as conn:
        if wanted.draft is not None:
            with named_at("draft", missing=DraftNotFound):
                read_draft(conn, wanted.draft)
        return make_key(
            conn,
            name=wanted.name,
            kind=wanted.kind,
            roles=frozenset(wanted.roles),
            by=me,
            at=now,
            scope=_scope(wanted.markets, wanted.categories),
            test=wanted.test,
            draft_id=wanted.draft,
            per_minute=wanted.per_minute,
            per_day=wanted.per_day,
            expires_at=wanted.expires_at,
        )


def renew_key(engine: Engine, key_id: str, *, overlap: timedelta, me: str, now: datetime) -> Told:
    """Give a key a new secret, which is told this once; the one before is good for the overlap.

    Raises:
        DatabaseUnavailable: the database does not answer.
        KeyNotFound: there is no such key.
        KeyNotInForce: it was revoked or has expired.
    """
    with writing(engine, durable=True) as conn:
        return rotate_key(conn, key_id, by=me, at=now, overlap=overlap)


def end_key(engine: Engine, key_id: str, *, me: str, now: datetime) -> AccessKey:
    """End a key at once.

    Raises:
        DatabaseUnavailable: the database does not answer.
        KeyNotFound: there is no such key.
    """
    with writing(engine, durable=True) as conn:
        return revoke_key(conn, key_id, by=me, at=now)


def read_people_board(engine: Engine) -> PeopleBoard:
    """All accounts.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        places = Places([market.code for market in list_markets(conn)], categories(conn))
        return PeopleBoard(list_people(conn), places)


def let_in(
    engine: Engine, name: str, roles: Collection[Role], markets: Collection[str],
    of_categories: Collection[str], *, me: str, now: datetime,
) -> tuple[Person, str]:  # fmt: skip
    """Make an account; returns it and the password that was made up, which is told this once.

    Raises:
        DatabaseUnavailable: the database does not answer.
        Invalid: without a role.
        PersonNameTaken: another account has this name.
    """
    _require_roles(roles)
    password = made_up()
    kept = hash_of(password)
    with writing(engine, durable=True) as conn:
        person = add_person(
            conn, name=name, roles=roles, by=me, at=now, scope=_scope(markets, of_categories),
            password_hash=kept, must_change_password=True,
        )  # fmt: skip
    return person, password


def give_roles(
    engine: Engine, person_id: str, roles: Collection[Role], markets: Collection[str],
    of_categories: Collection[str], *, me: str, now: datetime,
) -> Person:  # fmt: skip
    """Say what somebody may do, and where, from their next request on.

    Raises:
        LastAdmin: it would leave nobody who administers.
        DatabaseUnavailable: the database does not answer.
        Invalid: without a role.
        PersonNotFound: there is no such account, or it was erased.
    """
    _require_roles(roles)
    scope = _scope(markets, of_categories)
    with writing(engine, durable=True) as conn:
        return set_roles(conn, person_id, roles, by=me, at=now, scope=scope)


def give_password(engine: Engine, person_id: str, *, me: str, now: datetime) -> tuple[Person, str]:
    """Make up a new password for somebody, told this once; all their sessions end.

    Raises:
        DatabaseUnavailable: the database does not answer.
        PersonNotFound: there is no such account, or it was erased.
    """
    password = made_up()
    kept = hash_of(password)
    with writing(engine, durable=True) as conn:
        set_password(conn, person_id, kept, by=me, at=now, must_change=True)
        return read_person(conn, person_id), password


def let_out(engine: Engine, person_id: str, *, me: str, now: datetime) -> Person:
    """Let somebody in no more; their sessions end at once.

    Raises:
        LastAdmin: it would leave nobody who administers.
        DatabaseUnavailable: the database does not answer.
        PersonNotFound: there is no such account, or it was erased.
    """
    with writing(engine, durable=True) as conn:
        return disable_person(conn, person_id, by=me, at=now)


def end_sessions(engine: Engine, person_id: str, *, me: str, now: datetime) -> int:
    """Log somebody out of every browser; returns of how many.

    Raises:
        DatabaseUnavailable: the database does not answer.
        PersonNotFound: there is no such account.
    """
    with writing(engine, durable=True) as conn:
        read_person(conn, person_id)
        ended = end_sessions_of(conn, person_id)
        record(conn, LoggedOutEverywhere(person=person_id), at=now, actor=me)
    return ended


def _state(key: AccessKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= now
    return "expired" if expired else "in force"


def _scope(markets: Collection[str], of_categories: Collection[str]) -> Scope:
    """None chosen is all."""
    return Scope.of(list(markets) or None, list(of_categories) or None)


def _require_roles(roles: Collection[Role]) -> None:
    if not roles:
        raise Invalid("choose at least one role", ("roles",))
