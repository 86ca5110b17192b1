"""Secrets that the service makes up once, so that all its processes and hosts know the same."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from storage.access.tables import service_secrets as table
from storage.database import reading, writing

QUOTE_SIGNING_KEY: Final = "quote_signing_key"
_BYTES: Final = 32


def kept_secret(engine: Engine, name: str, *, at: datetime) -> str:
    """A secret of the service; made up by whoever asks first, and the same ever after.

    Two processes that ask at once get the same one: the database lets one of them store it.

    Args:
        engine: the database.
        name: what it is for.
        at: the time.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    query = sa.select(table.c.secret).where(table.c.name == name)
    with reading(engine) as conn:
        found: str | None = conn.scalar(query)
    if found is not None:
        return found
    with writing(engine, durable=True) as conn:
        insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        made = {"name": name, "secret": secrets.token_urlsafe(_BYTES), "created_at": at}
        conn.execute(insert(table).values(made).on_conflict_do_nothing())
        kept: str = conn.execute(query).scalar_one()
    return kept
