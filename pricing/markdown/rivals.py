"""Cross effects inside a category: what an item sells depends on what its rivals ask.

Demand of item i in week t is multiplied by exp(Σ_j c[i, j] · log(price_j(t) / price_j now)): c > 0
where a cheaper rival takes customers, c < 0 where it brings some. What a path is worth then depends
on the paths of the others. The plan is a fixed point: every item answers the paths of the others in
the round before, and each round's plan is judged exactly, effects and limits; the best one that
keeps the limits is taken. Then item after item takes the path that is best for all together, with
the others as they are, as long as that is little work. Such a plan need not be the best one, so the
bound is another: no rival can do an item more good than at its best price for it, and more demand
never makes a path worth less. Limits on what is given away are left out of that bound: with other
demand a path may give away more or less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import sparse

from models.arrays import FloatArray, IntArray
from pricing.markdown.columns import columns_of
from pricing.markdown.errors import InfeasibleClearance, InvalidClearance
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import LimitRows, MarkdownLimits, SoFar
from pricing.markdown.paths import can_be_listed, path_tree, rules_of
from pricing.markdown.plan import Effort, MarkdownPlan, Watch, plan
from pricing.markdown.scenarios import Scenarios
from pricing.markdown.trajectories import follow
from pricing.solving.certificate import SolveReport, proven
from pricing.solving.risk import Risk

_ROUNDS: Final = 8
_SWEEPS: Final = 4
_TRIES: Final = 20
"""Paths of an item that are judged exactly before the next item's turn."""
_MOST_WORK: Final = 5_000_000
"""Paths valued in all sweeps together: some ten seconds."""
_TIGHTER: Final = 0.98
"""What is left of limits on what is given away, where a round's plan exceeded them."""


def rival_factor(items: ClearanceItems, cross: sparse.csr_array, rungs: IntArray) -> FloatArray:
    """(n, t) factor on demand when every item follows its path."""
    price = np.take_along_axis(items.price, rungs, axis=1)
    factor: FloatArray = np.exp(cross @ np.log(price / items.price[:, :1]))
    return factor


def plan_with_rivals(
    items: ClearanceItems,
    cross: sparse.csr_array,
    limits: MarkdownLimits | None = None,
    *,
    scenarios: Scenarios | None = None,
    risk: Risk | None = None,
    effort: Effort | None = None,
    so_far: SoFar | None = None,
    earlier: IntArray | None = None,
    watch: Watch | None = None,
) -> MarkdownPlan:
    """Choose price paths of items that take customers from each other.

    Args:
        items: n items.
        cross: (n, n) c above; an empty diagonal.
        limits: joint limits, as in `pricing.markdown.plan`; the next five too.
        scenarios: futures to plan against.
        risk: how much the worst futures count.
        effort: how closely to search, in each round.
        so_far: what is used of the limits already.
        earlier: (n, t) rungs of an earlier plan.
        watch: told of each better plan, judged exactly.

    Raises:
        InvalidClearance: `cross` does not fit, or demand also depends on stock.
        InfeasibleClearance: no round's plan keeps the limits when judged exactly.
    """
    wanted, futures = limits or MarkdownLimits(), scenarios or Scenarios.expected(len(items))
    risk = risk or Risk()
    _refuse(items, cross)
    rows = LimitRows.of(items, wanted, so_far, earlier)
    given: dict[str, Any] = {
        "scenarios": scenarios, "risk": risk, "effort": effort, "so_far": so_far,
        "earlier": earlier,
    }  # fmt: skip
    bound = _bound(items, cross, wanted, given)
    held, best, before = wanted, None, None
    seconds = 0.0
    for _ in range(_ROUNDS):
        around = items if before is None else _beside(items, cross, before)
        found = plan(around, held, **given)
        seconds += found.report.seconds
        rungs = found.course.rungs
        judged = _judged(items, cross, rungs, rows, futures, risk)
        if judged is None:
            held = _tightened(held)
        elif best is None or judged[0] > best[0]:
            best = (judged[0], judged[1], found)
            if watch is not None:
                watch(judged[0], bound, rungs)
        if before is not None and (rungs == before).all():
            break
        before = rungs
    if best is None:
        raise InfeasibleClearance(
            "with the effects between items no plan was found that keeps "
            f"{', '.join(dict.fromkeys(rows.names))}; allow more of what may be given away",
            tuple(dict.fromkeys(rows.names)),
            {},
            proven=False,
        )
    _, _, found = best
    rungs, worth, usage = _improved(items, cross, found.course.rungs, best[:2], rows, futures, risk)
    if watch is not None:
        watch(worth, bound, rungs)
    certificate = proven(worth, bound, allowed=(effort or Effort()).gap)
    report = SolveReport(certificate, "fixed_point", seconds)
    used: dict[str, float] = {}
    for name, amount in zip(rows.names, usage.tolist(), strict=True):
        used[name] = max(used.get(name, -np.inf), amount)
    return replace(
        found,
        price=np.take_along_axis(items.ladder, rungs, axis=1),
        course=follow(_beside(items, cross, rungs), rungs),
        report=report,
        used=used,
    )


