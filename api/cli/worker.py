"""`pricewright worker`: crawl sites when their schedules say so."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta
from types import FrameType
from typing import Final

import structlog
import typer

from api.cli.database import database
from api.jobs.crawls import crawl_desk
from api.logs import configure_logs
from api.settings import load_settings
from api.work.periodic import Periodic

app = typer.Typer(add_completion=False)

_log = structlog.get_logger(__name__)

_STOP_WAIT: Final = timedelta(seconds=15)


@app.command()
def worker_command() -> None:
    """Crawl the sites of the database when their schedules say so, until Ctrl-C or SIGTERM.

    The service does this too, unless PRICEWRIGHT_CRAWL_SCHEDULE=false. However many of them run,
    one begins the crawls, and another one takes over when it ends. A crawl that is stopped goes on
    where it was.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    stop = threading.Event()

    def stopped(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
    with database(settings) as engine:
        desk = crawl_desk(engine, settings)
        pause = timedelta(seconds=settings.crawl_poll_seconds)
        work = Periodic("crawls that are due", desk.run_due, pause)
        work.start()
        _log.info("the worker waits for sites that are due", every=str(pause))
        stop.wait()
        _log.info("the worker stops", crawling=list(desk.running))
        work.stop(_STOP_WAIT)
        ended = desk.stop(_STOP_WAIT)
    if not ended:
        raise typer.Exit(1)
