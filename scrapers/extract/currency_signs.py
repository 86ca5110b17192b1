"""From the sign beside a price to an ISO 4217 code."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from pricing.currencies import DECIMALS

_SIGNS: Final[dict[str, tuple[str, ...]]] = {
    "€": ("EUR",),
    "euro": ("EUR",),
    "eur": ("EUR",),
    "£": ("GBP",),
    "e£": ("EGP",),
    "$": (
        "USD", "CAD", "AUD", "NZD", "MXN", "ARS", "CLP", "COP", "SGD", "HKD", "TWD", "UYU",
    ),
    "us$": ("USD",),
    "us $": ("USD",),
    "ca$": ("CAD",),
    "c$": ("CAD",),
    "au$": ("AUD",),
    "a$": ("AUD",),
    "nz$": ("NZD",),
    "mx$": ("MXN",),
    "ar$": ("ARS",),
    "cl$": ("CLP",),
    "hk$": ("HKD",),
    "nt$": ("TWD",),
    "nt": ("TWD",),
    "s$": ("SGD",),
    "r$": ("BRL",),
    "¥": ("CNY", "JPY"),
    "￥": ("CNY", "JPY"),
    "元": ("CNY", "TWD"),
    "円": ("JPY",),
    "₩": ("KRW",),
    "원": ("KRW",),
    "₹": ("INR",),
    "rs": ("INR", "PKR", "LKR"),
    "rs.": ("INR", "PKR", "LKR"),
    "₽": ("RUB",),
    "руб": ("RUB",),
    "руб.": ("RUB",),
    "р.": ("RUB",),
    "₴": ("UAH",),
    "грн": ("UAH",),
    "грн.": ("UAH",),
    "тг": ("KZT",),
    "тг.": ("KZT",),
    "₸": ("KZT",),
    "zł": ("PLN",),
    "kč": ("CZK",),
    "ft": ("HUF",),
    "lei": ("RON",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("DKK", "SEK", "NOK", "ISK"),
    "fr.": ("CHF",),
    "sfr.": ("CHF",),
    "₺": ("TRY",),
    "tl": ("TRY",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "฿": ("THB",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "rp": ("IDR",),
    "rm": ("MYR",),
    "ر.س": ("SAR",),
    "ر.س.": ("SAR",),
    "ريال": ("SAR",),
    "د.إ": ("AED",),
    "درهم": ("AED",),
    "د.ك": ("KWD",),
    "kd": ("KWD",),
    "ج.م": ("EGP",),
    "جنيه": ("EGP",),
}  # fmt: skip
"""Codes that a sign may stand for; where there are several only the page's country decides."""

_BY_COUNTRY: Final = {
    "ae": "AED", "ar": "ARS", "at": "EUR", "au": "AUD", "be": "EUR", "br": "BRL", "by": "BYN",
    "ca": "CAD", "ch": "CHF", "cl": "CLP", "cn": "CNY", "co": "COP", "cz": "CZK", "de": "EUR",
    "dk": "DKK", "ee": "EUR", "eg": "EGP", "es": "EUR", "fi": "EUR", "fr": "EUR", "gr": "EUR",
    "hk": "HKD", "hu": "HUF", "id": "IDR", "ie": "EUR", "il": "ILS", "in": "INR", "is": "ISK",
    "it": "EUR", "jp": "JPY", "kr": "KRW", "kw": "KWD", "kz": "KZT", "lk": "LKR", "lt": "EUR",
    "lv": "EUR", "mx": "MXN", "my": "MYR", "nl": "EUR", "no": "NOK", "nz": "NZD", "ph": "PHP",
    "pk": "PKR", "pl": "PLN", "pt": "EUR", "ro": "RON", "ru": "RUB", "sa": "SAR", "se": "SEK",
    "sg": "SGD", "si": "EUR", "sk": "EUR", "th": "THB", "tr": "TRY", "tw": "TWD", "ua": "UAH",
    "uk": "GBP", "us": "USD", "uy": "UYU", "vn": "VND", "za": "ZAR",
}  # fmt: skip
"""The currency of a country's domain names."""


def currency_of_country(url: str) -> str | None:
    """The currency of the country in the page's host name (`.ca`, `.com.au`), if it has one."""
    host = urlsplit(url).hostname or ""
    return _BY_COUNTRY.get(host.rsplit(".", 1)[-1])


