"""How long it takes to price a cart under promotions, and what that saves, against django-oscar."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

from pricing.promotions.cart import Cart
from pricing.promotions.evaluate import evaluate
from pricing.promotions.evaluation import Mode
from pricing.promotions.promotion import AnyPromotion
from pricing.promotions.promotion_set import PromotionSet
from tests.benchmarks.figure import Figure
from tests.pricing.promotions.oscar import Oscar, installed, shared_case
from tests.pricing.promotions.shops import shop_case

_GREEDY_PEERS = {10: ("Medusa, greedy, stated for such a machine", 0.57), 40: ("target", 10.0)}
_TARGETS = {(10, "median"): 1.0, (40, "p99"): 10.0}
_SHOPS = {10: 300, 40: 100}


def figures() -> Iterator[Figure]:
    """Processor milliseconds a cart in both modes; share proven; django-oscar on the same carts."""
    for size, carts in _SHOPS.items():
        for dense in (False, True):
            yield from _ours(size, carts, dense=dense)
    yield from _oscar(10, 40)


def _ours(size: int, carts: int, *, dense: bool) -> Iterator[Figure]:
    cases = [
        _compiled(*shop_case(1_000 + i, lines=size, promotions=size, dense=dense))
        for i in range(carts)
    ]
    which = f"promotions {size} x {size}, {'dense' if dense else 'usual'}"
    took: dict[Mode, list[float]] = {"best": [], "priority": []}
    proven = cheaper = 0
    for cart, compiled in cases:
        evaluate(cart, compiled, mode="priority")
        for mode, times in took.items():
            times.append(_milliseconds(lambda c=cart, p=compiled, m=mode: evaluate(c, p, mode=m)))  # type: ignore[misc]
        best = evaluate(cart, compiled)
        proven += best.proven_optimal
        cheaper += best.total < evaluate(cart, compiled, mode="priority").total
    share = f"{proven / carts:.0%} proven optimal, {cheaper / carts:.0%} cheaper than priority"
    for quantile, at in (("median", 0.5), ("p99", 0.99)):
        yield Figure(
            f"{which}, best mode, {quantile}",
            _quantile(took["best"], at),
            "ms",
            "target" if (size, quantile) in _TARGETS else "no target, 10",
            _TARGETS.get((size, quantile), 10.0),
            share,
        )
    peer, peer_value = _GREEDY_PEERS[size]
    for quantile, at in (("median", 0.5), ("p99", 0.99)):
        yield Figure(
            f"{which}, priority mode, {quantile}",
            _quantile(took["priority"], at),
            "ms",
            peer,
            peer_value,
            f"{carts} carts",
        )


def _oscar(size: int, carts: int) -> Iterator[Figure]:
    version = installed()
    if not version:
        yield Figure(
            "promotions against django-oscar", 0.0, "ms", "django-oscar", 1.0,
            "not measured: django-oscar is not installed; `make bench` installs it, or "
            "`uv pip install --group bench`",
        )  # fmt: skip
        return
    oscar = Oscar()
    ours: dict[Mode, list[float]] = {"best": [], "priority": []}
    theirs: list[float] = []
    dearer = ours_dearer = 0
    excess = 0.0
    for seed in range(carts):
        cart, promotions = shared_case(seed, size, size)
        compiled = _compiled(cart, promotions)
        basket = oscar.case(cart, promotions)
        basket.apply()
        theirs.append(_milliseconds(basket.apply))
        for mode, times in ours.items():
            times.append(_milliseconds(lambda c=compiled, m=mode: evaluate(*c, mode=m)))  # type: ignore[misc]
        best, total = evaluate(*compiled).total, basket.total()
        dearer += total > best
        ours_dearer += total < best
        excess += total / best - 1
    note = (
        f"oscar {version} dearer in {dearer} of {carts} carts, by {excess / carts:.1%} on average; "
        f"ours dearer in {ours_dearer}"
    )
    for mode, times in ours.items():
        yield Figure(
            f"promotions {size} x {size}, {mode} mode, same carts as django-oscar, median",
            _quantile(times, 0.5),
            "ms",
            f"django-oscar {version}",
            _quantile(theirs, 0.5),
            note,
        )


def _compiled(cart: Cart, promotions: list[AnyPromotion]) -> tuple[Cart, PromotionSet]:
    return cart, PromotionSet(promotions, cart.currency)


def _milliseconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Least processor time of some runs.

    Nothing here waits, so it is the time on a machine that has nothing else to do; wall time on a
    busy one says more about the others.
    """
    best = float("inf")
    gc.collect()
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1_000


def _quantile(values: list[float], at: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(at * len(ordered)))]
