"""Events for tests that need one."""

from __future__ import annotations

from pricing.events.competitors import CompetitorPriceChanged
from pricing.events.event import Amount
from pricing.events.promotions import GroupSettled


def price_changed(sku: str = "TEA-1") -> CompetitorPriceChanged:
    """A rival's price fell by a tenth."""
    return CompetitorPriceChanged(
        sku=sku,
        market="online",
        competitor="rival",
        url="https://shop.example/tea",
        title="Tea",
        old=Amount(amount="10.00", currency="EUR"),
        new=Amount(amount="9.00", currency="EUR"),
        change_pct=-10.0,
        observed_at="2026-03-02T12:00:00+00:00",
    )


def group_settled(group: str = "g1") -> GroupSettled:
    """A group that nobody joined."""
    return GroupSettled(
        group=group,
        promotion="tea-together",
        market="online",
        status="failed",
        size=0,
        price=None,
        members=(),
    )
