"""Form of a demand curve: 0 log-log, 1 semi-log.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "fit_curves", sa.Column("exponent", sa.Double(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("fit_curves", "exponent")
