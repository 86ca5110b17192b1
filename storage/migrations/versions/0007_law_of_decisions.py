"""Decisions keep what the law left of a price, and by which article.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("decisions", sa.Column("law_lower_minor", sa.BigInteger()))
    op.add_column("decisions", sa.Column("law_upper_minor", sa.BigInteger()))
    op.add_column(
        "decisions", sa.Column("law_article", sa.Text(), server_default="", nullable=False)
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("decisions", "law_article")
    op.drop_column("decisions", "law_upper_minor")
    op.drop_column("decisions", "law_lower_minor")
