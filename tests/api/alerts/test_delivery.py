"""From the outbox to a real receiver that is down, slow, failing, then up."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from api.alerts.delivery import BATCH, DeliveryReport, deliver_due, next_pause
from api.alerts.webhook import Refused
from api.demo.receiver import WebhookReceiver
from api.errors import SettingsInvalid
from api.server import serving
from api.settings import Settings, load_settings
from storage.database import reading, writing
from storage.events.store import record
from storage.jobs.outbox import OutboxState, claim_due, messages
from tests.api.conftest import eventually, quick_settings
from tests.pricing.events.samples import price_changed

SECRET = "whsec_" + "a" * 32


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(SECRET) as receiver:
        yield receiver


def settings_for(engine: Engine, url: str, **given: object) -> Settings:
    return quick_settings(
        engine,
        webhook_url=url,
        webhook_secret=SECRET,
        webhook_first_retry_seconds=10,
        **{"webhook_timeout_seconds": 30, **given},
    )


def put(engine: Engine, count: int = 1, *, at: datetime) -> list[str]:
    with writing(engine) as conn:
        return [record(conn, price_changed(f"TEA-{number}"), at=at) for number in range(count)]


def state(engine: Engine) -> OutboxState:
    with reading(engine) as conn:
        (one,) = messages(conn)
    return one


def test_what_is_due_arrives_and_is_marked(engine: Engine, receiver: WebhookReceiver) -> None:
    now = datetime.now(UTC)
    (event_id,) = put(engine, at=now)
    assert deliver_due(engine, settings_for(engine, receiver.url), now) == DeliveryReport(
        delivered=1
    )
    (got,) = receiver.received
    assert (got.message_id, got.topic, got.data) == (
        event_id,
        "competitor.price_changed",
        price_changed("TEA-0").facts(),
    )
    assert UUID(got.message_id).version == 7
    assert got.happened_at == now
    assert state(engine).status == "delivered"
    assert deliver_due(engine, settings_for(engine, receiver.url), now) == DeliveryReport()


def test_more_than_one_batch_is_sent_in_one_call(engine: Engine, receiver: WebhookReceiver) -> None:
    now = datetime.now(UTC)
    put(engine, 2 * BATCH + 3, at=now)
    report = deliver_due(engine, settings_for(engine, receiver.url), now)
    assert report == DeliveryReport(delivered=2 * BATCH + 3)
    assert len(receiver.received) == 2 * BATCH + 3
    assert receiver.repeated == 0


def test_while_the_receiver_is_down_the_alert_waits_and_then_arrives(engine: Engine) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    settings = settings_for(engine, f"http://127.0.0.1:{port}/alerts")
    assert deliver_due(engine, settings, now) == DeliveryReport(retried=1)
    waiting = state(engine)
    assert (waiting.status, waiting.attempts) == ("pending", 1)
    assert waiting.last_error is not None
    assert "ConnectError" in waiting.last_error
    assert timedelta(seconds=5) <= waiting.next_attempt_at - now <= timedelta(seconds=12)

    with WebhookReceiver(SECRET, port) as receiver:
        assert deliver_due(engine, settings, now) == DeliveryReport()  # not due yet
        # Signatures carry the time of the try, so the clock of the test may not run far ahead.
        assert deliver_due(engine, settings, now + timedelta(seconds=13)).delivered == 1
        assert len(receiver.received) == 1
    assert state(engine).status == "delivered"


def test_a_call_ends_early_when_nothing_of_a_batch_arrives(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    receiver.behaviour.status = 500
    now = datetime.now(UTC)
    put(engine, BATCH + 5, at=now)
    settings = settings_for(engine, receiver.url)
    assert deliver_due(engine, settings, now) == DeliveryReport(retried=BATCH)
    receiver.behaviour.status = 200
    assert deliver_due(engine, settings, now) == DeliveryReport(delivered=5)


def test_a_slow_receiver_is_a_failure_and_the_repeat_is_known_by_its_id(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    receiver.behaviour.delay = timedelta(seconds=1.5)
    hasty = settings_for(engine, receiver.url, webhook_timeout_seconds=1)
    assert deliver_due(engine, hasty, now) == DeliveryReport(retried=1)
    assert state(engine).last_error == "no answer within 1 s"
    assert receiver.wait_for(1)  # it had taken the message all the same
    receiver.behaviour.delay = timedelta()
    settings = settings_for(engine, receiver.url)
    assert deliver_due(engine, settings, now + timedelta(seconds=13)).delivered == 1
    assert receiver.tries == (state(engine).event_id,) * 2
    assert (len(receiver.received), receiver.repeated) == (1, 1)


def test_a_pause_that_the_receiver_asks_for_is_kept(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    receiver.behaviour.status = 429
    receiver.behaviour.headers = {"Retry-After": "1800"}
    assert deliver_due(engine, settings_for(engine, receiver.url), now).retried == 1
    wait = state(engine).next_attempt_at - now
    assert timedelta(minutes=30) <= wait <= timedelta(minutes=31)


def test_a_receiver_that_is_gone_gets_no_second_try(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    receiver.behaviour.status = 410
    assert deliver_due(engine, settings_for(engine, receiver.url), now) == DeliveryReport(dead=1)
    assert state(engine).status == "dead"


def test_an_alert_is_given_up_after_the_last_try(engine: Engine, receiver: WebhookReceiver) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    receiver.behaviour.status = 503
    settings = settings_for(engine, receiver.url, webhook_max_attempts=3)
    reports = [
        deliver_due(engine, settings, now + timedelta(seconds=60 * number)) for number in range(4)
    ]
    assert [(report.retried, report.dead) for report in reports] == [(1, 0), (1, 0), (0, 1), (0, 0)]
    given_up = state(engine)
    assert (given_up.status, given_up.attempts) == ("dead", 3)
    assert given_up.last_error == "receiver answered 503"


def test_a_worker_that_dies_after_claiming_loses_nothing(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    with writing(engine) as conn:
        claim_due(conn, now=now, limit=10, lease=timedelta(seconds=30))
    settings = settings_for(engine, receiver.url)
    assert deliver_due(engine, settings, now + timedelta(seconds=29)) == DeliveryReport()
    assert deliver_due(engine, settings, now + timedelta(seconds=31)).delivered == 1


def test_without_a_receiver_the_call_says_which_variable_is_missing(engine: Engine) -> None:
    with pytest.raises(SettingsInvalid, match="PRICEWRIGHT_WEBHOOK_URL"):
        deliver_due(engine, quick_settings(engine), datetime.now(UTC))


def test_a_running_service_delivers_by_itself(engine: Engine, receiver: WebhookReceiver) -> None:
    with serving(settings_for(engine, receiver.url)):
        put(engine, 3, at=datetime.now(UTC))
        assert receiver.wait_for(3)
    assert receiver.repeated == 0


def test_two_services_on_one_database_deliver_each_alert_once(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    settings = settings_for(engine, receiver.url)
    with serving(settings), serving(settings):
        for _ in range(5):
            put(engine, 20, at=datetime.now(UTC))
        assert receiver.wait_for(100)

        def all_marked() -> bool:
            with reading(engine) as conn:
                return not messages(conn, status="pending")

        assert eventually(all_marked)
    assert len(receiver.tries) == 100


@given(
    attempts=st.integers(1, 11),
    first=st.floats(0.1, 100),
    last=st.floats(0.1, 10_000),
    asked=st.none() | st.floats(0, 86_400),
    seed=st.integers(0, 2**32),
)
def test_a_pause_stays_between_its_bounds(
    attempts: int, first: float, last: float, asked: float | None, seed: int
) -> None:
    settings = load_settings(
        None,
        webhook_first_retry_seconds=first,
        webhook_last_retry_seconds=last,
        webhook_max_attempts=12,
    )
    refusal = Refused("x", pause=None if asked is None else timedelta(seconds=asked))
    pause = next_pause(attempts, refusal, settings, np.random.default_rng(seed))
    assert pause is not None
    full = min(first * 2 ** (attempts - 1), last)
    slack = timedelta(microseconds=1)
    least = max(timedelta(seconds=full / 2), refusal.pause or timedelta())
    most = max(timedelta(seconds=full), refusal.pause or timedelta())
    assert least - slack <= pause <= most + slack


def test_the_same_seed_draws_the_same_pause() -> None:
    settings = load_settings(None)
    first, second = (
        next_pause(3, Refused("x"), settings, np.random.default_rng(5)) for _ in range(2)
    )
    assert first == second


def test_a_message_tried_a_thousand_times_still_has_a_pause() -> None:
    settings = load_settings(None, webhook_max_attempts=100)
    rng = np.random.default_rng(0)
    assert next_pause(99, Refused("x"), settings, rng) is not None
    assert next_pause(1000, Refused("x"), settings, rng) is None


def test_a_receiver_off_the_public_internet_gets_nothing_unless_a_setting_names_it(
    engine: Engine, receiver: WebhookReceiver
) -> None:
    now = datetime.now(UTC)
    put(engine, at=now)
    shut = settings_for(engine, receiver.url, private_addresses=())
    assert deliver_due(engine, shut, now) == DeliveryReport(retried=1)
    assert receiver.received == ()
    assert "private address 127.0.0.1; name it in PRICEWRIGHT_PRIVATE_ADDRESSES" in (
        state(engine).last_error or ""
    )
