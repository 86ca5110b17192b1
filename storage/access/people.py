"""People who log in: accounts with a password of their own, or of a provider of identities.

What somebody did is recorded under `person_id`, which says nothing of them: erasing an account
leaves the records whole and nobody in them.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from pricing.events.access import (
    PasswordChanged,
    PersonAdded,
    PersonDisabled,
    PersonErased,
    RolesChanged,
)
from storage.access.scopes import EVERYWHERE, Scope
from storage.access.tables import people as table
from storage.access.tables import sessions
from storage.database import require_writer, take_turns
from storage.errors import InvalidRecord, LastAdmin, PersonNameTaken, PersonNotFound
from storage.events.store import record

_MOST_NAME = 200

_ADMINISTERS: Final = "admin"
"""The role that lets people in: somebody has it everywhere, always."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account.

    Attributes:
        person_id: opaque; what the records name.
        name: what they log in with; None once erased.
        roles: what they may do.
        scope: where.
        has_password: whether a password of this service opens it.
        must_change_password: the password was made for them, and is good for choosing one.
        issuer: the provider of identities that vouches for them; None for none.
        created_at: since when there is the account, UTC.
        created_by: who made it.
        disabled_at: since when nobody logs in with it; None while they do.
        erased_at: when all that was known of them was deleted; None while it is not.
        last_login_at: when they last logged in.
    """

    person_id: str
    name: str | None
    roles: frozenset[str]
    scope: Scope
    has_password: bool
    must_change_password: bool
    issuer: str | None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    erased_at: datetime | None
    last_login_at: datetime | None


def add_person(
    conn: Connection,
    *,
    name: str,
    roles: Collection[str],
    by: str,
    at: datetime,
    scope: Scope = EVERYWHERE,
    password_hash: str | None = None,
    must_change_password: bool = False,
    identity: tuple[str, str] | None = None,
) -> Person:
    """Make an account.

    Args:
        conn: a transaction that may write.
        name: what they log in with.
        roles: what they may do.
        by: who makes it.
        at: now.
        scope: where they may do it.
        password_hash: argon2id; None where no password opens it.
        must_change_password: the password is good for choosing another one only.
        identity: the provider's issuer and the subject that it knows them by.

    Raises:
        PersonNameTaken: another account has this name.
        InvalidRecord: a name that is blank or too long.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "people")
    name = name.strip()
    if not 0 < len(name) <= _MOST_NAME:
        raise InvalidRecord(f"name: give 1 to {_MOST_NAME} characters")
    if conn.scalar(sa.select(table.c.person_id).where(table.c.name == name)) is not None:
        raise PersonNameTaken(f"there is an account {name!r} already")
    person_id = f"p_{secrets.token_hex(8)}"
    issuer, subject = identity or (None, None)
    conn.execute(
        table.insert().values(
            person_id=person_id,
            name=name,
            password_hash=password_hash,
            must_change_password=must_change_password,
            issuer=issuer,
            subject=subject,
            roles=sorted(roles),
            scope=scope.stored(),
            created_at=at,
            created_by=by,
        )
    )
    added = PersonAdded(person=person_id, roles=tuple(sorted(roles)), **scope.named())
    record(conn, added, at=at, actor=by)
    return read_person(conn, person_id)


def read_person(conn: Connection, person_id: str) -> Person:
    """One account by its id.

    Raises:
        PersonNotFound: there is no such account.
    """
    return _one(conn, table.c.person_id == person_id, person_id)


def person_named(conn: Connection, name: str) -> Person:
    """One account by the name that they log in with.

    Raises:
        PersonNotFound: there is no such account.
    """
    return _one(conn, table.c.name == name, name)


def person_known_as(conn: Connection, issuer: str, subject: str) -> Person | None:
    """Whom a provider of identities knows by this subject; None for nobody."""
    these = table.c.issuer == issuer, table.c.subject == subject
    row = conn.execute(sa.select(table).where(*these)).one_or_none()
    return None if row is None else _person(row)


