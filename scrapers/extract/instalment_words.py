"""Words beside an amount that make it one of several payments, or the price of several pieces."""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = (
    r"(?:cuotas|mensualidades|pagos|meses|quincenas|parcelas|vezes|prestações|rates?|raten|"
    r"monatsraten|teilzahlungen|mensualités|échéances|fois|paiements|mensilità|rate|termijnen|"
    r"betalingen|rat|raty|splátek|splátky|(?:[\w-]+ )?(?:payments|instal?ments)|taksit|платежа|"
    r"платежей|期|回払い|回)"
)
_TIMES_BEFORE = re.compile(
    rf"\d+\s*(?:[x×х*]|mal|of|{_PARTS})\s*(?:(?:sin|sem|senza|sans|ohne|bez) \w+\s*)?"
    r"(?:de|of|a|à|da|di|zu|zu je|je|van|po|at|por|по|每期)?\s*\W{0,3}$|"
    r"(?:每期|月供|月付|月々|月額|分期|monthly|monatlich|mensuel\w*|mensual\w*|miesięcznie|"
    r"měsíčně|rata|rate von|(?:cuota|pago)s? (?:mensual(?:es)? )?de|(?:instal?ment|payment)s? of)"
    r"\s*:?\s*\W{0,3}$",
    re.IGNORECASE,
)
_TIMES_AFTER = re.compile(
    r"^\s*(?:(?:[x×х*]|mal)\s*\d|/\s*期|"
    r"(?:sin inter[eé]s|sem juros|interest[- ]free|senza interessi|sans intérêts|zinsfrei|"
    r"ohne zinsen|renteloos|bez úroků|bez navýšení|bez odsetek|免息|金利))",
    re.IGNORECASE,
)


def is_one_of_several(before: str, after: str) -> bool:
    """Whether an amount is paid, or bought, several times: `12x $99`, `99 € * 6`, `每期 ¥99`.

    Args:
        before: the text up to the amount, without currency signs.
        after: the text behind it, without currency signs.
    """
    return bool(_TIMES_BEFORE.search(before) or _TIMES_AFTER.match(after))
