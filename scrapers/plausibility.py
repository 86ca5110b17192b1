"""Prices that can hardly be right: held back until they are seen another way, or approved."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

from storage.offers import ObservedOffer

LARGEST_JUMP: Final = 0.60
"""Share of the old price by which a price may move without being looked at."""

SAME_PRICE_PAGES: Final = 3
"""So many pages that move to one price at once show something else than their own price."""


def implausible(
    new: ObservedOffer,
    old: ObservedOffer | None,
    *,
    largest_jump: float = LARGEST_JUMP,
    moved_alike: Collection[str] = (),
) -> str:
    """Why a price should not be believed yet; empty if nothing speaks against it.

    Args:
        new: what was seen now.
        old: what was believed of the same page before, or None at first sight.
        largest_jump: allowed change, as a share of the old price.
        moved_alike: other pages of this crawl that asked different prices before and now ask
            exactly this one.
    """
    shipping = new.details.get("shipping")
    if shipping is not None and Decimal(str(shipping)) == Decimal(new.price.amount):
        return f"the price {new.price} is what delivery costs"
    if old is None:
        return ""
    if old.price.currency != new.price.currency:
        return f"the currency was {old.price.currency} and is {new.price.currency}"
    if old.price == new.price:
        return ""
    change = (new.price.minor - old.price.minor) / old.price.minor
    if abs(change) > largest_jump:
        return f"the price went from {old.price} to {new.price} ({change:+.0%})"
    if len(moved_alike) + 1 >= SAME_PRICE_PAGES:
        return f"{len(moved_alike) + 1} pages with different prices now all ask {new.price}"
    return ""


def confirms(seen: ObservedOffer, held: ObservedOffer) -> bool:
    """Whether an observation is another route to the price of one that is held back.

    The same price must have been read at another time, and from another source than then or from
    several that agree.
    """
    another = seen.source != held.source or int(seen.details.get("sources", 1)) > 1
    return seen.price == held.price and seen.observed_at > held.observed_at and another
