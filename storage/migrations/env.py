"""Runs migrations on the connection given, or on DATABASE_URL when Alembic itself is called."""

from __future__ import annotations

from alembic import context
from sqlalchemy.engine import Connection

# Each adds its tables to the metadata.
import storage.access.tables
import storage.audit.tables
import storage.competitors.tables
import storage.events.tables
import storage.jobs.job_tables
import storage.jobs.lease_tables
import storage.jobs.plan_tables
import storage.law.tables
import storage.promotions.tables
import storage.releases.tables  # noqa: F401
from storage.database import open_engine, require_released, writing
from storage.settings import load_storage_settings
from storage.tables import metadata


def run(connection: Connection) -> None:
    """All steps in the one transaction that the connection is in."""
    require_released(connection)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite changes a table by making it anew
        compare_type=True,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif context.is_offline_mode():
    raise SystemExit("migrations run on a database, not as a script; leave out --sql")
else:
    with writing(open_engine(load_storage_settings().database_url)) as opened:
        run(opened)
