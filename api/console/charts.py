"""Charts as documents: axes with their units, series, and what is marked. A script draws them.

A chart's route answers with `visit.json(Chart(…))`; colours, fonts, tooltips and languages are the
script's, so that all charts of the console look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Point = tuple[float | str, float | None]
"""Place on the horizontal axis, an ISO time in the market's own clock where it is one, and value;
None is a gap."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        name: what it shows, in the visitor's language.
        unit: put behind the name and the values: `€`, `%`, `units a week`; empty for none.
        kind: `value`, `time`, `category` or `log`.
        digits: behind the mark.
    """

    name: str
    unit: str = ""
    kind: Literal["value", "time", "category", "log"] = "value"
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One series.

    Attributes:
        name: in the legend.
        points: from left to right.
        kind: a `line`, a `step` (a price that holds until it changes), `points`, or `bars`.
        role: `ours`, `theirs` (one colour each), `expected`, or `quiet`.
        low: lower end of its band, beside `high`; empty for none.
        high: upper end.
    """

    name: str
    points: Sequence[Point]
    kind: Literal["line", "step", "points", "bars"] = "line"
    role: Literal["ours", "theirs", "expected", "quiet"] = "theirs"
    low: Sequence[Point] = ()
    high: Sequence[Point] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the horizontal axis that is named: the current price, a limit, a publication.

    Attributes:
        at: the place.
        name: shown beside it.
        tone: `info`, `good`, `bad` or `doubt`.
        until: the end of a range that is shaded instead.
    """

    at: float | str
    name: str
    tone: Literal["info", "good", "bad", "doubt"] = "info"
    until: float | str | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        x: the horizontal axis.
        y: the vertical one.
        series: what is drawn.
        marks: what is marked.
    """

    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mark] = field(default_factory=tuple)
