"""Who may ask: keys of programs, people, their sessions.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from storage.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """To this version."""
    _people()
    _keys()
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.person_id"], name=op.f("fk_sessions_person_id")
        ),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"])
    op.create_table(
        "login_attempts",
        sa.Column("counted_by", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("counted_by", name=op.f("pk_login_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_login_attempts_since"), "login_attempts", ["since"])
    op.create_table(
        "login_journeys",
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_login_journeys")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_login_journeys_ends_at"), "login_journeys", ["ends_at"])


def downgrade() -> None:
    """Back to the version before."""
    for name in ("login_journeys", "login_attempts", "sessions", "key_uses", "access_keys"):
        op.drop_table(name)
    op.drop_table("people")


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("password_hash", sa.Text()),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("issuer", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("roles", _DOCUMENT, nullable=False),
        sa.Column("scope", _DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("disabled_at", UtcDateTime()),
        sa.Column("erased_at", UtcDateTime()),
        sa.Column("last_login_at", UtcDateTime()),
        sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name=op.f("ck_people_identity")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_people_issuer_subject")),
        sqlite_with_rowid=False,
    )


def _keys() -> None:
    op.create_table(
        "access_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text()),
        sa.Column("previous_until", UtcDateTime()),
        sa.Column("roles", _DOCUMENT, nullable=False),
        sa.Column("scope", _DOCUMENT, nullable=False),
        sa.Column("test", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("draft_id", _NUMBER),
        sa.Column("per_minute", sa.BigInteger()),
        sa.Column("per_day", sa.BigInteger()),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("revoked_at", UtcDateTime()),
        sa.Column("last_used_at", UtcDateTime()),
        sa.Column("change", _NUMBER, nullable=False),
        sa.CheckConstraint("kind IN ('publishable', 'secret')", name=op.f("ck_access_keys_kind")),
        sa.CheckConstraint(
            "draft_id IS NULL OR test", name=op.f("ck_access_keys_only_tests_see_drafts")
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["price_book_drafts.draft_id"], name=op.f("fk_access_keys_draft_id")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_access_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_access_keys_secret_hash")),
        sa.UniqueConstraint("previous_hash", name=op.f("uq_access_keys_previous_hash")),
        sa.UniqueConstraint("change", name=op.f("uq_access_keys_change")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["access_keys.key_id"], name=op.f("fk_key_uses_key_id")
        ),
        sa.PrimaryKeyConstraint("key_id", "day", name=op.f("pk_key_uses")),
        sqlite_with_rowid=False,
    )
