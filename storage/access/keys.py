"""Keys of programs: made, rotated, revoked, and counted. A secret is told once and never kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

from pricing.events.access import KeyMade, KeyRevoked, KeyRotated
from storage.access.scopes import EVERYWHERE, Scope
from storage.access.tables import access_keys as table
from storage.access.tables import key_uses
from storage.database import require_writer, take_turns
from storage.errors import InvalidRecord, KeyNotFound, KeyNotInForce
from storage.events.store import record

Kind = Literal["publishable", "secret"]

_SECRET_BYTES: Final = 32
_OF_TESTS: Final = frozenset(("storefront",))
_LETTERS: Final[Mapping[Kind, str]] = {"publishable": "pk", "secret": "sk"}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key, without its secret.

    Attributes:
        key_id: an opaque name of it.
        name: what it is for.
        kind: `publishable` or `secret`.
        prefix: the beginning of its secret, by which people tell keys apart.
        roles: what it may do.
        scope: where.
        test: it sees the prices of a draft and redeems nothing.
        draft_id: whose prices it sees; None for the live ones. Of a test key only.
        per_minute: most requests a minute in each server process; None for no limit.
        per_day: most requests a day (UTC) in all; None for no limit.
        expires_at: when it ends; None for never.
        created_at: when it was made, UTC.
        created_by: by whom.
        revoked_at: when it was revoked; None while it is not.
        last_used_at: about when it was last used, to the minute; None for never.
        previous_until: until when the secret before the last rotation is good, too.
        hashes: digests of the secrets that open it, the newest first.
    """

    key_id: str
    name: str
    kind: Kind
    prefix: str
    roles: frozenset[str]
    scope: Scope
    test: bool
    draft_id: int | None
    per_minute: int | None
    per_day: int | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    last_used_at: datetime | None
    previous_until: datetime | None
    hashes: tuple[str, ...]


def digest_of(secret: bytes) -> str:
    """What is kept of a secret.

    SHA-256 and no slow function: a slow one makes guesses at what people can remember dear. Here
    are 256 random bits, which nobody guesses however fast, and each request would pay for it.
    """
    return hashlib.sha256(secret).hexdigest()


