"""Prices that can hardly be right: held back until they are seen another way, or approved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final

from scrapers.extract import gtin_key, parse_gtin
from storage.competitors.offers import ObservedOffer

LARGEST_JUMP: Final = 0.60
"""Share of the old price by which a price may move without being looked at."""

SAME_PRICE_PAGES: Final = 3
"""So many pages that move to one price at once show something else than their own price."""

_USUAL_PAGES: Final = (
    3  # pages that must state a cost of delivery for it to be the shop's usual one
)


def implausible(
    new: ObservedOffer,
    old: ObservedOffer | None,
    *,
    largest_jump: float = LARGEST_JUMP,
    moved_alike: Collection[str] = (),
    usual_shipping: Collection[Decimal] = (),
) -> str:
    """Why a price should not be believed yet; empty if nothing speaks against it.

    A price that was believed of this page before is believed again.

    Args:
        new: what was seen now.
        old: what was believed of the same page before, or None at first sight.
        largest_jump: allowed change, as a share of the old price.
        moved_alike: other pages of this crawl that asked different prices before and now ask
            exactly this one.
        usual_shipping: what delivery usually costs at this shop (`usual_shipping`).
    """
    if old is not None and old.price == new.price:
        return ""
    price = Decimal(new.price.amount)
    shipping = new.details.get("shipping")
    if shipping is not None and Decimal(str(shipping)) == price:
        return f"the price {new.price} is what delivery costs"
    if old is None:
        return ""
    if old.price.currency != new.price.currency:
        return f"the currency was {old.price.currency} and is {new.price.currency}"
    if price in usual_shipping:
        return f"the price went from {old.price} to {new.price}, the shop's usual cost of delivery"
    change = (new.price.minor - old.price.minor) / old.price.minor
    if abs(change) > largest_jump:
        return f"the price went from {old.price} to {new.price} ({change:+.0%})"
    if "neighbour" in new.details and "neighbour" not in old.details:
        # Where a shop's own box looks like a neighbour's, it did so before, too.
        return f"the page shows {new.price} as the price of a neighbouring product only"
    if len(moved_alike) + 1 >= SAME_PRICE_PAGES:
        return f"{len(moved_alike) + 1} pages with different prices now all ask {new.price}"
    return ""


def usual_shipping(offers: Iterable[ObservedOffer]) -> frozenset[Decimal]:
    """Costs of delivery above zero that several pages of a shop state."""
    stated = (offer.details.get("shipping") for offer in offers)
    counts = Counter(Decimal(str(cost)) for cost in stated if cost is not None)
    return frozenset(cost for cost, pages in counts.items() if cost > 0 and pages >= _USUAL_PAGES)


def confirms(seen: ObservedOffer, held: ObservedOffer) -> bool:
    """Whether an observation is another route to the price of one that is held back.

    The same price of the same product, read in one of these ways: from the same page at a later
    time by another source than then or by several that agree; or from another page that is
    believed for itself.
    """
    if seen.price != held.price:
        return False
    if seen.url != held.url:
        return same_product(seen, held)
    another = seen.source != held.source or int(seen.details.get("sources", 1)) > 1
    return seen.observed_at > held.observed_at and another


def same_product(a: ObservedOffer, b: ObservedOffer) -> bool:
    """Whether two offers of a shop name one product by its numbers."""
    first, second = parse_gtin(a.gtin), parse_gtin(b.gtin)
    if first is not None and second is not None:
        return gtin_key(first) == gtin_key(second)
    if a.sku is not None and b.sku is not None:
        return a.sku == b.sku
    return False
