"""How often a site is looked at: by its schedule, else by its crawls so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from models.competitors.cadence import cadence_of
from scrapers.schedule import Schedule
from scrapers.sites import Site


def site_cadence(site: Site | None, started: Sequence[datetime]) -> timedelta:
    """The time between two looks at a site.

    Args:
        site: its definition; None where that is not known.
        started: when its whole crawls began.
    """
    return cadence_of(None if site is None else _longest_wait(site.times), started)


def _longest_wait(schedule: Schedule | None) -> timedelta | None:
    """The longest time between two crawls that a schedule plans."""
    if schedule is None or schedule.every is not None:
        return None if schedule is None else schedule.every
    moments = sorted(
        timedelta(days=day, hours=clock.hour, minutes=clock.minute)
        for day in schedule.days
        for clock in schedule.times
    )
    return max(b - a for a, b in pairwise([*moments, moments[0] + timedelta(days=7)]))
