"""Which bundles to offer beside single products, and every price, with a proven bound.

Good prices come from local search; where the integer programme is small enough it takes them as a
hint and proves the best. The bound is the least of what is proven: by the programme, or by what
segments would pay at most. `optimal` is only said where bound and profit are the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import IntArray
from pricing.bundles import exact
from pricing.bundles.bound import proven_bound
from pricing.bundles.errors import InvalidBundles
from pricing.bundles.infeasible import explain_infeasible
from pricing.bundles.local_search import Climber
from pricing.bundles.market import Market, Outcome
from pricing.bundles.pool_search import search
from pricing.bundles.problem import SHARES, BundleProblem
from pricing.solving.certificate import SolveReport, Status, proven
from pricing.solving.stopwatch import Stopwatch

_TRIAL_ROUNDS: Final = 4
_STALE_BEFORE_PROOF: Final = 12
_QUICK_PICKS: Final = 1_000
"""The programme answers this many sooner than a thorough search."""
_SEARCH_SHARE: Final = 0.25
"""Of the time allowed for search, where the integer programme is to follow."""
_EXPLAIN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look.

    Attributes:
        seconds: wall time, above 0; an answer that time did not cut short is the same each time.
        rounds: of local search, at most.
        stale: rounds without a better answer after which local search ends.
        workers: threads of the integer programme.
        exact: whether the integer programme may be used.
        gap: share of the bound at which the search may stop.

    Raises:
        InvalidBundles: a setting out of its range.
    """

    seconds: float = 50.0
    rounds: int = 2_000
    stale: int = 60
    workers: int = 1
    exact: bool = True
    gap: float = 0.0

    def __post_init__(self) -> None:
        if not self.seconds > 0 or self.rounds < 0 or self.stale < 1 or self.workers < 1:
            raise InvalidBundles(
                "effort: seconds above 0, rounds 0 or more, stale and workers 1 or more",
                ("effort",),
            )
        if not 0.0 <= self.gap < 1.0:
            raise InvalidBundles(f"effort: gap {self.gap} must lie from 0 up to 1", ("effort",))


@dataclass(frozen=True, slots=True, eq=False)
class BundlePlan:
    """Prices to sign, and what they are worth.

    Attributes:
        problem: what was asked.
        outcome: what customers do at the plan's prices.
        nothing: what they do at the single prices in force, without bundles; it may break limits.
        singles: what they do at the best single prices found without bundles.
        report: objective and bound in minor units.
    """

    problem: BundleProblem
    outcome: Outcome
    nothing: Outcome
    singles: Outcome
    report: SolveReport

    @property
    def price(self) -> IntArray:
        """(n,) single prices."""
        prices: IntArray = self.outcome.posted[1 << np.arange(len(self.problem.sku))]
        return prices

    @property
    def bundles(self) -> IntArray:
        """(b,) sets offered as bundles."""
        return self.outcome.bundles


def unwatched(outcome: Outcome, bound: int) -> None:
    """Nobody looks at what is found on the way."""


def plan_bundles(
    problem: BundleProblem,
    *,
    rng: np.random.Generator,
    effort: Effort | None = None,
    watch: Callable[[Outcome, int], None] = unwatched,
) -> BundlePlan:
    """Choose bundles and prices.

    Args:
        problem: products, segments, candidates and limits.
        rng: source of chance of the local search.
        effort: how long to look.
        watch: told of each better outcome that holds all limits, with the bound known so far.

    Raises:
        InfeasibleBundles: no prices hold stock and least sales together.
    """
    effort = effort or Effort()
    clock = Stopwatch()
    market = Market(problem)
    bound, method = proven_bound(market), "local_search"
    picks = exact.picks(market)
    programmable = effort.exact and picks <= exact.MOST_PICKS
    search_until = effort.seconds * (_SEARCH_SHARE if programmable else 0.95)

    closed = False

    def expired() -> bool:
        return closed or clock.seconds > search_until

    def found(outcome: Outcome) -> None:
        nonlocal closed
        closed = bound - outcome.profit <= effort.gap * abs(bound)
        watch(outcome, bound)

    alone = Climber(market, 0, expired)
    now = np.clip(problem.current, problem.least, problem.most)
    starts = [alone.singles_only(_asked(alone, prices)) for prices in (now, problem.most)]
    singles = search(alone, starts, rng)
    best = search(
        Climber(market, problem.bundles_allowed, expired),
        [singles, *starts],
        rng,
        effort.rounds,
        min(effort.stale, _STALE_BEFORE_PROOF) if programmable else effort.stale,
        better=found,
        thorough=not programmable or picks > _QUICK_PICKS,
    )
    if not closed or best.excess:
        left = max(effort.seconds - clock.seconds, 1.0)
        if programmable:
            best, bound = _programmed(market, best, bound, left, effort)
            method = "cp_sat"
    if best.excess:
        raise _explained(problem, effort)
    nothing = alone.singles_only(problem.current)
    return BundlePlan(
        problem=problem,
        outcome=best,
        nothing=nothing,
        singles=singles,
        report=_report(best, bound, method, clock.seconds, effort.gap),
    )


