"""A proven bound on what any bundle prices can bring.

No customer pays more for a set than it is worth to him, nor more than its single prices at their
most; so no prices bring more than selling every segment its best set at that amount. Where stock or
least sales are limited, segments may share sets out in the best way (a linear programme).
"""

from __future__ import annotations

import math

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.bundles.market import NOT_OFFERED, Market
from pricing.bundles.problem import SHARES
from pricing.catalogue import UNKNOWN
from pricing.joint_limits import JointLimit
from pricing.lagrangian import lagrangian_dual

_NEVER = -(1 << 62)


def surplus_bound(market: Market) -> int:
    """No allowed prices bring more; ten-thousandths of a minor unit."""
    most = most_from(market)
    if not market.limited:
        return int(market.size @ most.max(axis=1))
    return _shared_out(market, most)


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


def _shared_out(market: Market, most: IntArray) -> int:
    """The bound with stock and least sales: segments may buy fractions of sets."""
    problem = market.problem
    signs, rooms, limits = [], [], []
    usage = market.size[None, :, None] * market.sets.members.T[:, None, :]
    for i in range(market.sets.products):
        if problem.stock[i] != UNKNOWN:
            limits.append(JointLimit("stock", usage[i], float(problem.stock[i])))
            signs.append((i, 1.0))
            rooms.append(float(problem.stock[i]))
        if problem.sell[i]:
            limits.append(JointLimit("sell", -usage[i], -float(problem.sell[i])))
            signs.append((i, -1.0))
            rooms.append(-float(problem.sell[i]))
    worth = np.where(most > _NEVER, most * market.size[:, None].astype(np.float64), -np.inf)
    dual = lagrangian_dual(worth, limits)
    # Any charges that are not negative prove a bound; theirs is worked out anew, rounded up.
    charge = np.zeros(market.sets.products)
    for (i, sign), price in zip(signs, dual.charges, strict=True):
        charge[i] += sign * price
    charged = np.where(most > _NEVER, most - market.sets.members @ charge, -np.inf)
    total = float(market.size @ charged.max(axis=1)) + float(dual.charges @ np.array(rooms))
    return min(int(market.size @ most.max(axis=1)), math.ceil(total + abs(total) * 1e-9))
