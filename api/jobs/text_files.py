"""Files that a job reads: named on the machine of the worker, or sent along as text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from api.work.errors import RequestInvalid


class TextFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file: one of the two is given.

    Attributes:
        path: of a file on the machine on which the worker runs.
        content: the text itself.
    """

    path: str | None = None
    content: str | None = None


def check_file(file: TextFile, field: str) -> None:
    """Refuse a file of which nobody says where it is.

    Raises:
        RequestInvalid: neither or both are given.
    """
    if (file.path is None) == (file.content is None):
        raise RequestInvalid("give `path` or `content`, one of the two", (field,))


def local_place(asked: msgspec.Struct, *fields: str) -> str | None:
    """The first of these fields that names a file on the worker's machine; None for none."""
    for field in fields:
        file = getattr(asked, field)
        if isinstance(file, TextFile) and file.path is not None:
            return f"{field}.path"
    return None


@contextmanager
def opened(file: TextFile, field: str, suffix: str = ".csv") -> Iterator[Path]:
    """The path of the file, for as long as the block runs.

    Raises:
        RequestInvalid: neither path nor content is given, or both are.
    """
    check_file(file, field)
    if file.path is not None:
        yield Path(file.path)
        return
    with tempfile.TemporaryDirectory(prefix="pricewright-job-") as folder:
        path = Path(folder) / f"{field}{suffix}"
        path.write_text(file.content or "", encoding="utf-8")
        yield path
