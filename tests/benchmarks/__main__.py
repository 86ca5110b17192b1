"""`make bench`: run the benchmarks, each in a process of its own, one JSON line a figure."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

from tests import benchmarks
from tests.benchmarks.figure import yardstick

_NOT_BENCHMARKS = {"__main__", "figure"}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; 1 if any failed."""
    known = sorted({module.name for module in pkgutil.iter_modules(benchmarks.__path__)})
    known = [name for name in known if name not in _NOT_BENCHMARKS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"no benchmark is called {unknown[0]!r}; there are {', '.join(known)}")
        return 2
    failed = 0
    for name in names or known:
        # A process each, so that the peak memory of one is not that of another.
        answer = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks", "--here", name], check=False
        )
        failed += answer.returncode != 0
    return int(failed > 0)


def run_here(name: str) -> None:
    """Print the figures of one benchmark, between two looks at how fast the machine is."""
    print(yardstick().line(), flush=True)
    for figure in importlib.import_module(f"tests.benchmarks.{name}").figures():
        print(figure.line(), flush=True)
    print(yardstick().line(), flush=True)  # another process may have come in between


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        run_here(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1:]))
