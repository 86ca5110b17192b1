"""What receivers get is, to the byte, what they got before events were kept by a catalogue."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from api.alerts.delivery import _outgoing
from storage.database import writing
from storage.events.store import record
from storage.jobs.outbox import claim_due, mark_failed
from tests.pricing.events.recorded import RecordedBody, recorded_bodies

_HOUR = timedelta(hours=1)


@pytest.mark.parametrize("recorded", recorded_bodies(), ids=lambda one: one.event.type_name)
def test_the_body_and_the_id_are_those_of_the_event_over_all_tries(
    engine: Engine, recorded: RecordedBody
) -> None:
    with writing(engine) as conn:
        event_id = record(conn, recorded.event, at=recorded.at)
        (first,) = claim_due(conn, now=recorded.at, limit=9, lease=_HOUR)
        mark_failed(conn, first.message_id, error="HTTP 500", next_attempt_at=recorded.at + _HOUR)
        (again,) = claim_due(conn, now=recorded.at + _HOUR, limit=9, lease=_HOUR)
    for claimed in (first, again):
        message = _outgoing(claimed)
        assert message.message_id == event_id
        if engine.dialect.name == "sqlite":
            assert message.body() == recorded.body
        # PostgreSQL keeps documents without the order of their members, as it always did.
        assert json.loads(message.body()) == json.loads(recorded.body)
    assert (first.topic, first.key) == (recorded.event.type_name, recorded.key)