def list_people(conn: Connection) -> tuple[Person, ...]:
    """All accounts, the oldest first."""
    oldest = sa.select(table).order_by(table.c.created_at, table.c.person_id)
    return tuple(_person(row) for row in conn.execute(oldest))


def there_are_people(conn: Connection) -> bool:
    """Whether anybody ever had an account."""
    return conn.scalar(sa.select(table.c.person_id).limit(1)) is not None


def names_of(conn: Connection, person_ids: Collection[str]) -> Mapping[str, str]:
    """Names of people as of now, by id; who was erased has none."""
    query = sa.select(table.c.person_id, table.c.name).where(
        table.c.person_id.in_(set(person_ids)), table.c.name.is_not(None)
    )
    return {row.person_id: row.name for row in conn.execute(query)}


def active_with_a_role(
    conn: Connection, roles: Collection[str], reach: Scope = EVERYWHERE
) -> frozenset[str]:
    """Ids of the people who can log in, have any of these roles, and may act on all of a reach.

    Args:
        conn: a connection.
        roles: any of which they have.
        reach: the markets and categories that it is about.
    """
    query = sa.select(table.c.person_id, table.c.roles, table.c.scope).where(
        table.c.disabled_at.is_(None)
    )
    return frozenset(
        row.person_id
        for row in conn.execute(query)
        if {*roles} & {*row.roles} and Scope.from_stored(row.scope).covers(reach)
    )


def password_hash_of(conn: Connection, name: str) -> tuple[Person, str] | None:
    """The account of this name and the hash of its password; None where none opens it."""
    row = conn.execute(sa.select(table).where(table.c.name == name)).one_or_none()
    if row is None or row.password_hash is None or row.disabled_at is not None:
        return None
    return _person(row), row.password_hash


