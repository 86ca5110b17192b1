from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from pricing.events.price_books import DraftApproved
from pricing.events.prices import FreezeLifted, FreezeStarted
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, NotWriting
from storage.events.store import SYSTEM, WEBHOOK, first_at, newest_events, record
from storage.events.tables import events, outbox
from storage.jobs.outbox import messages
from storage.releases.freezes import freeze, freezes_in_force
from tests.pricing.events.recorded import recorded_events
from tests.pricing.events.samples import price_changed
from tests.storage.samples import NOW

DAY = timedelta(days=1)


def test_every_event_comes_back_as_it_was(engine: Engine) -> None:
    made = recorded_events()
    with writing(engine) as conn:
        ids = [record(conn, event, at=NOW, actor="anna") for event in made]
    with reading(engine) as conn:
        found = newest_events(conn, [type(event) for event in made])
    assert [stored.event for stored in reversed(found)] == made
    assert [stored.event_id for stored in reversed(found)] == ids == sorted(ids)
    assert {(stored.at, stored.actor) for stored in found} == {(NOW, "anna")}
    assert {UUID(event_id).version for event_id in ids} == {7}


def test_only_what_is_told_is_delivered_and_that_once_a_receiver(engine: Engine) -> None:
    made = recorded_events()
    with writing(engine) as conn:
        ids = {record(conn, event, at=NOW): event.told for event in made}
        told = conn.execute(sa.select(outbox.c.event_id, outbox.c.receiver)).all()
    assert sorted(told) == sorted((number, WEBHOOK) for number, is_told in ids.items() if is_told)
    again = {"event_id": told[0][0], "status": "pending", "next_attempt_at": NOW}
    with writing(engine) as conn:
        conn.execute(outbox.insert().values(**again, receiver="another"))
    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.execute(outbox.insert().values(**again, receiver=WEBHOOK))


def test_an_event_and_what_it_tells_of_stand_or_fall_together(engine: Engine) -> None:
    def freeze_and_fail() -> None:
        with writing(engine) as conn:
            freeze(conn, at=NOW, by="anna", reason="a rumour")
            record(conn, price_changed(), at=NOW)
            raise KeyError

    with pytest.raises(KeyError):
        freeze_and_fail()
    with reading(engine) as conn:
        assert freezes_in_force(conn) == ()
        assert conn.execute(sa.select(events)).all() == []
        assert messages(conn) == ()
    with writing(engine) as conn:
        freeze(conn, at=NOW, by="anna", reason="a rumour")
    with reading(engine) as conn:
        (stored,) = newest_events(conn, [FreezeStarted])
        assert len(freezes_in_force(conn)) == 1
    assert (stored.event, stored.actor) == (FreezeStarted(market=None, reason="a rumour"), "anna")


def test_what_cannot_be_stored_leaves_no_change_behind(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(sa.text("ALTER TABLE outbox RENAME TO away"))

    def change_and_tell() -> None:
        with writing(engine) as conn:
            freeze(conn, at=NOW, by="anna", reason="x")
            record(conn, price_changed(), at=NOW)

    with pytest.raises((DatabaseUnavailable, DBAPIError)):
        change_and_tell()
    with reading(engine) as conn:
        assert freezes_in_force(conn) == ()


def test_a_reading_transaction_may_not_record(engine: Engine) -> None:
    with reading(engine) as conn, pytest.raises(NotWriting):
        record(conn, price_changed(), at=NOW)


def test_events_are_read_by_type_and_key_the_newest_first(engine: Engine) -> None:
    with writing(engine) as conn:
        for draft in (1, 2, 1):
            record(conn, DraftApproved(draft=draft, note=str(draft)), at=NOW)
        record(conn, FreezeLifted(market=None, lifted=1), at=NOW)
        all_ids = list(conn.scalars(sa.select(events.c.event_id).order_by(events.c.event_id)))
    with reading(engine) as conn:
        approved = newest_events(conn, [DraftApproved])
        assert [stored.key for stored in approved] == ["1", "2", "1"]
        assert [stored.event_id for stored in approved] == all_ids[2::-1]
        assert len(newest_events(conn, [DraftApproved], key="1")) == 2
        assert len(newest_events(conn, [DraftApproved, FreezeLifted], limit=2)) == 2
        assert {stored.actor for stored in approved} == {SYSTEM}


def test_when_something_first_happened_to_a_key(engine: Engine) -> None:
    with writing(engine) as conn:
        for draft, days in ((1, 2), (1, 1), (2, 0)):
            record(conn, DraftApproved(draft=draft, note=""), at=NOW + days * DAY)
        assert first_at(conn, DraftApproved, "1") == NOW + DAY
        assert first_at(conn, DraftApproved, "3") is None
        assert first_at(conn, FreezeLifted, "1") is None
