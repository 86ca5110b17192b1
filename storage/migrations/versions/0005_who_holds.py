"""Whose holds a quote's are, while it is open.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_HOLDING = "status = 'open' AND reserved"


def upgrade() -> None:
    """To this version."""
    op.add_column("quotes", sa.Column("shopper", sa.Text()))
    for name in ("shopper", "customer"):
        op.create_index(
            f"ix_quotes_held_by_{name}",
            "quotes",
            [name],
            sqlite_where=sa.text(_HOLDING),
            postgresql_where=sa.text(_HOLDING),
        )


def downgrade() -> None:
    """To the version before."""
    for name in ("customer", "shopper"):
        op.drop_index(f"ix_quotes_held_by_{name}", "quotes")
    op.drop_column("quotes", "shopper")
