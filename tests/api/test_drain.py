"""SIGTERM: what was accepted is answered, nothing more is taken, and the process ends in order."""

from __future__ import annotations

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse

import httpx
import pytest
from sqlalchemy import Engine

from storage.database import writing
from tests.api.conftest import eventually
from tests.api.promotions_at_hand import cart
from tests.api.served import START_SECONDS, answers, free_port, process

STOP_SECONDS = 60.0  # some seconds, on a machine that does nothing else
BATCH = json.dumps({"market": "online", "skus": ["TEA-1", "TEA-2"]}).encode()


def refused(port: int) -> bool:
    """Whether nobody takes a connection there any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


@pytest.mark.parametrize("only", ["", "prices"])
def test_what_was_accepted_before_sigterm_is_answered(shop: Engine, only: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (
        process(shop, "--port", str(port), PRICEWRIGHT_SERVE_ONLY=only) as (running, lines),
        ThreadPoolExecutor() as pool,
        closing(HTTPConnection("127.0.0.1", port, timeout=60)) as idle,
        closing(socket.socket()) as arriving,
    ):
        assert eventually(lambda: answers(url), START_SECONDS)
        arriving.connect(("127.0.0.1", port))
        idle.request("GET", "/v1/prices/TEA-1?market=online")
        assert idle.getresponse().read()
        head = f"POST /v1/prices:batch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BATCH)}\r\n\r\n"
        arriving.sendall(head.encode() + BATCH[:10])
        with writing(shop):  # no quote is stored meanwhile
            slow = pool.submit(httpx.post, f"{url}/v1/quotes", json=cart("TEA-1"), timeout=60)
            assert not eventually(slow.done, 1.0)
            running.send_signal(signal.SIGTERM)
            assert eventually(lambda: refused(port), STOP_SECONDS)
            assert idle.sock is not None
            assert idle.sock.recv(1) == b""  # nothing was asked on it: it is closed at once
            assert running.poll() is None
            assert not slow.done()
            arriving.sendall(BATCH[10:])
            answer = HTTPResponse(arriving, method="POST")
            answer.begin()
            assert answer.status == 200
            found = json.loads(answer.read())["prices"]
            assert [item["price"]["amount"] for item in found] == ["4.99", "12.50"]
            assert not slow.done()
        quoted = slow.result(60)
        assert (quoted.status_code, quoted.json()["status"]) == (201, "open")
        assert running.wait(STOP_SECONDS) == 0
    assert not any("Traceback" in line for line in lines)


@pytest.mark.parametrize("only", ["", "prices"])
def test_who_never_ends_his_request_does_not_keep_the_process(shop: Engine, only: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(shop, "--port", str(port), PRICEWRIGHT_SERVE_ONLY=only) as (running, lines):
        assert eventually(lambda: answers(url), START_SECONDS)
        with (
            closing(socket.create_connection(("127.0.0.1", port))) as half,
            closing(socket.create_connection(("127.0.0.1", port))) as body,
        ):
            half.sendall(b"GET /v1/prices/TEA-1 HTTP/1.1\r\nHost")
            body.sendall(b"POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
            assert httpx.get(f"{url}/healthz").status_code == 200  # both were taken before
            running.send_signal(signal.SIGTERM)
            assert running.wait(STOP_SECONDS) == 0
            for connection in (half, body):
                with suppress(ConnectionError):
                    connection.settimeout(5)
                    while connection.recv(4096):
                        pass
    assert any("timeout graceful shutdown exceeded" in line for line in lines)
