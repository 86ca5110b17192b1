"""Coupon codes as people type them: case, spaces, dashes and look-alike characters."""

from __future__ import annotations

import unicodedata
from typing import Final

_LOOK_ALIKES: Final = str.maketrans(
    {
        "O": "0", "I": "1", "L": "1",
        # Cyrillic and Greek capitals that no reader can tell from Latin ones.
        "А": "A", "В": "B", "Е": "E", "К": "K", "М": "M", "Н": "H", "О": "0", "Р": "P",  # noqa: RUF001
        "С": "C", "Т": "T", "Х": "X", "У": "Y", "Ѕ": "S", "І": "1", "Ј": "J",  # noqa: RUF001
        "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "1", "Κ": "K", "Μ": "M",  # noqa: RUF001
        "Ν": "N", "Ο": "0", "Ρ": "P", "Τ": "T", "Υ": "Y", "Χ": "X",  # noqa: RUF001
    }
)  # fmt: skip
_IGNORED: Final = frozenset(" -_\u200b\u2010\u2011\u2012\u2013\u2014\u2212")
MAX_CODE: Final = 64
"""Longest code in characters, separators not counted."""


def fold_code(code: str) -> str:
    """The form in which codes are compared: `save-3O` and `SAVE30` are the same code.

    Compatibility forms (full-width letters) become plain, case goes, spaces and dashes go, and
    characters that look alike are one: O and 0; I, l and 1; Latin, Cyrillic and Greek capitals.
    Codes that differ only in these are refused when promotions are loaded, so the tolerance never
    opens another promotion.
    """
    plain = unicodedata.normalize("NFKC", code).upper()
    return "".join(c for c in plain.translate(_LOOK_ALIKES) if c not in _IGNORED)
