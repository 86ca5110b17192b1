"""Sessions of people: logging in and out.

session = await log_in(desk, name, password, address=client_address(scope))
response.headers["set-cookie"] = cookie_of(desk, session, scope)     # api.access.pages
csrf_token(session)              # goes into the page; comes back as X-CSRF-Token
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from api.access.guesses import guesser_at
from api.access.passwords import hash_of, is_outdated, is_right, require_good
from api.access.principal import Principal
from api.access.roles import Role
from api.errors import NotAnOperator, TooManyRequests
from models.refusals import Invalid
from storage.access.people import (
    Person,
    is_opened_by,
    keep_better_hash,
    password_hash_of,
    set_password,
)
from storage.access.sessions import (
    StoredSession,
    begin_session,
    count_attempt,
    end_every_session,
    end_session,
    forget_attempts,
    note_failure,
    read_session,
    saw_session,
    sweep,
)
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

SESSION: Final = "session"
"""Where the state of a request has its session; absent where it came with none."""

_ID_BYTES: Final = 32
_AN_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_WINDOW: Final = timedelta(minutes=5)
# Guesses in a window, right ones too: of one account from one address; from one address, behind
# which a whole office may be; of one account from anywhere, which is high, for whoever wants to
# keep somebody out would only have to guess wrongly. They are counted in this order, and one that
# is refused counts no further: so nobody keeps an account out from one address alone.
_MOST_BY_BOTH: Final = 5
_MOST_BY_ADDRESS: Final = 30
_MOST_BY_ACCOUNT: Final = 50
_NOBODY: Final = "no account has this name and this password"
_SEEN_TO_THE: Final = timedelta(minutes=1)
# Two at a time, in threads of their own: guesses take no thread from the requests.
_T = TypeVar("_T")
_HASHING: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


@dataclass(frozen=True, slots=True)
class SessionDesk:
    """What logging in needs of the running service.

    Attributes:
        engine: the database.
        idle: a session that was not used for so long is over.
        longest: and so long after it began, used or not.
        secure: its cookie is sent over https only, whatever this process is reached by.
        public_host: the host that browsers know this service by; blank for the one they ask.
    """

    engine: Engine
    idle: timedelta
    longest: timedelta
    secure: bool = False
    public_host: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A session under way.

    Attributes:
        id: what the cookie holds; nobody else may see it.
        person: whose it is.
    """

    id: str
    person: Principal


async def log_in(
    desk: SessionDesk, name: str, password: str, *, address: str, replaces: str | None = None
) -> Session:
    """Begin a session for whoever has this name and password.

    Args:
        desk: what it needs of the service.
        name: of the account.
        password: of the account.
        address: where the guess comes from.
        replaces: the id of the session that the browser has; it ends.

    Raises:
        NotAnOperator: no account has this name and password; it takes as long to say so.
        TooManyRequests: too many guesses; says when to try again.
        DatabaseUnavailable: the database does not answer.
    """
    now = datetime.now(UTC)
    account = await anyio.to_thread.run_sync(_account, desk, name, address, now)
    kept = None if account is None else account[1]
    right = await _hashing(is_right, password, kept)
    if not right or account is None:
        person_id = None if account is None else account[0].person_id
        await anyio.to_thread.run_sync(_fail, desk, person_id, now)
        raise NotAnOperator(_NOBODY)
    better = None
    if is_outdated(account[1]):
        better = await _hashing(hash_of, password)
    return await anyio.to_thread.run_sync(
        _begin, desk, account, (name, address), replaces, better, now
    )


async def change_password(desk: SessionDesk, session: Session, old: str, new: str) -> Session:
    """Give somebody the password of their choice; their other sessions end, this one is renewed.

    Raises:
        InvalidRequest: the old one is wrong, or the new one too short, or the same.
        TooManyRequests: too many guesses of the old one.
        DatabaseUnavailable: the database does not answer.
    """
    require_good(new, "body.new")
    if new == old:
        raise Invalid("is the password of now; choose another", ("body", "new"))
    now = datetime.now(UTC)
    name = session.person.name
    account = await anyio.to_thread.run_sync(_account, desk, name, session.person.id, now)
    if not await _hashing(is_right, old, None if account is None else account[1]):
        await anyio.to_thread.run_sync(_fail, desk, session.person.id, now)
        raise Invalid("is not the password of this account", ("body", "old"))
    made = await _hashing(hash_of, new)
    return await anyio.to_thread.run_sync(_renew, desk, session, made, now)


def begin(desk: SessionDesk, person: Person, *, by: str, now: datetime) -> Session:
    """Begin a session for somebody who was let in; `by` says by what.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with writing(desk.engine) as conn:
        return _begun(conn, person, by=by, now=now)


def log_out(desk: SessionDesk, session: Session, *, everywhere: bool = False) -> None:
    """End a session; everywhere: all sessions of its person.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with writing(desk.engine) as conn:
        if everywhere:
            person_id = session.person.id
            end_every_session(conn, person_id, by=person_id, at=datetime.now(UTC))
        else:
            end_session(conn, session.id)


