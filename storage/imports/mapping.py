"""Which column of a file is which of ours, and how its values become ours.

A mapping says `ours=theirs`. Theirs may carry a scale, `units=units_oz/64` or `price=cents*0.01`,
or the format of a date, `date=day:%d/%m/%Y`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.errors import LayoutRefused
from storage.imports.kinds import ALTERNATIVES, COLUMNS, Holds, ImportColumn, Kind

_SCALED = re.compile(r"(?P<theirs>.+?)\s*(?P<sign>[*/])\s*(?P<factor>[0-9.eE+-]+)")
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where one of our columns comes from.

    Attributes:
        column: ours.
        theirs: the column of the file, as its header spells it.
        multiply: the values are multiplied by this, then
        divide: divided by this.
        date_format: how dates are written; None for ISO 8601.
    """

    column: ImportColumn
    theirs: str
    multiply: float = 1.0
    divide: float = 1.0
    date_format: str | None = None


def resolve(
    kind: Kind, header: Sequence[str], mapping: Mapping[str, str], file_name: str, delimiter: str
) -> dict[str, Source]:
    """The source of each of our columns that the file has, by our name.

    Args:
        kind: what is imported.
        header: column names of the file.
        mapping: ours to theirs, as the user gave it.
        file_name: for messages.
        delimiter: what the header was split at; empty where the format has none.

    Raises:
        LayoutRefused: a required column is missing, a mapping names a column that is not there, a
            column stands in the file twice, or the header looks split at the wrong character.
    """
    ours = {name: column for column in COLUMNS[kind] for name in (column.name, *column.synonyms)}
    found: dict[str, Source] = {}
    for name, target in mapping.items():
        column = ours.get(name)
        if column is None:
            raise LayoutRefused(
                f"{file_name}: {kind} have no column {name!r}; "
                f"they have {_listed([c.name for c in COLUMNS[kind]])}"
            )
        if column.name in found:
            raise LayoutRefused(f"{file_name}: {column.name!r} is mapped more than once")
        found[column.name] = _mapped(column, target, header, file_name, delimiter)
    for column in COLUMNS[kind]:
        if column.name not in found:
            theirs = _unmapped(column, header)
            if theirs is not None:
                found[column.name] = Source(column, theirs)
    _require(kind, found, header, file_name, delimiter)
    for source in found.values():
        if list(header).count(source.theirs) > 1:
            raise LayoutRefused(
                f"{file_name}: column {source.theirs!r} stands in the header more than once; "
                "rename one of them"
            )
    return found


def looks_like(line: str, delimiter: str) -> str | None:
    """The delimiter that a header line seems to have, if it is another one."""
    counts = {mark: line.count(mark) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if best != delimiter and counts[best] > counts.get(delimiter, 0) else None


def _mapped(
    column: ImportColumn, target: str, header: Sequence[str], file_name: str, delimiter: str
) -> Source:
    if target in header:
        return Source(column, target)
    scaled = _SCALED.fullmatch(target)
    if scaled is not None and scaled["theirs"] in header:
        if column.holds not in {Holds.NUMBER, Holds.MONEY}:
            raise LayoutRefused(f"{file_name}: {column.name!r} holds {column.holds.value}, "
                                f"which cannot be scaled as in {target!r}")  # fmt: skip
        try:
            factor = float(scaled["factor"])
        except ValueError:
            factor = math.nan
        if not (math.isfinite(factor) and factor > 0):
            raise LayoutRefused(f"{file_name}: {scaled['factor']!r} in {target!r} is not a number "
                                "above zero")  # fmt: skip
        if scaled["sign"] == "/":
            return Source(column, scaled["theirs"], divide=factor)
        return Source(column, scaled["theirs"], multiply=factor)
    theirs, colon, date_format = target.partition(":")
    if colon and theirs in header:
        if column.holds is not Holds.DAY or "%" not in date_format:
            raise LayoutRefused(
                f"{file_name}: {target!r} gives a date format to {column.name!r}; only dates take "
                "one, written like date=day:%d/%m/%Y"
            )
        try:
            datetime.strptime("", date_format)  # noqa: DTZ007 - only the format is tried
        except ValueError as problem:
            if "does not match" not in str(problem):
                raise LayoutRefused(
                    f"{file_name}: {date_format!r} in {target!r} is no date format: {problem}"
                ) from None
        return Source(column, theirs, date_format=date_format)
    raise LayoutRefused(
        f"{file_name}: mapped {column.name!r} to {target!r}, but there is no such column; "
        f"the file has {_listed(header)}{_hint(header, delimiter)}"
    )


def _unmapped(column: ImportColumn, header: Sequence[str]) -> str | None:
    for name in (column.name, *column.synonyms):
        for theirs in header:
            if theirs.strip().casefold().replace(" ", "_") == name:
                return theirs
    return None


def _require(
    kind: Kind,
    found: Mapping[str, Source],
    header: Sequence[str],
    file_name: str,
    delimiter: str,
) -> None:
    missing = [c.name for c in COLUMNS[kind] if c.required and c.name not in found]
    ways = ALTERNATIVES.get(kind, ())
    if not missing and ways and not any(set(way) <= set(found) for way in ways):
        missing = [" or ".join(" with ".join(way) for way in ways)]
    if missing:
        raise LayoutRefused(
            f"{file_name}: column {missing[0]!r} is missing; the file has {_listed(header)}. "
            f"Say which one it is with --map {missing[0].split(' ')[0]}=COLUMN"
            f"{_hint(header, delimiter)}"
        )


def _hint(header: Sequence[str], delimiter: str) -> str:
    if not delimiter:
        return ""
    other = looks_like(delimiter.join(header), delimiter)
    if other is None:
        return ""
    shown = "'\\t'" if other == "\t" else f"{other!r}"
    return (
        f". The file seems to be separated by {_DELIMITERS[other]}, not by "
        f"{_DELIMITERS.get(delimiter, repr(delimiter))}: try --delimiter {shown}"
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:30])
    return f"{shown}, ..." if len(names) > 30 else shown
