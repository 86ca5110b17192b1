"""A worker of toy jobs in a process of its own; it works until its input ends."""

from __future__ import annotations

import sys
from datetime import timedelta

from api.work.room import RunningRoom
from storage.database import open_engine
from tests.api.work.toy_kinds import KINDS


def main() -> None:
    """The first line of the input is the database's URL."""
    url = sys.stdin.readline().strip()
    engine = open_engine(url)
    room = RunningRoom(
        engine, url, KINDS, {"compute": 2, "network": 1}, every=timedelta(seconds=0.1)
    )
    room.start()
    sys.stdin.read()
    room.stop(timedelta(seconds=5))
    engine.dispose()


if __name__ == "__main__":
    main()