def _improved(
    items: ClearanceItems,
    cross: sparse.csr_array,
    rungs: IntArray,
    judged: tuple[float, FloatArray],
    rows: LimitRows,
    futures: Scenarios,
    risk: Risk,
) -> tuple[IntArray, float, FloatArray]:
    """Item after item takes the path that is best for all, limits kept, until none helps."""
    worth, usage = judged
    rules, by_rival = rules_of(items), sparse.csc_array(cross)
    work = 0
    for _ in range(_SWEEPS):
        before = worth
        for i in range(len(items)):
            if not can_be_listed(rules[i]):
                continue
            part = slice(int(by_rival.indptr[i]), int(by_rival.indptr[i + 1]))
            touched = by_rival.indices[part].astype(np.int64)
            tree = path_tree(rules[i])
            work += tree.size * (1 + len(touched)) * len(futures)
            if work > _MOST_WORK:
                return rungs, worth, usage
            paths = _whole(tree.rungs(np.arange(tree.size)), items.weeks)
            total = _together(items, cross, rungs, i, touched, paths, futures)
            now = total[(paths == rungs[i]).all(axis=1)].max(initial=-np.inf)
            better = np.flatnonzero(total > now)
            for path in better[np.argsort(-total[better], kind="stable")][:_TRIES].tolist():
                trial = rungs.copy()
                trial[i] = paths[path]
                found = _judged(items, cross, trial, rows, futures, risk)
                if found is not None and found[0] > worth:
                    rungs, (worth, usage) = trial, found
                    break
        if worth - before <= 1e-9 * abs(worth):
            break
    return rungs, worth, usage


def _whole(paths: IntArray, weeks: int) -> IntArray:
    """Paths up to an exit, drawn out over all weeks."""
    rest = weeks - paths.shape[1]
    return np.column_stack([paths, np.repeat(paths[:, -1:], rest, axis=1)])


def _together(
    items: ClearanceItems,
    cross: sparse.csr_array,
    rungs: IntArray,
    i: int,
    touched: IntArray,
    paths: IntArray,
    futures: Scenarios,
) -> FloatArray:
    """(p,) expected value of an item and of those that it touches, on each of its paths."""
    price, start = items.price, items.price[:, 0]
    log_ratio = np.log(np.take_along_axis(price, rungs, axis=1) / start[:, None])
    around = cross @ log_ratio
    moved = np.log(price[i][paths] / start[i]) - log_ratio[i]
    total = np.zeros(len(paths))
    for j in [i, *touched.tolist()]:
        effect = 0.0 if j == i else float(cross[j, i])
        member = np.full(len(paths), j)
        these, those = items.take(member), futures.take(member)
        own = paths if j == i else np.tile(rungs[j], (len(paths), 1))
        factor = np.exp(around[j] + effect * moved)
        for s in range(len(futures)):
            demand, response = those.of(these, s)
            total += follow(these, own, demand * factor, response).value / len(futures)
    return total


def _refuse(items: ClearanceItems, cross: sparse.csr_array) -> None:
    if cross.shape != (len(items), len(items)) or cross.diagonal().any():
        raise InvalidClearance(
            f"cross must be {(len(items),) * 2} with an empty diagonal", ("cross",)
        )
    if items.broken_at.any():
        raise InvalidClearance(
            "cross effects together with a broken assortment have no proven bound; "
            "set broken_at to 0 or leave cross out"
        )


def _beside(items: ClearanceItems, cross: sparse.csr_array, rungs: IntArray) -> ClearanceItems:
    """The items with the demand that the others' paths leave them."""
    demand = items.demand * rival_factor(items, cross, rungs)
    return items.replaced(np.arange(len(items)), {"demand": demand})


def _judged(
    items: ClearanceItems,
    cross: sparse.csr_array,
    rungs: IntArray,
    rows: LimitRows,
    futures: Scenarios,
    risk: Risk,
) -> tuple[float, FloatArray] | None:
    """Worth and usage of a plan with all effects; None where it breaks a limit or a target."""
    n = np.arange(len(items))
    exact = columns_of(
        _beside(items, cross, rungs), rows, futures, n, np.zeros_like(n), rungs, by_scenario=True
    )
    used: FloatArray = np.asarray(exact.usage.sum(axis=0), dtype=np.float64).ravel()
    if (used > rows.room + 1e-9 * np.maximum(np.abs(rows.room), 1.0)).any():
        return None
    worth = risk.worth(exact.value.sum(axis=1))
    return (worth, used) if np.isfinite(worth) else None


def _bound(
    items: ClearanceItems, cross: sparse.csr_array, limits: MarkdownLimits, given: dict[str, Any]
) -> float:
    """What no plan exceeds: every item beside rivals at the prices that are best for it."""
    price = np.where(items.price > 0, items.price, items.price[:, :1])
    deepest = np.log(price.min(axis=1) / price[:, 0])
    help_: FloatArray = np.exp(np.minimum(cross.toarray(), 0.0) @ deepest)
    helped = items.replaced(np.arange(len(items)), {"demand": items.demand * help_[:, None]})
    free = replace(limits, budget=None, average_discount=None)
    return float(plan(helped, free, **given).report.bound)


def _tightened(limits: MarkdownLimits) -> MarkdownLimits:
    budget, share = limits.budget, limits.average_discount
    return replace(
        limits,
        budget=None if budget is None else int(budget * _TIGHTER),
        average_discount=None if share is None else share * _TIGHTER,
    )
