"""The database that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Engine

from api.settings import Settings
from storage.database import migrate, open_engine, require_migrated


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The database of the settings, migrated.

    The embedded database belongs to this program and is brought up to date on the way. A server's
    schema changes only when its operator says so, by `pricewright migrate`.
    """
    engine = open_engine(settings.database_url)
    try:
        if engine.dialect.name == "sqlite":
            migrate(engine)
        else:
            require_migrated(engine)
        yield engine
    finally:
        engine.dispose()
