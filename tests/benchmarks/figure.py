"""One measured figure: a JSON line."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and what it is to be held against.

    Attributes:
        name: what was measured.
        value: the figure.
        unit: its unit, such as `s`, `MB` or `rows/s`.
        peer: what it is compared with, measured in the same run, or a stated limit.
        peer_value: the peer's figure in the same unit.
        ratio: `value / peer_value`.
        note: size of the problem, status of the answer.
    """

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times the peer's figure."""
        return self.value / self.peer_value

    def line(self) -> str:
        """The JSON line."""
        return json.dumps({**asdict(self), "ratio": round(self.ratio, 6)})


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Least wall time of some repeats: the one that other processes disturbed least."""
    best = float("inf")
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def yardstick() -> Figure:
    """How fast this machine is right now: processor time of 200,000 additions in a dictionary.

    A target in seconds means a machine whose yardstick is 20 ms: multiply a figure by 20 over the
    yardstick of its own run to hold it against one.
    """
    best = float("inf")
    for _ in range(9):
        start = time.process_time()
        sums: dict[int, int] = {}
        for i in range(200_000):
            sums[i & 1023] = sums.get(i & 1023, 0) + i
        best = min(best, time.process_time() - start)
    return Figure(
        "yardstick: 200,000 additions in a dictionary", best * 1_000, "ms",
        "the machine that targets speak of", 20.0,
        "multiply an absolute figure by 20 over this before it is held against a target",
    )  # fmt: skip


def peak_megabytes() -> float:
    """Most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
