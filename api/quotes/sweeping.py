"""What is done beside the requests for quotes: what expired is given back, groups are settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Engine

from api.quotes.groups import settle
from storage.database import reading, writing
from storage.errors import ReturnRefused
from storage.promotions.groups import due_groups
from storage.promotions.idempotency import forget_keys
from storage.promotions.quotes import expire_quotes, lapse_holds

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