def is_opened_by(conn: Connection, name: str, password_hash: str) -> bool:
    """Whether the account of this name still has this hash; it keeps it to the transaction's end.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    these = table.c.name == name, table.c.disabled_at.is_(None)
    query = sa.select(table.c.password_hash).where(*these).with_for_update()
    return conn.scalar(query) == password_hash


def set_password(
    conn: Connection,
    person_id: str,
    password_hash: str,
    *,
    by: str,
    at: datetime,
    must_change: bool,
) -> None:
    """Give an account a new password and end all of its sessions.

    Raises:
        PersonNotFound: there is no such account, or it was erased.
        NotWriting: the transaction was opened to read.
    """
    values = {"password_hash": password_hash, "must_change_password": must_change}
    _change(conn, person_id, **values)
    end_sessions_of(conn, person_id)
    record(conn, PasswordChanged(person=person_id), at=at, actor=by)


def keep_better_hash(conn: Connection, person_id: str, password_hash: str) -> None:
    """The same password, hashed by the costs of today.

    Raises:
        PersonNotFound: there is no such account, or it was erased.
        NotWriting: the transaction was opened to read.
    """
    _change(conn, person_id, password_hash=password_hash)


def set_roles(
    conn: Connection,
    person_id: str,
    roles: Collection[str],
    *,
    by: str,
    at: datetime,
    scope: Scope = EVERYWHERE,
) -> Person:
    """Say what somebody may do, and where, from their next request on.

    Raises:
        LastAdmin: nobody else administers, and they would no longer.
        PersonNotFound: there is no such account, or it was erased.
        NotWriting: the transaction was opened to read.
    """
    if _ADMINISTERS not in roles or scope != EVERYWHERE:
        _require_another_admin(conn, person_id)
    return _give_roles(conn, person_id, roles, by=by, at=at, scope=scope)


def follow_provider(
    conn: Connection, person_id: str, roles: Collection[str], *, at: datetime
) -> Person:
    """Give somebody the roles that their provider of identities says they have.

    It has the last word, on the last one who administers, too: an account that kept more than it
    says could never be taken down there.

    Raises:
        PersonNotFound: there is no such account, or it was erased.
        NotWriting: the transaction was opened to read.
    """
    scope = read_person(conn, person_id).scope
    return _give_roles(conn, person_id, roles, by=person_id, at=at, scope=scope)


def _give_roles(
    conn: Connection,
    person_id: str,
    roles: Collection[str],
    *,
    by: str,
    at: datetime,
    scope: Scope,
) -> Person:
    before = read_person(conn, person_id)
    _change(conn, person_id, roles=sorted(roles), scope=scope.stored())
    changed = RolesChanged(
        person=person_id,
        roles=tuple(sorted(roles)),
        before=tuple(sorted(before.roles)),
        **scope.named(),
    )
    record(conn, changed, at=at, actor=by)
    return read_person(conn, person_id)


def disable_person(conn: Connection, person_id: str, *, by: str, at: datetime) -> Person:
    """Let somebody in no more, and end their sessions. Twice is as once.

    Raises:
        LastAdmin: nobody else administers.
        PersonNotFound: there is no such account, or it was erased.
        NotWriting: the transaction was opened to read.
    """
    _require_another_admin(conn, person_id)
    if read_person(conn, person_id).disabled_at is None:
        _change(conn, person_id, disabled_at=at)
        end_sessions_of(conn, person_id)
        record(conn, PersonDisabled(person=person_id), at=at, actor=by)
    return read_person(conn, person_id)


def erase_person(conn: Connection, person_id: str, *, by: str, at: datetime) -> Person:
    """Delete all that is known of somebody: name, password, identity. Twice is as once.

    Raises:
        LastAdmin: nobody else administers.
        PersonNotFound: there is no such account.
        NotWriting: the transaction was opened to read.
    """
    _require_another_admin(conn, person_id)
    known = read_person(conn, person_id)
    if known.erased_at is None:
        _change(
            conn,
            person_id,
            name=None,
            password_hash=None,
            issuer=None,
            subject=None,
            roles=[],
            scope={},
            disabled_at=known.disabled_at or at,
            erased_at=at,
            last_login_at=None,
        )
        end_sessions_of(conn, person_id)
        record(conn, PersonErased(person=person_id), at=at, actor=by)
    return read_person(conn, person_id)


def identity_of(actor: str) -> str:
    """Whose deed it is, by how the records name who did it: of a person's key, the person's."""
    return actor.partition("/")[0]


def actor_named(conn: Connection, name: str) -> str:
    """How the records name whom a command line names: the account of this name, or the name."""
    found: str | None = conn.scalar(sa.select(table.c.person_id).where(table.c.name == name))
    return name if found is None else found


def end_sessions_of(conn: Connection, person_id: str) -> int:
    """End all sessions of somebody; returns how many there were."""
    require_writer(conn)
    return conn.execute(sessions.delete().where(sessions.c.person_id == person_id)).rowcount


def _require_another_admin(conn: Connection, person_id: str) -> None:
    """Refuse what would leave nobody who lets people in; two at once wait for each other.

    Raises:
        LastAdmin: see there.
    """
    take_turns(conn, "people")
    if active_with_a_role(conn, (_ADMINISTERS,)) == {person_id}:
        raise LastAdmin("nobody else administers: give another account the role admin first")


def _change(conn: Connection, person_id: str, **values: object) -> None:
    require_writer(conn)
    these = table.c.person_id == person_id, table.c.erased_at.is_(None)
    if conn.execute(table.update().where(*these).values(**values)).rowcount == 0:
        raise PersonNotFound(f"there is no account {person_id}")


def _one(conn: Connection, which: sa.ColumnElement[bool], named: str) -> Person:
    row = conn.execute(sa.select(table).where(which)).one_or_none()
    if row is None:
        raise PersonNotFound(f"there is no account {named!r}")
    return _person(row)


def _person(row: Row[tuple[object, ...]]) -> Person:
    return Person(
        person_id=row.person_id,
        name=row.name,
        roles=frozenset(row.roles),
        scope=Scope.from_stored(row.scope),
        has_password=row.password_hash is not None,
        must_change_password=row.must_change_password,
        issuer=row.issuer,
        created_at=row.created_at,
        created_by=row.created_by,
        disabled_at=row.disabled_at,
        erased_at=row.erased_at,
        last_login_at=row.last_login_at,
    )
