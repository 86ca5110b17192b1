"""Whose deed it is where two people are asked for: whoever can have used the key that did it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.events.access import KeyRotated
from storage.access.people import identity_of
from storage.access.tables import access_keys
from storage.events.store import newest_events

_MOST_ROTATIONS: Final = 10_000


def identities_behind(conn: Connection, actor: str) -> frozenset[str]:
    """Who may be behind a name in the records.

    A person and an operator are themselves. Behind a key is whoever it is recorded under, whoever
    made it, and all to whom a rotation told its secret; where one of those is a key itself,
    whoever is behind that one, too.

    Args:
        conn: an open transaction.
        actor: as the records name who did something: `p_1`, `p_1/k_2`, `k_2`, `anna`.
    """
    found: set[str] = set()
    asked = {actor}
    seen: set[str] = set()
    while asked:
        one = asked.pop()
        seen.add(one)
        found.add(identity_of(one))
        key_id = one.rpartition("/")[2]
        made_by: str | None = conn.scalar(
            sa.select(access_keys.c.created_by).where(access_keys.c.key_id == key_id)
        )
        if made_by is not None:
            rotations = newest_events(conn, [KeyRotated], key=key_id, limit=_MOST_ROTATIONS)
            asked |= {made_by, *(rotation.actor for rotation in rotations)} - seen
    return frozenset(found)
