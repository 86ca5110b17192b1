"""Costs that prices may move by, and what a decision trusted where it held a price for another.

Costs in use until now are those of the newest decisions that no doubtful cost held.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DOUBTFUL = (1 << 6) | (1 << 20) | (1 << 23)
"""`Limit` bits of a cost that is missing, in another currency or far from the price."""

_IN_USE = sa.text(
    """
    INSERT INTO trusted_costs (product_id, market_id, since, cost_minor)
    SELECT used.product_id, used.market_id, run.decided_at, used.cost_minor
    FROM decisions AS used
    JOIN decision_runs AS run ON run.run_id = used.run_id
    JOIN (
        SELECT product_id, market_id, MAX(run_id) AS run_id FROM decisions
        WHERE tier = 'public' AND cost_minor > 0 AND (held_by & :doubtful) = 0
        GROUP BY product_id, market_id
    ) AS newest ON newest.run_id = used.run_id
        AND newest.product_id = used.product_id AND newest.market_id = used.market_id
    WHERE used.tier = 'public'
    """
)


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "trusted_costs",
        sa.Column("product_id", _KEY, nullable=False),
        sa.Column("market_id", _KEY, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("cost_minor", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("cost_minor > 0", name=op.f("ck_trusted_costs_positive")),
        sa.ForeignKeyConstraint(
            ["market_id"], ["markets.market_id"], name=op.f("fk_trusted_costs_market_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.product_id"], name=op.f("fk_trusted_costs_product_id")
        ),
        sa.PrimaryKeyConstraint("product_id", "market_id", "since", name=op.f("pk_trusted_costs")),
        sqlite_with_rowid=False,
    )
    op.add_column("decisions", sa.Column("trusted_cost_minor", sa.BigInteger(), nullable=True))
    op.execute(_IN_USE.bindparams(sa.bindparam("doubtful", _DOUBTFUL, type_=sa.BigInteger())))


def downgrade() -> None:
    """Back to the version before."""
    op.drop_column("decisions", "trusted_cost_minor")
    op.drop_table("trusted_costs")
