"""The keys of programs in memory: found in microseconds, known anew within the poll, counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from api.access.principal import Principal
from api.access.roles import Role
from api.errors import TooManyRequests
from storage.access.keys import (
    AccessKey,
    count_uses,
    digest_of,
    keys_in_force,
    last_change,
    uses_on,
)
from storage.database import reading, writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

KEY_BEGINS: Final = b"pw_"
"""What every key's secret begins with."""

_TELL_EVERY: Final = timedelta(minutes=1)
_MINUTE_SECONDS: Final = 60
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Held:
    """A key as it is looked up: who it is, until when this secret is good, and its limits."""

    principal: Principal
    good_until: datetime | None
    per_minute: RateLimitItemPerMinute | None
    per_day: int | None


@dataclass(slots=True)
class KeyRing:
    """Keeps all keys in force; call `refresh` again and again, and `tell` at the end.

    The rate of a minute is counted in each process: it keeps one process from being overrun. The
    quota of a day is counted by all of them in the database, where each adds what it has served
    since its last poll: by so much can a day's quota be passed.
    """

    engine: Engine
    _held: Mapping[str, _Held] = field(default_factory=dict)
    _change: int = -1
    _day: date = date.min
    _told: Mapping[str, int] = field(default_factory=dict)
    _untold: Counter[str] = field(default_factory=Counter)
    _told_at: datetime = _NEVER
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _rates: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )

    def principal_of(self, secret: bytes, now: datetime) -> Principal | None:
        """Whose key this is; None where it is nobody's, revoked, or over."""
        held = self._find(secret, now)
        return None if held is None else held.principal

    def admit(self, secret: bytes, now: datetime) -> Principal | None:
        """Whose key this is, with this request counted.

        Raises:
            TooManyRequests: the key has had what it may have.
        """
        held = self._find(secret, now)
        if held is None:
            return None
        key_id = held.principal.id
        if held.per_minute is not None and not self._rates.hit(held.per_minute, key_id):
            raise _too_many("minute", held.per_minute.amount, _MINUTE_SECONDS)
        if held.per_day is not None and self._used_today(key_id, now.date()) >= held.per_day:
            raise _too_many("day (UTC)", held.per_day, _until_tomorrow(now))
        with self._turn:
            self._untold[key_id] += 1
        return held.principal

    def refresh(self) -> bool:
        """Read the keys anew if one changed, and tell what was used; True if one changed.

        Raises:
            StorageError: what was in memory before still is.
        """
        now = datetime.now(UTC)
        if self._must_tell(now):
            self.tell(now)
        with reading(self.engine) as conn:
            change = last_change(conn)
            if self._day != now.date() or self._limited():  # others count, too
                self._told, self._day = uses_on(conn, now.date()), now.date()
            if change == self._change:
                return False
            keys = keys_in_force(conn, now)
        self._held = {
            digest: _held(key, place) for key in keys for place, digest in enumerate(key.hashes)
        }
        self._change = change
        return True

    def tell(self, now: datetime | None = None) -> None:
        """Write down what was used since it was last told.

        Raises:
            StorageError: it is told the next time.
        """
        at = datetime.now(UTC) if now is None else now
        with self._turn:
            uses, self._untold = self._untold, Counter()
        if not uses:
            return
        try:
            with writing(self.engine) as conn:
                totals = count_uses(conn, uses, at=at, day=at.date())
        except BaseException:
            with self._turn:
                self._untold.update(uses)
            raise
        if self._day == at.date():
            self._told = {**self._told, **totals}
        self._told_at = at

    def _find(self, secret: bytes, now: datetime) -> _Held | None:
        # Found by its digest: what the time of a look-up tells, it tells of SHA-256 of a guess.
        held = self._held.get(digest_of(secret))
        if held is None or (held.good_until is not None and held.good_until <= now):
            return None
        return held

    def _used_today(self, key_id: str, today: date) -> int:
        told = self._told.get(key_id, 0) if self._day == today else 0
        return told + self._untold[key_id]

    def _must_tell(self, now: datetime) -> bool:
        """Once a minute; at every poll what has a quota, which all processes must know."""
        if now - self._told_at >= _TELL_EVERY:
            return True
        return not self._limited().isdisjoint(list(self._untold))

    def _limited(self) -> frozenset[str]:
        """The keys that have a quota of a day."""
        return frozenset(
            held.principal.id for held in self._held.values() if held.per_day is not None
        )


def _held(key: AccessKey, place: int) -> _Held:
    """What opens with one of a key's secrets: the newest is the first."""
    ends = [key.expires_at] if place == 0 else [key.expires_at, key.previous_until]
    made_by = key.created_by.partition("/")[0]
    return _Held(
        principal=Principal(
            kind="key",
            id=key.key_id,
            name=key.name,
            roles=frozenset(Role(name) for name in key.roles),
            markets=key.scope.markets,
            categories=key.scope.categories,
            test=key.test,
            made_by=made_by if made_by.startswith("p_") else None,
            draft_id=key.draft_id,
        ),
        good_until=min((end for end in ends if end is not None), default=None),
        per_minute=None if key.per_minute is None else RateLimitItemPerMinute(key.per_minute),
        per_day=key.per_day,
    )


def _until_tomorrow(now: datetime) -> int:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
    return int((midnight - now).total_seconds()) + 1


def _too_many(of: str, most: int, seconds: int) -> TooManyRequests:
    return TooManyRequests(
        f"this key may ask {most} times a {of}; wait, or have its limit raised"
    ).with_headers(retry_after=str(seconds))