def session_of(desk: SessionDesk, session_id: str, now: datetime) -> Session | None:
    """The session that a cookie names; None where there is none, or it is over.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    if not _AN_ID.fullmatch(session_id):
        return None  # nothing that was ever made here: no question to the database
    with reading(desk.engine) as conn:
        stored = read_session(conn, session_id)
    if stored is None or _is_over(desk, stored, now):
        return None
    if now - stored.seen_at >= min(_SEEN_TO_THE, desk.idle / 4):
        # Who reads a page needs no database that can be written: the next request notes it.
        with suppress(DatabaseUnavailable), writing(desk.engine) as conn:
            saw_session(conn, session_id, at=now)
    return Session(session_id, principal_of(stored.person))


def forget_what_is_over(desk: SessionDesk) -> None:
    """Delete sessions, journeys and counts that are over."""
    now = datetime.now(UTC)
    with writing(desk.engine) as conn:
        sweep(conn, idle_before=now - desk.idle, begun_before=now - desk.longest, at=now)


def principal_of(person: Person) -> Principal:
    """Who somebody is to the door."""
    must_change = person.must_change_password
    return Principal(
        kind="person",
        id=person.person_id,
        name=person.name or "",
        roles=frozenset() if must_change else frozenset(Role(name) for name in person.roles),
        markets=person.scope.markets,
        categories=person.scope.categories,
        must_change_password=must_change,
    )


def csrf_token(session: Session) -> str:
    """What a page of this session sends back with whatever changes something.

    Made from the session's id, so that nothing of it is kept; it tells nothing of the id.
    """
    return hmac.new(session.id.encode(), b"pricewright csrf", hashlib.sha256).hexdigest()


def _is_over(desk: SessionDesk, stored: StoredSession, now: datetime) -> bool:
    return now - stored.seen_at >= desk.idle or now - stored.created_at >= desk.longest


def _account(
    desk: SessionDesk, name: str, address: str, now: datetime
) -> tuple[Person, str] | None:
    """The account that a guess is about, the guess counted; None where there is none.

    Raises:
        TooManyRequests: too many of them.
    """
    guesser = guesser_at(address)
    counted = (
        (_both(name, guesser), _MOST_BY_BOTH),
        (f"address {guesser}", _MOST_BY_ADDRESS),
        (f"account {name}", _MOST_BY_ACCOUNT),
    )
    wait = 0.0
    with writing(desk.engine) as conn:
        for counted_by, most in counted:
            guesses, since = count_attempt(conn, counted_by, at=now, window=_WINDOW)
            if guesses == most + 1:  # told once: a flood of guesses is none of records
                note_failure(conn, None, "too_many", at=now)
            if guesses > most:
                wait = (since + _WINDOW - now).total_seconds()
                break
        account = password_hash_of(conn, name)
    if wait > 0:
        raise TooManyRequests("too many log-ins were tried; wait and try again").with_headers(
            retry_after=str(int(wait) + 1)
        )
    return account


def _both(name: str, guesser: str) -> str:
    return f"account {name} from {guesser}"


def _fail(desk: SessionDesk, person_id: str | None, now: datetime) -> None:
    with writing(desk.engine) as conn:
        note_failure(conn, person_id, "credentials", at=now)


def _begin(
    desk: SessionDesk,
    account: tuple[Person, str],
    guess: tuple[str, str],
    replaces: str | None,
    better: str | None,
    now: datetime,
) -> Session:
    person, kept = account
    name, address = guess
    with writing(desk.engine) as conn:
        if not is_opened_by(conn, name, kept):  # replaced, or closed, while it was compared
            raise NotAnOperator(_NOBODY)
        forget_attempts(conn, _both(name, guesser_at(address)))
        if replaces is not None:
            end_session(conn, replaces)
        if better is not None:
            keep_better_hash(conn, person.person_id, better)
        return _begun(conn, person, by="password", now=now)


def _begun(conn: Connection, person: Person, *, by: str, now: datetime) -> Session:
    session_id = secrets.token_urlsafe(_ID_BYTES)
    begin_session(conn, session_id, person.person_id, at=now, by=by)
    return Session(session_id, principal_of(person))


def _renew(desk: SessionDesk, session: Session, made: str, now: datetime) -> Session:
    person_id = session.person.id
    with writing(desk.engine) as conn:
        set_password(conn, person_id, made, by=person_id, at=now, must_change=False)
        forget_attempts(conn, _both(session.person.name, person_id))
        account = password_hash_of(conn, session.person.name)
    if account is None:
        raise NotAnOperator("this account was closed meanwhile")
    return begin(desk, account[0], by="password", now=now)


async def _hashing(work: Callable[..., _T], *args: object) -> _T:
    return await asyncio.get_running_loop().run_in_executor(_HASHING, partial(work, *args))
