"""Promotions, takes and quotes to store in tests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection, Engine

from storage.database import writing
from storage.promotion_terms import Terms, terms_from
from storage.promotions.quotes import NewQuote, add_quote
from storage.promotions.usage import Most, Take
from storage.promotions.versions import StoredPromotion, create_promotion, schedule_promotion
from tests.storage.samples import NOW, add_shop

TODAY = date(2026, 3, 2)
_NO_LIMITS = Most()
LATER = NOW + timedelta(minutes=15)


def terms(name: str = "spring", **more: Any) -> Terms:  # noqa: ANN401
    """Ten percent off everything; more fields are of the terms, `promotion` is merged."""
    promotion = {"id": name, "type": "percent_off", "percent": "10", **more.pop("promotion", {})}
    return terms_from({"promotion": promotion, "currency": "EUR", **more})


def open_promotion(engine: Engine, name: str = "spring", **more: Any) -> StoredPromotion:  # noqa: ANN401
    """A shop with one scheduled promotion."""
    add_shop(engine)
    with writing(engine) as conn:
        create_promotion(conn, terms(name, **more), actor="ann", at=NOW)
        return schedule_promotion(conn, name, actor="ann", at=NOW)


def a_take(promotion_id: int, *, most: Most = _NO_LIMITS, **more: Any) -> Take:  # noqa: ANN401
    """One use, two units, 2.00 given away."""
    return Take(
        promotion_id=promotion_id,
        version=1,
        day=TODAY,
        most=most,
        **{"units": 2, "minor": 200, **more},
    )


def quote_of(
    conn: Connection,
    quote_id: str,
    *takes: Take,
    reserve: bool = True,
    at: datetime = NOW,
    expires_at: datetime = LATER,
    **more: Any,  # noqa: ANN401
) -> None:
    """Store a quote of 18.00."""
    add_quote(
        conn,
        NewQuote(
            **{
                "quote_id": quote_id,
                "created_at": at,
                "expires_at": expires_at,
                "market": "online",
                "customer": None,
                "total_minor": 1800,
                "goods_minor": 1800,
                "net_minor": 1500,
                "cost_minor": 900,
                "document": {"id": quote_id},
                "takes": takes,
                "reserve": reserve,
                **more,
            }
        ),
    )
