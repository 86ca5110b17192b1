"""Logs: one stream, one format, ours and the libraries'."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from api.logs import LogFormat, LogLevel, configure_logs

PRIVATE = "whsec_private"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_our_lines_and_those_of_libraries_are_json_objects(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    structlog.get_logger("pricewright").info("price book loaded", version=7)
    logging.getLogger("uvicorn.error").warning("slow %s", "start", extra={"color_message": "x"})
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert ours["event"] == "price book loaded"
    assert (ours["version"], ours["level"], ours["logger"]) == (7, "info", "pricewright")
    assert (theirs["event"], theirs["logger"]) == ("slow start", "uvicorn.error")
    assert "color_message" not in theirs
    assert ours["timestamp"].endswith("Z")


def test_what_is_not_a_terminal_gets_json(stream: io.StringIO) -> None:
    configure_logs(LogFormat.AUTO, LogLevel.INFO, stream)
    structlog.get_logger().info("ready")
    assert json.loads(stream.getvalue())["event"] == "ready"


def test_human_lines_are_plain_text(stream: io.StringIO) -> None:
    configure_logs(LogFormat.HUMAN, LogLevel.INFO, stream)
    structlog.get_logger().info("price book loaded", version=7)
    assert "price book loaded" in stream.getvalue()
    assert "version=7" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_lines_below_the_level_are_dropped(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.WARNING, stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("anything").info("quiet")
    assert stream.getvalue() == ""


def test_configuring_twice_writes_each_line_once(stream: io.StringIO) -> None:
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    configure_logs(LogFormat.JSON, LogLevel.INFO, stream)
    structlog.get_logger().info("once")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.HUMAN])
def test_a_trace_is_written_without_local_variables(
    log_format: LogFormat, stream: io.StringIO
) -> None:
    configure_logs(log_format, LogLevel.INFO, stream)
    try:
        _fail(PRIVATE)
    except ZeroDivisionError:
        structlog.get_logger().exception("failed")
    assert "ZeroDivisionError" in stream.getvalue()
    assert "_fail" in stream.getvalue()
    assert PRIVATE not in stream.getvalue()


def _fail(secret: str) -> float:
    return len(secret) / 0
