"""From the outbox to the receiver: claim what is due, send it, write down what came of it.

A crash after a message was sent and before that was written down sends it again, under the same
id: at least once, never lost. Messages of one batch are sent side by side, so their order of
arrival is not promised; each says when it happened.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from api.alerts.webhook import Delivered, Message, Refused, send
from api.errors import SettingsInvalid
from api.http.outbound import outbound_client
from storage.database import writing
from storage.jobs.outbox import claim_due, mark_delivered, mark_failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from api.settings import Settings
    from storage.jobs.outbox import OutboxMessage

_log = structlog.get_logger(__name__)

BATCH: Final = 20
"""Messages claimed, and connections opened, at a time."""
_LEASE_SLACK: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of the messages that were due.

    Attributes:
        delivered: taken by the receiver.
        retried: not taken; they stay in the outbox and are tried again.
        dead: given up, after the last try or because the receiver said that it is gone.
    """

    delivered: int = 0
    retried: int = 0
    dead: int = 0

    def __add__(self, other: DeliveryReport) -> DeliveryReport:
        return DeliveryReport(
            self.delivered + other.delivered, self.retried + other.retried, self.dead + other.dead
        )


def deliver_due(
    engine: Engine,
    settings: Settings,
    now: datetime,
    *,
    rng: np.random.Generator | None = None,
) -> DeliveryReport:
    """Send the messages that are due, each once.

    Ends early after a batch of which nothing arrived: the receiver is down, and the rest, still
    due, would only wait for the same. Call it from a thread that runs no event loop.

    Args:
        engine: the database with the outbox.
        settings: receiver, key, time limit and retries.
        now: the time at the call (UTC); later times are counted from it.
        rng: draws the jitter of the retries; a fresh one when None.

    Raises:
        SettingsInvalid: no receiver is set.
        DatabaseUnavailable: the database does not answer; what was sent and could not be written
            down is sent again later.
    """
    if settings.webhook_url is None or settings.webhook_secret is None:
        raise SettingsInvalid(
            "PRICEWRIGHT_WEBHOOK_URL is not set; alerts wait in the outbox until it is"
        )
    draws = np.random.default_rng() if rng is None else rng
    started = time.monotonic()
    lease = timedelta(seconds=settings.webhook_timeout_seconds) + _LEASE_SLACK
    report = DeliveryReport()
    while True:
        at = now + timedelta(seconds=time.monotonic() - started)
        with writing(engine) as conn:
            # Due at the call, not at `at`: a message that fails and is soon due again is left for
            # the next call, so that this one ends.
            batch = claim_due(conn, now=now, limit=BATCH, lease=at - now + lease)
        if not batch:
            return report
        outcomes = asyncio.run(_send_all(batch, settings, at))
        at = now + timedelta(seconds=time.monotonic() - started)
        with writing(engine) as conn:
            for message, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Delivered):
                    mark_delivered(conn, message.message_id, at=at)
                    continue
                pause = next_pause(message.attempts, outcome, settings, draws)
                mark_failed(
                    conn,
                    message.message_id,
                    error=outcome.reason,
                    next_attempt_at=None if pause is None else at + pause,
                )
        of_batch = sum(map(_reported, batch, outcomes, repeat(settings)), DeliveryReport())
        report += of_batch
        if of_batch.delivered == 0:
            return report


def next_pause(
    attempts: int, refusal: Refused, settings: Settings, rng: np.random.Generator
) -> timedelta | None:
    """How long to wait before the next try; None gives the message up.

    The pause doubles with each try up to the longest one; a random half of it spreads the retries
    of many messages. A receiver that asks for a longer pause gets it.

    Args:
        attempts: tries so far, 1 or more.
        refusal: how the last one failed.
        settings: first and longest pause, most attempts.
        rng: draws the jitter.
    """
    if _is_dead(attempts, refusal, settings):
        return None
    # The exponent is capped before the power is taken: 2.0 ** 1024 does not exist.
    doubled = settings.webhook_first_retry_seconds * 2.0 ** min(attempts - 1, 32)
    longest = min(doubled, settings.webhook_last_retry_seconds)
    pause = timedelta(seconds=longest * rng.uniform(0.5, 1.0))
    return pause if refusal.pause is None else max(pause, refusal.pause)


def _is_dead(attempts: int, refusal: Refused, settings: Settings) -> bool:
    return refusal.final or attempts >= settings.webhook_max_attempts


async def _send_all(
    batch: Sequence[OutboxMessage], settings: Settings, at: datetime
) -> list[Delivered | Refused]:
    url, secret = str(settings.webhook_url), settings.webhook_secret
    key = "" if secret is None else secret.get_secret_value()
    limit = timedelta(seconds=settings.webhook_timeout_seconds)
    # The limit on the whole exchange is kept by `send`; the environment's proxies are honoured.
    async with outbound_client(settings.private_places, timeout=None) as client:
        return await asyncio.gather(
            *(send(client, url, key, _outgoing(message), now=at, limit=limit) for message in batch)
        )


def _outgoing(message: OutboxMessage) -> Message:
    return Message(
        message_id=message.event_id,
        topic=message.topic,
        created_at=message.created_at,
        payload=message.payload,
    )


def _reported(
    message: OutboxMessage, outcome: Delivered | Refused, settings: Settings
) -> DeliveryReport:
    """Log one outcome, loudly where an alert is lost, and count it."""
    log = _log.bind(
        message_id=message.message_id,
        webhook_id=message.event_id,
        topic=message.topic,
        key=message.key,
        attempts=message.attempts,
    )
    if isinstance(outcome, Delivered):
        log.info("alert delivered", status=outcome.status)
        return DeliveryReport(delivered=1)
    if _is_dead(message.attempts, outcome, settings):
        log.error("alert given up", why=outcome.reason)
        return DeliveryReport(dead=1)
    log.warning("alert not delivered, will be tried again", why=outcome.reason)
    return DeliveryReport(retried=1)
