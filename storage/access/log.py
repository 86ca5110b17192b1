"""Who did what to prices, and when. Only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.access.tables import governance_log as table


@dataclass(frozen=True, slots=True)
class LogLine:
    """One deed.

    Attributes:
        at: when, UTC.
        actor: who.
        action: what, such as `approved` or `rolled_back`.
        draft_id: of which draft; None where of none.
        version: of which price book; None where of none.
        detail: the facts.
    """

    at: datetime
    actor: str
    action: str
    draft_id: int | None
    version: int | None
    detail: Mapping[str, Any]


def log(
    conn: Connection,
    action: str,
    *,
    at: datetime,
    actor: str,
    draft_id: int | None = None,
    version: int | None = None,
    **detail: object,
) -> None:
    """Add a line; the caller's transaction makes it true together with the deed."""
    conn.execute(
        table.insert().values(
            at=at, actor=actor, action=action, draft_id=draft_id, version=version, detail=detail
        )
    )


def read_log(conn: Connection, *, limit: int = 100) -> tuple[LogLine, ...]:
    """The newest lines, the newest first."""
    query = sa.select(
        table.c.at,
        table.c.actor,
        table.c.action,
        table.c.draft_id,
        table.c.version,
        table.c.detail,
    )
    rows = conn.execute(query.order_by(table.c.log_id.desc()).limit(limit))
    return tuple(LogLine(*row) for row in rows)
