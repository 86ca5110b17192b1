"""A siege, on real sockets: each attack has its answer, and prices are answered through all of it.

How fast they are is a benchmark (`make bench ARGS=serving`); here it is counted that they are.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.access.signing import sign
from api.server import serving
from tests.api.access.let_in import key
from tests.api.conftest import BEARER, TOKEN, eventually, quick_settings
from tests.api.promotions_at_hand import HOLDER, cart
from tests.api.served import START_SECONDS, answers, free_port, process
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

PRICE = "/v1/prices/TEA-1?market=online"
HALF = b"GET /v1/prices/TEA-1 HTTP/1.1\r\nHost: x\r\nX-"
JSON = "Content-Type: application/json\r\n"
AUTHORIZED = f"Authorization: Bearer {TOKEN}\r\n"
MB = 1_000_000
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One service whose clients have little time."""
    with besieged(tmp_path_factory.mktemp("siege"), head_seconds=1.0, body_seconds=1.0) as url:
        yield url


@contextmanager
def besieged(folder: Path, **given: Any) -> Iterator[str]:  # noqa: ANN401
    """A service with the small shop."""
    with sqlite_engine(folder) as engine:
        open_shop(engine)
        settings = quick_settings(engine, crawl_schedule=False, work_processes=0, **given)
        with serving(settings) as url:
            yield url


@contextmanager
def connected(url: str, *sent: bytes | str) -> Iterator[socket.socket]:
    """A connection on which this was sent."""
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
        for part in sent:
            connection.sendall(part.encode() if isinstance(part, str) else part)
        yield connection


def head(method: str, path: str, *headers: str) -> str:
    """The head of a request."""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{''.join(headers)}\r\n"


def pour(connection: socket.socket, piece: bytes, at_least: int) -> int:
    """Send so many bytes, or as many as are taken; returns how many."""
    sent = 0
    with suppress(ConnectionError):
        while sent < at_least:
            connection.sendall(piece)
            sent += len(piece)
    return sent


