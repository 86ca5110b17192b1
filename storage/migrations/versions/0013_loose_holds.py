"""Holds of quotes that came without a token: how much of each limit they hold, and until when.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_AMOUNTS = ("loose_uses", "loose_units", "loose_minor")
_HELD = sa.text("status = 'open' AND reserved")


def upgrade() -> None:
    """To this version."""
    for name in _AMOUNTS:
        column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("promotion_usage", column)
    op.add_column("quotes", sa.Column("held_until", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_quotes_held", "quotes", ["held_until"], sqlite_where=_HELD, postgresql_where=_HELD
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_index("ix_quotes_held", table_name="quotes")
    op.drop_column("quotes", "held_until")
    for name in _AMOUNTS:
        op.drop_column("promotion_usage", name)
