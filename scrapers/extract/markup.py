"""The price in plain markup: what a reader's eye takes for it.

Every element that could be a price is scored (`price_spots`); amounts compete; a close finish is no
finish.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from scrapers.extract.page import Page
from scrapers.extract.price_spots import Spot, Survey, survey
from scrapers.extract.promotion_words import promotion_in
from scrapers.extract.record import (
    Availability,
    Candidate,
    ProductFacts,
    Reason,
    Source,
    Terms,
    UnitPrice,
)
from scrapers.extract.shipping_words import shipping_in
from scrapers.extract.unit_price import parse_unit_price
from scrapers.extract.vocabulary import availability_in_words

_ENOUGH: Final = 2.0
"""Score below which nothing looks like the price."""

_NEAR_MEASURE: Final = 40  # elements between a price and the price per measure beside it

_MARGIN: Final = 0.75
"""By how much the best amount must beat the next."""


def markup_candidate(page: Page, prefer: str | None, *, before_tax: bool = False) -> Candidate:
    """What a reader would take for the product's price, with how clearly it stands out.

    Args:
        page: the page.
        prefer: ISO 4217 code that decides signs of several countries.
        before_tax: amounts that are called net may be the price, too.

    Returns:
        A candidate with a price, or with the problem. Its `prices` are all amounts seen, the
        likeliest first.
    """
    found = survey(page, prefer, before_tax=before_tax)
    facts = ProductFacts(title=page.heading or None, availability=_availability(found))
    lines = [text for _, text in found.numbered]
    terms = Terms(
        promotion=promotion_in([*found.words, *lines]),
        shipping=shipping_in([*lines, *(s.around for s in found.spots if not s.others)], prefer),
    )
    ranking = _ranking([spot for spot in found.spots if not spot.former])
    prices = tuple(amount for _, amount, _ in ranking)
    if not ranking or ranking[0][0] < _ENOUGH:
        problem = Reason.SEVERAL_PRICES if ranking else Reason.NO_PRICE
        return Candidate(Source.MARKUP, "", facts, prices=prices, problem=problem, terms=terms,
                         neighbours=_neighbours(found.spots))  # fmt: skip
    score, amount, best = ranking[0]
    snippet = best.text[:200]
    clear = score - max((other for other, _, _ in ranking[1:]), default=0.0)
    if clear < _MARGIN:
        return Candidate(
            Source.MARKUP,
            snippet,
            facts,
            currency=best.reading.currency,
            prices=prices,
            problem=Reason.SEVERAL_PRICES,
            terms=terms,
            neighbours=_neighbours(found.spots),
        )
    return Candidate(
        Source.MARKUP,
        snippet,
        facts,
        price=amount,
        currency=best.reading.currency,
        list_price=_list_price(found.spots, best, amount),
        prices=prices,
        terms=replace(terms, unit_price=_unit_price(found, best, amount)),
        confidence=min(0.85, 0.45 + 0.06 * score + 0.06 * clear),
        neighbours=_neighbours(found.spots),
    )


def _neighbours(spots: list[Spot]) -> frozenset[Decimal]:
    """Amounts that stand in other products' boxes and nowhere else."""
    own = {spot.reading.amount for spot in spots if not spot.others}
    return frozenset(
        spot.reading.amount
        for spot in spots
        if spot.others and spot.reading.amount is not None and spot.reading.amount not in own
    )


def _ranking(spots: list[Spot]) -> list[tuple[float, Decimal, Spot]]:
    """Amounts by the score of their best spot, with a little for being said twice."""
    by_amount: dict[Decimal, list[Spot]] = {}
    for spot in spots:
        if spot.reading.amount is not None:
            by_amount.setdefault(spot.reading.amount, []).append(spot)
    ranked = []
    for amount, same in by_amount.items():
        best = max(same, key=lambda spot: spot.score)
        ranked.append((best.score + 0.25 * min(len(same) - 1, 2), amount, best))
    return sorted(ranked, key=lambda entry: (-entry[0], entry[2].order))


def _list_price(spots: list[Spot], best: Spot, amount: Decimal) -> Decimal | None:
    """A struck-out price near the chosen one and above it."""
    if best.reading.list_amount:
        return best.reading.list_amount
    near = (
        spot.reading.amount
        for spot in spots
        if spot.former and abs(spot.order - best.order) < 40 and spot.reading.amount
    )
    return min((value for value in near if amount < value < 20 * amount), default=None)


def _unit_price(found: Survey, best: Spot, amount: Decimal) -> UnitPrice | None:
    """A price per measure near the price of the piece; the piece itself is not one."""
    for order, text in found.numbered:
        if abs(order - best.order) < _NEAR_MEASURE and (read := parse_unit_price(text)) is not None:
            return read if read.amount != amount or read.quantity != 1 else None
    return None


def _availability(found: Survey) -> Availability | None:
    """A button to buy says more than any sentence; then what the sentences near by say."""
    if found.buyable:
        return Availability.IN_STOCK
    said = {availability_in_words(text) for text in found.words}
    if Availability.OUT_OF_STOCK in said:
        return Availability.OUT_OF_STOCK
    return Availability.IN_STOCK if Availability.IN_STOCK in said else None
