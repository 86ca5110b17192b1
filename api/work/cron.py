"""Cron lines in a zone: which moments they name. Pure: the clock and the zone are given.

A time of day that the clocks skip in spring counts as soon as they have been put forward; one that
comes twice in autumn counts the first time. A line for every hour or minute counts real hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from api.work.errors import ScheduleInvalid

_FIELDS: Final = 5
_HOW: Final = "minute, hour, day, month, weekday, as in '30 3 * * mon-fri'"
_LOOKS_BACK: Final = tuple(timedelta(days=days) for days in (0.125, 4, 70, 1_000, 20_000))
"""The newest moment is looked for in the near past first: a line may name each minute."""


def check_line(line: str, zone: str, *, now: datetime) -> None:
    """Refuse a line that names no moment, and a zone that is not there.

    Raises:
        ScheduleInvalid: see above.
    """
    next_moment(line, zone, after=now)


def next_moment(line: str, zone: str, *, after: datetime) -> datetime:
    """The first moment after this one, UTC.

    Raises:
        ScheduleInvalid: the line or the zone cannot be, or there is no such moment.
    """
    for moment in _moments(line, zone, after):
        return moment
    raise ScheduleInvalid(f"cron line {line!r} names no moment that ever comes")


def newest_moment(line: str, zone: str, *, after: datetime, until: datetime) -> datetime | None:
    """The last moment after `after` and not after `until`, UTC; None where there is none.

    Raises:
        ScheduleInvalid: the line or the zone cannot be.
    """
    for back in _LOOKS_BACK:
        begin = max(after, until - back)
        newest = None
        for moment in _moments(line, zone, begin):
            if moment > until:
                break
            newest = moment
        if newest is not None or begin == after:
            return newest
    return None


def _moments(line: str, zone: str, after: datetime) -> Iterator[datetime]:
    if len(line.split()) != _FIELDS:
        raise ScheduleInvalid(f"cron line {line!r} must have five fields: {_HOW}")
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleInvalid(f"{zone!r} is no IANA time zone like Europe/Berlin") from None
    try:
        named = CronSim(line, after.astimezone(where))
    except CronSimError as error:
        raise ScheduleInvalid(f"cron line {line!r}: {error}; write {_HOW}") from None
    for moment in named:
        # Within the hour that comes twice, a wall clock's time may lie before the start.
        if (found := moment.astimezone(UTC)) > after:
            yield found
