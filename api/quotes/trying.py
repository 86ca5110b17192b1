"""A cart to be tried under promotions that need not be live, or stored."""

from __future__ import annotations

from typing import Literal

from pricing.promotions.file_format import CartRequest
from pricing.promotions.promotion import Record
from storage.promotion_terms import Terms


class TryRequest(Record, frozen=True, kw_only=True):
    """A cart to try, without storing anything.

    Attributes:
        cart: as for a quote.
        at: a moment with its UTC offset, now if left out.
        mode: how overlaps are resolved; as in the market if left out.
        drafts: ids of drafts to try as if they were scheduled.
        terms: of promotions that are not stored, or instead of the stored ones of the same id.
    """

    cart: CartRequest
    at: str = ""
    mode: Literal["", "best", "priority"] = ""
    drafts: tuple[str, ...] = ()
    terms: tuple[Terms, ...] = ()
