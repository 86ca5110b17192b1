"""Backups: asked for by the command line, over HTTP or by a schedule; the oldest ones go."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from api.errors import CannotWrite
from api.work.context import Context
from api.work.kinds import Kind
from storage.backup.making import BackupReport, Progress, check_backup, make_backup
from storage.database import reading
from storage.errors import BackupRefused
from storage.jobs.queue import read_job
from storage.private_files import private_folder

_NAME: Final = re.compile(r"pricewright-\d{8}T\d{6}Z\.zip")
_STALE_SECONDS: Final = 24 * 3600.0
"""So old, what a killed backup left is nobody's any more."""


class BackupAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to back up, and where to.

    Attributes:
        out: the file; one named by the time, in the folder of the settings, where none is given.
        keep: so many files of that folder are kept, the newest; all, where it is not given.
    """

    out: str | None = None
    keep: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None


def backup_file(folder: Path, at: datetime) -> Path:
    """A file in a folder of backups, which is made for its owner alone where it is missing.

    Raises:
        CannotWrite: the folder cannot be made.
    """
    try:
        private_folder(folder)
    except OSError as error:
        raise CannotWrite(f"{folder}: {error.strerror or error}") from error
    return folder / f"pricewright-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}.zip"


def keep_newest(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups of a folder, and what killed ones left; gives the former.

    Only files that are named as `backup_file` names them are touched.
    """
    gone = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))[:-keep]
    for path in gone:
        path.unlink(missing_ok=True)
    for path in folder.glob(".pricewright-*.part"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            path.unlink(missing_ok=True)
    return gone


def told(report: BackupReport) -> dict[str, Any]:
    """A backup as the result of a job."""
    return {
        "file": str(report.path),
        "sha256": report.sha256,
        "bytes": report.bytes,
        "rows": sum(report.rows.values()),
        "tables": len(report.rows),
        "revision": report.revision,
        "made_at": report.made_at.isoformat(),
    }


def _backup(asked: BackupAsked, context: Context) -> Mapping[str, Any]:
    with reading(context.engine) as conn:
        at = read_job(conn, context.job_id).created_at
    folder = Path(context.given["backup_folder"])
    path = backup_file(folder, at) if asked.out is None else Path(asked.out)
    if (made := _made_since(path, at)) is not None:
        return told(made)  # by this job, whose process died before it could say so
    result = told(make_backup(context.engine, path, now=context.now(), progress=_on(context)))
    if asked.keep is not None and asked.out is None:
        result["deleted"] = [str(old) for old in keep_newest(folder, asked.keep)]
    return result


def _made_since(path: Path, at: datetime) -> BackupReport | None:
    try:
        found = check_backup(path)
    except BackupRefused:
        return None
    return found if found.made_at >= at else None


def _on(context: Context) -> Progress:
    def progress(step: str, done: int, total: int | None) -> None:
        context.check()
        context.progress(step, done, total)

    return progress


BACKUP: Final = Kind(
    "backup",
    "Write the whole database to one file, while the service goes on.",
    BackupAsked,
    _backup,
    scope=lambda _: "backup",
    local=lambda asked: None if asked.out is None else "out",
)
