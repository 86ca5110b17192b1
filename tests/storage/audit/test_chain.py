"""The audit grows by one at a time, whoever writes, and every other change is found out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pricing.events.prices import FreezeStarted
from storage.audit.chain import ROOT, Act, Principal, append_audit, audited_from, digest_of
from storage.audit.reading import AuditState, audit_records, erase_name, verify_audit
from storage.audit.tables import audit_head, audit_people
from storage.audit.tables import audit_records as table
from storage.backup.making import make_backup
from storage.backup.restoring import restore_backup
from storage.database import migrate, open_engine, reading, writing
from storage.errors import InvalidRecord, NotStored, NotWriting
from storage.events.store import record
from storage.releases.freezes import freeze
from storage.tables import metadata
from tests.databases import empty_postgres_url, sqlite_engine, url_of
from tests.storage.samples import NOW, add_shop

ADA = Principal("person:1", "Ada")
BEN = Principal("key:pk_9", "the till")


def act(by: Principal = ADA, verb: str = "approved", subject: str = "7") -> Act:
    return Act(by, verb, "draft", subject, None, digest_of({"draft": subject}))


def add(engine: Engine, count: int, by: Principal = ADA) -> None:
    for n in range(count):
        with writing(engine) as conn:
            append_audit(conn, act(by, subject=str(n)), at=NOW + timedelta(seconds=n))


def state(engine: Engine, anchor: str | None = None) -> AuditState:
    with reading(engine) as conn:
        return verify_audit(conn, anchor=anchor)


def unguarded(conn: Connection) -> None:
    """As whoever owns the database can: the triggers are gone."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("ALTER TABLE audit_records DISABLE TRIGGER ALL"))
        conn.execute(sa.text("ALTER TABLE audit_head DISABLE TRIGGER ALL"))
        return
    names = conn.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
    for name in names:
        conn.execute(sa.text(f"DROP TRIGGER {name}"))


def test_a_record_says_who_did_what_to_what_when_and_from_where(engine: Engine) -> None:
    assert state(engine) == AuditState(0, ROOT)
    with audited_from("req-1"), writing(engine) as conn:
        assert append_audit(conn, act(), at=NOW) == 1
    with writing(engine) as conn:
        assert append_audit(conn, act(BEN, "rejected"), at=NOW) == 2
    with reading(engine) as conn:
        second, first = audit_records(conn)
        assert audit_records(conn, subject=("draft", "8")) == ()
        assert audit_records(conn, subject=("draft", "7"), before=2) == (first,)
    assert (first.principal, first.name, first.verb, first.at) == (
        "person:1",
        "Ada",
        "approved",
        NOW,
    )
    assert (first.subject_kind, first.subject_id, first.origin) == ("draft", "7", "req-1")
    assert (first.before, first.after) == (None, digest_of({"draft": "7"}))
    assert (second.name, second.origin) == ("the till", "")
    assert state(engine) == AuditState(2, second.hash)


def test_the_hash_is_the_one_that_is_documented(engine: Engine) -> None:
    """Anybody can verify it with a SHA-256 and a JSON library."""
    import hashlib
    import json

    add(engine, 2)
    before = "0" * 64
    with reading(engine) as conn:
        for found in reversed(audit_records(conn)):
            said = {
                "number": found.number, "at": found.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "person_id": found.person_id, "verb": found.verb,
                "subject_kind": found.subject_kind, "subject_id": found.subject_id,
                "origin": found.origin, "before_sha256": found.before, "after_sha256": found.after,
            }  # fmt: skip
            text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            before = hashlib.sha256((before + text).encode()).hexdigest()
            assert found.hash == before


CHANGES: dict[str, str] = {
    "update": "UPDATE audit_records SET verb = 'x' WHERE number = 2",
    "delete": "DELETE FROM audit_records WHERE number = 3",
    "head back": "UPDATE audit_head SET number = 2",
    "head far": "UPDATE audit_head SET number = 9",
    "head gone": "DELETE FROM audit_head",
}
OF_SQLITE = {
    "replace": "INSERT OR REPLACE INTO audit_records SELECT number, at, person_id, 'x', "
    "subject_kind, subject_id, origin, before_sha256, after_sha256, hash FROM audit_records "
    "WHERE number = 2",
    "head replaced": "INSERT OR REPLACE INTO audit_head VALUES (1, 1, 'x')",
}
OF_POSTGRES = {
    "truncate": "TRUNCATE audit_records",
    "head truncated": "TRUNCATE audit_head",
    "upsert": "INSERT INTO audit_records SELECT * FROM audit_records WHERE number = 2 "
    "ON CONFLICT (number) DO UPDATE SET verb = 'x'",
}


