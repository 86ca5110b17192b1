"""The records, with the names that are not erased; the chain verified; names erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.audit.chain import ROOT, record_hash
from storage.audit.tables import audit_head as head
from storage.audit.tables import audit_people as people
from storage.audit.tables import audit_records as table
from storage.database import require_writer
from storage.errors import NotStored

_BATCH: Final = 10_000
_HASHED: Final = [column for column in table.c if column.name != "hash"]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One deed.

    Attributes:
        number: its place in the chain, from 1.
        at: when, UTC.
        person_id: who, opaque.
        principal, name: who; None where it was erased.
        verb, subject_kind, subject_id: what was done, to what.
        origin: the id of the request; empty where there was none.
        before, after: digests of the subject; None for none.
        hash: of the chain up to here.
    """

    number: int
    at: datetime
    person_id: str
    principal: str | None
    name: str | None
    verb: str
    subject_kind: str
    subject_id: str
    origin: str
    before: str | None
    after: str | None
    hash: str


@dataclass(frozen=True, slots=True)
class AuditState:
    """What verifying found.

    Attributes:
        records: how many there are.
        hash: of the last one; ROOT where there is none. Kept elsewhere it is an anchor.
        broken_at: number of the first record that is wrong or missing; None where all is right.
        why: what is wrong with it; empty where nothing is.
    """

    records: int
    hash: str
    broken_at: int | None = None
    why: str = ""


def audit_records(
    conn: Connection,
    *,
    subject: tuple[str, str] | None = None,
    person_id: str | None = None,
    verb: str | None = None,
    subject_kind: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> tuple[AuditRecord, ...]:
    """The newest records, the newest first.

    Args:
        conn: an open transaction.
        subject: kind and id: only what was done to this.
        person_id: only what this one did, by their opaque identifier.
        verb: only this deed.
        subject_kind: only what was done to things of this kind.
        before: only records with a lower number.
        limit: so many at most.
    """
    t = table.c
    columns: list[sa.Column[Any]] = [
        t.number, t.at, t.person_id, people.c.principal, people.c.name, t.verb, t.subject_kind,
        t.subject_id, t.origin, t.before_sha256, t.after_sha256, t.hash,
    ]  # fmt: skip
    query = sa.select(*columns).join_from(table, people).order_by(t.number.desc()).limit(limit)
    if subject is not None:
        query = query.where(t.subject_kind == subject[0], t.subject_id == subject[1])
    only = ((t.person_id, person_id), (t.verb, verb), (t.subject_kind, subject_kind))
    query = query.where(*(column == value for column, value in only if value is not None))
    if before is not None:
        query = query.where(t.number < before)
    return tuple(AuditRecord(*row) for row in conn.execute(query))


def audit_words(conn: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The deeds that stand in the records, and the kinds of things that they were done to."""
    verbs, kinds = (
        tuple(conn.scalars(sa.select(column).distinct().order_by(column)))
        for column in (table.c.verb, table.c.subject_kind)
    )
    return verbs, kinds


def audit_actors(conn: Connection) -> dict[str, str | None]:
    """Who did anything, as the records name them, by opaque identifier; None where erased."""
    query = sa.select(people.c.person_id, people.c.principal).order_by(people.c.principal)
    return {row.person_id: row.principal for row in conn.execute(query)}


def verify_audit(conn: Connection, *, anchor: str | None = None) -> AuditState:
    """Compute the whole chain anew.

    Args:
        conn: an open transaction that sees one state.
        anchor: the hash of a record that was noted elsewhere; it must still be one of the chain.

    Returns:
        What is there, and the first record that is wrong. A record that was changed, left out or
        put in breaks the chain where it stands; records that are missing at the end are noticed by
        the head, or, where somebody took that back too, by the anchor.
    """
    last = conn.execute(sa.select(head.c.number, head.c.hash)).one_or_none()
    count, found = 0, ROOT
    anchored = anchor is None or anchor == ROOT
    total = conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0
    query = sa.select(*_HASHED, table.c.hash).order_by(table.c.number)
    with conn.execute(query.execution_options(yield_per=_BATCH)) as result:
        for row in result.mappings():
            count += 1
            if row["number"] != count:
                return AuditState(total, found, count, "it is missing")
            computed = record_hash(found, {column.name: row[column.name] for column in _HASHED})
            if computed != row["hash"]:
                why = "it is not what was written, or does not follow the one before"
                return AuditState(total, found, count, why)
            found = computed
            anchored = anchored or found == anchor
    said = (0, ROOT) if last is None else (last.number, last.hash)
    if said[0] > count:
        return AuditState(
            total, found, count + 1, f"it is missing: {said[0]:,} records were written"
        )
    if said != (count, found):
        return AuditState(total, found, said[0] + 1, "the head of the chain does not know it")
    if not anchored:
        return AuditState(
            total, found, count + 1, "no record has the hash of the anchor: its end is missing"
        )
    return AuditState(total, found)


def erase_name(conn: Connection, principal: str, *, at: datetime) -> str:
    """Forget what a person is called; gives the identifier that stays in the records.

    The chain stays whole. Who comes again under the same principal is somebody new to it.

    Args:
        conn: a transaction that writes.
        principal: as in the records.
        at: now.

    Raises:
        NotStored: nobody is known by it.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    erased: str | None = conn.scalar(
        people.update()
        .where(people.c.principal == principal)
        .values(principal=None, name=None, erased_at=at)
        .returning(people.c.person_id)
    )
    if erased is None:
        raise NotStored(f"the audit knows nobody called {principal!r}")
    return erased
