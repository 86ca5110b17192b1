"""What is done beside the requests for promotions: expiry, and alerts on what runs ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from api.quotes.groups import settle
from pricing.money import Money
from storage.database import reading, writing
from storage.errors import ReturnRefused
from storage.jobs.outbox import enqueue
from storage.promotions.groups import due_groups
from storage.promotions.idempotency import forget_keys
from storage.promotions.monitor import PromotionFigures, figures_of, first_alert
from storage.promotions.quotes import expire_quotes, lapse_holds
from storage.promotions.versions import StoredPromotion, scheduled_promotions

AHEAD_BY: Final = 0.10
"""So much more of a budget or stock than planned may be used before somebody is told."""

KEYS_KEPT: Final = timedelta(days=7)
_BATCH: Final = 200

_log = structlog.get_logger(__name__)


def sweep_quotes(engine: Engine, now: datetime) -> int:
    """Give back what expired quotes hold, and loose holds that ended; returns how many expired."""
    swept = _in_batches(engine, expire_quotes, now)
    lapsed = _in_batches(engine, lapse_holds, now)
    if swept or lapsed:
        _log.info("quotes expired", quotes=swept, holds_ended=lapsed)
    return swept


def _in_batches(engine: Engine, sweep: Callable[..., int], now: datetime) -> int:
    swept = 0
    while True:
        with writing(engine, durable=True) as conn:
            done = sweep(conn, now=now, limit=_BATCH)
        swept += done
        if done < _BATCH:
            return swept


def settle_due_groups(engine: Engine, now: datetime) -> int:
    """Settle groups whose deadline has passed; returns how many. Several processes may do so."""
    with reading(engine) as conn:
        due = due_groups(conn, now=now)
    settled = 0
    for group_id in due:
        try:
            with writing(engine, durable=True) as conn:
                settled += settle(conn, group_id, now=now)
        except ReturnRefused:
            # Somebody called his order off meanwhile; the next time he is not a member any more.
            _log.info("a member left while the group was settled", group=group_id)
    if settled:
        _log.info("groups settled", groups=settled)
    return settled


def forget_old_keys(engine: Engine, now: datetime) -> int:
    """Forget idempotency keys after KEYS_KEPT; returns how many."""
    with writing(engine) as conn:
        return forget_keys(conn, before=now - KEYS_KEPT)


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
                    facts = _facts(promotion, figures, kind)
                    enqueue(conn, f"promotion.ahead_of_{kind}", promotion.name, facts, at=now)
                    told += 1
    return told


def ahead_of(figures: PromotionFigures) -> tuple[str, ...]:
    """Of what a promotion runs ahead: `budget`, `units`, `stock`; empty if it keeps to its plan."""
    found = []
    planned = figures.planned_share
    for kind, share in (("budget", figures.budget_share), ("units", figures.units_share)):
        if share is None:
            continue
        if share >= 1 or (planned is not None and share > planned + AHEAD_BY):
            found.append(kind)
    ends_at, runs_out_at = figures.ends_at, figures.runs_out_at
    if ends_at is not None and runs_out_at is not None and runs_out_at < ends_at:
        found.append("stock")
    return tuple(found)


def _facts(promotion: StoredPromotion, figures: PromotionFigures, kind: str) -> Mapping[str, Any]:
    currency = promotion.terms.currency
    return {
        "promotion": promotion.name,
        "version": promotion.version,
        "ahead_of": kind,
        "redemptions": figures.committed,
        "given_away": Money(figures.given_minor, currency).wire(),
        "budget_share": figures.budget_share,
        "units_share": figures.units_share,
        "planned_share": figures.planned_share,
        "runs_out_at": _time(figures.runs_out_at),
        "ends_at": _time(figures.ends_at),
        "scarcest_sku": figures.scarcest_sku,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
