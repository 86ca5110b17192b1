"""An audit that only grows: records in a chain, its head, and the people apart.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

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


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "audit_people",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_audit_people")),
        sa.UniqueConstraint("principal", name=op.f("uq_audit_people_principal")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_records",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("before_sha256", sa.Text(), nullable=True),
        sa.Column("after_sha256", sa.Text(), nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["audit_people.person_id"], name=op.f("fk_audit_records_person_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_records")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_audit_records_subject_kind_subject_id_number"),
        "audit_records",
        ["subject_kind", "subject_id", "number"],
    )
    op.create_table(
        "audit_head",
        sa.Column("head_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("head_id = 1", name=op.f("ck_audit_head_one")),
        sa.PrimaryKeyConstraint("head_id", name=op.f("pk_audit_head")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for name, when, condition, why in _SQLITE:
            op.execute(
                f"CREATE TRIGGER {name} {when} {condition} BEGIN SELECT RAISE(ABORT, '{why}'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END $$"
    )
    for name, when, condition, why in _POSTGRES:
        op.execute(
            f"CREATE TRIGGER {name} {when} {condition} EXECUTE FUNCTION audit_refuses('{why}')"
        )


def downgrade() -> None:
    """Back to the version before; the triggers go with their tables."""
    op.drop_table("audit_head")
    op.drop_table("audit_records")
    op.drop_table("audit_people")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuses()")