def answer_on(connection: socket.socket) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and problem that came back, after which the connection was closed."""
    told = b""
    with suppress(ConnectionError):
        while piece := connection.recv(0x10000):
            told += piece
    first, _, body = told.partition(b"\r\n\r\n")
    line, *named = first.decode().split("\r\n")
    headers = dict(each.lower().split(": ", 1) for each in named)
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/problem+json"
    return int(line.split()[1]), headers, json.loads(body)


def price_is_answered(url: str, times: int = 3) -> None:
    for _ in range(times):
        answer = httpx.get(f"{url}{PRICE}", timeout=60)
        assert answer.json()["price"]["amount"] == "4.99"


@pytest.mark.parametrize("authorization", ["", AUTHORIZED], ids=["nobody", "operator"])
@pytest.mark.parametrize("path", ["/v1/prices:batch", "/v1/plans", "/v1/quotes"])
def test_190_mb_of_body_are_not_taken(url: str, path: str, authorization: str) -> None:
    chunked = head("POST", path, JSON, authorization, "Transfer-Encoding: chunked\r\n")
    with connected(url, chunked) as connection:
        sent = pour(connection, CHUNK, 190 * MB)
        price_is_answered(url)
        assert sent < 190 * MB
    said = head("POST", path, JSON, authorization, f"Content-Length: {190 * MB}\r\n")
    with connected(url, said) as connection:
        connection.shutdown(socket.SHUT_WR)
        status, _, problem = answer_on(connection)
        assert (status, problem["type"]) == (413, "/problems/body-too-large")
        price_is_answered(url)


@pytest.mark.parametrize(
    "piece",
    [b"a" * 0x10000, b"x-y: z\r\n" * 0x2000, b"\r\n" * 0x8000],
    ids=["one endless", "countless", "nothing but empty lines"],
)
def test_64_mb_of_headers_are_not_taken(url: str, piece: bytes) -> None:
    begin = b"" if piece.startswith(b"\r") else b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "
    with connected(url, begin) as connection:
        sent = pour(connection, piece, 64 * MB)
        assert sent < 64 * MB
        price_is_answered(url)


@pytest.mark.parametrize(
    "sent",
    [
        head("GET", PRICE, "X-Long: " + "a" * (70 << 10) + "\r\n"),
        head("GET", PRICE, "X-Long: " + "a" * (70 << 10)).rstrip(),
        head("GET", PRICE, "X-Short: a\r\n" * 129),
        head("GET", f"{PRICE}&tier={'a' * (70 << 10)}"),
    ],
    ids=["long", "long, without an end", "many", "a long address"],
)
def test_a_head_too_large_is_told_so(url: str, sent: str) -> None:
    with connected(url, sent) as connection:
        status, _, problem = answer_on(connection)
    assert (status, problem["type"], problem["status"]) == (431, "/problems/head-too-large", 431)


def test_a_head_as_large_as_it_may_be_is_read(url: str) -> None:
    headers = {"x-long": "a" * (60 << 10), **{f"x-{n}": "a" for n in range(100)}}
    assert httpx.get(f"{url}{PRICE}", headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize("begun", [b"", HALF, b"\r\n", b"GET"])
def test_who_does_not_end_a_head_is_told_so_and_gone(url: str, begun: bytes) -> None:
    with connected(url, begun) as connection:
        price_is_answered(url)
        status, _, problem = answer_on(connection)
    assert (status, problem["type"]) == (408, "/problems/too-slow")
    assert "head" in problem["detail"]


def test_a_trickling_head_has_no_more_time_than_another(url: str) -> None:
    with connected(url, HALF) as connection, suppress(ConnectionError):
        connection.settimeout(0.05)
        for _ in range(1_200):
            connection.sendall(b"a")
            with suppress(TimeoutError):
                assert b" 408 " in connection.recv(100)
                return
    pytest.fail("nobody ended it")


def test_a_second_head_on_a_connection_has_its_time_too(url: str) -> None:
    with connected(url, head("GET", PRICE)) as connection:
        assert b" 200 " in connection.recv(0x10000)
        connection.sendall(HALF)
        assert answer_on(connection)[0] == 408


@pytest.mark.parametrize("how", ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("path", ["/v1/prices:batch", "/v1/quotes", "/v1/session"])
def test_a_trickling_body_is_ended(url: str, path: str, how: str) -> None:
    piece = b" " if how.startswith("Content") else b"1\r\n \r\n"
    with connected(url, head("POST", path, JSON, how)) as connection:
        connection.settimeout(0.05)
        for _ in range(1_200):
            connection.sendall(piece)
            with suppress(TimeoutError):
                told = connection.recv(0x1000)
                break
        assert b" 408 " in told
        price_is_answered(url)


def test_trailers_and_extensions_of_chunks_are_not_taken_without_end(url: str) -> None:
    chunked = head("POST", "/v1/prices:batch", JSON, "Transfer-Encoding: chunked\r\n")
    for begin, piece in ((b"0\r\nX-Long: ", b"a" * 0x10000), (b"1;", b"a" * 0x10000)):
        with connected(url, chunked, begin) as connection:
            assert pour(connection, piece, 64 * MB) < 64 * MB
    price_is_answered(url)


@pytest.mark.parametrize(("path", "authorization"), [("/v1/quotes", ""), ("/v1/plans", TOKEN)])
def test_a_gzip_bomb_is_refused_unread(url: str, path: str, authorization: str) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    if authorization:
        headers.update(BEARER)
    answer = httpx.post(f"{url}{path}", content=bomb, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/body-encoded")
    assert answer.headers["accept-encoding"] == "identity"
    price_is_answered(url)


BOMBS = {
    "deep lists": b"[" * 500_000,
    "deep lists that end": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"lines":' * 100_000,
    "a number without end": b'{"lines": [{"quantity": ' + b"9" * 900_000 + b"}]}",
    "an exponent": b'{"lines": [{"quantity": 1e999999999}]}',
    "countless keys": b"{" + b",".join(b'"%d":0' % n for n in range(80_000)) + b"}",
    "one key again and again": b"{" + b",".join([b'"skus":0'] * 80_000) + b"}",
    "no text": b"\xff" * 900_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(
    "path", ["/v1/prices:batch", "/v1/quotes", "/v1/session", "/v1/plans", "/v1/freezes"]
)
def test_a_json_bomb_is_refused_as_what_it_is(url: str, path: str, bomb: str) -> None:
    headers = {"content-type": "application/json", "sec-fetch-site": "same-origin", **BEARER}
    answer = httpx.post(f"{url}{path}", content=BOMBS[bomb], headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["status"]) == (422, 422), answer.text
    assert len(answer.content) < 10_000  # it is not given back
    price_is_answered(url, 1)


def test_where_all_connections_are_in_use_the_silent_make_room(tmp_path: Path) -> None:
    with besieged(tmp_path, connections=50) as url, ExitStack() as siege:
        silent = [siege.enter_context(connected(url, HALF)) for _ in range(120)]
        with httpx.Client(base_url=url, timeout=60) as client:
            for _ in range(20):
                assert client.get(PRICE).json()["price"]["amount"] == "4.99"
        silent[0].settimeout(60)
        with suppress(ConnectionError):
            assert silent[0].recv(100) == b""  # the first to wait was the first to go


def test_so_many_bodies_are_in_memory_and_no_more(tmp_path: Path) -> None:
    chunked = head("POST", "/v1/prices:batch", JSON, "Transfer-Encoding: chunked\r\n")
    with besieged(tmp_path, bodies_mib=1) as url, ExitStack() as siege:
        held = [siege.enter_context(connected(url, chunked, CHUNK * 3)) for _ in range(2)]

        def one_more() -> httpx.Response:
            return httpx.post(f"{url}/v1/prices:batch", content=b" " * 0x40000, timeout=60)

        def full() -> bool:
            return one_more().status_code == 503

        assert eventually(full)
        refused = one_more()
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
        assert refused.headers["retry-after"] == "2"
        price_is_answered(url)
        # Strangers may fill a half of it. Whoever has a key finds the other half.
        body = json.dumps({"skus": ["TEA-1"], "market": "online"}).encode() + b" " * 0x40000
        known = httpx.post(f"{url}/v1/prices:batch", content=body, headers=BEARER, timeout=60)
        assert known.status_code == 200
        for connection in held:
            connection.close()
        assert eventually(lambda: not full())


def test_a_signature_that_is_sent_again_opens_nothing_more(client: httpx.Client) -> None:
    first, other = (client.post("/v1/quotes", json=cart("TEA-1"), headers=HOLDER) for _ in "12")
    mine, theirs = first.json(), other.json()
    own = {"Authorization": f"Bearer {mine['token']}"}
    at = f"/v1/quotes/{mine['id']}"

    def commit(number: int) -> httpx.Response:
        headers = {**HOLDER, "Idempotency-Key": f"order-{number}"}
        return client.post(f"{at}/commit", json={"token": mine["token"]}, headers=headers)

    done = commit(1)
    assert (done.status_code, commit(1).json()) == (200, done.json())  # the same order, once
    again = commit(2)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/quote-closed")
    assert client.get(at, headers=own).status_code == 200
    assert client.get(f"/v1/quotes/{theirs['id']}", headers=own).status_code == 401
    headers = {**HOLDER, "Idempotency-Key": "order-3"}
    swapped = client.post(
        f"/v1/quotes/{theirs['id']}/commit", json={"token": mine["token"]}, headers=headers
    )
    assert (swapped.status_code, swapped.json()["type"]) == (422, "/problems/invalid-request")
    forged = sign({"jti": theirs["id"]}, b"another key of thirty-two bytes!")
    stolen = {"Authorization": f"Bearer {forged}"}
    assert client.get(f"/v1/quotes/{theirs['id']}", headers=stolen).status_code == 401


def test_a_stolen_publishable_key_reads_prices_and_holds_nothing(shop: Engine) -> None:
    _, stolen = key(shop)
    with (
        serving(quick_settings(shop, open_prices=False)) as url,
        httpx.Client(base_url=url, headers=stolen, timeout=60) as thief,
    ):
        assert thief.get(PRICE).status_code == 200
        quote = thief.post("/v1/quotes", json=cart("TEA-1", reserve=True))
        assert (quote.status_code, quote.json()["reserved"]) == (201, False)
        at = f"/v1/quotes/{quote.json()['id']}"
        assert thief.get(at).status_code == 403
        committed = thief.post(f"{at}/commit", headers={"Idempotency-Key": "1"})
        assert committed.status_code == 403
        for path in ("/v1/promotions", "/v1/decisions/TEA-1", "/v1/price-books", "/v1/costs/held"):
            assert thief.get(path).status_code == 403, path
        assert httpx.get(f"{url}{PRICE}", timeout=60).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("only", ["", "prices"])
def test_prices_are_answered_through_all_of_it_at_once(shop: Engine, only: str) -> None:
    """600 half-open sockets, 60 trickling bodies, floods of bodies and headers, at one process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"PRICEWRIGHT_SERVE_ONLY": only, "PRICEWRIGHT_HEAD_SECONDS": "5"}
    with process(shop, "--port", str(port), **environment) as (running, _):
        assert eventually(lambda: answers(url), START_SECONDS)
        before = _megabytes(running.pid)
        with ExitStack() as siege:
            silent = [siege.enter_context(connected(url, HALF)) for _ in range(600)]
            body = head("POST", "/v1/quotes", JSON, "Content-Length: 1000000\r\n")
            trickling = [siege.enter_context(connected(url, body)) for _ in range(60)]
            answered = 0
            with httpx.Client(base_url=url, timeout=60) as shopper:
                for _ in range(20):
                    for connection in trickling:
                        with suppress(OSError):
                            connection.sendall(b" ")
                    flood = head("POST", "/v1/quotes", JSON, "Transfer-Encoding: chunked\r\n")
                    with connected(url, flood) as connection:
                        pour(connection, CHUNK, 20 * MB)
                    with connected(url, HALF) as connection:
                        pour(connection, b"a" * 0x10000, 20 * MB)
                    answered += shopper.get(PRICE).status_code == 200
            assert answered == 20
            for connection in silent:
                connection.settimeout(60)
                with suppress(ConnectionError):
                    assert b" 408 " in connection.recv(1000)
        assert _megabytes(running.pid) - before < 100
        assert answers(url)


def _megabytes(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def test_a_client_that_takes_no_answer_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for again and again and never read would stay in memory."""
    monkeypatch.setattr("api.shell.ANSWER_SECONDS", 0.5)
    asked = head("GET", "/openapi.json").encode()
    with besieged(tmp_path) as url, connected(url) as connection:
        connection.settimeout(0.2)
        end = time.monotonic() + 60
        cut = False
        while not cut and time.monotonic() < end:
            try:
                connection.sendall(asked)
            except TimeoutError:
                continue
            except ConnectionError:
                cut = True
        assert cut
        price_is_answered(url)
