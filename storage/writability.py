"""Whether a database takes what is written, asked without writing anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from storage.database import reading

MIB: Final = 1 << 20
_EFFECTIVE: Final = os.access in os.supports_effective_ids


def why_not_writable(engine: Engine, least_free: int) -> str | None:
    """Why nothing can be written to a database now, with the cure; None where it can.

    Args:
        engine: the database.
        least_free: bytes that are to be free where an embedded database lies. Of the disk of a
            PostgreSQL server nothing is known here.

    Raises:
        DatabaseUnavailable: a server does not answer.
    """
    if engine.dialect.name == "postgresql":
        return _why_server_refuses(engine)
    file = Path(engine.url.database or "").absolute()
    return _why_file_refuses(file) or _why_disk_refuses(file.parent, least_free)


def _why_server_refuses(engine: Engine) -> str | None:
    asked = sa.select(
        sa.func.pg_is_in_recovery(), sa.func.current_setting("default_transaction_read_only")
    )
    with reading(engine) as conn:
        standby, read_only = conn.execute(asked).one()
    if standby:
        return (
            "the database server is a standby and takes no writes; name the primary in "
            "DATABASE_URL, or promote this one"
        )
    if read_only == "on":
        return (
            "the database server takes no writes: default_transaction_read_only is on; set it off "
            "for this server, this database and this user"
        )
    return None


def _why_file_refuses(file: Path) -> str | None:
    """Ask the operating system: an open connection learns of a read-only disk when it writes."""
    for path, what in ((file, "file"), (file.parent, "folder")):
        if path.exists() and not os.access(path, os.W_OK, effective_ids=_EFFECTIVE):
            return (
                f"nothing can be written to the database: its {what} {str(path)!r} is read-only; "
                "give the user of this process the right to write the file and its folder, on a "
                "disk that is not mounted read-only"
            )
    return None


def _why_disk_refuses(folder: Path, least_free: int) -> str | None:
    free = shutil.disk_usage(folder).free
    if free >= least_free:
        return None
    return (
        f"the disk of {str(folder)!r} is full: {free // MIB} MiB are free, fewer than the "
        f"{least_free // MIB} of PRICEWRIGHT_LEAST_FREE_MIB; make room there"
    )
