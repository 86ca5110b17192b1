"""Prices of membership tiers: below the public price by a share, never above it, never at a loss.

A tier is open to everybody who joins; nobody's own willingness to pay enters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, Labels
from pricing.deciding.candidates import Ladders
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import Limit, lasting_floor
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.strategies import in_scope
from pricing.errors import InvalidStrategy
from pricing.price_book import PUBLIC

_EXPECTED: Final = (
    "units",
    "units_low",
    "units_high",
    "revenue",
    "profit",
    "revenue_before",
    "profit_before",
    "elasticity",
    "elasticity_std_error",
)


@dataclass(frozen=True, slots=True)
class MemberTier:
    """What members of a tier pay.

    Attributes:
        tier: key of the tier in price books and requests.
        discount: share off the public price, from 0 to 0.9.
        categories: in these only; empty for all.
        markets: in these only; empty for all.
        skus: these only; empty for all.

    Raises:
        InvalidStrategy: a blank or public tier, or a discount outside its range.
    """

    tier: str
    discount: float
    categories: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.tier.strip() or self.tier == PUBLIC:
            raise InvalidStrategy(
                f"tier {self.tier!r} must be the name of a membership tier", ("tier",)
            )
        if not 0.0 <= self.discount <= 0.9:
            raise InvalidStrategy(
                f"tier {self.tier!r}: discount {self.discount} must be a share from 0 to 0.9; "
                "members never pay more than the public",
                ("discount",),
            )


def member_prices(
    price: IntArray, catalogue: Catalogue, floor: IntArray, discount: float
) -> IntArray:
    """Prices of a membership tier: below the public price by a share, never above it.

    Args:
        price: (n,) public prices, minor units.
        catalogue: their rows.
        floor: (n,) lowest price that the limits allow; where the public price is below it already,
            members pay the public price.
        discount: share off, from 0 to 0.9.
    """
    known = (price > 0) & (catalogue.cost != UNKNOWN)
    reduced = np.maximum(np.floor(price * (1.0 - discount) + 1e-9), floor)
    return np.where(known, np.minimum(reduced, price), price).astype(np.int64)


def member_decisions(
    decisions: Decisions,
    rules: Sequence[MemberTier],
    policy: PricingPolicy,
    *,
    barred: Collection[str] = (),
) -> tuple[tuple[str, Decisions], ...]:
    """What members of every tier pay; of rules for one tier, the first that covers a row counts.

    Args:
        decisions: public prices, tests included.
        rules: several may speak of one tier.
        policy: limits and price endings of the run.
        barred: markets whose law forbids prices for members.

    Returns:
        Tier and decisions of each rule that covers any row; of one tier, no row comes twice.
    """
    catalogue = decisions.catalogue
    open_ = np.ones(len(catalogue), dtype=np.bool_)
    for market in barred:
        open_ &= ~catalogue.market.equal(market)
    claimed = {rule.tier: ~open_ for rule in rules}
    found = []
    for rule in rules:
        mine = in_scope(rule.categories, rule.markets, rule.skus, catalogue)
        rows = np.flatnonzero(mine & ~claimed[rule.tier])
        claimed[rule.tier] = claimed[rule.tier] | mine
        if len(rows):
            found.append((rule.tier, tier_decisions(decisions.take(rows), rule, policy)))
    return tuple(found)


def tier_decisions(decisions: Decisions, rule: MemberTier, policy: PricingPolicy) -> Decisions:
    """What members of a tier pay, as decisions on the rows of its scope.

    The price is the next presentable one at or below the reduced price, unless a floor is above
    it: cost and margin, the owner's minimum, the minimum advertised price and the law hold for
    members too. Where no presentable price is left, members pay the public price. Expected figures
    stay open: how many members buy is not known.

    Args:
        decisions: public prices, tests included.
        rule: the tier.
        policy: limits and price endings of the run.
    """
    catalogue = decisions.catalogue
    rows = np.flatnonzero(
        in_scope(rule.categories, rule.markets, rule.skus, catalogue) & (decisions.price > 0)
    )
    known, public = catalogue.take(rows), decisions.price[rows]
    # A cost that nobody confirmed moves no member's price either.
    doubtful = decisions.held_by[rows] & int(Limit.UNCONFIRMED_COST) != 0
    trusted = replace(known, cost=np.where(doubtful, known.trusted_cost, known.cost))
    floor = lasting_floor(trusted, policy.limits)
    legal = None if decisions.legal is None else decisions.legal.take(rows)
    if legal is not None:
        floor = np.maximum(floor, legal.lower)
    wanted = member_prices(public, known, floor, rule.discount)
    price = _presentable(wanted, public, floor, known, policy)
    nothing = np.full(len(rows), np.nan)
    reduced: BoolArray = price < public
    unknown: dict[str, Any] = dict.fromkeys(_EXPECTED, nothing)
    plain = f"member tier {rule.tier} ({rule.discount:.1%} off)"
    barred = f"member tier {rule.tier} ({rule.discount:.1%} off, barred by a floor)"
    return replace(
        decisions,
        catalogue=known,
        competitors=decisions.competitors.take(rows),
        price=price,
        action=np.where(price != known.price, Action.CHANGE, Action.KEEP),
        held_by=np.zeros(len(rows), dtype=np.int64),
        broken_before=np.zeros(len(rows), dtype=np.int64),
        lower=np.minimum(floor, public),
        upper=public,
        lower_limit=np.full(len(rows), int(Limit.MINIMUM_MARGIN)),
        upper_limit=np.full(len(rows), int(Limit.MAXIMUM_PRICE)),
        at_lower=np.zeros(len(rows), dtype=np.bool_),
        at_upper=np.zeros(len(rows), dtype=np.bool_),
        **unknown,
        path=Labels(np.where(reduced | (rule.discount == 0), 0, 1), (plain, barred)),
        legal=legal,
    )


def _presentable(
    wanted: IntArray,
    public: IntArray,
    floor: IntArray,
    catalogue: Catalogue,
    policy: PricingPolicy,
) -> IntArray:
    """(n,) the presentable price next to each one wanted, between floor and public price."""
    price, ladders = public.copy(), Ladders(policy)
    for code, market in enumerate(catalogue.markets):
        rows = np.flatnonzero((catalogue.market.codes == code) & (wanted < public))
        if len(rows) == 0:
            continue
        ladder = ladders.upto(market, int(public[rows].max()))
        if len(ladder) == 0:
            continue
        below = np.searchsorted(ladder, wanted[rows], side="right") - 1
        rung = ladder[np.maximum(below, 0)]
        above = ladder[np.minimum(np.searchsorted(ladder, floor[rows]), len(ladder) - 1)]
        rung = np.where((below >= 0) & (rung >= floor[rows]), rung, above)
        fits = (rung >= floor[rows]) & (rung < public[rows])
        price[rows[fits]] = rung[fits]
    return price
