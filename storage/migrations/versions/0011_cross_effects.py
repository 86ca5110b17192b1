"""Fits keep what the price of one product does to the units of another.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "fit_cross_effects",
        sa.Column("fit_id", _KEY, nullable=False),
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("other_id", _KEY, nullable=False),
        sa.Column("elasticity", sa.Double(), nullable=False),
        sa.Column("std_error", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fit_id"], ["fits.fit_id"], name=op.f("fk_fit_cross_effects_fit_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_fit_cross_effects_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["products.product_id"], name=op.f("fk_fit_cross_effects_other_id")
        ),
        sa.PrimaryKeyConstraint(
            "fit_id", "product_id", "other_id", name=op.f("pk_fit_cross_effects")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("fit_cross_effects")
