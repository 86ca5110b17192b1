"""Structured logs: for people on a terminal, one JSON object a line everywhere else.

The lines of uvicorn, SQLAlchemy and every other library that uses the standard `logging` take the
same way out, so that one stream has one format.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


class LogFormat(StrEnum):
    """How a log line looks."""

    AUTO = "auto"
    HUMAN = "human"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure_logs(
    log_format: LogFormat = LogFormat.AUTO,
    log_level: LogLevel = LogLevel.INFO,
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to one stream in one format. May be called again.

    Args:
        log_format: `auto` is human on a terminal and JSON otherwise.
        log_level: lines below it are dropped.
        stream: where lines go; standard error when None.
    """
    out = sys.stderr if stream is None else stream
    level = logging.getLevelNamesMapping()[log_level.upper()]
    human = log_format is LogFormat.HUMAN or (log_format is LogFormat.AUTO and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colour_copy],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_people(colours=out.isatty()) if human else _for_machines()),
            ],
        )
    )
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "pricewright", False)]:
        root.removeHandler(old)
    handler.pricewright = True  # type: ignore[attr-defined]  # ours to replace, pytest's are not
    root.addHandler(handler)
    root.setLevel(level)
    # httpx writes a line a request with its URL, Alembic one a connection; ours say it already.
    for chatty in ("httpx", "httpcore", "alembic"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _for_people(*, colours: bool) -> list[Processor]:
    # The plain traceback: the richer ones print local variables, and with them secrets.
    return [
        structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]


def _for_machines() -> list[Processor]:
    traces = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(traces),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _without_colour_copy(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Uvicorn repeats its message in `color_message`."""
    event.pop("color_message", None)
    return event
