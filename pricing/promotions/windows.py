"""When a promotion runs: from, until, and RFC 5545 recurrence in a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dateutil.rrule import rrule, rruleset, rrulestr

from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.promotion import When

Phase = Literal["live", "not_started", "expired", "outside_hours"]

ALWAYS_FROM: Final = datetime.min.replace(tzinfo=UTC)
ALWAYS_UNTIL: Final = datetime.max.replace(tzinfo=UTC)
_END: Final = re.compile(r"UNTIL=(\d{8})(?:T(\d{6})(Z?))?(?=;|$)")
_DURATION: Final = msgspec.json.Decoder(timedelta)


@dataclass(frozen=True, slots=True)
class Window:
    """The moments at which a promotion runs.

    Attributes:
        start, end: first moment, and first moment after; UTC.
        zone: in which recurrences keep their wall time.
        rule: starts of recurrences as naive local times; None for one unbroken window.
        lasts: wall time from each start.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    rule: rrule | None = None
    lasts: timedelta = timedelta()

    def phase(self, at: datetime) -> tuple[Phase, datetime, datetime]:
        """The phase at a moment, and the span [from, until) around it in which it stays so."""
        if at < self.start:
            return "not_started", ALWAYS_FROM, self.start
        if at >= self.end:
            return "expired", self.end, ALWAYS_UNTIL
        if self.rule is None:
            return "live", self.start, self.end
        local = at.astimezone(self.zone).replace(tzinfo=None)
        began = self.rule.before(local, inc=True)
        follows = self.rule.after(local)
        following = self._utc(follows) if follows else self.end
        if began is None:
            return "outside_hours", self.start, min(following, self.end)
        over = self._utc(began + self.lasts)
        if at < over:
            return "live", max(self._utc(began), self.start), min(over, following, self.end)
        if follows is None:
            return "expired", over, ALWAYS_UNTIL
        return "outside_hours", over, min(following, self.end)

    def spans(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans [from, to) in which it runs and that meet [since, until), cut to that.

        In order, without overlap; where recurrences touch, a span for each of them. `phase` says
        the same of every moment, but looks through the recurrences anew each time.
        """
        first, last = max(since, self.start), min(until, self.end)
        if first >= last:
            return
        if self.rule is None:
            yield first, last
            return
        local = first.astimezone(self.zone).replace(tzinfo=None)
        began = self.rule.before(local, inc=True)
        for follows in self.rule.xafter(local):
            if began is not None:
                yield from self._recurrence(began, self._utc(follows), first, last)
            began = follows
            if self._utc(began) >= last:
                return
        if began is not None:
            yield from self._recurrence(began, last, first, last)

    def _recurrence(
        self, began: datetime, following: datetime, first: datetime, last: datetime
    ) -> Iterator[tuple[datetime, datetime]]:
        starts = max(self._utc(began), first)
        ends = min(self._utc(began + self.lasts), following, last)
        if starts < ends:
            yield starts, ends

    def _utc(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)


def compile_window(when: When, time_zone: str, field: str) -> Window:
    """The window that a record describes.

    Args:
        when: as written.
        time_zone: IANA name, where the record names none.
        field: path of the record, for errors.

    Raises:
        InvalidPromotion: a time, zone, rule or duration that does not parse; an end before the
            start; a recurrence without start or duration.
    """
    name = when.time_zone or time_zone
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidPromotion(
            f"{field}.time_zone", f"{name!r} is not an IANA time zone such as Asia/Shanghai"
        ) from None
    start = _moment(when.from_, zone, f"{field}.from") if when.from_ else ALWAYS_FROM
    end = _moment(when.until, zone, f"{field}.until") if when.until else ALWAYS_UNTIL
    if end <= start:
        raise InvalidPromotion(f"{field}.until", f"{when.until} is not after from {when.from_}")
    if not when.repeat:
        if when.lasts:
            raise InvalidPromotion(f"{field}.lasts", "has no meaning without repeat; use until")
        return Window(start, end, zone)
    if not when.from_:
        raise InvalidPromotion(f"{field}.from", "is needed with repeat: the first start")
    return Window(start, end, zone, _rule(when, start, zone, field), _lasts(when, field))


def _moment(text: str, zone: ZoneInfo, field: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidPromotion(field, f"{text!r} is not a time like 2026-11-11T20:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidPromotion(field, f"{text!r} is outside the calendar") from None


def _rule(when: When, start: datetime, zone: ZoneInfo, field: str) -> rrule:
    first = start.astimezone(zone).replace(tzinfo=None)
    try:
        rule = rrulestr(_local_end(when.repeat, zone), dtstart=first, cache=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidPromotion(
            f"{field}.repeat", f"{when.repeat!r} is not an RFC 5545 rule: {error}"
        ) from None
    if isinstance(rule, rruleset) or "DTSTART" in when.repeat.upper():
        raise InvalidPromotion(f"{field}.repeat", "give one rule; its start is `from`")
    if "SECONDLY" in when.repeat.upper() or "MINUTELY" in when.repeat.upper():
        raise InvalidPromotion(f"{field}.repeat", "recurs at most hourly")
    return rule


def _local_end(rule: str, zone: ZoneInfo) -> str:
    """The rule with its end in local time, which its starts are in; a date means all of the day."""

    def local(found: re.Match[str]) -> str:
        day, time, utc = found.groups()
        if not time:
            return f"UNTIL={day}T235959"
        if not utc:
            return f"UNTIL={day}T{time}"
        moment = datetime.strptime(day + time, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return f"UNTIL={moment.astimezone(zone):%Y%m%dT%H%M%S}"

    return _END.sub(local, rule.upper())


def _lasts(when: When, field: str) -> timedelta:
    try:
        lasts = _DURATION.decode(f'"{when.lasts}"')
    except msgspec.DecodeError:
        raise InvalidPromotion(
            f"{field}.lasts", f"{when.lasts!r} is not a duration such as PT2H or P1D"
        ) from None
    if not timedelta() < lasts <= timedelta(days=366):
        raise InvalidPromotion(f"{field}.lasts", "must be more than nothing and at most a year")
    return lasts
