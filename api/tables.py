"""Tables as files that other programs read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from api.errors import CannotWrite


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV or Parquet, by the file's ending; whole or not at all.

    Raises:
        CannotWrite: another ending, or the place cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise CannotWrite(f"{path}: the ending must be .csv or .parquet")
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
