"""When a site is crawled, in words: `every 6h`, `daily at 03:00`, `mon, thu at 06:30 and 18:30`.

Times of day are those of a wall clock in the site's market. A time that the clocks skip in spring
counts as much later as they are put forward; one that comes twice in autumn counts the first time.
Pure: the clock and the time zone are given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from scrapers.errors import InvalidSchedule

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HOW: Final = (
    "must be like 'every 30m', 'every 6h', 'every 1d', 'daily at 03:00', "
    "'mon, thu at 06:30 and 18:30' or 'weekdays at 05:00'"
)
_EVERY: Final = re.compile(r"every ([1-9]\d{0,4}) ?(m|h|d)")
_AT: Final = re.compile(r"(?P<days>[a-z, ]+?) at (?P<times>[\d:, and]+)")
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_GROUPS: Final = {
    "daily": frozenset(range(7)),
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times at which a crawl should begin.

    Attributes:
        every: time from the beginning of one crawl to that of the next, or None.
        times: times of day, in order; empty where `every` is given.
        days: weekdays on which they count, 0 for Monday.
    """

    every: timedelta | None = None
    times: tuple[time, ...] = ()
    days: frozenset[int] = frozenset()


def parse_schedule(text: str) -> Schedule:
    """A schedule from its words; case and spaces do not matter.

    Raises:
        InvalidSchedule: it says no time; the message shows what does.
    """
    words = " ".join(text.lower().split())
    if (found := _EVERY.fullmatch(words)) is not None:
        return Schedule(every=timedelta(**{_UNITS[found[2]]: int(found[1])}))
    if (found := _AT.fullmatch(words)) is None:
        raise InvalidSchedule(_HOW)
    days: frozenset[int] = frozenset()
    for name in _listed(found["days"]):
        if name in _GROUPS:
            days |= _GROUPS[name]
        elif name[:3] in DAYS and _full_name(name):
            days |= {DAYS.index(name[:3])}
        else:
            raise InvalidSchedule(f"{name!r} is no day; it {_HOW}")
    times = set()
    for said in _listed(found["times"]):
        clock = _TIME.fullmatch(said)
        if clock is None:
            raise InvalidSchedule(f"{said!r} is no time of day; it {_HOW}")
        times.add(time(int(clock[1]), int(clock[2])))
    if not days or not times:
        raise InvalidSchedule(_HOW)
    return Schedule(times=tuple(sorted(times)), days=days)


def next_crawl(
    schedule: Schedule, last: datetime | None, *, now: datetime, zone: tzinfo
) -> datetime:
    """When the next crawl should begin; it is due if that is not after `now`.

    A site that was never crawled is due at once. Times that were missed count once.

    Args:
        schedule: of the site.
        last: when its last crawl began, aware; None if there was none.
        now: aware.
        zone: of the site's market.

    Returns:
        The time, UTC.
    """
    if last is None:
        return now.astimezone(UTC)
    if schedule.every is not None:
        return last.astimezone(UTC) + schedule.every
    day = last.astimezone(zone).date() - timedelta(days=1)
    while True:  # a weekday comes within eight days
        if day.weekday() in schedule.days:
            for at in schedule.times:
                moment = _moment(day, at, zone)
                if moment > last:
                    return moment
        day += timedelta(days=1)


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """When a wall clock in the zone shows this, in UTC."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def _listed(text: str) -> list[str]:
    return [word for word in re.split(r",| and | ", text) if word]


def _full_name(name: str) -> bool:
    """Whether a word is a weekday's name, short or in full."""
    return name in DAYS or name in {
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
    }  # fmt: skip
