"""A suite that is killed leaves nothing behind, and one started in the background hears Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STARTS_THINGS = """
import subprocess, sys, tempfile, time
from pathlib import Path
from tests.databases import empty_postgres_url
from tests.run_guard import guarded

has_one = '''
import subprocess
own = subprocess.Popen(["sleep", "600"])
print(own.pid, flush=True)
own.wait()
'''
child = subprocess.Popen(
    [sys.executable, "-c", has_one], stdout=subprocess.PIPE, text=True, start_new_session=True
)
grandchild = child.stdout.readline().strip()
with empty_postgres_url(), guarded(child):
    (cluster,) = Path(tempfile.gettempdir()).glob("pricewright-pg-*/data")
    server = (cluster / "postmaster.pid").read_text().split()[0]
    print(child.pid, grandchild, server, cluster.parent, flush=True)
    time.sleep(600)
"""

IGNORES_THEN_STARTS = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
import tests.conftest

subprocess.run([sys.executable, "-c", '''
import signal
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("heard")
'''])
"""


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_a_killed_run_started_ends_with_it(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k != "TEST_DATABASE_URL"}
    run = subprocess.Popen(
        [sys.executable, "-c", STARTS_THINGS],
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, "TMPDIR": str(tmp_path)},
    )
    with run:
        assert run.stdout is not None
        *started, folder = run.stdout.readline().split()
        assert len(started) == 3
        assert all(_is_there(int(pid)) for pid in started)
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not (any(_is_there(int(pid)) for pid in started) or Path(folder).exists()):
            break
        time.sleep(0.1)
    assert [pid for pid in started if _is_there(int(pid))] == []
    assert not Path(folder).exists()


def test_a_child_hears_ctrl_c_where_the_suite_was_started_deaf_to_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IGNORES_THEN_STARTS], capture_output=True, text=True, check=True
    )
    assert done.stdout == "heard\n"
