"""Starting and stopping: a real process, and what it says when it cannot start."""

from __future__ import annotations

import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.errors import ServerNotStarted
from api.server import serve, serving
from storage.database import open_engine
from storage.errors import NotMigrated
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.served import START_SECONDS, answers, free_port, process


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_process_serves_and_stops_on_sigterm(shop: Engine, workers: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(shop, PRICEWRIGHT_PORT=str(port), PRICEWRIGHT_WORKERS=workers) as (running, lines):
        assert eventually(lambda: answers(url), START_SECONDS)
        price = httpx.get(f"{url}/v1/prices/TEA-1?market=online", timeout=60)
        assert price.json()["price"]["amount"] == "4.99"
        missing = httpx.get(
            f"{url}/v1/price-books/99", headers={**BEARER, "x-request-id": "trace-1"}, timeout=60
        )
        assert missing.status_code == 404
        assert eventually(lambda: any("trace-1" in line for line in lines))
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    logged = [json.loads(line) for line in lines]
    (request,) = [line for line in logged if line.get("request_id") == "trace-1"]
    assert (request["event"], request["status"], request["level"]) == ("request", 404, "info")
    assert request["path"] == "/v1/price-books/99"
    loaded = [line for line in logged if line["event"] == "price book loaded"]
    assert len(loaded) == int(workers)
    assert not any(line["level"] == "error" for line in logged)
    assert not any("/v1/prices/TEA-1" in line for line in lines)  # found prices are not logged


def test_ctrl_c_ends_in_order(shop: Engine) -> None:
    port = free_port()
    with process(shop, PRICEWRIGHT_PORT=str(port)) as (running, lines):
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}"), START_SECONDS)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    assert not any("Traceback" in line for line in lines)


def test_a_port_that_is_taken_is_named_with_its_variable(shop: Engine) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ServerNotStarted, match=r"127\.0\.0\.1:\d+.*PRICEWRIGHT_PORT"),
    ):
        serve(quick_settings(shop, port=taken.getsockname()[1]))


def test_a_database_without_tables_is_refused_with_the_command_that_makes_them(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(NotMigrated, match="pricewright"):
        serve(quick_settings(engine))
    with pytest.raises(ServerNotStarted, match="the log says why"), serving(quick_settings(engine)):
        pytest.fail("a service without tables must not start")
    engine.dispose()


def test_a_service_beside_its_caller_is_gone_afterwards(shop: Engine) -> None:
    with serving(quick_settings(shop)) as url:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert answers(url)
    assert not answers(url)
