"""Decisions keep which strategies spoke for a row.

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


def upgrade() -> None:
    """To this version."""
    op.add_column("decisions", sa.Column("path", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("decisions", "path")
