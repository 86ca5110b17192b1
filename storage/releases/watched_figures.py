"""Figures that are watched after a release, and their readings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.events.price_books import StageWentLive
from pricing.releases.staged_release import Band
from storage.database import require_writer
from storage.errors import InvalidRecord
from storage.events.store import first_at
from storage.releases.tables import figure_readings as readings
from storage.releases.tables import price_book_drafts as drafts
from storage.releases.tables import watched_figures as watches


@dataclass(frozen=True, slots=True)
class Watch:
    """A figure that may throw a draft's release back.

    Attributes:
        draft_id: whose release.
        figure: name of the figure, such as `conversion`.
        band: where it must stay.
        until: how long it is watched.
    """

    draft_id: int
    figure: str
    band: Band
    until: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a figure."""

    at: datetime
    value: float


def watch(conn: Connection, item: Watch) -> None:
    """Watch a figure of a draft's release.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    conn.execute(
        watches.insert().values(
            draft_id=item.draft_id,
            figure=item.figure,
            low=item.band.low,
            high=item.band.high,
            readings_needed=item.band.readings,
            until=item.until,
        )
    )


def end_watch(conn: Connection, item: Watch) -> None:
    """Watch a figure of a draft no longer.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    this = (watches.c.draft_id == item.draft_id) & (watches.c.figure == item.figure)
    conn.execute(watches.delete().where(this))


def add_reading(conn: Connection, figure: str, value: float, *, at: datetime) -> None:
    """Keep a value of a figure.

    Raises:
        InvalidRecord: the figure has no name, or the value is no number.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    if not figure.strip():
        raise InvalidRecord("a figure needs a name")
    if not -1e300 < value < 1e300:
        raise InvalidRecord(f"{figure} {value} is no number that can be compared")
    conn.execute(readings.insert().values(figure=figure, at=at, value=value))


def watched(conn: Connection, draft_id: int | None = None) -> tuple[Watch, ...]:
    """The watches of a draft; of every release that is under way or done where None."""
    query = (
        sa.select(watches).join_from(watches, drafts).order_by(watches.c.draft_id, watches.c.figure)
    )
    if draft_id is None:
        query = query.where(drafts.c.status.in_(("releasing", "released")))
    else:
        query = query.where(watches.c.draft_id == draft_id)
    return tuple(
        Watch(row.draft_id, row.figure, Band(row.low, row.high, row.readings_needed), row.until)
        for row in conn.execute(query)
    )


def readings_of(
    conn: Connection, figure: str, *, since: datetime, until: datetime
) -> tuple[Reading, ...]:
    """The readings of a figure in [since, until], the oldest first."""
    query = (
        sa.select(readings.c.at, readings.c.value)
        .where(readings.c.figure == figure, readings.c.at >= since, readings.c.at <= until)
        .order_by(readings.c.at, readings.c.reading_id)
    )
    return tuple(Reading(*row) for row in conn.execute(query))


def first_live_at(conn: Connection, draft_id: int) -> datetime | None:
    """When the first stage of a draft went live; None before."""
    return first_at(conn, StageWentLive, str(draft_id))
