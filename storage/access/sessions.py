"""Sessions of people, and what it takes to begin one: guesses counted, journeys to a provider.

A session's id is known to a browser alone; here is its digest. Whatever worker is asked finds it,
and a restart ends none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pricing.events.access import LoggedIn, LoggedOutEverywhere, LoginFailed
from storage.access.people import Person, end_sessions_of, read_person
from storage.access.tables import login_attempts, login_journeys, people
from storage.access.tables import sessions as table
from storage.database import require_writer
from storage.events.store import record


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that was begun.

    Attributes:
        person: whose it is.
        created_at: when it began, UTC.
        seen_at: about when it was last used.
    """

    person: Person
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Journey:
    """A log-in that went to a provider of identities.

    Attributes:
        nonce: what the token that comes back must hold.
        code_verifier: what proves that the code was asked for here (PKCE).
        next: the path to go on to.
    """

    nonce: str
    code_verifier: str
    next: str


def hash_of(secret: str) -> str:
    """What is kept of a session's id, or of a journey's state: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_session(
    conn: Connection, session_id: str, person_id: str, *, at: datetime, by: str
) -> None:
    """Keep a new session.

    Args:
        conn: a transaction that may write.
        session_id: 256 random bits as text; only its digest is kept.
        person_id: whose it is.
        at: now.
        by: what let them in: `password` or `provider`.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    conn.execute(
        table.insert().values(
            session_hash=hash_of(session_id), person_id=person_id, created_at=at, seen_at=at
        )
    )
    conn.execute(people.update().where(people.c.person_id == person_id).values(last_login_at=at))
    record(conn, LoggedIn(person=person_id, by=by), at=at, actor=person_id)


def read_session(conn: Connection, session_id: str) -> StoredSession | None:
    """The session of this id and whose it is; None where there is none, or they are disabled."""
    query = sa.select(table).where(table.c.session_hash == hash_of(session_id))
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    person = read_person(conn, row.person_id)
    if person.disabled_at is not None:
        return None
    return StoredSession(person, row.created_at, row.seen_at)


def saw_session(conn: Connection, session_id: str, *, at: datetime) -> None:
    """Note that a session was used."""
    require_writer(conn)
    this = table.c.session_hash == hash_of(session_id)
    conn.execute(table.update().where(this).values(seen_at=at))


def end_session(conn: Connection, session_id: str) -> None:
    """End one session. Twice is as once."""
    require_writer(conn)
    conn.execute(table.delete().where(table.c.session_hash == hash_of(session_id)))


def end_every_session(conn: Connection, person_id: str, *, by: str, at: datetime) -> int:
    """Log somebody out everywhere; returns how many sessions there were."""
    ended = end_sessions_of(conn, person_id)
    record(conn, LoggedOutEverywhere(person=person_id), at=at, actor=by)
    return ended


def sweep(conn: Connection, *, idle_before: datetime, begun_before: datetime, at: datetime) -> None:
    """Forget sessions, journeys and counted guesses that are over.

    Args:
        conn: a transaction that may write.
        idle_before: sessions that were not used since are over.
        begun_before: sessions that began before are over.
        at: now; what was counted before a day ago is forgotten.
    """
    require_writer(conn)
    over = sa.or_(table.c.seen_at < idle_before, table.c.created_at < begun_before)
    conn.execute(table.delete().where(over))
    conn.execute(login_journeys.delete().where(login_journeys.c.ends_at <= at))
    old = login_attempts.c.since < at - timedelta(days=1)
    conn.execute(login_attempts.delete().where(old))


def count_attempt(
    conn: Connection, counted_by: str, *, at: datetime, window: timedelta
) -> tuple[int, datetime]:
    """Count one more guess; returns how many there were in this window, and since when.

    Two processes that count at once both count.
    """
    require_writer(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    new = insert(login_attempts).values(counted_by=hash_of(counted_by), since=at, attempts=1)
    over = login_attempts.c.since <= at - window
    counted = new.on_conflict_do_update(
        index_elements=[login_attempts.c.counted_by],
        set_={
            "attempts": sa.case((over, 1), else_=login_attempts.c.attempts + 1),
            "since": sa.case((over, new.excluded.since), else_=login_attempts.c.since),
        },
    ).returning(login_attempts.c.attempts, login_attempts.c.since)
    row = conn.execute(counted).one()
    return row.attempts, row.since


def forget_attempts(conn: Connection, counted_by: str) -> None:
    """Count from nothing again: a guess was right."""
    require_writer(conn)
    this = login_attempts.c.counted_by == hash_of(counted_by)
    conn.execute(login_attempts.delete().where(this))


def note_failure(conn: Connection, person_id: str | None, why: str, *, at: datetime) -> None:
    """Record that a log-in failed."""
    record(conn, LoginFailed(person=person_id, why=why), at=at, actor=person_id or "somebody")


def begin_journey(conn: Connection, state: str, journey: Journey, *, ends_at: datetime) -> None:
    """Keep what a log-in must come back with.

    Args:
        conn: a transaction that may write.
        state: 256 random bits as text; only their digest is kept.
        journey: the rest of it.
        ends_at: until when it may come back.
    """
    require_writer(conn)
    conn.execute(
        login_journeys.insert().values(
            state_hash=hash_of(state),
            nonce=journey.nonce,
            code_verifier=journey.code_verifier,
            next=journey.next,
            ends_at=ends_at,
        )
    )


def end_journey(conn: Connection, state: str, *, at: datetime) -> Journey | None:
    """The journey of this state, once; None where there is none, or it comes too late."""
    require_writer(conn)
    this = login_journeys.c.state_hash == hash_of(state)
    row = conn.execute(
        login_journeys.delete().where(this).returning(*login_journeys.c)
    ).one_or_none()
    if row is None or row.ends_at <= at:
        return None
    return Journey(row.nonce, row.code_verifier, row.next)
