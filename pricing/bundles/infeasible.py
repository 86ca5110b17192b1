"""Which limits of a bundle plan conflict, and how little one of them would have to give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pricing.bundles.errors import InfeasibleBundles
from pricing.bundles.problem import SHARES, BundleProblem
from pricing.catalogue import UNKNOWN

_PRODUCT_LIMITS = {"stock": "stock", "sell": "sell", "least": "least price", "most": "most price"}


@dataclass(frozen=True, slots=True)
class _Limit:
    """One number that may give way, and how far giving way can help."""

    field: str
    product: int | None
    now: int
    far: int

    def name(self, problem: BundleProblem) -> str:
        if self.product is None:
            return self.field
        return f"{_PRODUCT_LIMITS[self.field]} of {problem.sku[self.product]}"

    def applied(self, problem: BundleProblem, setting: int) -> BundleProblem:
        if self.product is None:
            return problem.replaced(**{self.field: setting})
        column = getattr(problem, self.field).copy()
        column[self.product] = setting
        return problem.replaced(**{self.field: column})


def explain_infeasible(
    problem: BundleProblem,
    possible: Callable[[BundleProblem], bool],
    expired: Callable[[], bool],
    *,
    proven: bool,
) -> InfeasibleBundles:
    """The error to raise for limits that no prices hold.

    Args:
        problem: whose limits conflict.
        possible: whether prices are found that hold the limits of another problem.
        expired: says when to stop looking for relaxations.
        proven: whether the conflict is proven, or only no prices were found.
    """
    culprits: list[str] = []
    relaxations: dict[str, int] = {}
    for limit in _limits(problem):
        if expired():
            break
        if not possible(limit.applied(problem, limit.far)):
            continue
        culprits.append(limit.name(problem))
        short, far = limit.now, limit.far
        while abs(far - short) > 1 and not expired():
            middle = (short + far) // 2
            if possible(limit.applied(problem, middle)):
                far = middle
            else:
                short = middle
        relaxations[limit.name(problem)] = far
    conflicting = tuple(culprits) or _set_limits(problem)
    verb = "no prices hold" if proven else "no prices were found that hold"
    message = f"{verb} these limits together: {', '.join(conflicting)}"
    if relaxations:
        advice = "; or ".join(f"{name} {value}" for name, value in relaxations.items())
        message += f"; the smallest change that helps, each alone: {advice}"
    else:
        message += "; relaxing one of them alone does not help, relax several"
    return InfeasibleBundles(message, conflicting, relaxations, proven=proven)


def _limits(problem: BundleProblem) -> list[_Limit]:
    customers, dearest = int(problem.size.sum()), int(problem.value.max()) + 1
    found = []
    for i in range(len(problem.sku)):
        if problem.sell[i]:
            found.append(_Limit("sell", i, int(problem.sell[i]), 0))
        if UNKNOWN < problem.stock[i] < customers:
            found.append(_Limit("stock", i, int(problem.stock[i]), customers))
    for i in range(len(problem.sku)):
        if problem.least[i]:
            found.append(_Limit("least", i, int(problem.least[i]), 0))
        if problem.most[i] < dearest:
            found.append(_Limit("most", i, int(problem.most[i]), dearest))
    if problem.bundles_allowed < len(problem.candidates):
        found.append(_Limit("most_bundles", None, problem.bundles_allowed, len(problem.candidates)))
    if problem.least_saving:
        found.append(_Limit("least_saving", None, problem.least_saving, 0))
    if problem.most_saving < SHARES:
        found.append(_Limit("most_saving", None, problem.most_saving, SHARES))
    return found


def _set_limits(problem: BundleProblem) -> tuple[str, ...]:
    """Names of all limits on units that are set."""
    names = []
    for i, sku in enumerate(problem.sku.tolist()):
        if problem.sell[i]:
            names.append(f"sell of {sku}")
        if problem.stock[i] != UNKNOWN:
            names.append(f"stock of {sku}")
    return tuple(names)
