"""Holding a site's lease while its crawl works, and telling how far the crawl is."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

from scrapers.errors import CrawlRunning
from scrapers.outcomes import Ledger
from storage.competitors.sites import note_progress
from storage.database import writing
from storage.errors import StorageError
from storage.jobs.leases import renew_lease, still_held

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
"""A crawl of which nothing was heard for so long is dead; another machine may go on with it."""

_EVERY: Final = 5.0
"""Seconds between two renewals."""

TAKEN_OVER: Final = "another process has taken this crawl over"


class LeaseKeeper:
    """A thread of the crawling process that renews its lease while the block runs.

    The one who works holds the lease, not the one who asked: it ends when the work does.

    Args:
        engine: the database.
        lease: `name` and `token` as they were taken.
        crawl_id: number of the crawl.
        ledger: says how far the crawl is, and is told if somebody has taken it over.
        stop: called then.
    """

    def __init__(
        self,
        engine: Engine,
        lease: Mapping[str, str],
        crawl_id: int,
        ledger: Ledger,
        stop: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._name, self._token = lease["name"], lease["token"]
        self._crawl_id = crawl_id
        self._ledger = ledger
        self._stop = stop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._renew()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def require_held(self, conn: Connection) -> None:
        """Refuse to store anything more in a transaction once somebody has taken the crawl over.

        Raises:
            CrawlRunning: somebody has.
        """
        if not still_held(conn, self._name, self._token):
            self._give_up()
            raise CrawlRunning(TAKEN_OVER)

    def _run(self) -> None:
        while not self._done.wait(_EVERY):
            try:
                self._renew()
            except StorageError as error:  # nobody else can take it meanwhile either
                _log.warning("the lease was not renewed: %s", error)

    def _renew(self) -> None:
        now = self._ledger.progress()
        with writing(self._engine) as conn:
            held = renew_lease(
                conn,
                self._name,
                self._token,
                until=datetime.now(UTC) + LEASE,
                worker_pid=os.getpid(),
            )
            if held:
                note_progress(conn, self._crawl_id, pages=now.pages, offers=now.offers,
                              failures=now.failures)  # fmt: skip
        if not held:
            self._give_up()

    def _give_up(self) -> None:
        self._ledger.fail(TAKEN_OVER)
        self._stop()
