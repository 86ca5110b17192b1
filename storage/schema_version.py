"""At which migration a database is, and which ones this program has.

Read without Alembic, which is needed to migrate and not to look: a process that only checks starts
without it, and is some megabytes lighter for as long as it runs.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_STEP: Final = re.compile(r'^revision = "(\w+)"\ndown_revision = (?:None|"(\w+)")$', re.MULTILINE)
_TABLE: Final = sa.table("alembic_version", sa.column("version_num"))


@cache
def steps() -> tuple[str, ...]:
    """The revisions of this program's migrations, from the first to the newest, in one line."""
    after: dict[str | None, str] = {}
    for file in VERSIONS.glob("[0-9]*.py"):
        found = _STEP.search(file.read_text(encoding="utf-8"))
        if found is None or found[2] in after:
            raise AssertionError(f"{file.name} does not say of which one migration it is the next")
        after[found[2]] = found[1]
    line: list[str] = []
    while (following := after.get(line[-1] if line else None)) is not None:
        line.append(following)
    return tuple(line)


def stored_revision(conn: Connection) -> str | None:
    """The revision of a database; None where it has no tables yet."""
    if not sa.inspect(conn).has_table(_TABLE.name):
        return None
    revision: str | None = conn.scalar(sa.select(_TABLE.c.version_num))
    return revision
