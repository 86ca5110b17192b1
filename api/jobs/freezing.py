"""The kill switch, pulled and let go."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Engine

from storage.database import writing
from storage.releases.freezes import freeze, unfreeze


def freeze_prices(
    engine: Engine, *, now: datetime, by: str, reason: str, market: str | None = None
) -> None:
    """Let nothing go live, in one market or in all; what is live is served on.

    Raises:
        UnknownMarket: there is no such market.
    """
    with writing(engine) as conn:
        freeze(conn, at=now, by=by, reason=reason, market=market)


def lift_freezes(engine: Engine, *, now: datetime, by: str, market: str | None = None) -> int:
    """Lift all freezes, or those of one market; returns how many.

    Raises:
        UnknownMarket: there is no such market.
    """
    with writing(engine) as conn:
        return unfreeze(conn, at=now, by=by, market=market)
