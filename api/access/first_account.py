"""The first account: made at the first start, so that somebody can log in and let others in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog

from api.access.passwords import hash_of, made_up
from api.access.roles import Role
from storage.access.people import add_person, there_are_people
from storage.database import reading, take_turns, writing
from storage.events.store import SYSTEM

if TYPE_CHECKING:
    from sqlalchemy import Engine

_log = structlog.get_logger(__name__)

FIRST: Final = "admin"
"""The name of the first account."""


def make_first_account(engine: Engine) -> str | None:
    """Make `admin` where nobody ever had an account; returns its password, which the log tells.

    It is told this once and kept nowhere; whoever logs in with it chooses another one first.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        if there_are_people(conn):
            return None
    password = made_up()
    kept = hash_of(password)
    with writing(engine, durable=True) as conn:
        take_turns(conn, "people")
        if there_are_people(conn):  # another process was quicker, and its password counts
            return None
        add_person(
            conn,
            name=FIRST,
            roles=(Role.ADMIN,),
            by=SYSTEM,
            at=datetime.now(UTC),
            password_hash=kept,
            must_change_password=True,
        )
    _log.warning(
        "the first account was made: log in and choose a password; this one is told only here",
        name=FIRST,
        password=password,
    )
    return password
