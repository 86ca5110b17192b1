"""Best mode: the cheapest total over everything that is permitted, proven.

The terms of sale that the cart chose are settled beforehand; discounts are what is searched.

Combinations of order, coupon and shipping promotions are taken in the order of a lower bound on
the total; for each, the item claims that bring the bound about are found, and the exact total is
computed. Where the two differ (a threshold missed, a floor met, a cap), the claims in between are
looked through. When the bound of what is left is no lower than the best total found, that total is
proven.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

from pricing.promotions.combos import Combo, combos
from pricing.promotions.errors import StepsSpent
from pricing.promotions.greedy import settle_by_priority
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_enumeration import Walk
from pricing.promotions.item_lane import ItemResult, lay_items
from pricing.promotions.item_losses import Losses
from pricing.promotions.item_options import AT_PAR, Number, Plan, Weighing, lay_out
from pricing.promotions.item_relaxation import Relaxation
from pricing.promotions.item_search import ItemBest, search
from pricing.promotions.later_lanes import Settlement, settle
from pricing.promotions.problem import Problem
from pricing.promotions.till import ScopedTill, WholeCartTill

_AFLOAT = 1e-6
_MOST_TRIED = 8
_FEW_UNITS = 25
Hopeless = Callable[[Number], bool]
Ranked = tuple[int, int, Combo, WholeCartTill | None]


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to look before settling for an answer that is not proven.

    Attributes:
        steps: transitions looked at, over the whole cart; about 700 take a millisecond.
        states: joint states up to which the item lane is searched exactly at once.
        width: of those, how many are kept at a time.
    """

    steps: int = 3_200
    states: int = 100
    width: int = 2_000


