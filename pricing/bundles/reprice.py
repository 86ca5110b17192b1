"""All prices moved together, with everybody still buying what he buys now.

Given who buys what, the best prices are a linear programme: each customer must still like his set
at least as well as every other. Coordinate search alone stops where two prices would have to move
at once; this goes on from there.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from models.arrays import FloatArray, IntArray
from pricing.bundles.market import NOT_OFFERED, Market, Outcome
from pricing.bundles.problem import SHARES


def repriced(market: Market, outcome: Outcome, reach: int) -> Outcome | None:
    """The outcome after the best joint move of at most `reach` minor units a price.

    None where the programme has no answer, or none that the whole numbers allow.
    """
    posted = outcome.posted
    offers = np.flatnonzero(posted < NOT_OFFERED)
    uses = _uses(outcome, offers)
    bought, of_segment = np.unique(outcome.choice, return_inverse=True)
    rows, room = _choices(market, outcome, uses, bought, of_segment, reach)
    more_rows, more_room = _savings(market, offers)
    bounds = [_range(market, offer, int(posted[offer]), reach) for offer in offers.tolist()]
    if any(low > high for low, high in bounds):
        return None
    sold = np.bincount(of_segment, market.size, len(bought))
    found = optimize.linprog(
        -_receipts(market, offers, uses[bought].T @ sold),
        A_ub=np.concatenate([rows, more_rows]),
        b_ub=np.concatenate([room, more_room]),
        bounds=bounds,
        method="highs",
    )
    if found.x is None:
        return None
    moved = posted.copy()
    for offer, price in zip(offers.tolist(), found.x, strict=True):
        moved[offer] = _asked(market, offer, float(price))
    return market.outcome(moved) if holds_rules(market, moved) else None


def holds_rules(market: Market, posted: IntArray) -> bool:
    """Whether every posted price lies in its range."""
    for offer in np.flatnonzero(posted < NOT_OFFERED).tolist():
        low, high = market.span(posted, offer)
        if not low <= int(posted[offer]) <= high:
            return False
    return True


def _uses(outcome: Outcome, offers: IntArray) -> FloatArray:
    """(2**n, offers) 1 where a set is put together from an offer."""
    place = {offer: j for j, offer in enumerate(offers.tolist())}
    uses = np.zeros((len(outcome.posted), len(offers)))
    for mask in range(1, len(uses)):
        first = int(outcome.effective.first[mask])
        uses[mask] = uses[mask ^ first]
        uses[mask, place[first]] += 1.0
    return uses


def _choices(
    market: Market,
    outcome: Outcome,
    uses: FloatArray,
    bought: IntArray,
    of_segment: IntArray,
    reach: int,
) -> tuple[FloatArray, FloatArray]:
    """Rows and room of: price(bought) - price(other) <= least difference of their values."""
    rows, room = [], []
    for j, mask in enumerate(bought.tolist()):
        value = market.value[of_segment == j]
        least = (value[:, mask : mask + 1] - value).min(axis=0)
        difference = uses[mask] - uses
        slack = least - difference @ outcome.posted[outcome.posted < NOT_OFFERED]
        # What lies further off than all its prices can move together need not be said.
        near = slack < np.abs(difference).sum(axis=1) * reach
        near[mask] = False
        rows.append(difference[near])
        room.append(least[near].astype(np.float64))
    return np.concatenate(rows), np.concatenate(room)


def _savings(market: Market, offers: IntArray) -> tuple[FloatArray, FloatArray]:
    """Rows and room of: a bundle saves enough, and not too much, against its parts."""
    problem = market.problem
    place = {offer: j for j, offer in enumerate(offers.tolist())}
    rows = []
    for bundle in offers[(offers & (offers - 1)) != 0].tolist():
        row = np.zeros(len(offers))
        for i in np.flatnonzero(market.sets.members[bundle]).tolist():
            row[place[1 << i]] = 1.0
        dearest, cheapest = -(1 - problem.least_saving / SHARES), 1 - problem.most_saving / SHARES
        rows.append(np.where(row > 0, dearest, 0.0))
        rows[-1][place[bundle]] = 1.0
        if cheapest > 0:
            rows.append(np.where(row > 0, cheapest, 0.0))
            rows[-1][place[bundle]] = -1.0
    return np.array(rows).reshape(-1, len(offers)), np.zeros(len(rows))


def _range(market: Market, offer: int, now: int, reach: int) -> tuple[int, int]:
    if offer & (offer - 1):
        return max(int(market.floor[offer]), now - reach), now + reach
    i = offer.bit_length() - 1
    problem = market.problem
    return max(int(problem.least[i]), now - reach), min(int(problem.most[i]), now + reach)


def _receipts(market: Market, offers: IntArray, sold: FloatArray) -> FloatArray:
    """(offers,) what a minor unit on each price brings."""
    share = market.funding[offers] / SHARES
    worth = sold * (1.0 - share)
    for i in range(market.sets.products):
        # Others pay their share of a saving, which grows with the single price.
        with_it = (offers & (1 << i)) != 0
        worth[offers == 1 << i] += (sold * share)[with_it].sum()
    return worth


def _asked(market: Market, offer: int, price: float) -> int:
    rungs = market.prices_for(offer)
    whole = int(np.floor(price + 1e-6))
    if rungs is None:
        return whole
    place = int(np.searchsorted(rungs, whole, side="right")) - 1
    return int(rungs[max(place, 0)])
