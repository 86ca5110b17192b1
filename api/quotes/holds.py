"""For how long a quote holds its share of every limit, and what is said of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from api.quotes.documents import QuoteDocument
    from storage.promotions.quotes import StoredQuote

_HOLDS_NOTHING: Final = (
    "Nothing is held for this quote: its promotions are redeemed when it is committed, if there "
    "still is a share of their limits."
)

_IS_A_TEST: Final = "This is a test: nothing is held, and nothing is redeemed when it is committed."


def hold_notice(*, reserves: bool, takes: bool, test: bool = False) -> str:
    """What to know of the hold of a new quote; blank if it lasts, or there is nothing to hold.

    Args:
        reserves: whether it holds what it takes.
        takes: whether it takes anything.
        test: whether a test key made it.
    """
    if test:
        return _IS_A_TEST
    return _HOLDS_NOTHING if takes and not reserves else ""


def with_hold(document: QuoteDocument, stored: StoredQuote, now: datetime) -> QuoteDocument:
    """A quote as it was made, with its hold as it is now."""
    if stored.status != "open" or now >= stored.expires_at:
        return msgspec.structs.replace(
            document, reserved=stored.reserved, held_until=None, notice=""
        )
    ended = stored.held_until is not None and now >= stored.held_until
    if stored.reserved and not ended:
        return document
    notice = document.notice and (_IS_A_TEST if document.test else _HOLDS_NOTHING)
    return msgspec.structs.replace(document, reserved=False, held_until=None, notice=notice)