def test_the_database_refuses_every_change(engine: Engine) -> None:
    add(engine, 3)
    more = OF_SQLITE if engine.dialect.name == "sqlite" else OF_POSTGRES
    for statement in (CHANGES | more).values():
        with pytest.raises(DBAPIError, match="only"), writing(engine) as conn:
            conn.execute(sa.text(statement))
    assert state(engine).broken_at is None


def _set(conn: Connection, place: int, **values: object) -> None:
    conn.execute(table.update().where(table.c.number == place).values(**values))


def _move_up(conn: Connection) -> None:
    conn.execute(table.delete().where(table.c.number == 3))
    _set(conn, 4, number=3)
    _set(conn, 5, number=4)


TAMPERING: dict[str, tuple[Callable[[Connection], object], int]] = {
    "another verb": (lambda conn: _set(conn, 3, verb="rejected"), 3),
    "another time": (lambda conn: _set(conn, 3, at=NOW - timedelta(days=1)), 3),
    "another request": (lambda conn: _set(conn, 3, origin="x"), 3),
    "another hash": (lambda conn: _set(conn, 3, hash="0" * 64), 3),
    "one left out": (lambda conn: conn.execute(table.delete().where(table.c.number == 3)), 3),
    "one left out and the rest moved up": (lambda conn: _move_up(conn), 3),
    "the first left out": (lambda conn: conn.execute(table.delete().where(table.c.number == 1)), 1),
    "the end cut off": (lambda conn: conn.execute(table.delete().where(table.c.number > 3)), 4),
    "all cut off": (lambda conn: conn.execute(table.delete()), 1),
    "the head gone": (lambda conn: conn.execute(audit_head.delete()), 1),
    "the head of another chain": (
        lambda conn: conn.execute(audit_head.update().values(hash="0")),
        6,
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_whoever_gets_past_the_triggers_is_found_out(what: str, engine: Engine) -> None:
    add(engine, 5)
    tamper, where = TAMPERING[what]
    with writing(engine) as conn:
        unguarded(conn)
        tamper(conn)
    found = state(engine)
    assert found.broken_at == where
    assert found.why


def test_an_anchor_finds_an_end_that_was_cut_off_with_the_head(engine: Engine) -> None:
    add(engine, 5)
    anchor = state(engine).hash
    assert state(engine, anchor).broken_at is None
    add(engine, 1)
    assert state(engine, anchor).broken_at is None, "the chain leads on from it"
    with writing(engine) as conn:
        unguarded(conn)
        conn.execute(table.delete().where(table.c.number > 3))
        (third,) = audit_records(conn, limit=1)
        conn.execute(audit_head.update().values(number=3, hash=third.hash))
    assert state(engine) == AuditState(3, third.hash), "without it, nobody can know"
    found = state(engine, anchor)
    assert (found.broken_at, "anchor" in found.why) == (4, True)


@given(data=st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_change_of_any_value_is_found(data: st.DataObject, tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as engine:
        add(engine, 4)
        number = data.draw(st.integers(1, 4))
        column = data.draw(st.sampled_from([c for c in table.c if c.name != "person_id"]))
        if isinstance(column.type, sa.BigInteger):
            value: object = data.draw(st.integers(5, 99))
        elif column.name == "at":
            value = NOW + timedelta(microseconds=data.draw(st.integers(4_000_001, 10**12)))
        else:
            value = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
        with writing(engine) as conn:
            old = conn.scalar(sa.select(column).where(table.c.number == number))
            unguarded(conn)
            _set(conn, number, **{column.name: value})
        assert (state(engine).broken_at is None) == (old == value)


def test_many_writers_make_one_chain(engine: Engine) -> None:
    def work(name: str) -> None:
        mine = open_engine(url_of(engine))
        add(mine, 15, Principal(name, name))
        mine.dispose()

    workers = [threading.Thread(target=work, args=(f"w{k}",)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = state(engine)
    assert (found.records, found.broken_at) == (60, None)
    with reading(engine) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(audit_people)) == 4


def test_what_is_rolled_back_was_never_done(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as conn:
            append_audit(conn, act(), at=NOW)
            raise KeyError

    add(engine, 1)
    with pytest.raises(KeyError):
        fail()
    add(engine, 1)
    assert state(engine).records == 2
    assert state(engine).broken_at is None


def test_a_name_is_erased_and_the_chain_stays(engine: Engine) -> None:
    add(engine, 3)
    add(engine, 1, BEN)
    before = state(engine)
    with writing(engine) as conn:
        gone = erase_name(conn, "person:1", at=NOW)
        with pytest.raises(NotStored, match="person:1"):
            erase_name(conn, "person:1", at=NOW)
    assert state(engine) == before
    with reading(engine) as conn:
        newest, *others = audit_records(conn)
        everything = str(conn.execute(sa.select(audit_people)).all())
    assert newest.name == "the till"
    assert {(r.person_id, r.principal, r.name) for r in others} == {(gone, None, None)}
    assert "Ada" not in everything
    assert "person:1" not in everything
    add(engine, 1)
    with reading(engine) as conn:
        assert audit_records(conn)[0].person_id != gone, "who comes again is somebody new"
    assert state(engine).broken_at is None


def test_a_new_name_is_told_of_all_that_was_done(engine: Engine) -> None:
    add(engine, 1)
    add(engine, 1, Principal("person:1", "Ada King"))
    with reading(engine) as conn:
        assert {found.name for found in audit_records(conn)} == {"Ada King"}


def test_deeds_come_in_with_their_events_and_others_do_not(engine: Engine) -> None:
    add_shop(engine)
    with audited_from("req-9"), writing(engine) as conn:
        freeze(conn, at=NOW, by="anna", reason="a rumour", market="online")
    with reading(engine) as conn:
        (found,) = audit_records(conn)
    assert (found.name, found.verb, found.subject_kind) == ("anna", "frozen", "prices")
    assert found.origin == "req-9"
    facts = FreezeStarted(market="online", reason="a rumour")
    assert (found.subject_id, found.after) == (facts.key, digest_of(facts.facts()))


def test_it_is_backed_up_with_its_triggers(engine: Engine, tmp_path: Path) -> None:
    add(engine, 3)
    before = state(engine)
    make_backup(engine, tmp_path / "a.zip", now=NOW)
    add(engine, 2)
    after = state(engine)
    restore_backup(engine, tmp_path / "a.zip", replace=True)
    assert state(engine) == before
    assert state(engine, after.hash).broken_at == 4, "an anchor tells that the past was put back"
    with pytest.raises(DBAPIError, match="only"), writing(engine) as conn:
        conn.execute(sa.text(CHANGES["delete"]))
    add(engine, 1)
    assert state(engine).broken_at is None


def test_what_says_nothing_is_refused(engine: Engine) -> None:
    with writing(engine) as conn:
        with pytest.raises(InvalidRecord, match="time zone"):
            append_audit(conn, act(), at=datetime(2026, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidRecord, match="needs who"):
            append_audit(conn, act(verb=""), at=NOW)
    with reading(engine) as conn, pytest.raises(NotWriting):
        append_audit(conn, act(), at=NOW)


def test_events_without_a_deed_are_none(engine: Engine) -> None:
    from tests.pricing.events.samples import price_changed

    with writing(engine) as conn:
        record(conn, price_changed(), at=NOW)
    assert state(engine).records == 0


def test_the_tables_as_declared_have_the_triggers_of_the_migrations() -> None:
    """On PostgreSQL; the statements of SQLite are compared in `tests/storage/test_database.py`."""
    query = sa.text(
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger "
        "WHERE NOT tgisinternal ORDER BY 2"
    )
    found = []
    for make in (migrate, metadata.create_all):
        with empty_postgres_url() as url:
            engine = open_engine(url)
            make(engine)
            with reading(engine) as conn:
                found.append([tuple(row) for row in conn.execute(query)])
            engine.dispose()
    assert found[0] == found[1]
    assert {name for name, _ in found[0]} == {"audit_head", "audit_records"}
