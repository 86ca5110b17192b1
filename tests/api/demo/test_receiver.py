"""The webhook receiver refuses what a careful shop would refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from api.demo.receiver import WebhookReceiver

SECRET = "whsec_" + "a" * 32
BODY = json.dumps({"type": "test", "timestamp": "2026-03-01T12:00:00Z", "data": {"n": 1}})


def signed(body: str, *, at: datetime | None = None, message_id: str = "1") -> dict[str, str]:
    moment = datetime.now(UTC) if at is None else at
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, moment, body),
    }


def test_a_signed_message_is_kept() -> None:
    with WebhookReceiver(SECRET) as receiver:
        assert httpx.post(receiver.url, content=BODY, headers=signed(BODY)).status_code == 204
        assert receiver.wait_for(1)
    (message,) = receiver.received
    assert (message.topic, message.data) == ("test", {"n": 1})
    assert message.happened_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**signed(BODY), "webhook-signature": "v1,AAAA"},
        {**signed(BODY), "webhook-signature": "nonsense"},
        {**signed(BODY), "webhook-id": "2"},
        signed(BODY + " "),
        signed(BODY, at=datetime.now(UTC) - timedelta(hours=1)),
    ],
    ids=["unsigned", "another key", "no version", "another id", "another body", "replayed late"],
)
def test_what_is_not_signed_for_this_moment_is_rejected(headers: dict[str, str]) -> None:
    with WebhookReceiver(SECRET) as receiver:
        assert httpx.post(receiver.url, content=BODY, headers=headers).status_code == 401
    assert receiver.received == ()
    assert receiver.rejected == 1


def test_a_signed_message_without_the_usual_members_is_a_bad_request() -> None:
    with WebhookReceiver(SECRET) as receiver:
        assert httpx.post(receiver.url, content="{}", headers=signed("{}")).status_code == 400
    assert receiver.received == ()


def test_waiting_ends_when_the_time_is_up() -> None:
    with WebhookReceiver(SECRET) as receiver:
        assert not receiver.wait_for(1, timedelta(milliseconds=10))
