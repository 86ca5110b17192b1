"""How a job tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told after each piece of work; must return at once and never raise."""

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """`done` of `total` pieces of this step are finished; None where nobody knows the total."""
        ...


def silent(step: str, done: int, total: int | None) -> None:
    """Nobody watches."""
