"""Who did what and when, as a person reads it, and whether the record of it is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from api.access.naming import names_of_actors
from storage.audit.reading import (
    AuditRecord,
    AuditState,
    audit_actors,
    audit_records,
    audit_words,
    verify_audit,
)
from storage.database import reading


@dataclass(frozen=True, slots=True)
class Trail:
    """Some records.

    Attributes:
        records: the newest first.
        names: of who did it, by their opaque identifier; who was erased has none.
        verbs: the deeds that there are.
        kinds: of what they were done to.
        older: whether there are older ones.
    """

    records: Sequence[AuditRecord]
    names: Mapping[str, str]
    verbs: Sequence[str]
    kinds: Sequence[str]
    older: bool


def read_trail(
    engine: Engine,
    *,
    person_id: str | None = None,
    verb: str | None = None,
    kind: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Trail:
    """Records of one person, deed and kind of thing, where they are named.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        found = audit_records(
            conn, person_id=person_id, verb=verb, subject_kind=kind, before=before, limit=limit + 1
        )
        actors = audit_actors(conn)
        called = names_of_actors(conn, list(actors.values()))
        verbs, kinds = audit_words(conn)
    names = {person: called[actor] for person, actor in actors.items() if actor}
    return Trail(found[:limit], names, verbs, kinds, older=len(found) > limit)


def verify(engine: Engine) -> AuditState:
    """Compute the whole chain anew.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        return verify_audit(conn)
