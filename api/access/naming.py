"""What the people are called whom the records name by their opaque ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.access.people import identity_of, names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection


def names_of_actors(conn: Connection, actors: Collection[str | None]) -> Mapping[str, str]:
    """A name for each actor: a person's own, else what the record has; None is left out."""
    known = {actor: identity_of(actor) for actor in actors if actor}
    names = names_of(conn, set(known.values()))
    return {actor: names.get(person, actor) for actor, person in known.items()}
