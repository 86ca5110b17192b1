"""One alert to one receiver, signed after the Standard Webhooks specification.

The message id is that of the event and stays the same over all tries, so that a receiver drops what
it has already seen. The signature's time is that of the try.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from standardwebhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

USER_AGENT = "Pricewright-Alerts/1"
_GONE = 410
# A receiver may ask for a pause; a longer one than this would be an alert nobody waits for.
_LONGEST_PAUSE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took the message (any 2xx)."""

    status: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The message was not taken.

    Attributes:
        reason: what happened, for the log and the outbox row.
        final: the receiver said that it is gone for good; trying again is pointless.
        pause: how long the receiver asked us to wait, if it did.
    """

    reason: str
    final: bool = False
    pause: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent.

    Attributes:
        message_id: the same for every try of this message.
        topic: what happened, such as `competitor.price_changed`.
        created_at: when it happened (UTC).
        payload: JSON values.
    """

    message_id: str
    topic: str
    created_at: datetime
    payload: Mapping[str, Any]

    def body(self) -> bytes:
        """`{"type", "timestamp", "data"}`, as the specification recommends."""
        return msgspec.json.encode(
            {
                "type": self.topic,
                "timestamp": self.created_at.astimezone(UTC),
                "data": dict(self.payload),
            }
        )


async def send(
    client: httpx.AsyncClient,
    url: str,
    secret: str,
    message: Message,
    *,
    now: datetime,
    limit: timedelta,
) -> Delivered | Refused:
    """Try once to deliver `message`; never raises for what the receiver or the network does.

    Args:
        client: connections to use.
        url: the receiver.
        secret: the signing key, `whsec_` and base64.
        message: what to send.
        now: time of this try (UTC); receivers refuse a signature that is minutes off.
        limit: time for the whole exchange, so that a receiver that sends a byte a second
            cannot hold a worker.
    """
    body = message.body()
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message.message_id, now, body.decode()),
    }
    try:
        async with (
            asyncio.timeout(limit.total_seconds()),
            # Streamed and left unread: the answer's body is of no use and may be endless.
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            return outcome(response.status_code, response.headers.get("retry-after"), now)
    except TimeoutError:
        return Refused(f"no answer within {limit.total_seconds():g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Refused(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def outcome(status: int, retry_after: str | None, now: datetime) -> Delivered | Refused:
    """What an HTTP status means for the message.

    Any 2xx is success. A redirect is a failure: a signed message is not sent to another address
    than the configured one.

    Args:
        status: HTTP status of the answer.
        retry_after: its Retry-After header, seconds or an HTTP date.
        now: the time from which a date is counted.
    """
    if httpx.codes.is_success(status):
        return Delivered(status)
    reason = f"receiver answered {status}"
    if status == _GONE:
        return Refused(f"{reason} (gone): it wants no more messages", final=True)
    return Refused(reason, pause=_pause(retry_after, now))


def _pause(retry_after: str | None, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for; None when there is none or it is unreadable."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        # Cut before it is a number: a header may hold thousands of digits.
        wait = timedelta(seconds=int(text[:9]))
    else:
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        # A date in -0000 has no zone; HTTP dates are always in GMT.
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), _LONGEST_PAUSE)
