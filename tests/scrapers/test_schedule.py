"""When a site is crawled: words, wall clocks, and the days on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapers.errors import InvalidSchedule
from scrapers.schedule import Schedule, next_crawl, parse_schedule

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("every 30m", Schedule(every=timedelta(minutes=30))),
        ("Every  6 h", Schedule(every=timedelta(hours=6))),
        ("every 2d", Schedule(every=timedelta(days=2))),
        ("daily at 03:00", Schedule(times=(time(3),), days=frozenset(range(7)))),
        ("daily at 3:00", Schedule(times=(time(3),), days=frozenset(range(7)))),
        (
            "mon, thu at 18:30 and 06:30",
            Schedule(times=(time(6, 30), time(18, 30)), days=frozenset({0, 3})),
        ),
        ("weekdays at 05:00", Schedule(times=(time(5),), days=frozenset(range(5)))),
        ("saturday and sunday at 5:00, 5:00", Schedule(times=(time(5),), days=frozenset({5, 6}))),
        ("weekends, mon at 0:05", Schedule(times=(time(0, 5),), days=frozenset({0, 5, 6}))),
    ],
)
def test_words_say_when(text: str, meant: Schedule) -> None:
    assert parse_schedule(text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "6h", "every 0h", "every -1h", "every 6 weeks", "daily", "daily at", "daily at 24:00",
     "daily at 3", "daily at 03:60", "monster at 03:00", "daily at ,", ", at 03:00",
     "daily at 03:00 UTC", "at 03:00", "every 999999h"],
)  # fmt: skip
def test_other_words_are_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidSchedule, match="daily at 03:00"):
        parse_schedule(text)


def at(text: str) -> datetime:
    """A wall clock in Berlin, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def after(schedule: str, last: datetime | None, now: datetime) -> datetime:
    return next_crawl(parse_schedule(schedule), last, now=now, zone=BERLIN)


def test_a_site_that_was_never_crawled_is_due_at_once() -> None:
    now = at("2026-05-04 12:00")
    assert after("daily at 03:00", None, now) == now
    assert after("every 6h", None, now) == now


def test_an_interval_counts_from_the_beginning_of_the_last_crawl() -> None:
    last = at("2026-05-04 12:00")
    assert after("every 6h", last, last) == at("2026-05-04 18:00")


def test_a_time_of_day_is_that_of_the_market() -> None:
    assert after("daily at 03:00", at("2026-01-10 03:00"), at("2026-01-10 04:00")) == datetime(
        2026, 1, 11, 2, tzinfo=UTC
    )
    assert after("daily at 03:00", at("2026-07-10 12:00"), at("2026-07-10 12:00")) == datetime(
        2026, 7, 11, 1, tzinfo=UTC
    )


def test_times_that_were_missed_count_once() -> None:
    due = after("daily at 03:00", at("2026-05-01 03:00"), at("2026-05-04 12:00"))
    assert due == at("2026-05-02 03:00") <= at("2026-05-04 12:00")
    again = after("daily at 03:00", at("2026-05-04 12:00"), at("2026-05-04 12:00"))
    assert again == at("2026-05-05 03:00")


def test_a_weekday_is_waited_for() -> None:
    assert after("mon at 05:00", at("2026-05-04 05:00"), at("2026-05-04 06:00")) == at(
        "2026-05-11 05:00"
    )


def test_a_time_that_the_clocks_skip_or_repeat_comes_once() -> None:
    # Spring: 02:30 is not on the clock on 29 March 2026; it counts at 03:30 summer time.
    spring = after("daily at 02:30", at("2026-03-28 02:30"), at("2026-03-29 12:00"))
    assert spring == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert after("daily at 02:30", spring, spring) == at("2026-03-30 02:30")
    # Autumn: 02:30 comes twice on 25 October 2026; the first one counts, and only that.
    autumn = after("daily at 02:30", at("2026-10-24 02:30"), at("2026-10-25 12:00"))
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert after("daily at 02:30", autumn, autumn) == at("2026-10-26 02:30")


_CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
_SCHEDULES = st.builds(
    lambda times, days: Schedule(times=tuple(sorted(times)), days=frozenset(days)),
    st.sets(_CLOCKS, min_size=1, max_size=3),
    st.sets(st.integers(0, 6), min_size=1),
)


@given(
    schedule=_SCHEDULES,
    last=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
@settings(max_examples=80, deadline=None)
def test_the_next_time_is_later_and_nothing_lies_between(
    schedule: Schedule, last: datetime, zone: str
) -> None:
    place = ZoneInfo(zone)
    due = next_crawl(schedule, last, now=last, zone=place)
    assert last < due <= last + timedelta(days=9)
    shown = due.astimezone(place)
    days = {shown.date() + timedelta(days=n) for n in range(-8, 2)}
    moments = {
        datetime.combine(day, clock, tzinfo=place).astimezone(UTC)
        for day in days
        for clock in schedule.times
        if day.weekday() in schedule.days
    }
    assert due in moments
    assert not any(last < moment < due for moment in moments)
