"""Patterns of coupon codes, and drawing codes from them by the million.

In a pattern `#` stands for a letter or digit, `@` for a letter, `*` for a digit; everything else
stands for itself. Characters that are taken for another one when read (0 and O; 1, I and L) are
never drawn.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.promotions.codes import MAX_CODE, fold_code
from storage.errors import CodesRefused

LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ"
DIGITS: Final = "23456789"
SLOTS: Final = {"#": DIGITS + LETTERS, "@": LETTERS, "*": DIGITS}

MAX_CODES: Final = 5_000_000
"""Most codes in one batch."""

SPARSENESS: Final = 10_000
"""A pattern must have so many times more codes than are drawn: guessing must not pay."""

_LITERALS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ ")


@dataclass(frozen=True, slots=True)
class CodePattern:
    """A pattern that was checked.

    Attributes:
        text: as written.
        space: how many different codes it has.
    """

    text: str
    space: int


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCodes:
    """Codes that differ from each other, sorted by their folded form.

    Attributes:
        folded, printed: (n,) ASCII bytes; the form to compare and the form to print.
    """

    folded: NDArray[np.bytes_]
    printed: NDArray[np.bytes_]


def code_pattern(text: str) -> CodePattern:
    """Read a pattern such as `SPRING-####-####`.

    Raises:
        CodesRefused: it has no place to draw for, other characters than ASCII letters, digits,
            space, dash and underscore, or makes codes that are too long.
    """
    wrong = sorted(set(text) - _LITERALS - set(SLOTS))
    if wrong:
        raise CodesRefused(
            "pattern", f"{wrong[0]!r} cannot be in a code; use letters, digits, - and _"
        )
    slots = [SLOTS[c] for c in text if c in SLOTS]
    if not slots:
        raise CodesRefused("pattern", f"{text!r} has no # (any), @ (letter) or * (digit)")
    if len(text) > MAX_CODE:
        raise CodesRefused("pattern", f"makes codes of more than {MAX_CODE} characters")
    return CodePattern(text, math.prod(len(slot) for slot in slots))


def draw_codes(
    pattern: CodePattern, count: int, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> DrawnCodes:
    """Draw codes at random, none twice.

    Args:
        pattern: see `code_pattern`.
        count: how many, 1 to MAX_CODES.
        random_bytes: gives so many random bytes; not to be guessed.

    Raises:
        CodesRefused: too many for the pattern, or at all.
    """
    if not 1 <= count <= MAX_CODES:
        raise CodesRefused("count", f"{count} must be from 1 to {MAX_CODES:,}")
    if pattern.space < count * SPARSENESS:
        more = math.ceil(math.log(count * SPARSENESS / pattern.space, len(SLOTS["#"])))
        raise CodesRefused(
            "pattern",
            f"has {pattern.space:,} codes, too few for {count:,} that nobody guesses; "
            f"add {more} more #",
        )
    folded = np.empty(0, np.bytes_)
    printed = folded
    while len(folded) < count:
        # A few more than are missing: some may be drawn twice.
        wanted = count - len(folded)
        more_folded, more_printed = _columns(pattern.text, wanted + wanted // 1_000, random_bytes)
        folded, first = np.unique(np.append(folded, more_folded), return_index=True)
        printed = np.append(printed, more_printed)[first]
    if len(folded) > count:
        keep = np.ones(len(folded), bool)
        # Which ones go must not depend on their place in the order.
        places = np.frombuffer(random_bytes(8 * len(folded)), np.uint64)
        keep[np.argpartition(places, len(folded) - count)[: len(folded) - count]] = False
        folded, printed = folded[keep], printed[keep]
    return DrawnCodes(folded, printed)


def _columns(
    text: str, n: int, random_bytes: Callable[[int], bytes]
) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_]]:
    """n codes, folded and printed, possibly with repetitions."""
    printed = np.empty((n, len(text)), np.uint8)
    kept: list[NDArray[np.uint8]] = []
    for place, character in enumerate(text):
        if character in SLOTS:
            printed[:, place] = _letters(SLOTS[character], n, random_bytes)
            kept.append(printed[:, place])
            continue
        printed[:, place] = ord(character)
        kept += [np.full(n, ord(c), np.uint8) for c in fold_code(character)]
    folded = np.ascontiguousarray(np.stack(kept, axis=1))
    return _joined(folded), _joined(printed)


def _joined(characters: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    return characters.view(f"S{characters.shape[1]}").ravel()


def _letters(alphabet: str, n: int, random_bytes: Callable[[int], bytes]) -> NDArray[np.uint8]:
    """n letters, each as likely as the other: bytes past a multiple of the alphabet are skipped."""
    letters = np.frombuffer(alphabet.encode("ascii"), np.uint8)
    fair = 256 // len(alphabet) * len(alphabet)
    drawn = np.empty(0, np.uint8)
    while len(drawn) < n:
        some = np.frombuffer(random_bytes(n - len(drawn) + 64), np.uint8)
        drawn = np.append(drawn, some[some < fair])
    return letters[drawn[:n] % len(alphabet)]
