"""What limits and strategies read: price limits, key value items, age and currency of inputs.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """To this version."""
    op.add_column(
        "products", sa.Column("kvi", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("costs", sa.Column("currency", sa.Text(), nullable=True))
    op.add_column("costs", sa.Column("as_of", sa.Date(), nullable=True))
    op.add_column("stock", sa.Column("expires_at", sa.Date(), nullable=True))
    op.create_table(
        "price_limits",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("minimum_minor", sa.BigInteger(), nullable=True),
        sa.Column("maximum_minor", sa.BigInteger(), nullable=True),
        sa.Column("rrp_minor", sa.BigInteger(), nullable=True),
        sa.Column("map_minor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "minimum_minor > 0 AND maximum_minor > 0 AND rrp_minor > 0 AND map_minor > 0",
            name=op.f("ck_price_limits_positive"),
        ),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_price_limits_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_price_limits_product_id")
        ),
        sa.PrimaryKeyConstraint(
            "product_id", "market_id", "valid_from", name=op.f("pk_price_limits")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Back to the version before."""
    op.drop_table("price_limits")
    op.drop_column("stock", "expires_at")
    op.drop_column("costs", "as_of")
    op.drop_column("costs", "currency")
    op.drop_column("products", "kvi")