class _Search:
    """The state of one search.

    Attributes:
        best: the cheapest settlement so far.
        proven: False once something was left out that might be cheaper.
    """

    def __init__(self, problem: Problem, effort: Effort) -> None:
        self.problem = problem
        self.effort = effort
        self.subtotal = problem.view.subtotal
        self.steps_left = effort.steps
        self.best = settle_by_priority(problem)
        self.proven = True
        self.offered = sum(1 << index for index in problem.discounts) | problem.terms.members
        sharing = any(problem.rules[index].shares & self.offered for index in problem.discounts)
        self.exact = all(
            offer.exact and not (sharing and offer.machine is not None)
            for offer in problem.discounts.values()
        )
        self._at_par: dict[tuple[int, int], ItemBest | None] = {}
        self._losses: dict[tuple[int, int], Losses | None] = {}
        self._look = 0
        self._least_work: dict[tuple[int, int], int] = {}
        # By identity of the claims, which each result keeps alive.
        self._laid: dict[int, ItemResult] = {}

    def key(self, combo: Combo) -> tuple[int, int]:
        """Item promotions that a combination excludes, and those that it requires."""
        return combo.clash & self.offered, combo.requires & self.offered

    def at_par(self, key: tuple[int, int]) -> ItemBest | None:
        """The claims that save most; None if what is required can not be used."""
        if key not in self._at_par:
            self._at_par[key] = self._claims_by(AT_PAR, key)
        return self._at_par[key]

    def _claims_by(self, weighing: Weighing, key: tuple[int, int]) -> ItemBest | None:
        plan = lay_out(self.problem, *key, weighing, every=False)
        self._pay_for_plan(plan)
        # A plan of everything that units can do is wider still.
        self._least_work[key] = self._work(plan)
        if plan.alone and plan.states > self.effort.states:
            return self._wide(plan, key)
        width = min(self.effort.width, max(8, self.steps_left // _size(plan)))
        found = search(plan, key[1], width)
        if found is not None:
            self.steps_left -= found.steps
            if not plan.whole:
                found.bound = float("inf")
        return found

    def _wide(self, plan: Plan, key: tuple[int, int]) -> ItemBest | None:
        """A plan with many joint states: few of them may be met, else they are priced apart."""
        part = max(0, self.steps_left) // 4
        if sum(len(stage.units) for stage in plan.stages) <= _FEW_UNITS:
            try:
                found = search(plan, key[1], 1 << 30, part)
            except StepsSpent:
                self.steps_left -= part
            else:
                self.steps_left -= found.steps if found is not None else part
                if found is not None and not plan.whole:
                    found.bound = float("inf")
                return found
        left = max(0, self.steps_left)
        relaxed = Relaxation(self.problem, plan, left - left // 8)
        self.steps_left -= relaxed.steps
        self._look = max(self._look, relaxed.steps)
        bound = relaxed.bound if plan.whole else float("inf")
        return ItemBest(relaxed.gain, bound, relaxed.claims, relaxed.steps)

    def _pay_for_plan(self, plan: Plan) -> None:
        """Laying out is work too; unpaid, many small combinations would never end."""
        self.steps_left -= 4 * sum(len(stage.options) for stage in plan.stages)

    @property
    def too_late_for_another_look(self) -> bool:
        """True if a wide item lane could only be looked at hastily, which shows little."""
        return self._look > 2 * self.steps_left

    def consider(self, claims: dict[int, Claim], combo: Combo) -> None:
        """Settle claims with a combination."""
        items = self._laid_out(claims)
        if items.applied & combo.clash or combo.requires & self.offered & ~items.applied:
            return
        self.keep(settle(self.problem, items, combo.chosen))

    def _laid_out(self, claims: dict[int, Claim]) -> ItemResult:
        items = self._laid.get(id(claims))
        if items is None:
            items = self._laid[id(claims)] = lay_items(self.problem, claims)
        return items

    def try_as_by_priority(self, claims: dict[int, Claim]) -> None:
        """Claims with the later promotions that priority mode would take.

        A good total early on, so that few combinations are worth a look.
        """
        first = self.best
        chosen = [
            later
            for later in self.problem.later
            if later.index in first.shares or later.index in first.shipping_off
        ]
        items = self._laid_out(claims)
        members = sum(1 << later.index for later in chosen)
        rules = self.problem.rules
        if all(not rules[later.index].clash & (members | items.applied) for later in chosen):
            self.keep(settle(self.problem, items, chosen))

    def try_all(self, claims: dict[int, Claim], ranked: list[Ranked]) -> None:
        """The same claims with many combinations; whole-cart totals need no shares."""
        items = self._laid_out(claims)
        left = _MOST_TRIED
        best: tuple[int, Combo] | None = None
        for bound, _, combo, till in ranked:
            if bound >= (self.best.total if best is None else best[0]):
                break
            if items.applied & combo.clash or combo.requires & self.offered & ~items.applied:
                continue
            if till is not None:
                total = till.total(items.total)
                if total is not None and (best is None or total < best[0]):
                    best = total, combo
            elif left:
                left -= 1
                self.keep(settle(self.problem, items, combo.chosen))
        if best is not None and best[0] < self.best.total:
            self.keep(settle(self.problem, items, best[1].chosen))

    def keep(self, settlement: Settlement) -> None:
        """Remember a settlement if it is the cheapest so far."""
        if settlement.total < self.best.total:
            self.best = settlement

    def try_whole(self, combo: Combo, till: WholeCartTill) -> None:
        """A combination whose promotions look at the whole cart."""
        found = self.at_par(self.key(combo))
        if found is None:
            return
        most = floor(min(found.bound + _AFLOAT, self.subtotal))
        bound = till.bound(self.subtotal - most)
        if bound is None or bound >= self.best.total:
            return
        self.consider(found.claims, combo)
        if self.best.total <= bound:
            return
        try:
            if self.exact:
                self._by_losses(combo, till)
            else:
                self._walk_whole(combo, till)
        except StepsSpent:
            self.proven = False

    def _by_losses(self, combo: Combo, till: WholeCartTill) -> None:
        """The least loss in the item lane at which every threshold is reached."""
        losses = self._all_losses(self.key(combo))
        left = self.subtotal - losses.most
        least = max(0, (till.least_left or 0) - left)
        first = None
        for loss in losses.reachable(least, self._hopeless_loss(till, left, least)):
            bound = till.bound(left + loss)
            if bound is None or bound >= self.best.total:
                break
            if first is not None and loss > first + 2 * till.slack:
                break
            first = loss if first is None else first
            self.consider(losses.claims(loss), combo)

    def _hopeless_loss(self, till: WholeCartTill, left: int, least: int) -> int:
        """A loss from which on the combination can not be better than the best so far."""
        low, high = least, max(least, self.subtotal - left)
        while high > low:
            middle = (low + high) // 2
            bound = till.bound(left + middle)
            if bound is None or bound >= self.best.total:
                high = middle
            else:
                low = middle + 1
        return low

    def _all_losses(self, key: tuple[int, int]) -> Losses:
        if key not in self._losses:
            self._losses[key] = None
            plan = self._full_plan(key, AT_PAR)
            losses = Losses(plan, key[1], self.steps_left)
            self.steps_left -= losses.steps
            self._losses[key] = losses
        known = self._losses[key]
        if known is None:
            raise StepsSpent
        return known

    def _walk_whole(self, combo: Combo, till: WholeCartTill) -> None:
        def hopeless(most: Number) -> bool:
            bound = till.bound(self.subtotal - floor(most + _AFLOAT))
            return bound is None or bound >= self.best.total

        self._walk(combo, AT_PAR, hopeless)

    def try_scoped(self, combo: Combo) -> None:
        """A combination in which some promotion looks at a part of the cart."""
        till = ScopedTill(self.problem, combo)
        found = self._claims_by(till, self.key(combo))
        if found is None:
            return
        bound = till.bound(found.bound)
        if bound >= self.best.total:
            return
        self.consider(found.claims, combo)
        if self.best.total <= bound:
            return
        try:
            self._walk(combo, till, lambda most: till.bound(most) >= self.best.total)
        except StepsSpent:
            self.proven = False

    def _walk(self, combo: Combo, weighing: Weighing, hopeless: Hopeless) -> None:
        key = self.key(combo)
        plan = self._full_plan(key, weighing)
        walk = Walk(plan, key[1], self.steps_left)
        # Settling a cart costs about as much as this many steps.
        leaf = 20 + 2 * len(self.problem.view.unit_price)
        try:
            for claims in walk.claims(hopeless):
                items = lay_items(self.problem, claims)
                self.keep(settle(self.problem, items, combo.chosen))
                walk.steps_left -= leaf
        finally:
            self.steps_left = max(0, walk.steps_left)

    def _full_plan(self, key: tuple[int, int], weighing: Weighing) -> Plan:
        """All that units can do; refused at once if there is no hope to look through it."""
        if self._least_work.get(key, 0) > 4 * self.steps_left:
            raise StepsSpent
        plan = lay_out(self.problem, *key, weighing, every=True)
        self._pay_for_plan(plan)
        if not plan.whole:
            self.proven = False
        if self._work(plan) > 4 * self.steps_left:
            raise StepsSpent
        return plan

    def _work(self, plan: Plan) -> int:
        """Transitions that it takes at least to look through a plan."""
        return min(plan.states, 32) * _size(plan)


def settle_best(problem: Problem, effort: Effort) -> tuple[Settlement, bool]:
    """The cheapest settlement, and whether that is proven.

    Never dearer than `settle_by_priority`, proven or not.
    """
    state = _Search(problem, effort)
    subtotal = problem.view.subtotal
    item_best = state.at_par((0, 0))
    bound = item_best.bound if item_best is not None else 0
    most_saved = floor(min(bound + _AFLOAT, subtotal))
    found, whole = combos(problem, most_saved)
    if not whole:
        state.proven = False
    if item_best is not None:
        state.try_as_by_priority(item_best.claims)
    ranked = _ranked(problem, found, subtotal - most_saved, state.best.total)
    wide = item_best is not None and item_best.bound > item_best.gain + _AFLOAT
    if item_best is not None and (wide or len(ranked) > _MOST_TRIED):
        # One good total first, so that most bounds need no look at what is behind them.
        state.try_all(item_best.claims, ranked)
    for bound, _, combo, till in ranked:
        if bound >= state.best.total:
            break
        if wide or state.steps_left <= 0 or (till is None and state.too_late_for_another_look):
            state.proven = False
            break
        if till is not None:
            state.try_whole(combo, till)
        else:
            state.try_scoped(combo)
    if not (state.proven or wide):
        # A threshold out of reach with item promotions may be in reach without them.
        state.try_all({}, ranked)
    return state.best, state.proven


def _ranked(problem: Problem, found: list[Combo], least_left: int, best: int) -> list[Ranked]:
    """Combinations that may be cheaper than `best`, with a first bound, lowest first."""
    ranked: list[Ranked] = []
    charge = problem.view.cart.shipping
    most_off: dict[int, int] = {}
    for place, combo in enumerate(found):
        off = 0
        for variant in combo.shipping:
            off += variant.amount
        bound = least_left + charge - min(charge, off)
        for variant in (*combo.order, *combo.coupon):
            less = most_off.get(id(variant))
            if less is None:
                # `found` keeps the steps alive, so that their identity is theirs alone.
                less = most_off[id(variant)] = variant.off(variant.scope_total)
            bound -= less
        if bound >= best:
            continue
        till = None
        if combo.whole:
            till = WholeCartTill(problem, combo)
            lowest = till.bound(least_left)
            if lowest is None:
                continue
            bound = lowest
        if bound < best:
            ranked.append((bound, place, combo, till))
    ranked.sort(key=lambda entry: entry[:2])
    return ranked


def _size(plan: Plan) -> int:
    """Options of all units of a plan, at least 1."""
    return 1 + sum(len(stage.units) * len(stage.options) for stage in plan.stages)
