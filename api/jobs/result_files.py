"""Results as files that other programs read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import pandas as pd

from api.errors import CannotWrite

TABLE_ENDINGS: Final = (".csv", ".parquet")


def refuse_unwritable(path: Path | None, endings: Collection[str]) -> None:
    """Say that a result cannot be written before the work is done whose result it is.

    Args:
        path: where it should go; None is always fine.
        endings: what kinds of file can be written.

    Raises:
        CannotWrite: another ending, or no such folder.
    """
    if path is None:
        return
    if path.suffix not in endings:
        raise CannotWrite(f"{path}: the ending must be {' or '.join(endings)}")
    if not path.parent.is_dir():
        raise CannotWrite(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder; name a file")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV or Parquet, by the file's ending; whole or not at all.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    refuse_unwritable(path, TABLE_ENDINGS)
    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".csv":
            frame.to_csv(part, index=False)
        else:
            frame.to_parquet(part, index=False)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(f"{path}: {error.strerror or error}") from error
