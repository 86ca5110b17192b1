"""Alerts on promotions that run ahead of their budget, units or stock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from sqlalchemy import Engine

from pricing.events.event import Amount
from pricing.events.promotions import AheadOfBudget, AheadOfPlan, AheadOfStock, AheadOfUnits
from pricing.money import Money
from storage.database import reading, writing
from storage.events.store import record
from storage.promotions.monitor import PromotionFigures, figures_of, first_alert
from storage.promotions.versions import StoredPromotion, scheduled_promotions

Ahead = Literal["budget", "units", "stock"]
"""Of what a promotion can run ahead."""

_EVENTS: Final[dict[Ahead, type[AheadOfPlan]]] = {
    "budget": AheadOfBudget,
    "units": AheadOfUnits,
    "stock": AheadOfStock,
}

AHEAD_BY: Final = 0.10
"""So much more of a budget or stock than planned may be used before somebody is told."""


def watch_promotions(engine: Engine, now: datetime) -> int:
    """Put an alert into the outbox for each live promotion that runs ahead; returns how many.

    Each kind is told once a version, however many services watch.
    """
    with reading(engine) as conn:
        live = [p for p in scheduled_promotions(conn) if p.phase(now) == "live"]
        found = [(p, figures_of(conn, p, at=now)) for p in live]
    told = 0
    for promotion, figures in found:
        for kind in ahead_of(figures):
            with writing(engine) as conn:
                if first_alert(conn, promotion, kind, at=now):
                    record(conn, _event(promotion, figures, kind), at=now)
                    told += 1
    return told


def ahead_of(figures: PromotionFigures) -> tuple[Ahead, ...]:
    """Of what a promotion runs ahead: `budget`, `units`, `stock`; empty if it keeps to its plan."""
    found: list[Ahead] = []
    planned = figures.planned_share
    shares: dict[Ahead, float | None] = {
        "budget": figures.budget_share,
        "units": figures.units_share,
    }
    for kind, share in shares.items():
        if share is None:
            continue
        if share >= 1 or (planned is not None and share > planned + AHEAD_BY):
            found.append(kind)
    ends_at, runs_out_at = figures.ends_at, figures.runs_out_at
    if ends_at is not None and runs_out_at is not None and runs_out_at < ends_at:
        found.append("stock")
    return tuple(found)


def _event(promotion: StoredPromotion, figures: PromotionFigures, kind: Ahead) -> AheadOfPlan:
    return _EVENTS[kind](
        promotion=promotion.name,
        version=promotion.version,
        ahead_of=kind,
        redemptions=figures.committed,
        given_away=Amount.of(Money(figures.given_minor, promotion.terms.currency)),
        budget_share=figures.budget_share,
        units_share=figures.units_share,
        planned_share=figures.planned_share,
        runs_out_at=_time(figures.runs_out_at),
        ends_at=_time(figures.ends_at),
        scarcest_sku=figures.scarcest_sku,
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
