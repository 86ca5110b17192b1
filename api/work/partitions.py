"""The one seam through which a job splits into parts by product key.

A job that can be cut hands its parts to a `Partitions`; who works on them, threads of this process
or a cluster, is no business of the job. joblib's own calling convention is the seam, as the pure
core takes a `joblib.Parallel`: another back end is another `workers`, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import joblib


class Partitions(Protocol):
    """Works on the parts of a job. A part and its work must be picklable."""

    @contextmanager
    def workers(self) -> Iterator[joblib.Parallel]:
        """Those who work on parts, for as long as the block runs."""
        ...


class LocalThreads:
    """All processors of this machine, by threads: the parts are arrays, and numpy lets them run."""

    @contextmanager
    def workers(self) -> Iterator[joblib.Parallel]:
        """See `Partitions`."""
        import joblib  # by the process that works: whoever only queues jobs starts without

        with joblib.Parallel(n_jobs=-1, prefer="threads") as parallel:
            yield parallel


LOCAL: Final = LocalThreads()
