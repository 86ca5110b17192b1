"""How much of all bodies together may be in memory, and how long each may take to arrive."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from api.errors import Overloaded, TooSlow

_BYTES_A_SECOND: Final = 16 << 10
"""Slower than any line on which somebody would wait; a file of 64 MiB has an hour and eight
minutes."""


@dataclass(slots=True)
class BodyBudget:
    """Bytes of bodies that a process holds; each counts from its arrival until it is answered.

    Half of them are out of reach of callers who do not say who they are: so many of those as there
    may be, they never keep out a caller with a key.

    Attributes:
        most: bytes in all.
        seconds: for the first piece of a body; each 16 KiB that came give it one second more.
    """

    most: int = 256 << 20
    seconds: float = 20.0
    _held: int = 0
    _of_strangers: int = field(default=0)

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self._held

    def hold(self, size: int, *, stranger: bool) -> None:
        """Count some more bytes.

        Raises:
            Overloaded: they are too many; nothing is counted.
        """
        full = self._held + size > self.most
        if full or (stranger and self._of_strangers + size > self.most // 2):
            raise Overloaded("too many bodies are being read at once; send it again in 2 s")
        self._held += size
        self._of_strangers += size * stranger

    def free(self, size: int, *, stranger: bool) -> None:
        """Their request is answered."""
        self._held -= size
        self._of_strangers -= size * stranger


@dataclass(slots=True)
class Arrival:
    """The clock of one body.

    Attributes:
        seconds: as in `BodyBudget`.
    """

    seconds: float
    _began: float = field(default_factory=time.monotonic)

    def left(self, read: int) -> float:
        """Seconds that the next piece may take, after so many bytes."""
        return max(0.0, self._began + self.seconds + read / _BYTES_A_SECOND - time.monotonic())

    def late(self, read: int) -> TooSlow:
        """The refusal of a body that did not come in its time."""
        passed = time.monotonic() - self._began
        return TooSlow(
            f"the body came too slowly: {read} bytes in {passed:.0f} s; send it again, or in parts"
        )
