"""Price histories for tests, written as a person would."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from pricing.law.price_history import PriceHistory, TimeArray, instant

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """`2026-03-01` or `2026-03-01 15:30` on the market's clocks, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def history(*rows: tuple[str, int], zone: ZoneInfo = BERLIN) -> PriceHistory:
    """One product's prices by local time; -1 takes it off sale."""
    return PriceHistory.of(
        1,
        key=[0] * len(rows),
        since=[local(moment, zone) for moment, _ in rows],
        price=[price for _, price in rows],
        source=[f"row {number}" for number in range(len(rows))],
    )


def starting(*moments: str, zone: ZoneInfo = BERLIN) -> TimeArray:
    """Starts by local time."""
    return np.array([instant(local(moment, zone)) for moment in moments], dtype="datetime64[s]")
