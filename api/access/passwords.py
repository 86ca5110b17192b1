"""Passwords: argon2id, as slow for a name that nobody has as for one that somebody has."""

from __future__ import annotations

import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.refusals import Invalid, place_of

SHORTEST: Final = 12
"""Letters of the shortest password: OWASP's advice where nothing else is asked for."""
_LONGEST: Final = 1024

# What OWASP's password storage cheat sheet recommends first: 19 MiB, two passes, one lane. More
# memory a guess would let a few log-ins at once take that of the prices.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_OF_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(32))


def hash_of(password: str) -> str:
    """What is kept of a password; takes some hundredths of a second of a processor."""
    return _HASHER.hash(password)


def is_right(password: str, kept: str | None) -> bool:
    """Whether it is the password that was kept; as slow where none was (None)."""
    try:
        right = _HASHER.verify(_OF_NOBODY if kept is None else kept, password)
    except (VerificationError, InvalidHashError):
        return False
    return right and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether it was hashed at other costs than those of today."""
    return _HASHER.check_needs_rehash(kept)


def made_up() -> str:
    """A password that nobody guesses, for a person to replace."""
    return secrets.token_urlsafe(15)


def require_good(password: str, field: str) -> None:
    """Refuse a password that is short, or so long that it is an attack.

    Raises:
        InvalidRequest: naming the field.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise Invalid(f"give {SHORTEST} to {_LONGEST} characters", place_of(field))
