"""Global trade item numbers: EAN, UPC, ISBN-13 and the like, with their check digit."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import re

_LENGTHS = frozenset({8, 12, 13, 14})
_GROUPING = re.compile(r"[\s‐‑‒–-]+")


def parse_gtin(text: str | None) -> str | None:
    """The digits of a GTIN that names one product worldwide, else None.

    Spaces and hyphens are dropped. Refused are wrong lengths and check digits (GS1 General
    Specifications, 7.9) and numbers that a shop gives out itself: the restricted-circulation
    prefixes 02, 04 and 20-29, GTIN-8 beginning with 0 or 2, and the coupon prefixes 05 and 98-99.

    Args:
        text: as printed on a page or in a file, e.g. `"4 006381 333931"`.

    Returns:
        8, 12, 13 or 14 digits, no more zeros put before them than the text had.
    """
    if text is None:
        return None
    digits = _GROUPING.sub("", text.strip())
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in _LENGTHS:
        return None
    if not _checks(digits) or _restricted(digits):
        return None
    return digits


def gtin_key(gtin: str) -> str:
    """The 14-digit form under which a GTIN-8, UPC-12, EAN-13 and GTIN-14 compare as equal."""
    return gtin.zfill(14)


def _checks(digits: str) -> bool:
    """Whether the weighted sum (3, 1, 3, ... from the right, check digit last) ends in zero."""
    weighted = sum(
        int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))
    )
    return weighted % 10 == 0


def _restricted(digits: str) -> bool:
    """Whether the number is one that a shop, not GS1, has given out."""
    if not digits.strip("0"):
        return True
    if len(digits) == 8:
        return digits[0] in "02"
    prefix = gtin_key(digits)[1:4]  # the GS1 prefix of the thirteen-digit form
    return prefix[0] == "2" or prefix[:2] in {"02", "04", "05", "98", "99"}
