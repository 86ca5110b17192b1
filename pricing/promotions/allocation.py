"""Sharing an amount exactly: largest remainder, with a limit on each share."""

from __future__ import annotations

from collections.abc import Sequence
from operator import gt


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` (>= 0, minor units) in proportion to `weights`; the shares add up exactly.

    Hamilton's method: shares are rounded down, and what is left goes one unit each to the largest
    remainders, the earlier share first among equals. Equal shares when all weights are zero.
    """
    total = sum(weights)
    if not total:
        weights = [1] * len(weights)
        total = len(weights)
    shares = [amount * weight // total for weight in weights]
    left = amount - sum(shares)
    if left:
        remainders = [amount * weight % total for weight in weights]
        by_remainder = sorted(range(len(shares)), key=remainders.__getitem__, reverse=True)
        for i in by_remainder[:left]:
            shares[i] += 1
    return shares


def spread(amount: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `weights`, no share above its room.

    What one share cannot take flows on to the others, again in proportion to their weights; when
    all rooms together are too small, each is filled and the rest of the amount is dropped.

    Args:
        amount: minor units, >= 0.
        weights: >= 0, one per share.
        rooms: >= 0, the most that each share may take.
    """
    if amount >= sum(rooms):
        return list(rooms)
    shares = largest_remainder(amount, weights)
    if not any(map(gt, shares, rooms)):
        return shares
    # Fill what overflows, take it out, and share the rest anew until nothing overflows.
    final = [0] * len(shares)
    open_shares = [i for i, room in enumerate(rooms) if room > 0]
    while open_shares:
        shares = largest_remainder(amount, [weights[i] for i in open_shares])
        over = {i for i, share in zip(open_shares, shares, strict=True) if share > rooms[i]}
        if not over:
            for i, share in zip(open_shares, shares, strict=True):
                final[i] = share
            break
        for i in over:
            final[i] = rooms[i]
            amount -= rooms[i]
        open_shares = [i for i in open_shares if i not in over]
    return final
