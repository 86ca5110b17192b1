"""Rows in every table, made from the tables themselves: whatever is added later is there, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from storage.backup.schema import reflected, revision_of
from storage.database import reading, writing

_NOW: Final = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
_TEXTS: Final = ("tea", "Tee für 3 €", "茶", "", "a\tb\\N\n\"c'", "\\.", "🫖")
_DOCUMENTS: Final = (
    '{"b": 1, "a": [1.10, null, "ü"]}',
    "null",
    "[]",
    '"\\\\"',
    '{"n": 123456789012345678901234567890}',
)
_NUMBERS: Final = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 0.0, 1.0, float("inf"))


def fill(engine: Engine, *, seed: int = 1, rows: int = 5) -> None:
    """Some rows into each table, as its constraints allow."""
    random = Random(seed)
    with reading(engine) as conn:
        revision = revision_of(conn)
        assert revision is not None
        tables = reflected(conn, revision)
    for table in tables:
        with writing(engine) as conn:
            checks = sa.inspect(conn).get_check_constraints(table.name)
            words = dict(_words(" ".join(str(check["sqltext"]) for check in checks)))
            bounds = " ".join(str(check["sqltext"]) for check in checks)
            for number in range(rows):
                _insert_one(conn, table, number, words, bounds, random)


def _insert_one(
    conn: sa.Connection,
    table: sa.Table,
    number: int,
    words: dict[str, list[str]],
    bounds: str,
    random: Random,
) -> None:
    """Draws until the constraints let a row in; the first of each table must come in."""
    for _ in range(300):
        values = {c.name: _value(conn, c, number, words, bounds, random) for c in table.columns}
        try:
            with conn.begin_nested():
                conn.execute(_raw(table, conn.dialect.name), values)
        except sa.exc.IntegrityError:
            continue
        return
    assert number, f"no row gets into {table.name}"


def stored(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as the driver gives it, in the order of the key."""
    with reading(engine) as conn:
        revision = revision_of(conn)
        assert revision is not None
        found = {}
        for table in reflected(conn, revision):
            columns = [
                sa.cast(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c
                for c in table.columns
            ]
            query = sa.select(*columns).order_by(*table.primary_key)
            found[table.name] = [tuple(row) for row in conn.execute(query)]
    return found


def _raw(table: sa.Table, dialect: str) -> sa.TextClause:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join(
        f"CAST(:{column.name} AS JSONB)"
        if dialect == "postgresql" and isinstance(column.type, sa.JSON)
        else f":{column.name}"
        for column in table.columns
    )
    return sa.text(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})')  # noqa: S608


def _words(checks: str) -> Iterator[tuple[str, list[str]]]:
    """What `status IN ('open', ...)` allows, as each database writes it."""
    for name, inside in re.findall(r"(\w+) IN \(([^)]*)\)", checks):
        yield name, re.findall(r"'([^']*)'", inside)
    for name, inside in re.findall(r"\(?(\w+) = ANY \(ARRAY\[([^\]]*)\]\)", checks):
        yield name, re.findall(r"'([^']*)'", inside)


def _value(
    conn: sa.Connection,
    column: sa.Column[Any],
    number: int,
    words: dict[str, list[str]],
    bounds: str,
    random: Random,
) -> Any:  # noqa: ANN401
    kind = column.type
    own = column.primary_key or any(
        i.unique and column.name in i.columns for i in column.table.indexes
    )
    for reference in column.foreign_keys:
        if reference.column.table is column.table:
            return None
        known = list(conn.scalars(sa.select(reference.column)))
        return (
            known[number % len(known)]
            if own or not column.nullable
            else random.choice([None, *known])
        )
    if column.name in words:
        return words[column.name][number % len(words[column.name])]
    if column.nullable and random.random() < 0.4:
        return None
    sqlite = conn.dialect.name == "sqlite"
    if isinstance(kind, sa.Boolean):
        return bool(random.getrandbits(1))
    if isinstance(kind, sa.JSON):
        return random.choice(_DOCUMENTS)
    if isinstance(kind, sa.DateTime):
        place = list(column.table.columns).index(column)
        moment = _NOW + timedelta(days=number, hours=place)
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else moment
    if isinstance(kind, sa.Date):
        day = date(2026, 1, 1 + number)
        return day.isoformat() if sqlite else day
    if isinstance(kind, sa.Integer):
        return 1 + number if own else random.choice([1, 2, 2**53 + 1])
    if isinstance(kind, sa.Float):
        return random.random() if column.name in bounds else random.choice(_NUMBERS)
    if isinstance(kind, sa.LargeBinary):
        return random.randbytes(8)
    return f"{column.name}-{number}" if own else random.choice(_TEXTS)
