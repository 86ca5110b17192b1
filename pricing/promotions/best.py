"""Best mode: the cheapest total over everything that is permitted, proven.

Combinations of order, coupon and shipping promotions are taken in the order of a lower bound on
the total; for each, dynamic programming finds the item claims that bring the bound about, and the
exact total is computed. Where the two differ (a threshold missed, a floor met, a cap), the claims
in between are walked. When the bound of what is left is no lower than the best total found, that
total is proven.
"""

from __future__ import annotations

from dataclasses import dataclass

from pricing.promotions.combos import Combo, combos
from pricing.promotions.greedy import settle_by_priority
from pricing.promotions.item_benefits import Claim
from pricing.promotions.errors import StepsSpent
from pricing.promotions.item_enumeration import Walk
from pricing.promotions.item_lane import lay_items
from pricing.promotions.item_losses import Losses
from pricing.promotions.item_options import AtPar, Number, Weighing, lay_out
from pricing.promotions.item_search import ItemBest, search
from pricing.promotions.later_lanes import Settlement, settle
from pricing.promotions.problem import Problem
from pricing.promotions.till import ScopedTill, WholeCartTill


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look before settling for an answer that is not proven.

    Attributes:
        width: states kept at a time in the item lane.
        steps: transitions walked, over the whole cart.
    """

    width: int = 400
    steps: int = 12_000


class _Search:
    """The state of one search."""

    def __init__(self, problem: Problem, effort: Effort) -> None:
        self.problem = problem
        self.effort = effort
        self.steps_left = effort.steps
        self.best = settle_by_priority(problem)
        self.proven = True
        self._at_par: dict[tuple[int, int], ItemBest | None] = {}
        self._losses: dict[tuple[int, int], Losses] = {}
        self.offered = sum(1 << index for index in problem.offers)
        sharing = any(problem.rules[index].shares & self.offered for index in problem.offers)
        self.exact = all(
            offer.exact and not (sharing and offer.machine is not None)
            for offer in problem.offers.values()
        )

    def at_par(self, excluded: int, required: int) -> ItemBest | None:
        """The claims that save most, without those promotions and with these."""
        key = (excluded & self.offered, required & self.offered)
        if key not in self._at_par:
            self._at_par[key] = self.claims_by(AtPar(), *key)
        return self._at_par[key]

    def claims_by(self, weighing: Weighing, excluded: int, required: int) -> ItemBest | None:
        plan = lay_out(self.problem, excluded, required, weighing, every=False)
        found = search(plan, self.problem.view, required, self.effort.width)
        if found is not None and not found.whole:
            self.proven = False
        return found

    def consider(self, claims: dict[int, Claim], combo: Combo) -> int:
        """Settle claims with a combination; the total."""
        items = lay_items(self.problem, claims)
        settlement = settle(self.problem, items, combo.chosen)
        if settlement.total < self.best.total:
            self.best = settlement
        return settlement.total

    def whole_cart(self, combo: Combo, till: WholeCartTill) -> None:
        subtotal = self.problem.view.subtotal
        found = self.at_par(combo.clash, combo.requires)
        if found is None:
            return
        bound = till.bound(subtotal - int(found.gain))
        if bound is None or bound >= self.best.total:
            return
        if self.consider(found.claims, combo) <= bound:
            return

        if self.exact:
            self._by_losses(combo, till)
            return

        def hopeless(most: Number, _: Number) -> bool:
            bound = till.bound(subtotal - int(most))
            return bound is None or bound >= self.best.total

        walk = self._walk(combo, AtPar())
        try:
            for _, claims in walk.claims(hopeless, merge=False):
                self.consider(claims, combo)
        except StepsSpent:
            self.proven = False
        self.steps_left = max(0, walk.steps_left)

    def _by_losses(self, combo: Combo, till: WholeCartTill) -> None:
        """The least loss in the item lane at which every threshold is reached."""
        try:
            losses = self.losses(combo.clash, combo.requires)
            left = self.problem.view.subtotal - losses.most
            least = max(0, (till.least_left or 0) - left)
            most = self._hopeless_loss(till, left, least)
            first = None
            for loss in losses.reachable(least, most):
                bound = till.bound(left + loss)
                if bound is None or bound >= self.best.total:
                    break
                if first is not None and loss > first + 2 * till.slack:
                    break
                first = loss if first is None else first
                self.consider(losses.claims(loss), combo)
        except StepsSpent:
            self.proven = False

    def _hopeless_loss(self, till: WholeCartTill, left: int, least: int) -> int:
        """A loss from which on the combination can not be better than the best so far."""
        low, high = least, max(least, self.problem.view.subtotal - left)
        while high > low:
            middle = (low + high) // 2
            bound = till.bound(left + middle)
            if bound is None or bound >= self.best.total:
                high = middle
            else:
                low = middle + 1
        return low

    def losses(self, excluded: int, required: int) -> Losses:
        """The savings that can be reached, without those promotions and with these."""
        key = (excluded & self.offered, required & self.offered)
        known = self._losses.get(key)
        if known is None:
            plan = lay_out(self.problem, *key, AtPar(), every=True)
            if not plan.whole:
                self.proven = False
            known = Losses(plan, self.problem.view, required, self.steps_left)
            self.steps_left -= known.steps
            self._losses[key] = known
        return known

    def scoped(self, combo: Combo) -> None:
        till = ScopedTill(self.problem, combo)
        excluded, required = combo.clash & self.offered, combo.requires & self.offered
        found = self.claims_by(till, excluded, required)
        if found is None:
            return
        bound = till.bound(found.gain)
        if bound >= self.best.total:
            return
        if self.consider(found.claims, combo) <= bound:
            return

        def hopeless(most: Number, _: Number) -> bool:
            return till.bound(most) >= self.best.total

        walk = self._walk(combo, till)
        try:
            for _, claims in walk.claims(hopeless, merge=False):
                self.consider(claims, combo)
        except StepsSpent:
            self.proven = False
        self.steps_left = max(0, walk.steps_left)

    def _walk(self, combo: Combo, weighing: Weighing) -> Walk:
        excluded, required = combo.clash & self.offered, combo.requires & self.offered
        plan = lay_out(self.problem, excluded, required, weighing, every=True)
        if not plan.whole:
            self.proven = False
        return Walk(plan, self.problem.view, required, self.steps_left)


def settle_best(problem: Problem, effort: Effort) -> tuple[Settlement, bool]:
    """The cheapest settlement, and whether that is proven.

    Never dearer than `settle_by_priority`, proven or not.
    """
    state = _Search(problem, effort)
    item_best = state.at_par(0, 0)
    saved = int(item_best.gain) if item_best is not None else 0
    most_saved = saved if item_best is not None and item_best.whole else problem.view.subtotal
    found, whole = combos(problem, most_saved)
    if not whole:
        state.proven = False
    least_left = problem.view.subtotal - most_saved
    ranked: list[tuple[int, int, Combo, WholeCartTill | None]] = []
    for place, combo in enumerate(found):
        if combo.whole:
            whole_till = WholeCartTill(problem, combo)
            lower = whole_till.bound(least_left)
            if lower is not None and lower < state.best.total:
                ranked.append((lower, place, combo, whole_till))
            continue
        less = sum(v.off(v.scope_total) for v in (*combo.order, *combo.coupon))
        shipping = problem.view.cart.shipping
        off = min(shipping, sum(v.off(0) for v in combo.shipping))
        ranked.append((least_left - less + shipping - off, place, combo, None))
    ranked.sort(key=lambda entry: entry[:2])
    for bound, _, combo, till in ranked:
        if bound >= state.best.total:
            break
        if till is not None:
            state.whole_cart(combo, till)
        else:
            state.scoped(combo)
    return state.best, state.proven
