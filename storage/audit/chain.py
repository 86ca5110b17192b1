"""Records are appended, each with the hash of the one before it.

    with writing(engine) as conn:
        ...                                                     # the deed
        append_audit(conn, Act(...), at=now)                   # last: others wait from here on

    hash = SHA-256(hash before ‖ canonical JSON of the record)

The canonical JSON has sorted keys, no spaces, and times in UTC with microseconds. The hash before
the first record is 64 zeros.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.audit.tables import audit_head as head
from storage.audit.tables import audit_people as people
from storage.audit.tables import audit_records as table
from storage.database import take_turns
from storage.errors import InvalidRecord

ROOT: Final = "0" * 64
"""The hash before the first record."""

_TURN: Final = "audit"
_HEAD: Final = 1
_origin: ContextVar[str] = ContextVar("audit_origin", default="")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts.

    Attributes:
        principal: as the door knows him: an account, a key, a command line. Never comes again for
            somebody else.
        name: what he is called.
    """

    principal: str
    name: str

    @classmethod
    def named(cls, name: str) -> Self:
        """Who is known by nothing but a name."""
        return cls(name, name)


@dataclass(frozen=True, slots=True)
class Act:
    """What was done.

    Attributes:
        by: who did it.
        verb: what, such as `approved`.
        subject_kind, subject_id: to what: `draft` and `7`. No personal data: an opaque id.
        before, after: digests of it before and after, see `digest_of`; None for none.
    """

    by: Principal
    verb: str
    subject_kind: str
    subject_id: str
    before: str | None = None
    after: str | None = None


@contextmanager
def audited_from(origin: str) -> Iterator[None]:
    """What is done within the block, and what it calls, came by this request."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def digest_of(document: object) -> str:
    """SHA-256 of a document's canonical JSON: shows that it changed, not what it says.

    What can be guessed can be found by its digest: leave personal data out.
    """
    return hashlib.sha256(_canonical(document)).hexdigest()


def append_audit(conn: Connection, act: Act, *, at: datetime) -> int:
    """Add a record in the transaction of the deed; returns its number.

    Whoever else would add one waits until this transaction has ended, so this is the last thing
    that it does.

    Args:
        conn: the transaction that does it.
        act: what was done.
        at: when, aware.

    Raises:
        InvalidRecord: a time without a zone, or a part that says nothing.
        NotWriting: the transaction was opened to read.
    """
    if at.tzinfo is None:
        raise InvalidRecord(f"time {at.isoformat()} has no time zone; pass an aware one")
    if not (act.verb and act.subject_kind and act.by.principal):
        raise InvalidRecord("a record of the audit needs who, what and to what")
    take_turns(conn, _TURN)
    person = _person(conn, act.by)
    last = conn.execute(sa.select(head.c.number, head.c.hash)).one_or_none()
    number, before = (0, ROOT) if last is None else (last.number, last.hash)
    record = {
        "number": number + 1,
        "at": at,
        "person_id": person,
        "verb": act.verb,
        "subject_kind": act.subject_kind,
        "subject_id": act.subject_id,
        "origin": _origin.get(),
        "before_sha256": act.before,
        "after_sha256": act.after,
    }
    found = record_hash(before, record)
    conn.execute(table.insert().values(**record, hash=found))
    values = {"number": number + 1, "hash": found}
    if last is None:
        conn.execute(head.insert().values(head_id=_HEAD, **values))
    else:
        conn.execute(head.update().values(values))
    return number + 1


def record_hash(before: str, record: dict[str, Any]) -> str:
    """The hash of a record that follows one with the hash `before`."""
    at: datetime = record["at"]
    said = {**record, "at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    return hashlib.sha256(before.encode() + _canonical(said)).hexdigest()


def _canonical(document: object) -> bytes:
    return msgspec.json.encode(document, order="sorted")


def _person(conn: Connection, by: Principal) -> str:
    known = conn.execute(
        sa.select(people.c.person_id, people.c.name).where(people.c.principal == by.principal)
    ).one_or_none()
    if known is None:
        made = secrets.token_hex(16)
        conn.execute(people.insert().values(person_id=made, principal=by.principal, name=by.name))
        return made
    if known.name != by.name:
        here = people.c.person_id == known.person_id
        conn.execute(people.update().where(here).values(name=by.name))
    return str(known.person_id)
