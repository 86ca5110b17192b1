"""Answers kept by the key of the request, so that a request sent twice is carried out once.

The key is claimed in the transaction that does the work: either both are there afterwards, or
neither. A second request with the same key waits for the first one, then gets its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from storage.database import require_writer
from storage.errors import KeyReused
from storage.promotions.tables import idempotency_keys as table


def claim_key(
    conn: Connection, operation: str, key: str, request_sha256: str, *, at: datetime
) -> Mapping[str, Any] | None:
    """Take a key for this request; gives the answer if the request was carried out before.

    Args:
        conn: a transaction that writes; the work belongs into it, too.
        operation: what is asked for; keys of different operations have nothing to do with
            each other.
        key: as the client made it.
        request_sha256: digest of the request.
        at: now.

    Returns:
        The answer of the first time, or None: do the work, then call `keep_answer`.

    Raises:
        KeyReused: the key came with another request before.
    """
    require_writer(conn)
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    claimed = conn.execute(
        insert(table)
        .values(operation=operation, key=key, request_sha256=request_sha256, created_at=at)
        .on_conflict_do_nothing()
        .returning(table.c.key)
    ).one_or_none()
    if claimed is not None:
        return None
    known = conn.execute(
        sa.select(table.c.request_sha256, table.c.answer).where(
            table.c.operation == operation, table.c.key == key
        )
    ).one()
    if known.request_sha256 != request_sha256:
        raise KeyReused(
            f"idempotency key {key!r} came before with another request; use a new key for each"
        )
    answer: Mapping[str, Any] = known.answer
    return answer


def keep_answer(conn: Connection, operation: str, key: str, answer: Mapping[str, Any]) -> None:
    """Keep the answer to a request whose key was claimed in this transaction."""
    require_writer(conn)
    where = sa.and_(table.c.operation == operation, table.c.key == key)
    conn.execute(table.update().where(where).values(answer=answer))


def forget_keys(conn: Connection, *, before: datetime) -> int:
    """Delete keys that were claimed before a time; returns how many."""
    require_writer(conn)
    return conn.execute(table.delete().where(table.c.created_at < before)).rowcount
