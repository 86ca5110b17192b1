"""Cron lines over the days on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.work.cron import check_line, newest_moment, next_moment
from api.work.errors import ScheduleInvalid

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Asia/Shanghai", "Pacific/Apia", "Africa/Casablanca", "UTC")  # fmt: skip
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=4 * 365)).map(
    lambda span: datetime(2024, 1, 1, tzinfo=UTC) + span
)
SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=300))
DAILY = st.builds(lambda h, m: f"{m} {h} * * *", st.integers(0, 23), st.integers(0, 59))


def between(line: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    found = []
    moment = next_moment(line, zone, after=after)
    while moment <= until:
        found.append(moment)
        moment = next_moment(line, zone, after=moment)
    return found


@given(DAILY, st.sampled_from(ZONES), MOMENTS, st.integers(2, 200))
def test_a_time_of_day_comes_once_on_each_day_of_its_zone(
    line: str, zone: str, after: datetime, days: int
) -> None:
    where = ZoneInfo(zone)
    first = after.astimezone(where).date()
    begin = datetime.combine(first, time(), where).astimezone(UTC)
    end = datetime.combine(first + timedelta(days=days), time(), where).astimezone(UTC)
    moments = between(line, zone, begin - timedelta(seconds=1), end - timedelta(seconds=1))
    seen = [moment.astimezone(where).date() for moment in moments]
    wanted = [first + timedelta(days=k) for k in range(days)]
    assert seen == [day for day in wanted if not _skipped(day, where)]


def _skipped(day: date, zone: ZoneInfo) -> bool:
    """Samoa and others went over the date line: a whole day was left out."""
    noon = datetime.combine(day, time(12), zone)
    return noon.astimezone(UTC).astimezone(zone).date() != day


@given(DAILY | st.sampled_from(["*/15 * * * *", "30 * * * *", "0 3 1 * *", "0 6 * * mon"]),
       st.sampled_from(ZONES), MOMENTS, SPANS)  # fmt: skip
def test_the_newest_moment_is_the_last_of_those_that_come_one_after_the_other(
    line: str, zone: str, after: datetime, span: timedelta
) -> None:
    after = after.replace(microsecond=0)
    until = after + (span if "*/15" not in line else span / 50)
    moments = between(line, zone, after, until)
    assert newest_moment(line, zone, after=after, until=until) == (moments[-1] if moments else None)
    assert moments == sorted(set(moments))


@given(DAILY, st.sampled_from(ZONES), MOMENTS, st.lists(SPANS, min_size=1, max_size=30))
def test_however_often_one_looks_every_moment_counts_at_most_once(
    line: str, zone: str, after: datetime, looks: list[timedelta]
) -> None:
    counted, now, found = after, after, []
    for look in looks:
        now += look / 30
        newest = newest_moment(line, zone, after=counted, until=now)
        if newest is not None:
            found.append(newest)
            counted = newest
    assert found == sorted(set(found))
    assert set(found) <= set(between(line, zone, after, now))


@pytest.mark.parametrize(
    ("line", "day", "hours"),
    [
        ("30 2 * * *", date(2026, 3, 29), ["01:00"]),  # skipped: as soon as the clocks are on
        ("30 2 * * *", date(2026, 10, 25), ["00:30"]),  # twice: the first time
        ("0 * * * *", date(2026, 3, 29), ["00:00", "01:00", "02:00"]),
        ("0 * * * *", date(2026, 10, 25), ["00:00", "01:00", "02:00"]),
    ],
)
def test_the_days_of_the_change_in_berlin(line: str, day: date, hours: list[str]) -> None:
    begin = datetime.combine(day, time(), UTC) - timedelta(seconds=1)
    until = begin + timedelta(hours=2, seconds=1)
    found = between(line, "Europe/Berlin", begin, until)
    assert [f"{moment:%H:%M}" for moment in found] == hours


def test_years_that_were_missed_are_one_quick_look() -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    now = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
    assert newest_moment("* * * * *", "UTC", after=then, until=now) == now.replace(second=0)
    leap = newest_moment("0 0 29 2 *", "UTC", after=then, until=now)
    assert leap == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "zone", "why"),
    [
        ("* * * *", "UTC", "five fields"),
        ("0 * * * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "Bad minute"),
        ("0 0 30 2 *", "UTC", "Bad day-of-month"),
        ("0 3 * * *", "Europe/Atlantis", "no IANA time zone"),
    ],
)
def test_what_names_no_moment_is_refused(line: str, zone: str, why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=why):
        check_line(line, zone, now=datetime(2026, 1, 1, tzinfo=UTC))
