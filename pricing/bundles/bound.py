"""A proven bound on what any bundle prices can bring.

No customer pays more for a set than it is worth to him, nor more than its single prices at their
most; so no prices bring more than selling every segment its best set at that amount. Two segments
who see the same prices bring less than that (`pair_bound`). Stock and least sales enter by charges.
"""

from __future__ import annotations

import math

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.bundles.market import NOT_OFFERED, Market
from pricing.bundles.pair_bound import pair_bound
from pricing.bundles.problem import SHARES
from pricing.catalogue import UNKNOWN
from pricing.solving.joint_limits import JointLimit
from pricing.solving.lagrangian import lagrangian_dual

_NEVER = -(1 << 62)


def proven_bound(market: Market) -> int:
    """No allowed prices bring more; ten-thousandths of a minor unit."""
    most = most_from(market)
    charge, room = np.zeros(market.sets.products), 0.0
    if market.limited:
        charge, room = _charges(market, most)
    charged = np.where(most > _NEVER, most - market.sets.members @ charge, -np.inf)
    bound = float(market.size @ charged.max(axis=1)) + room
    if not market.funded:
        # What others pay would make a pair's best prices another problem.
        able = np.where(most > _NEVER, (most + market.burden) // SHARES, -1)
        burden = (market.burden + market.sets.members @ charge) / SHARES
        bound = min(bound, pair_bound(market.size, market.value, able, burden) * SHARES + room)
    if not market.limited:
        return round(bound)
    return min(int(market.size @ most.max(axis=1)), math.ceil(bound + abs(bound) * 1e-9))


def most_from(market: Market) -> IntArray:
    """(k, 2**n) the most profit on one customer who buys each set; very negative if he cannot."""
    problem = market.problem
    dearest = market.sets.totals(problem.most)
    paid = np.minimum(market.value, dearest)
    share = np.zeros(len(market.sets), dtype=np.int64)
    for offer in problem.candidates.tolist():
        holding = market.holding(offer)
        share[holding] = np.maximum(share[holding], market.funding[offer])
    # Others pay their share of what is saved, at the most the largest share of any bundle inside.
    brings = paid * (SHARES - share) + dearest * share - market.burden
    able: BoolArray = market.value >= least_prices(market)
    return np.where(able, brings, _NEVER)


def least_prices(market: Market) -> IntArray:
    """(2**n,) below which no set can cost: the cheapest way at the lowest prices allowed."""
    posted = np.full(len(market.sets), NOT_OFFERED)
    posted[market.singles] = market.problem.least
    if market.problem.bundles_allowed:
        posted[market.problem.candidates] = market.floor[market.problem.candidates]
    return market.effective(posted).price


def _charges(market: Market, most: IntArray) -> tuple[FloatArray, float]:
    """What a unit of each product is charged for stock and least sales, and the room times that.

    Any charges on limits that are not negative prove a bound: the profit less the charges, plus the
    charges times the room. These make the bound least where segments may buy fractions of sets.
    """
    problem = market.problem
    signs, limits = [], []
    usage = market.size[None, :, None] * market.sets.members.T[:, None, :]
    for i in range(market.sets.products):
        if problem.stock[i] != UNKNOWN:
            limits.append(JointLimit("stock", usage[i], float(problem.stock[i])))
            signs.append((i, 1.0))
        if problem.sell[i]:
            limits.append(JointLimit("sell", -usage[i], -float(problem.sell[i])))
            signs.append((i, -1.0))
    worth = np.where(most > _NEVER, most * market.size[:, None].astype(np.float64), -np.inf)
    dual = lagrangian_dual(worth, limits)
    charge = np.zeros(market.sets.products)
    for (i, sign), price in zip(signs, dual.charges, strict=True):
        charge[i] += sign * price
    return charge, float(dual.charges @ np.array([limit.at_most for limit in limits]))
