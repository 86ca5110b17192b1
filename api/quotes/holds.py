"""For how long a quote holds its share of every limit, and what is said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from api.quotes.documents import QuoteDocument
    from storage.promotions.quotes import StoredQuote
    from storage.promotions.usage import Take

LOOSE_HOLD: Final = timedelta(seconds=60)
"""So long is a share held for a request that came without a token."""

_HOLDS_NOTHING: Final = (
    "Nothing is held for this quote: its promotions are redeemed when it is committed, if there "
    "still is a share of their limits."
)
_HOLDS_LOOSELY: Final = (
    "The request came without a token: its share of every limit is held until held_until only. "
    "Afterwards its promotions are redeemed when it is committed, if there still is a share."
)


def end_of_loose_hold(
    takes: Iterable[Take], *, now: datetime, expires_at: datetime, caller: str | None
) -> datetime | None:
    """Until when a quote holds what it takes; None if it may hold it as long as it is good.

    Args:
        takes: what it takes.
        now: the time.
        expires_at: until when it is good.
        caller: whose token the request carries; None without one.
    """
    if caller is not None or not any(each.is_limited for each in takes):
        return None
    return min(expires_at, now + LOOSE_HOLD)


def hold_notice(held_until: datetime | None, expires_at: datetime, *, takes: bool) -> str:
    """What to know of the hold of a new quote; blank if it lasts, or there is nothing to hold.

    Args:
        held_until: end of the hold; None for none.
        expires_at: until when the quote is good.
        takes: whether it takes anything.
    """
    if held_until is None:
        return _HOLDS_NOTHING if takes else ""
    return _HOLDS_LOOSELY if held_until < expires_at else ""


def with_hold(document: QuoteDocument, stored: StoredQuote, now: datetime) -> QuoteDocument:
    """A quote as it was made, with its hold as it is now."""
    if stored.status != "open" or now >= stored.expires_at:
        return msgspec.structs.replace(
            document, reserved=stored.reserved, held_until=None, notice=""
        )
    ended = stored.held_until is not None and now >= stored.held_until
    if stored.reserved and not ended:
        return document
    notice = document.notice and _HOLDS_NOTHING
    return msgspec.structs.replace(document, reserved=False, held_until=None, notice=notice)
