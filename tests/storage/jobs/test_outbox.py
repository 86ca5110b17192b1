from __future__ import annotations

import threading
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from storage.database import reading, writing
from storage.events.store import record
from storage.events.tables import events, outbox
from storage.jobs.outbox import claim_due, mark_delivered, mark_failed, messages
from tests.pricing.events.samples import group_settled, price_changed
from tests.storage.samples import NOW

MINUTE = timedelta(minutes=1)


def put(conn: Connection, key: str = "key", *, at: datetime = NOW) -> str:
    """An event that is told, put into the outbox; its identifier."""
    return record(conn, group_settled(key), at=at)


def test_an_event_is_due_at_once_with_its_facts(engine: Engine) -> None:
    event = price_changed()
    with writing(engine) as conn:
        event_id = record(conn, event, at=NOW)
    with writing(engine) as conn:
        (message,) = claim_due(conn, now=NOW, limit=10, lease=MINUTE)
    assert message.event_id == event_id
    assert (message.topic, message.key) == (event.type_name, "TEA-1/online/rival")
    assert message.payload == event.facts()
    assert message.created_at == NOW
    assert message.attempts == 1


def test_a_leased_message_is_nobody_elses_until_the_lease_runs_out(engine: Engine) -> None:
    with writing(engine) as conn:
        put(conn)
    with writing(engine) as conn:
        assert len(claim_due(conn, now=NOW, limit=10, lease=MINUTE)) == 1
        assert claim_due(conn, now=NOW + MINUTE / 2, limit=10, lease=MINUTE) == ()
    with writing(engine) as conn:
        (again,) = claim_due(conn, now=NOW + MINUTE, limit=10, lease=MINUTE)
    assert again.attempts == 2


def test_a_delivered_message_never_comes_back(engine: Engine) -> None:
    with writing(engine) as conn:
        put(conn)
        (claimed,) = claim_due(conn, now=NOW, limit=1, lease=MINUTE)
        number = claimed.message_id
        mark_delivered(conn, number, at=NOW)
        mark_failed(conn, number, error="late", next_attempt_at=NOW)
        assert claim_due(conn, now=NOW + MINUTE * 99, limit=1, lease=MINUTE) == ()
    with reading(engine) as conn:
        (state,) = messages(conn, status="delivered")
    assert (state.delivered_at, state.last_error) == (NOW, None)


def test_a_failed_message_waits_for_its_next_attempt(engine: Engine) -> None:
    with writing(engine) as conn:
        put(conn)
        (claimed,) = claim_due(conn, now=NOW, limit=1, lease=MINUTE)
        mark_failed(conn, claimed.message_id, error="HTTP 500", next_attempt_at=NOW + 5 * MINUTE)
        assert claim_due(conn, now=NOW + 4 * MINUTE, limit=1, lease=MINUTE) == ()
        assert len(claim_due(conn, now=NOW + 5 * MINUTE, limit=1, lease=MINUTE)) == 1


def test_a_message_given_up_stays_on_record_with_its_last_error(engine: Engine) -> None:
    with writing(engine) as conn:
        put(conn)
        (claimed,) = claim_due(conn, now=NOW, limit=1, lease=MINUTE)
        mark_failed(conn, claimed.message_id, error="HTTP 410", next_attempt_at=None)
        assert claim_due(conn, now=NOW + 99 * MINUTE, limit=1, lease=MINUTE) == ()
    with reading(engine) as conn:
        (state,) = messages(conn, status="dead")
    assert state.last_error == "HTTP 410"


def test_the_oldest_due_messages_come_first_and_no_more_than_asked(engine: Engine) -> None:
    with writing(engine) as conn:
        made = [put(conn, str(n), at=NOW + n * MINUTE) for n in range(5)]
        taken = claim_due(conn, now=NOW + 9 * MINUTE, limit=3, lease=MINUTE)
    assert [message.event_id for message in taken] == made[:3]


def test_two_workers_never_hold_the_same_message(engine: Engine) -> None:
    with writing(engine) as conn:
        made = [put(conn, str(n)) for n in range(60)]
    held: list[str] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        while True:
            with writing(engine) as conn:
                taken = claim_due(conn, now=NOW, limit=7, lease=MINUTE)
            if not taken:
                return
            held.extend(message.event_id for message in taken)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(held) == made


def test_a_message_is_known_by_an_identifier_that_outlives_retries_and_restores(
    engine: Engine,
) -> None:
    def made() -> str:
        """The identifier of the next message, claimed twice."""
        with writing(engine) as conn:
            put(conn)
            (first,) = claim_due(conn, now=NOW, limit=1, lease=MINUTE)
            mark_failed(conn, first.message_id, error="HTTP 500", next_attempt_at=NOW + MINUTE)
            (again,) = claim_due(conn, now=NOW + MINUTE, limit=1, lease=MINUTE)
        assert again.attempts == 2
        assert again.event_id == first.event_id
        return again.event_id

    before = made()
    assert UUID(before).version == 7
    # As after a restore of a backup that was made before: the numbers begin anew.
    with writing(engine) as conn:
        conn.execute(outbox.delete())
        conn.execute(events.delete())
        if engine.dialect.name == "postgresql":
            conn.execute(sa.text("ALTER SEQUENCE outbox_message_id_seq RESTART"))
    after = made()
    assert UUID(after).version == 7
    assert after > before
    with reading(engine) as conn:
        (state,) = messages(conn)
    assert (state.message_id, state.event_id) == (1, after)
