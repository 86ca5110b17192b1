"""Bundle prices as an integer programme, solved by CP-SAT.

The idea is that of Hanson and Martin ("Optimal bundle pricing", Management Science 36, 1990): every
segment picks one set, at the surplus that no other set beats, and the price of a set is never above
that of its pieces. Written with the surplus u of a segment instead of what it pays,

    u >= value - price of every set,   u <= value - price of the set picked,

it needs no products of unknowns and is proven optimal many times sooner. A set that is not offered
costs exactly what the best way to put it together costs. All numbers are whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, IntArray
from pricing.bundles.bound import least_prices, most_from
from pricing.bundles.market import NOT_OFFERED, Market, Outcome
from pricing.bundles.problem import SHARES
from pricing.catalogue import UNKNOWN
from pricing.solving.certificate import Status
from pricing.solving.cp_sat import CpModel, CpSolver, Domain, IntVar, LinearExpr, new_solver
from pricing.solving.cp_sat import solve as search
from pricing.solving.scaling import whole_bound

MOST_PICKS: Final = 12_000
"""Larger programmes do not leave presolve within a minute."""


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """What the solver says.

    Attributes:
        status: what the search came to.
        outcome: the prices found, valued anew; None without any.
        bound: no prices bring more, ten-thousandths of a minor unit; None where it is not known.
    """

    status: Status
    outcome: Outcome | None
    bound: int | None


def picks(market: Market) -> int:
    """How many (segment, set) pairs the programme chooses among."""
    cheapest = least_prices(market)
    return int((market.value[:, 1:] >= cheapest[None, 1:]).sum())


def solve(
    market: Market,
    *,
    seconds: float,
    hint: Outcome | None = None,
    workers: int = 1,
    feasible_only: bool = False,
    gap: float = 0.0,
) -> Solved:
    """Solve to proven optimality, or until time is up.

    Args:
        market: at most about `MOST_PICKS` picks.
        seconds: wall time allowed.
        hint: prices to begin with.
        workers: threads; one makes the answer the same each time, if time does not run out.
        feasible_only: stop at the first answer that holds all limits.
        gap: share of the profit at which to stop; `optimal` then means within it.
    """
    programme = _Programme(market, hint)
    if not feasible_only:
        programme.maximise()
    solver = new_solver(seconds=max(seconds, 0.1), workers=workers)
    solver.parameters.relative_gap_limit = gap
    solver.parameters.symmetry_level = 0
    # Without funding, probing every pick by itself finds nothing, and the linear relaxation says no
    # more than what every segment pays at most; with it both tie the funding to the prices.
    solver.parameters.cp_model_probing_level = 2 if market.funded else 0
    solver.parameters.linearization_level = 2 if market.funded else 0
    found = search(solver, programme.model)
    if found.status is Status.INFEASIBLE:
        return Solved(Status.INFEASIBLE, None, None)
    bound = None if feasible_only else whole_bound(solver.best_objective_bound) * programme.unit
    outcome = programme.outcome(solver) if found.answered else None
    return Solved(found.status, outcome, bound)


class _Programme:
    """The integer programme of a market."""

    def __init__(self, market: Market, hint: Outcome | None) -> None:
        self.market = market
        self.model = CpModel()
        shares = np.gcd.reduce(np.append(market.problem.funding, SHARES))
        self.unit = int(shares)
        """Ten-thousandths in a step of the objective: all amounts are multiples of it."""
        self._hint = None if hint is None else hint.effective.price
        self._least = least_prices(market)
        self._price: dict[int, IntVar] = {}
        self._offered: dict[int, IntVar] = {}
        self._open: set[int] = set()
        self._paid_by_others: dict[int, IntVar] = {}
        self._prices()
        self._picked: list[dict[int, IntVar]] = []
        self._surplus: list[IntVar] = []
        self._lost: list[IntVar] = []
        plain = market.value * SHARES - market.burden
        self._most = most_from(market) if market.funded else plain
        for k in range(len(market.size)):
            self._segment(k, None if hint is None else int(hint.choice[k]))
        self._stock()

    def maximise(self) -> None:
        """Profit is what is to be made."""
        terms: list[IntVar] = []
        weights: list[int] = []
        for k, picked in enumerate(self._picked):
            size = int(self.market.size[k])
            for mask, pick in picked.items():
                terms.append(pick)
                weights.append(size * (int(self._most[k, mask]) // self.unit))
            terms.append(self._lost[k])
            weights.append(-size)
        self.model.maximize(LinearExpr.weighted_sum(terms, weights))

    def outcome(self, solver: CpSolver) -> Outcome:
        """The answer, valued by the market itself."""
        market = self.market
        posted = np.full(len(market.sets), NOT_OFFERED)
        for mask, price in self._price.items():
            if mask in self._offered:
                asked = solver.boolean_value(self._offered[mask])
            else:
                asked = not mask & (mask - 1) or mask in self._open
            if asked:
                posted[mask] = solver.value(price)
        choice = np.array(
            [
                next((m for m, pick in picked.items() if solver.boolean_value(pick)), 0)
                for picked in self._picked
            ],
            dtype=np.int64,
        )
        return market.pruned(market.outcome(posted, choice if market.limited else None))

    def _prices(self) -> None:
        market, problem, model = self.market, self.market.problem, self.model
        dearest = market.sets.totals(problem.most)
        free = _free(market, self._least)
        for mask in np.argsort(market.sets.members.sum(axis=1), kind="stable").tolist()[1:]:
            low, high = int(self._least[mask]), int(dearest[mask])
            rungs = market.prices_for(mask) if not mask & (mask - 1) else None
            if rungs is None:
                price = model.new_int_var(low, high, "")
            else:
                inside = rungs[(rungs >= low) & (rungs <= high)].tolist()
                price = model.new_int_var_from_domain(Domain.from_values(inside), "")
            self._price[mask] = price
            if self._hint is not None:
                model.add_hint(price, int(np.clip(self._hint[mask], low, high)))
            if mask & (mask - 1):
                self._pieces(mask, free=bool(free[mask]))
        if problem.bundles_allowed < len(problem.candidates):
            model.add(sum(self._offered.values()) <= problem.bundles_allowed)

    def _pieces(self, mask: int, *, free: bool) -> None:
        """A set costs no more than its pieces; unless it is offered, no less either."""
        market, model = self.market, self.model
        ways = []
        if market.funded:
            most = int(market.sets.totals(market.problem.most)[mask]) * (SHARES // self.unit)
            self._paid_by_others[mask] = model.new_int_var(0, most, "")
        for piece in market.sets.within(mask).tolist():
            if piece & -piece != mask & -mask or piece == mask:
                continue
            together = self._price[piece] + self._price[mask ^ piece]
            model.add(self._price[mask] <= together)
            if free:
                continue
            way = model.new_bool_var("")
            model.add(self._price[mask] >= together).only_enforce_if(way)
            ways.append(way)
            if market.funded:
                brings = self._of_others(piece) + self._of_others(mask ^ piece)
                model.add(self._paid_by_others[mask] <= brings).only_enforce_if(way)
        if free:
            self._open.add(mask)
            return
        if mask in market.problem.candidates and market.problem.bundles_allowed:
            self._offered[mask] = self._offer(mask)
            ways.append(self._offered[mask])
        model.add_exactly_one(ways)

    def _of_others(self, mask: int) -> IntVar | int:
        return self._paid_by_others.get(mask, 0)

    def _offer(self, mask: int) -> IntVar:
        """True where a set is offered as a bundle, with all rules on its price."""
        market, problem, model = self.market, self.market.problem, self.model
        offered = model.new_bool_var("")
        price = self._price[mask]
        parts = sum(self._price[1 << i] for i in np.flatnonzero(market.sets.members[mask]).tolist())
        model.add(price >= int(market.floor[mask])).only_enforce_if(offered)
        if problem.least_saving:
            most = (SHARES - problem.least_saving) * parts
            model.add(SHARES * price <= most).only_enforce_if(offered)
        if problem.most_saving < SHARES:
            least = (SHARES - problem.most_saving) * parts
            model.add(SHARES * price >= least).only_enforce_if(offered)
        rungs = market.prices_for(mask)
        if rungs is not None:
            domain = Domain.from_values(rungs.tolist())
            model.add_linear_expression_in_domain(price, domain).only_enforce_if(offered)
        if market.funded:
            saved = int(market.funding[mask]) // self.unit * (parts - price)
            model.add(self._paid_by_others[mask] <= saved).only_enforce_if(offered)
        return offered

    def _segment(self, k: int, hinted: int | None) -> None:
        market, model = self.market, self.model
        value = market.value[k]
        surplus = model.new_int_var(0, int(np.maximum(value - self._least, 0).max()), "")
        scale = SHARES // self.unit
        lost = surplus
        if market.funded:
            # What a customer brings less than he could: his surplus, and what others do not pay.
            lost = model.new_int_var(0, int(market.problem.most.sum()) * 2 * scale, "")
        picked: dict[int, IntVar] = {}
        for mask in np.flatnonzero(value >= self._least).tolist():
            if not mask:
                continue
            pick = model.new_bool_var("")
            picked[mask] = pick
            price = self._price[mask]
            model.add(surplus + price >= int(value[mask]))
            model.add(surplus + price <= int(value[mask])).only_enforce_if(pick)
            if market.funded:
                paid = scale * int(value[mask]) - scale * surplus + self._of_others(mask)
                brings = (int(self._most[k, mask]) + int(market.burden[mask])) // self.unit
                model.add(lost >= brings - paid).only_enforce_if(pick)
            if hinted is not None:
                model.add_hint(pick, hinted == mask)
        nothing = model.new_bool_var("")
        model.add_exactly_one([*picked.values(), nothing])
        model.add(surplus == 0).only_enforce_if(nothing)
        if hinted is not None and self._hint is not None:
            model.add_hint(nothing, hinted == 0)
            model.add_hint(surplus, max(int((value - self._hint).max()), 0))
        self._picked.append(picked)
        self._surplus.append(surplus)
        self._lost.append(lost)

    def _stock(self) -> None:
        market, problem = self.market, self.market.problem
        for i in range(market.sets.products):
            sold = sum(
                int(market.size[k]) * pick
                for k, picked in enumerate(self._picked)
                for mask, pick in picked.items()
                if mask >> i & 1
            )
            if problem.stock[i] != UNKNOWN:
                self.model.add(sold <= int(problem.stock[i]))
            if problem.sell[i]:
                self.model.add(sold >= int(problem.sell[i]))


def _free(market: Market, least: IntArray) -> BoolArray:
    """(2**n,) True for sets whose price has no rule but to stay below its pieces."""
    problem = market.problem
    free: BoolArray = np.zeros(len(market.sets), dtype=np.bool_)
    plain = (
        problem.bundles_allowed == len(problem.candidates)
        and not market.funded
        and problem.endings is None
        and problem.least_saving == 0
        and problem.most_saving == SHARES
    )
    if plain:
        # Where its pieces can cost less than its floor, it matters whether a set is offered.
        free[problem.candidates] = market.floor[problem.candidates] <= least[problem.candidates]
    return free