def make_key(
    conn: Connection,
    *,
    name: str,
    kind: Kind,
    roles: frozenset[str],
    by: str,
    at: datetime,
    scope: Scope = EVERYWHERE,
    test: bool = False,
    draft_id: int | None = None,
    per_minute: int | None = None,
    per_day: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[AccessKey, str]:
    """Make a key; returns it and its secret, which is told this once.

    Raises:
        InvalidRecord: a publishable key with roles, a test key with other roles than a
            storefront's, a draft without test, a past end, or a limit below 1.
        NotWriting: the transaction was opened to read.
    """
    _check(name, kind, roles, at, test, draft_id, (per_minute, per_day), expires_at)
    key_id = f"k_{secrets.token_hex(8)}"
    prefix, secret = _new_secret(kind, test=test)
    conn.execute(
        table.insert().values(
            key_id=key_id,
            name=name,
            kind=kind,
            prefix=prefix,
            secret_hash=digest_of(secret.encode()),
            roles=sorted(roles),
            scope=scope.stored(),
            test=test,
            draft_id=draft_id,
            per_minute=per_minute,
            per_day=per_day,
            expires_at=expires_at,
            created_at=at,
            created_by=by,
            change=_next_change(conn),
        )
    )
    made = KeyMade(
        key=key_id,
        name=name,
        prefix=prefix,
        roles=tuple(sorted(roles)),
        test=test,
        expires_at=None if expires_at is None else expires_at.isoformat(),
        **scope.named(),
    )
    record(conn, made, at=at, actor=by)
    return read_key(conn, key_id), secret


def rotate_key(
    conn: Connection, key_id: str, *, by: str, at: datetime, overlap: timedelta
) -> tuple[AccessKey, str]:
    """Give a key a new secret; the one before stays good for the overlap.

    Raises:
        KeyNotFound: there is no such key.
        KeyNotInForce: it was revoked or has expired.
        NotWriting: the transaction was opened to read.
    """
    known = _in_force(conn, key_id, at)
    prefix, secret = _new_secret(known.kind, test=known.test)
    until = at + overlap
    conn.execute(
        table.update()
        .where(table.c.key_id == key_id)
        .values(
            prefix=prefix,
            secret_hash=digest_of(secret.encode()),
            previous_hash=known.hashes[0],
            previous_until=until,
            change=_next_change(conn),
        )
    )
    rotated = KeyRotated(key=key_id, prefix=prefix, previous_until=until.isoformat())
    record(conn, rotated, at=at, actor=by)
    return read_key(conn, key_id), secret


def revoke_key(conn: Connection, key_id: str, *, by: str, at: datetime) -> AccessKey:
    """End a key at once: every process knows within its poll. Twice is as once.

    Raises:
        KeyNotFound: there is no such key.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "access keys")
    known = read_key(conn, key_id)
    if known.revoked_at is None:
        values = {"revoked_at": at, "change": _next_change(conn)}
        conn.execute(table.update().where(table.c.key_id == key_id).values(values))
        record(conn, KeyRevoked(key=key_id), at=at, actor=by)
    return read_key(conn, key_id)


def read_key(conn: Connection, key_id: str) -> AccessKey:
    """One key.

    Raises:
        KeyNotFound: there is no such key.
    """
    row = conn.execute(sa.select(table).where(table.c.key_id == key_id)).one_or_none()
    if row is None:
        raise KeyNotFound(f"there is no key {key_id}")
    return _key(row)


def list_keys(conn: Connection) -> tuple[AccessKey, ...]:
    """All keys, the newest first, those that ended among them."""
    newest = sa.select(table).order_by(table.c.created_at.desc(), table.c.key_id)
    return tuple(_key(row) for row in conn.execute(newest))


def keys_in_force(conn: Connection, at: datetime) -> tuple[AccessKey, ...]:
    """Those that are neither revoked nor expired."""
    these = sa.and_(
        table.c.revoked_at.is_(None),
        sa.or_(table.c.expires_at.is_(None), table.c.expires_at > at),
    )
    return tuple(_key(row) for row in conn.execute(sa.select(table).where(these)))


def last_change(conn: Connection) -> int:
    """A number that rises whenever any key changes."""
    return conn.scalar(sa.select(sa.func.max(table.c.change))) or 0


def count_uses(
    conn: Connection, uses: Mapping[str, int], *, at: datetime, day: date
) -> Mapping[str, int]:
    """Add what a process has counted; returns how many requests each key had on that day in all.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    totals = {}
    for key_id, requests in sorted(uses.items()):  # in one order, so that two never wait in turn
        new = insert(key_uses).values(key_id=key_id, day=day, requests=requests)
        added = new.on_conflict_do_update(
            index_elements=[key_uses.c.key_id, key_uses.c.day],
            set_={"requests": key_uses.c.requests + new.excluded.requests},
        ).returning(key_uses.c.requests)
        totals[key_id] = conn.execute(added).scalar_one()
        used = table.update().where(table.c.key_id == key_id).values(last_used_at=at)
        conn.execute(used)
    return totals


def uses_on(conn: Connection, day: date) -> Mapping[str, int]:
    """How many requests each key had on a day (UTC), as far as processes have told."""
    query = sa.select(key_uses.c.key_id, key_uses.c.requests).where(key_uses.c.day == day)
    return {row.key_id: row.requests for row in conn.execute(query)}


def _check(
    name: str,
    kind: Kind,
    roles: frozenset[str],
    at: datetime,
    test: bool,  # noqa: FBT001  (a fact of the key, not a switch)
    draft_id: int | None,
    limits: tuple[int | None, ...],
    expires_at: datetime | None,
) -> None:
    if not name.strip():
        raise InvalidRecord("name: say what the key is for")
    if kind == "publishable" and roles:
        raise InvalidRecord("roles: a publishable key may be seen by everybody and has none")
    if kind == "secret" and not roles:
        raise InvalidRecord("roles: a secret key needs one, such as storefront")
    if test and not roles <= _OF_TESTS:
        raise InvalidRecord("roles: a test key has the role storefront, or is publishable")
    if draft_id is not None and not test:
        raise InvalidRecord("draft: only a test key sees the prices of a draft; set test")
    if any(limit is not None and limit < 1 for limit in limits):
        raise InvalidRecord("per_minute, per_day: must be 1 or more; leave them out for no limit")
    if expires_at is not None and expires_at <= at:
        raise InvalidRecord("expires_at: lies in the past")


def _new_secret(kind: Kind, *, test: bool) -> tuple[str, str]:
    beginning = f"pw_{_LETTERS[kind]}_{'test_' if test else ''}{secrets.token_hex(4)}"
    return beginning, f"{beginning}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def _in_force(conn: Connection, key_id: str, at: datetime) -> AccessKey:
    take_turns(conn, "access keys")
    known = read_key(conn, key_id)
    if known.revoked_at is not None or (known.expires_at is not None and known.expires_at <= at):
        raise KeyNotInForce(f"key {key_id} was revoked or has expired; make a new one")
    return known


def _next_change(conn: Connection) -> int:
    take_turns(conn, "access keys")
    return last_change(conn) + 1


def _key(row: Row[tuple[object, ...]]) -> AccessKey:
    hashes = (row.secret_hash, row.previous_hash)
    return AccessKey(
        key_id=row.key_id,
        name=row.name,
        kind=row.kind,
        prefix=row.prefix,
        roles=frozenset(row.roles),
        scope=Scope.from_stored(row.scope),
        test=row.test,
        draft_id=row.draft_id,
        per_minute=row.per_minute,
        per_day=row.per_day,
        expires_at=row.expires_at,
        created_at=row.created_at,
        created_by=row.created_by,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        previous_until=row.previous_until,
        hashes=tuple(each for each in hashes if each is not None),
    )
