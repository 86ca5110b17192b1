"""What is older than the settings keep it goes; what a decision or a price rests on never does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from api.jobs.deciding import DECIDING
from api.work.context import Context
from api.work.kinds import Kind
from pricing.events.competitors import CompetitorPriceChanged, CrawlDegraded
from storage.database import writing
from storage.events.store import forget_events
from storage.jobs.outbox import forget_deliveries
from storage.retention.jobs import forget_jobs
from storage.retention.offers import BATCH, forget_offers, forget_pages, forget_quarantine
from storage.retention.quotes import forget_quotes

_NEWS: Final = (CompetitorPriceChanged, CrawlDegraded)
"""Events that nothing reads but those who were told."""

_RULES: Final[Mapping[str, Mapping[str, Callable[..., int]]]] = {
    "evidence": {"page looks": forget_pages, "held prices": forget_quarantine},
    "outbox": {
        "deliveries": forget_deliveries,
        "events": lambda conn, **told: forget_events(conn, _NEWS, **told),
    },
    "quotes": {"quotes": forget_quotes},
    "jobs": {"jobs": forget_jobs},
}
"""By setting: what goes, and the function that deletes a batch of it."""


class RetentionAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing: the settings say how long what is kept."""


def _forget(_: RetentionAsked, context: Context) -> Mapping[str, Any]:
    now = context.now()
    kept: Mapping[str, int | None] = context.given["keep_days"]
    gone: dict[str, int] = {}
    for rule, days in kept.items():
        if days is None:
            continue
        before = now - timedelta(days=days)
        if rule == "evidence":
            told = partial(_tell, context, "offers")
            gone["offers"] = forget_offers(context.engine, before=before, going_on=told)
        for what, forget in _RULES[rule].items():
            gone[what] = _in_batches(context, what, forget, before)
    return {"kept_days": {rule: days for rule, days in kept.items() if days}, "gone": gone}


def _in_batches(context: Context, what: str, forget: Callable[..., int], before: datetime) -> int:
    """Short transactions, so that nobody waits long; each is harmless to repeat."""
    gone = 0
    while True:
        with writing(context.engine) as conn:
            done = forget(conn, before=before, limit=BATCH)
        gone += done
        _tell(context, what, gone)
        if not done:
            return gone


def _tell(context: Context, what: str, gone: int) -> None:
    context.check()
    context.progress(what, gone, None)


RETENTION: Final = Kind(
    "retention",
    "Delete what is older than the settings keep it; never what a decision or a price rests on.",
    RetentionAsked,
    _forget,
    # Not beside a run of decisions, which reads offers long before it is stored and pins them.
    scope=lambda _: DECIDING,
)
