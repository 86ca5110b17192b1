"""Decimal numbers written as text: one way to read them, and nothing that could mean two things.

`1_250`, ` 12.50` and digits of any script are numbers to Python. To whoever wrote them, and to the
next program, they may be something else; `1,250` is 1250 here and 1.25 there.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from pricing.errors import NoDecimal

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_NUMBER: Final = re.compile(_DECIMAL.pattern + r"(?:[eE][+-]?[0-9]{1,3})?")
_SHOWN: Final = 40

HOW: Final = "write digits with a point before the decimals and nothing else, like '1250.00'"


def parse_decimal(text: str) -> Decimal:
    """An exact number from a decimal string.

    Args:
        text: digits, `.` as decimal mark, a sign at most; no grouping, exponent or spaces.

    Raises:
        NoDecimal: it is anything else.
    """
    if not _DECIMAL.fullmatch(text):
        raise _refused(text)
    return Decimal(text)


def parse_number(text: str) -> float:
    """A number from text, as `parse_decimal` reads it; it may have an exponent, too.

    Raises:
        NoDecimal: it is anything else.
    """
    if not _NUMBER.fullmatch(text):
        raise _refused(text)
    return float(text)


def _refused(text: str) -> NoDecimal:
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return NoDecimal(f"{shown!r} is no decimal string: {HOW}")
