"""What is well written and still no value: for a person it is a slip, for a program a crash later.

Half a character (a lone surrogate) can neither be printed nor stored, and U+0000 is kept by no
database; numbers that are not finite or longer than 64 bits mean nothing here; and a document that
is nested without end exhausts whatever walks through it. All of them are refused where they stand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.refusals import Place
from pricing.documents.lines import COLON
from pricing.errors import UnreadablePart

MOST_DEEP: Final = 100
"""Levels of mappings and lists in one another; what people write has about ten."""
TOO_DEEP: Final = f"is nested deeper than {MOST_DEEP} levels; write it flatter"

_TOP: Final = 2**63 - 1
_LONGEST: Final = 400
"""No finite number in plain digits is longer; what is longer is not even looked at."""
_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")
_SUSPECT: Final = re.compile(
    "[\x00\ud800-\udfff]"
    r"|\\u(?:[dD][89a-fA-F]|0000)|[0-9]{19}|[0-9][eE]\+?0*[1-9][0-9]{2}|NaN|Infinity"
)
"""What a JSON text without any of it has nothing of that is refused by `refuse_values`."""
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],\n]|[^\s"{}\[\],:]+', re.DOTALL)


def printable(text: str) -> str:
    """A text that every terminal, log and answer can take, for messages."""
    return _UNKEPT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def printable_place(place: Sequence[str | int]) -> Place:
    """A place of which every step is `printable`."""
    return tuple(printable(step) if isinstance(step, str) else step for step in place)


def text_fault(text: str) -> str:
    """What is wrong with a text; empty for nothing."""
    found = _UNKEPT.search(text)
    if found is None:
        return ""
    if found[0] == "\x00":
        return "holds the character U+0000, which no database keeps; leave it out"
    return f"holds U+{ord(found[0]):04X}, half of a character; write the whole character"


def number_fault(number: float) -> str:
    """What is wrong with a number; empty for nothing."""
    if isinstance(number, int):
        return "" if -_TOP <= number <= _TOP else f"must be a whole number up to {_TOP}"
    return "" if math.isfinite(number) else "must be a finite number"


def nested_too_deep(text: str) -> bool:
    """Whether a JSON text has more than `MOST_DEEP` levels; it need not be JSON."""
    if text.count("[") + text.count("{") <= MOST_DEEP:
        return False
    raw = text.encode("utf-8", "surrogatepass")
    brackets = np.frombuffer(_STRINGS.sub(b"", raw).translate(None, _NO_BRACKETS), np.uint8)
    opening = (brackets == ord("[")) | (brackets == ord("{"))
    return bool(np.cumsum(np.where(opening, 1, -1)).max(initial=0) > MOST_DEEP)


def refuse_values(text: str) -> None:
    """Refuse the first part of a JSON text that is no value; it need not be JSON behind it.

    Raises:
        UnreadablePart: half a character, U+0000, a number beyond bounds, too many levels.
    """
    if _SUSPECT.search(text) is None and not nested_too_deep(text):
        return
    for piece in pieces_of_json(text):
        if len(piece.place) > MOST_DEEP:
            raise UnreadablePart((), piece.line, TOO_DEEP)
        if fault := _fault(piece):
            raise UnreadablePart(printable_place(piece.place), piece.line, fault)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a JSON text as it is written.

    Attributes:
        place: of the value; of a list or an object that begins, that of its first part.
        line: from 1.
        written: the text of it; a bracket for a list or an object that begins.
        is_key: it is the key of the value at this place, which follows.
    """

    place: tuple[str | int, ...]
    line: int
    written: str
    is_key: bool = False

    @property
    def begins(self) -> bool:
        """Whether a list or an object begins here."""
        return self.written in "{["


def pieces_of_json(text: str) -> Iterator[Piece]:
    """The keys and values of a JSON text in their order, as far as it is JSON."""
    line = 1
    place: list[str | int] = []  # of the value that is being read
    inside: list[str] = []  # the brackets that are open
    for found in _PIECE.finditer(text):
        sign = found[0]
        if sign == "\n":
            line += 1
        elif sign in "{[":
            place.append("" if sign == "{" else 0)
            inside.append(sign)
            yield Piece(tuple(place), line, sign)
        elif sign in "}]":
            if not inside:
                return
            inside.pop()
            place.pop()
        elif sign == ",":
            if place and isinstance(place[-1], int):
                place[-1] += 1
        else:
            is_key = bool(inside and inside[-1] == "{" and COLON.match(text, found.end()))
            if is_key:
                try:
                    place[-1] = json.loads(sign)
                except ValueError:
                    return  # no JSON
            yield Piece(tuple(place), line, sign, is_key)
            line += sign.count("\n")


def _fault(piece: Piece) -> str:
    if piece.begins:
        return ""
    if len(piece.written) > _LONGEST and piece.written[0] != '"':
        return f"must be a whole number up to {_TOP}"
    try:
        value = json.loads(piece.written)
    except ValueError:
        return ""  # no JSON: its reader says so
    if isinstance(value, str):
        return text_fault(value)
    return number_fault(value) if isinstance(value, int | float) else ""
