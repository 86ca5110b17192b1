"""How good an answer provably is, in one vocabulary for every planner.

A certificate is made by the functions of this module and by nothing else. A bound enters it only
where it is proven, and one that a known answer refutes is a defect that nobody is told as a fact.
This module needs no solver, so whoever only reads answers need not have one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pricing.errors import SolverFault

ROUNDING: Final = 1e-9
"""Share of a bound below which a difference in value is rounding."""

_REFUTED: Final = 1e-6
"""Share of a bound by which an answer must pass it to be more than rounding of limits and sums."""


class Status(StrEnum):
    """What a search came to."""

    OPTIMAL = "optimal"
    """There is an answer, and no better one."""
    WITHIN_GAP = "within_gap"
    """There is an answer, and no better one by more than the gap at which search might stop."""
    FEASIBLE = "feasible"
    """There is an answer; time came before such a proof."""
    INFEASIBLE = "infeasible"
    """It is proven that there is no answer."""
    UNKNOWN = "unknown"
    """Nothing was found in the time allowed, and nothing proven."""


class Sense(StrEnum):
    """Which way is better."""

    MAXIMISE = "maximise"
    MINIMISE = "minimise"

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if self is Sense.MAXIMISE else -1.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """An answer's value and what no answer can be better than.

    Attributes:
        status: what the search came to.
        value: of the answer; worse than any number where there is none.
        bound: no answer is better; better than any number where nothing is proven.
        sense: which way is better.

    Raises:
        SolverFault: the bound is worse than the value, or the status does not go with the two.
    """

    status: Status
    value: float
    bound: float
    sense: Sense = Sense.MAXIMISE

    def __post_init__(self) -> None:
        value, bound = self.sense.sign * self.value, self.sense.sign * self.bound
        answered = math.isfinite(value)
        goes = {
            Status.OPTIMAL: answered and self.gap <= ROUNDING,
            Status.WITHIN_GAP: answered and math.isfinite(bound),
            Status.FEASIBLE: answered,
            Status.INFEASIBLE: value == bound == -math.inf,
            Status.UNKNOWN: value == -math.inf and bound > value,
        }
        if not value <= bound or not goes[self.status]:
            raise _fault(f"{self.status} with value {self.value:.12g} and bound {self.bound:.12g}")

    @property
    def gap(self) -> float:
        """Distance of value and bound as a share of the bound; infinite where none is proven."""
        if self.value == self.bound:
            return 0.0
        if not self.bounded:
            return math.inf
        return abs(self.bound - self.value) / max(abs(self.bound), 1e-9)

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return math.isfinite(self.value)

    @property
    def bounded(self) -> bool:
        """Whether both an answer and a bound are known."""
        return math.isfinite(self.value) and math.isfinite(self.bound)

    def beside(self, value: float) -> Certificate:
        """Of another answer to the same question: whatever bound is proven holds of it, too.

        Raises:
            SolverFault: the answer refutes the bound, or that there is no answer.
        """
        if self.status is Status.INFEASIBLE:
            raise _fault(f"an answer of {value:.12g} refutes that there is none")
        if self.bound == self.sense.sign * math.inf:
            return unproven(value, self.sense)
        return proven(value, self.bound, sense=self.sense)

    def without_proof(self) -> Certificate:
        """The same answer, or none, where the bound does not hold of what is asked."""
        return unproven(self.value, self.sense) if self.answered else unknown(self.sense)


def proven(
    value: float,
    bound: float,
    *,
    allowed: float = 0.0,
    exact: bool = False,
    slack: float = 0.0,
    sense: Sense = Sense.MAXIMISE,
) -> Certificate:
    """The certificate of an answer beside a bound that is proven.

    Args:
        value: of the answer.
        bound: no answer is better.
        allowed: gap at which the search might stop.
        exact: whether value and bound are whole numbers, so that no difference is rounding.
        slack: amount by which limits kept only up to rounding may take the answer past the bound,
            beside one millionth of it.
        sense: which way is better.

    Raises:
        SolverFault: the answer refutes the bound, or one of the two is not finite.
    """
    if not (math.isfinite(value) and math.isfinite(bound)):
        raise _fault(f"value {value} and bound {bound} must be finite")
    passed = sense.sign * (value - bound)
    if passed > slack + _REFUTED * max(abs(value), abs(bound), 1e-9):
        raise _fault(f"an answer of {value:.12g} refutes the proven bound {bound:.12g}")
    bound = value if passed > 0 else bound
    gap = Certificate(Status.FEASIBLE, value, bound, sense).gap
    rounding = 0.0 if exact else ROUNDING
    if gap <= rounding:
        status = Status.OPTIMAL
    else:
        status = Status.WITHIN_GAP if gap <= allowed + rounding else Status.FEASIBLE
    return Certificate(status, value, bound, sense)


def optimum(value: float, sense: Sense = Sense.MAXIMISE) -> Certificate:
    """The certificate of an answer than which no other is better."""
    return proven(value, value, sense=sense)


def unproven(value: float, sense: Sense = Sense.MAXIMISE) -> Certificate:
    """The certificate of an answer about which nothing is proven."""
    return Certificate(Status.FEASIBLE, value, sense.sign * math.inf, sense)


def infeasible(sense: Sense = Sense.MAXIMISE) -> Certificate:
    """The certificate of a question that provably has no answer."""
    return Certificate(Status.INFEASIBLE, -sense.sign * math.inf, -sense.sign * math.inf, sense)


def unknown(sense: Sense = Sense.MAXIMISE) -> Certificate:
    """The certificate of a search that neither found nor proved anything."""
    return Certificate(Status.UNKNOWN, -sense.sign * math.inf, sense.sign * math.inf, sense)


def recorded(status: str, value: float, bound: float) -> Certificate:
    """A certificate that was stored.

    What an older version called optimal beside a wider gap is `within_gap`, as it would be told
    today.
    """
    told, bound = Status(status), max(value, bound)
    if told is Status.OPTIMAL and Certificate(Status.FEASIBLE, value, bound).gap > ROUNDING:
        told = Status.WITHIN_GAP
    return Certificate(told, value, bound)


@dataclass(frozen=True, slots=True)
class SolveReport:
    """How good an answer is, and how it was found.

    Attributes:
        certificate: value and proven bound.
        method: `separable` where no joint limit bit, `cp_sat`, `decomposition` where relations or
            cross-price effects tie rows together, or the name of a planner's search.
        seconds: wall time of the solver.
        conflicts: names of related groups that no allowed prices could satisfy; they are held.
        undecided: names of related groups for which none were found within the effort, so that
            nobody knows; they are held, too.
    """

    certificate: Certificate
    method: str
    seconds: float
    conflicts: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """What the search came to, as it is written."""
        return self.certificate.status.value

    @property
    def objective(self) -> float:
        """Value of the answer, in the objective's unit."""
        return self.certificate.value

    @property
    def bound(self) -> float:
        """Proven bound on the value of any answer."""
        return self.certificate.bound

    @property
    def gap(self) -> float:
        """(bound - objective) / max(|bound|, 1e-9), 0 where proven optimal."""
        return self.certificate.gap

    def as_dict(self) -> dict[str, Any]:
        """The fields by which a run records it."""
        return {
            "status": self.status,
            "method": self.method,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "seconds": self.seconds,
            "conflicts": self.conflicts,
            "undecided": self.undecided,
        }


def _fault(message: str) -> SolverFault:
    return SolverFault(
        f"no certificate can say this: {message}; this is a defect of pricewright, not of the "
        "limits: please report it"
    )
