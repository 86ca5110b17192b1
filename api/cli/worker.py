"""`pricewright worker`: work on jobs, and crawl sites when their schedules say so."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from types import FrameType
from typing import Final

import structlog
import typer

from api.cli.database import database
from api.cli.terminal import utc_now
from api.jobs.crawls import ask_for_due_crawls
from api.jobs.working import work_room
from api.logs import configure_logs
from api.settings import load_settings
from api.work.periodic import Periodic

app = typer.Typer(add_completion=False)

_log = structlog.get_logger(__name__)

_STOP_WAIT: Final = timedelta(seconds=15)


@app.command()
def worker_command() -> None:
    """Work on the jobs that wait and crawl sites when they are due, until Ctrl-C or SIGTERM.

    The service does this too, unless PRICEWRIGHT_WORK_PROCESSES=0. However many of them run, each
    job is begun by one, and another one takes over when that one ends: a job that is stopped is
    handed back, and a crawl goes on where it was.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    stop = threading.Event()

    def stopped(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    with database(settings) as engine:
        work = work_room(engine, settings)

        def crawl_what_is_due() -> None:
            if ask_for_due_crawls(engine, at=utc_now(), most=settings.crawls_at_once):
                work.wake()

        pause = timedelta(seconds=settings.crawl_poll_seconds)
        crawls = Periodic("crawls that are due", crawl_what_is_due, pause)
        work.start()
        crawls.start()
        _log.info("the worker waits for jobs", sites_every=str(pause))
        stop.wait()
        _log.info("the worker stops", jobs=list(work.room.working_on))
        ended = crawls.stop(_STOP_WAIT)
        ended = work.stop(_STOP_WAIT) and ended
    if not ended:
        raise typer.Exit(1)
