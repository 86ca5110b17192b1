"""Who did what to prices, and when: the deeds among the events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from pricing.events.catalogue import CATALOGUE
from pricing.events.event import Deed
from storage.events.store import StoredEvent, newest_events

_DEEDS: Final = tuple(kind for kind in CATALOGUE.values() if issubclass(kind, Deed))


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


def read_log(conn: Connection, *, limit: int = 100) -> tuple[LogLine, ...]:
    """The newest lines, the newest first."""
    return tuple(_line(stored) for stored in newest_events(conn, _DEEDS, limit=limit))


def _line(stored: StoredEvent) -> LogLine:
    deed = stored.event
    assert isinstance(deed, Deed)  # noqa: S101  (only deeds were read)
    numbers = stored.facts.get("draft"), stored.facts.get("version")
    return LogLine(stored.at, stored.actor, deed.action, *numbers, deed.detail())
