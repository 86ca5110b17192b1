"""A solver must not take Ctrl-C away from the program that calls it."""

from __future__ import annotations

import subprocess
import sys

SOLVE_THEN_INTERRUPT = """
import signal
import numpy as np
from pricing.solving.list_price import JointLimit, choose

usage = np.array([[0, 1], [0, 1]])
limit = JointLimit("max_changes", usage, 1)
_, report = choose(np.array([[0.0, 1.0], [0.0, 2.0]]), usage >= 0, [limit])
assert report.method == "cp_sat"
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted in order")
"""


def test_ctrl_c_after_a_solve_reaches_python() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SOLVE_THEN_INTERRUPT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "interrupted in order\n"), done.stderr
