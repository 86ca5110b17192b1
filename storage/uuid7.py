"""Identifiers that sort by time and never come twice: UUID version 7 (RFC 9562, section 5.7).

Python's own `uuid.uuid7` came with 3.14. Within a millisecond the twelve bits after the version are
a counter (section 6.2, method 1) which starts anew at random in its lower half; what follows is
random, so that hosts, and a database that was restored, never give the same one.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

_COUNTER_BITS: Final = 12
_RANDOM_BITS: Final = 62
_MILLISECOND_BITS: Final = 48


def uuid7_of(millisecond: int, counter: int, random: int) -> UUID:
    """A UUIDv7 of its three parts.

    Args:
        millisecond: since 1970 UTC, 48 bits.
        counter: order within the millisecond, 12 bits.
        random: 62 bits.

    Raises:
        ValueError: a part has more bits, or is negative.
    """
    for name, part, bits in (
        ("millisecond", millisecond, _MILLISECOND_BITS),
        ("counter", counter, _COUNTER_BITS),
        ("random", random, _RANDOM_BITS),
    ):
        if not 0 <= part < 1 << bits:
            raise ValueError(f"{name} must have {bits} bits: {part}")
    return UUID(int=millisecond << 80 | 0x7 << 76 | counter << 64 | 0b10 << 62 | random)


class Uuid7Source:
    """Gives UUIDs that rise, whatever the clock does; several threads may ask it."""

    def __init__(
        self,
        nanoseconds: Callable[[], int] = time.time_ns,
        random_bits: Callable[[int], int] = secrets.randbits,
    ) -> None:
        """A source of its own.

        Args:
            nanoseconds: the time since 1970 UTC.
            random_bits: a number of so many random bits.
        """
        self._nanoseconds = nanoseconds
        self._random_bits = random_bits
        self._lock = threading.Lock()
        self._millisecond = -1
        self._counter = 0

    def __call__(self) -> UUID:
        """The next one: above all that this source gave before."""
        with self._lock:
            now = self._nanoseconds() // 1_000_000
            self._counter += 1
            if now > self._millisecond or self._counter >> _COUNTER_BITS:
                # A clock that went back, or a counter that ran over, takes of the time to come.
                self._millisecond = max(now, self._millisecond + 1)
                self._counter = self._random_bits(_COUNTER_BITS - 1)
            random = self._random_bits(_RANDOM_BITS)
            return uuid7_of(self._millisecond, self._counter, random)


new_uuid7: Final = Uuid7Source()
"""The source of this process."""
