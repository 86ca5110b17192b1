"""How often a competitor is looked at, and how long a sighting speaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

GRACE: Final = 1.5
"""Cadences for which a sighting speaks: crawls begin late and take time."""

USUAL_CADENCE: Final = timedelta(days=1)
"""Of a site that says none and was not crawled often enough to tell."""

_LEAST: Final = timedelta(minutes=15)
_LEAST_CRAWLS: Final = 3


def cadence_of(every: timedelta | None, started: Sequence[datetime]) -> timedelta:
    """The time between two looks at a site.

    Args:
        every: what its schedule says, or None.
        started: when its crawls began, in any order; used where there is no schedule: the median
            time between two. Below three crawls it is taken to be a day.
    """
    if every is not None:
        return max(every, _LEAST)
    if len(started) < _LEAST_CRAWLS:
        return USUAL_CADENCE
    apart = sorted(b - a for a, b in pairwise(sorted(started)))
    return max(apart[len(apart) // 2], _LEAST)
