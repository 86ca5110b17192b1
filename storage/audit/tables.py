"""Tables of the audit. Triggers refuse every change of a record, and of the head but the next step.

What a person is called stands in `audit_people` alone, which may be erased: records know an opaque
identifier, so the chain stays whole.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Text

from storage.columns import UtcDateTime
from storage.tables import metadata

audit_people: Final = sa.Table(
    "audit_people",
    metadata,
    Column("person_id", Text, primary_key=True),  # made up; says nothing
    # As the door knows them: of a key, an account, the system. Both NULL once it is erased.
    Column("principal", Text, unique=True),
    Column("name", Text),
    Column("erased_at", UtcDateTime),
    sqlite_with_rowid=False,
)

audit_records: Final = sa.Table(
    "audit_records",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("at", UtcDateTime, nullable=False),
    Column("person_id", Text, ForeignKey("audit_people.person_id"), nullable=False),
    Column("verb", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("origin", Text, nullable=False),  # the id of the request; '' where there was none
    Column("before_sha256", Text),
    Column("after_sha256", Text),
    Column("hash", Text, nullable=False),
    sa.Index(None, "subject_kind", "subject_id", "number"),
    sqlite_with_rowid=False,
)

# One row: where the chain ends. Rows that are missing at its end would not be noticed without.
audit_head: Final = sa.Table(
    "audit_head",
    metadata,
    Column("head_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("head_id = 1", name="one"),
    sqlite_with_rowid=False,
)

_GROWS: Final = "audit records are only ever appended"
_STEPS: Final = "the head of the audit only goes on by one"

# SQLite fires no DELETE trigger where `INSERT OR REPLACE` puts a row in the place of another.
_SQLITE: Final = (
    ("audit_records_update", "BEFORE UPDATE ON audit_records", "", _GROWS),
    ("audit_records_delete", "BEFORE DELETE ON audit_records", "", _GROWS),
    (
        "audit_records_replace",
        "BEFORE INSERT ON audit_records",
        "WHEN EXISTS (SELECT 1 FROM audit_records WHERE number = NEW.number)",
        _GROWS,
    ),
    ("audit_head_delete", "BEFORE DELETE ON audit_head", "", _STEPS),
    (
        "audit_head_update",
        "BEFORE UPDATE ON audit_head",
        "WHEN NEW.head_id <> OLD.head_id OR NEW.number <> OLD.number + 1",
        _STEPS,
    ),
    (
        "audit_head_replace",
        "BEFORE INSERT ON audit_head",
        "WHEN EXISTS (SELECT 1 FROM audit_head)",
        _STEPS,
    ),
)
_POSTGRES: Final = (
    (
        "audit_records_update",
        "BEFORE UPDATE OR DELETE ON audit_records FOR EACH ROW",
        "",
        _GROWS,
    ),
    ("audit_records_truncate", "BEFORE TRUNCATE ON audit_records", "", _GROWS),
    ("audit_head_delete", "BEFORE DELETE ON audit_head FOR EACH ROW", "", _STEPS),
    ("audit_head_truncate", "BEFORE TRUNCATE ON audit_head", "", _STEPS),
    (
        "audit_head_update",
        "BEFORE UPDATE ON audit_head FOR EACH ROW",
        "WHEN (NEW.head_id <> OLD.head_id OR NEW.number <> OLD.number + 1)",
        _STEPS,
    ),
)


def _make(table: sa.Table, dialect: str, statement: str, moment: str = "after_create") -> None:
    sa.event.listen(table, moment, sa.DDL(statement).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]


def _guard(table: sa.Table) -> None:
    """Where the tables are made from here, and not by migrations, the triggers are, too."""
    for name, when, condition, why in _SQLITE:
        if table.name in when.split():
            action = f"BEGIN SELECT RAISE(ABORT, '{why}'); END"
            _make(table, "sqlite", f"CREATE TRIGGER {name} {when} {condition} {action}")
    function = (
        "CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$"
    )
    _make(table, "postgresql", function, "before_create")
    for name, when, condition, why in _POSTGRES:
        if table.name in when.split():
            action = f"EXECUTE FUNCTION audit_refuses('{why}')"
            _make(table, "postgresql", f"CREATE TRIGGER {name} {when} {condition} {action}")


for _table in (audit_records, audit_head):
    _guard(_table)