def _asked(climber: Climber, prices: IntArray) -> IntArray:
    """(n,) presentable single prices within their ranges, near some."""
    problem = climber.market.problem
    found = prices.copy()
    for i, single in enumerate(climber.market.singles.tolist()):
        rungs = climber.market.prices_for(single)
        if rungs is None:
            continue
        inside = rungs[(rungs >= problem.least[i]) & (rungs <= problem.most[i])]
        if not len(inside):
            raise InvalidBundles(
                f"{str(problem.sku[i])!r}: no price with the endings allowed lies from "
                f"{problem.least[i]} to {problem.most[i]} minor units; widen least and most"
            )
        found[i] = inside[np.abs(inside - prices[i]).argmin()]
    return found


def _programmed(
    market: Market, best: Outcome, bound: int, seconds: float, effort: Effort
) -> tuple[Outcome, int]:
    """The better of local search and the integer programme, and the bound that can be trusted."""
    hint = best if not best.excess else None
    solved = exact.solve(market, seconds=seconds, hint=hint, workers=effort.workers, gap=effort.gap)
    found = solved.outcome
    if found is not None and not found.excess and found.better >= best.better:
        best = found
    # A solver that cuts off prices that hold every limit is not believed in what it proves.
    wrong = not best.excess and solved.bound is not None and solved.bound < best.profit
    if solved.bound is not None and not wrong:
        bound = min(bound, solved.bound)
    return best, bound


def _report(
    outcome: Outcome, bound: int, method: str, seconds: float, allowed: float
) -> SolveReport:
    certificate = proven(outcome.profit / SHARES, bound / SHARES, allowed=allowed, exact=True)
    return SolveReport(certificate, method, seconds)


def _explained(problem: BundleProblem, effort: Effort) -> Exception:
    """The error that says which limits conflict."""
    clock = Stopwatch()

    def expired() -> bool:
        return clock.seconds > min(_EXPLAIN_SECONDS, effort.seconds)

    verdict = _possible(problem, expired, effort)
    if verdict:
        # Local search alone had not found what the programme now did: it was stopped too early.
        return InvalidBundles(
            "effort: prices that hold all limits exist, but time ran out before they were "
            "improved; allow more seconds",
            ("effort",),
        )
    return explain_infeasible(
        problem,
        lambda other: _possible(other, expired, effort) is True,
        expired,
        proven=verdict is False,
    )


def _possible(problem: BundleProblem, expired: Callable[[], bool], effort: Effort) -> bool | None:
    """Whether prices hold all limits; None where that is not known."""
    market = Market(problem)
    picks = exact.picks(market)
    programmable = effort.exact and picks <= exact.MOST_PICKS
    if not programmable or picks > _QUICK_PICKS:
        climber = Climber(market, problem.bundles_allowed, expired)
        alone = Climber(market, 0, expired)
        starts = [
            alone.singles_only(_asked(alone, prices)) for prices in (problem.most, problem.least)
        ]
        found = search(climber, starts, np.random.default_rng(0), _TRIAL_ROUNDS)
        if not found.excess:
            return True
    if not programmable:
        return None
    solved = exact.solve(market, seconds=30.0, workers=effort.workers, feasible_only=True)
    if solved.status is Status.INFEASIBLE:
        return False
    return True if solved.outcome is not None and not solved.outcome.excess else None
