"""A person's name goes from everything that is stored; what was done stays, under an opaque id."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.audit.reading import erase_name
from storage.backup.schema import reflected, revision_of

_SAYS_WHO = ("actor", "author")


def erase_person(conn: Connection, principal: str, name: str, *, at: datetime) -> str:
    """Put the person's opaque identifier where the name stands as who did something.

    These are the columns `actor`, `author` and `…_by` of every table, with the audit's people. What
    people wrote themselves, such as notes and reasons, stays as they wrote it, and so do the facts
    of events that were told.

    Args:
        conn: a transaction that writes.
        principal: as the audit knows the person.
        name: as it stands in the tables; somebody else of the same name is erased, too.
        at: now.

    Returns:
        The identifier that stands there from now on, as in the audit.

    Raises:
        NotStored: the audit knows nobody under this principal; nothing was changed.
        NotWriting: the transaction was opened to read.
    """
    opaque = erase_name(conn, principal, at=at)
    revision = revision_of(conn)
    assert revision is not None  # noqa: S101  (there is an audit)
    for table in reflected(conn, revision):
        for column in table.columns:
            if column.name in _SAYS_WHO or column.name.endswith("_by"):
                if not isinstance(column.type, sa.String):
                    continue
                conn.execute(table.update().where(column == name).values({column: opaque}))
    return opaque
