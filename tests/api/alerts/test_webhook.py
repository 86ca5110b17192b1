"""One try of one alert: what the receiver sees, and what each answer of its means."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from api.alerts.webhook import Delivered, Message, Refused, outcome, send
from api.demo.receiver import WebhookReceiver

SECRET = "whsec_" + "a" * 32
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MESSAGE = Message(
    message_id="41",
    topic="competitor.price_changed",
    created_at=NOW,
    payload={
        "sku": "TEA-1",
        "title": "Grüner Tee 绿茶",
        "new": {"amount": "2.49", "currency": "EUR"},
    },
)


def try_once(
    url: str, message: Message = MESSAGE, *, secret: str = SECRET, limit_seconds: float = 5
) -> Delivered | Refused:
    async def once() -> Delivered | Refused:
        async with httpx.AsyncClient() as client:
            return await send(
                client,
                url,
                secret,
                message,
                now=datetime.now(UTC),
                limit=timedelta(seconds=limit_seconds),
            )

    return asyncio.run(once())


def test_a_message_arrives_signed_and_whole() -> None:
    with WebhookReceiver(SECRET) as receiver:
        assert try_once(receiver.url) == Delivered(204)
    (got,) = receiver.received
    assert (got.message_id, got.topic, got.happened_at) == ("41", MESSAGE.topic, NOW)
    assert got.data == MESSAGE.payload


def test_a_message_signed_with_another_key_is_rejected() -> None:
    with WebhookReceiver(SECRET) as receiver:
        answer = try_once(receiver.url, secret="whsec_" + "b" * 32)
    assert answer == Refused("receiver answered 401")
    assert receiver.rejected == 1
    assert receiver.received == ()


def test_the_same_message_twice_is_kept_once() -> None:
    with WebhookReceiver(SECRET) as receiver:
        try_once(receiver.url)
        assert try_once(receiver.url) == Delivered(204)
    assert len(receiver.received) == 1
    assert receiver.repeated == 1


@pytest.mark.parametrize("changed", ["webhook-timestamp", "webhook-id", "nothing"])
def test_a_message_that_somebody_sends_again_later_is_rejected(changed: str) -> None:
    """The signature is of the id and the time, too: neither can be made new."""
    caught: dict[str, str] = {}
    body = b""

    def catch(request: httpx.Request) -> httpx.Response:
        nonlocal body
        caught.update({n: v for n, v in request.headers.items() if n.startswith("webhook-")})
        body = request.content
        return httpx.Response(204)

    async def once(sent_at: datetime) -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(catch)) as client:
            await send(
                client, "http://x/", SECRET, MESSAGE, now=sent_at, limit=timedelta(seconds=5)
            )

    now = datetime.now(UTC)
    asyncio.run(once(now - timedelta(hours=1) if changed == "nothing" else now))
    if changed == "webhook-timestamp":
        caught[changed] = str(int(now.timestamp()) + 1)
    elif changed == "webhook-id":
        caught[changed] = "42"
    with WebhookReceiver(SECRET) as receiver:
        assert httpx.post(receiver.url, content=body, headers=caught, timeout=60).status_code == 401
    assert (receiver.rejected, receiver.received) == (1, ())


def test_a_receiver_that_is_down_is_a_refusal_and_no_exception() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = try_once(f"http://127.0.0.1:{port}/alerts")
    assert isinstance(answer, Refused)
    assert not answer.final
    assert answer.reason.startswith("ConnectError")


def test_a_receiver_that_is_too_slow_is_cut_off() -> None:
    with WebhookReceiver(SECRET) as receiver:
        receiver.behaviour.delay = timedelta(seconds=1)
        assert try_once(receiver.url, limit_seconds=0.2) == Refused("no answer within 0.2 s")


def test_a_receiver_that_sends_a_byte_at_a_time_is_cut_off() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = try_once(f"http://127.0.0.1:{server.getsockname()[1]}/", limit_seconds=0.5)
        finally:
            stop.set()
            thread.join()
    assert isinstance(answer, Refused)
    assert not answer.final


def test_something_that_does_not_speak_http_is_a_refusal() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example ESMTP\r\n")
                connection.recv(65536)

        thread = threading.Thread(target=babble)
        thread.start()
        answer = try_once(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert isinstance(answer, Refused)


# status, Retry-After, expected
ANSWERS = [
    (200, None, Delivered(200)),
    (204, None, Delivered(204)),
    (301, None, Refused("receiver answered 301")),
    (404, None, Refused("receiver answered 404")),
    (410, None, Refused("receiver answered 410 (gone): it wants no more messages", final=True)),
    (429, "30", Refused("receiver answered 429", pause=timedelta(seconds=30))),
    (503, "soon", Refused("receiver answered 503")),
    (503, "-5", Refused("receiver answered 503")),
    (503, "9" * 5000, Refused("receiver answered 503", pause=timedelta(hours=24))),
    (
        503,
        format_datetime(NOW + timedelta(minutes=5), usegmt=True),
        Refused("receiver answered 503", pause=timedelta(minutes=5)),
    ),
    (
        503,
        format_datetime(NOW - timedelta(minutes=5), usegmt=True),
        Refused("receiver answered 503", pause=timedelta()),
    ),
]


@pytest.mark.parametrize(("status", "retry_after", "expected"), ANSWERS)
def test_each_answer_has_its_meaning(
    status: int, retry_after: str | None, expected: Delivered | Refused
) -> None:
    assert outcome(status, retry_after, NOW) == expected
