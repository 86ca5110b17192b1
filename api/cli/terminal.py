"""What every command shares: the terminal, progress bars and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

out: Final = Console(highlight=False, soft_wrap=True)
"""Results."""
err: Final = Console(stderr=True, highlight=False, soft_wrap=True)
"""Errors and progress, so that results can be piped."""


def utc_now() -> datetime:
    """The one place where a command reads the clock."""
    return datetime.now(UTC)


def fail(message: str) -> None:
    """Say what went wrong, on standard error."""
    err.print(f"[bold red]error:[/] {escape(message)}")


class Bars:
    """A progress bar a job: takes `api.work.progress.Progress` calls."""

    def __init__(self, progress: Progress, description: str) -> None:
        self._progress = progress
        self._description = description
        self._task: TaskID | None = None

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` pieces of the step are finished."""
        if self._task is None:
            self._task = self._progress.add_task(self._description, total=total)
        label = f"{self._description}: {step}" if step else self._description
        self._progress.update(self._task, completed=done, total=total, description=label)

    def rows(self, done: int) -> None:
        """Show a count of rows of which nobody knows the total, as imports tell it."""
        self("rows", done, None)


@contextmanager
def bars(description: str) -> Iterator[Bars]:
    """Progress on standard error while the block runs; removed at its end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield Bars(progress, description)