def currency_code(sign: str | None, *, prefer: str | None = None) -> str | None:
    """The ISO 4217 code for a currency sign, name or code as a page writes it.

    Args:
        sign: `"€"`, `"EUR"`, `"kr"`, `"US$"`; None and unknown signs give None.
        prefer: the currency expected here; decides between the codes of a shared sign.

    Returns:
        A code in use, or None. A shared sign with no `prefer` that fits gives None.
    """
    if sign is None:
        return None
    sign = sign.strip(" \u200f\u200e\xa0")
    if sign.upper() in DECIMALS:
        return sign.upper()
    codes = _SIGNS.get(sign.lower(), ())
    if prefer in codes:
        return prefer
    return codes[0] if len(codes) == 1 else None


SIGNS: Final = tuple(sorted(_SIGNS, key=len, reverse=True))
"""Every sign we know, the longest first, in lower case."""

_ANY_SIGN: Final = re.compile(
    "|".join(
        # Words in an alphabet stand alone; Han and Hangul signs follow other characters directly.
        (
            rf"(?<![^\W\d_]){re.escape(sign)}(?![^\W\d_])"
            if sign[0].isalpha() and sign[0] < "\u2e80"
            else re.escape(sign)
        )
        for sign in SIGNS
    ),
    re.IGNORECASE,
)
_ANY_CODE: Final = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(sorted(DECIMALS))})(?![A-Za-z])")


_TO_SIGN: Final = re.compile(r"[\s*]*[万億亿]?\s?")


_LETTERS: Final = re.compile(r"[^\W\d_]+")
_SYMBOLS: Final = frozenset(
    c for sign in SIGNS for c in sign if c not in ". " and (not c.isalpha() or c >= "\u2e80")
)
"""Characters that stand in signs and in little else: `$`, `€`, `円`."""

_SIGN_WORDS: Final = frozenset(
    [word for sign in SIGNS for word in _LETTERS.findall(sign)] + [c.lower() for c in DECIMALS]
)
"""Words, and parts of them, that a sign or a code has when it has no such character."""


def signs_in(text: str) -> list[str]:
    """Every currency sign in a text, codes first."""
    return _ANY_CODE.findall(text) + _ANY_SIGN.findall(text)


def without_signs(text: str) -> str:
    """The text with its currency codes and signs taken out."""
    return _ANY_SIGN.sub("", _ANY_CODE.sub("", text))


def carriers(text: str, numbers: Sequence[tuple[int, int]]) -> list[bool | None]:
    """Which numbers of a text carry a currency sign: one stands right before or behind them.

    Args:
        text: as printed.
        numbers: beginning and end of each, in order.

    Returns:
        For each number whether it does; None where a sign stands between it and another one and
        nothing tells whose it is (`3 $ 9.90`).
    """
    found: list[bool | None] = [False] * len(numbers)
    shared: list[int] = []
    bounds = [0, *(place for number in numbers for place in number), len(text)]
    for i in range(len(numbers) + 1):  # the text before each number, and behind the last
        gap = text[bounds[2 * i] : bounds[2 * i + 1]]
        for sign in (*_ANY_CODE.finditer(gap), *_ANY_SIGN.finditer(gap)):
            left = i > 0 and _TO_SIGN.fullmatch(gap, 0, sign.start()) is not None
            right = i < len(numbers) and not gap[sign.end() :].strip(" :")
            if left and right:
                nearer = sign.start() - (len(gap) - sign.end())
                if nearer == 0:
                    shared.append(i)
                    continue
                left, right = nearer < 0, nearer > 0
            if left:
                found[i - 1] = True
            if right:
                found[i] = True
    # `12 € 15 €`: where the signs at the ends stand behind, those between do, too.
    behind = bool(numbers) and found[-1] is True
    ahead = bool(numbers) and found[0] is True
    for i in shared:
        if behind != ahead:
            found[i - 1 if behind else i] = True
        else:
            found[i - 1] = found[i - 1] or None
            found[i] = found[i] or None
    return found


def has_sign(text: str) -> bool:
    """Whether a text names a currency."""
    if _SYMBOLS.isdisjoint(text) and _SIGN_WORDS.isdisjoint(_LETTERS.findall(text.lower())):
        return False  # most texts; the exact search below costs thirty times as much
    return bool(_ANY_SIGN.search(text) or _ANY_CODE.search(text))


def is_sign(text: str) -> bool:
    """Whether a text is a currency's sign, name or code and nothing else."""
    word = text.strip(" \u200f\u200e\xa0")
    return word.lower() in _SIGNS or word in DECIMALS
