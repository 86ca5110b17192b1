"""Guesses, counted by who makes them: after so many wrong ones none is even looked at.

Each process counts for itself, in memory: it is made slow to guess, and nothing is kept of anybody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from math import ceil
from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from api.errors import TooManyRequests

if TYPE_CHECKING:
    from limits import RateLimitItem

_OF_ONE_HOUSE: Final = 64
"""Bits of an IPv6 address that name a network; whoever has one has all the addresses in it."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """Wrong guesses of one kind of thing.

    Attributes:
        what: is guessed, in the plural.
        most: by one guesser in the window.
        minutes: of the window.
    """

    what: str
    most: int
    minutes: int = 1
    _counted: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )

    def refuse_too_many(self, guesser: str) -> None:
        """Look at nothing of a guesser who was wrong too often.

        Raises:
            TooManyRequests: says when to try again.
        """
        if not self._counted.test(self._window, guesser):
            raise self._too_many(guesser)

    def spent(self, guesser: str) -> bool:
        """Whether a guesser was wrong too often."""
        return not self._counted.test(self._window, guesser)

    def wrong(self, guesser: str) -> None:
        """Count a wrong guess."""
        self._counted.hit(self._window, guesser)

    @property
    def _window(self) -> RateLimitItem:
        return RateLimitItemPerMinute(self.most, self.minutes)

    def _too_many(self, guesser: str) -> TooManyRequests:
        free_at = self._counted.get_window_stats(self._window, guesser).reset_time
        wait = max(1, ceil(free_at - time.time()))
        return TooManyRequests(
            f"too many wrong {self.what} came from here; wait {wait} s and try again"
        ).with_headers(retry_after=str(wait))


def guesser_at(address: str) -> str:
    """Who is behind an address: itself, or the network of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _OF_ONE_HOUSE), strict=False))
