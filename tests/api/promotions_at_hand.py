"""Promotions for the small shop."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from storage.database import reading, writing
from storage.products.markets import market_ids
from storage.products.products import product_ids
from storage.promotion_terms import Terms, terms_from
from storage.promotions.usage import UsedUp, used_up
from storage.promotions.versions import create_promotion, read_promotion, schedule_promotion
from storage.tables import costs, price_limits, stock

Json = dict[str, Any]
SHOP = "a-token-of-the-shop"
HOLDER = {"Authorization": f"Bearer {SHOP}"}
"""What a request sends whose quote holds its share as long as it is good."""


def terms_of(promotion: Json, **more: Any) -> Terms:  # noqa: ANN401
    """Terms in euros."""
    return terms_from({"promotion": promotion, "currency": "EUR", **more})


def open_promotion(engine: Engine, promotion: Json, **more: Any) -> None:  # noqa: ANN401
    """Store a promotion and schedule it."""
    now = datetime.now(UTC)
    with writing(engine) as conn:
        create_promotion(conn, terms_of(promotion, **more), actor="ann", at=now)
        schedule_promotion(conn, promotion["id"], actor="ann", at=now)


def set_cost(engine: Engine, sku: str, minor: int, units: float | None = None) -> None:
    """What a product costs in the online market, and how many are in stock."""
    with writing(engine) as conn:
        key = {
            "product_id": product_ids(conn, [sku])[sku],
            "market_id": market_ids(conn)["online"],
        }
        conn.execute(costs.insert().values(valid_from=date(2026, 1, 1), cost_minor=minor, **key))
        if units is not None:
            conn.execute(stock.insert().values(counted_at=date(2026, 1, 1), units=units, **key))


def set_limits(engine: Engine, sku: str, **minor: int) -> None:
    """Limits of a product in the online market: `minimum_minor`, `map_minor`."""
    with writing(engine) as conn:
        key = {
            "product_id": product_ids(conn, [sku])[sku],
            "market_id": market_ids(conn)["online"],
        }
        conn.execute(price_limits.insert().values(valid_from=date(2026, 1, 1), **minor, **key))


def used(engine: Engine, name: str) -> UsedUp:
    """What is taken of a promotion."""
    with reading(engine) as conn:
        number = read_promotion(conn, name).promotion_id
        return used_up(conn, {number: datetime.now(UTC).date()}).get(number, UsedUp())


def lapse(engine: Engine, quote_id: str) -> None:
    """Let the time of a quote run out."""
    with writing(engine) as conn:
        conn.execute(
            sa.text("UPDATE quotes SET expires_at = created_at WHERE quote_id = :id"),
            {"id": quote_id},
        )


def cart(*skus: str, **more: Any) -> Json:  # noqa: ANN401
    """A cart of one unit each in the online market."""
    return {"market": "online", "lines": [{"sku": sku, "id": sku} for sku in skus], **more}
