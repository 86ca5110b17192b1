"""Serving: processor time of a price, memory of both servers, and a price in a siege.

Processor time is measured inside the whole application, without a socket; the peers are in the same
process: an ASGI application that answers a constant, and the smallest FastAPI endpoint of the
service, `/healthz`. Memory and the siege are measured on processes of their own, as they are run.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from api.app import create_app
from api.logs import LogLevel, configure_logs
from api.settings import load_settings
from tests.api.shop import open_shop
from tests.benchmarks.figure import Figure
from tests.databases import sqlite_engine, url_of

_REQUESTS: Final = 3_000
_ROUNDS: Final = 5
_PRODUCTS: Final = 20_000
_BOOK: Final = 100_000
_LIGHT_MB: Final = 110.0
"""The most that a price server is to hold before the first price."""
_HALF_OPEN: Final = 600
_BODY_BYTES: Final = 190_000_000
_CHUNK: Final = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
_BESIEGED_PRICES: Final = 500
_LIMIT_MS: Final = 50.0
"""The most that a price is to take in a siege, on a machine whose yardstick is 20 ms."""

Message = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]


def figures() -> Iterator[Figure]:
    """Processor time a request, megabytes a process, milliseconds of a price in a siege."""
    yield from _processor_time()
    yield from _memory()
    yield from _besieged()


def _processor_time() -> Iterator[Figure]:
    """CPU microseconds a request: one price, one unchanged price, a batch of 100."""
    configure_logs(log_level=LogLevel.WARNING)
    with (
        tempfile.TemporaryDirectory(prefix="pricewright-bench-") as folder,
        sqlite_engine(Path(folder)) as engine,
    ):
        open_shop(engine, {(f"S{n:06d}", "online"): 100 + n for n in range(_PRODUCTS)})
        settings = load_settings(None, database_url=url_of(engine))
        yield from asyncio.run(_measure(create_app(settings)))


async def _measure(app: Any) -> list[Figure]:  # noqa: ANN401
    sku, query = f"S{_PRODUCTS // 2:06d}", b"market=online"
    batch = json.dumps({"market": "online", "skus": [f"S{n:06d}" for n in range(100)]}).encode()
    async with app.router.lifespan_context(app):
        path = f"/v1/prices/{sku}"
        etag = dict((await _answer(app, "GET", path, query))[0]["headers"])[b"etag"]
        constant = await _microseconds(_constant, "GET", path, query)
        framework = await _microseconds(app, "GET", "/healthz", b"")
        price = await _microseconds(app, "GET", path, query)
        same = await _microseconds(app, "GET", path, query, headers=[(b"if-none-match", etag)])
        many = await _microseconds(app, "POST", "/v1/prices:batch", b"", body=batch)
    bare, smallest = "bare ASGI constant", "smallest FastAPI endpoint of the service"
    return [
        Figure("price, server CPU", price, "µs", bare, constant, f"{_PRODUCTS:,} products"),
        Figure("price, server CPU", price, "µs", smallest, framework),
        Figure("price not modified, server CPU", same, "µs", smallest, framework),
        Figure("batch of 100 prices, server CPU", many, "µs", "100 single prices", 100 * price),
    ]


async def _microseconds(
    app: Application,
    method: str,
    path: str,
    query: bytes,
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes = b"",
) -> float:
    """Least CPU time of a request over some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        for _ in range(_REQUESTS):
            await _answer(app, method, path, query, headers=headers, body=body)
        best = min(best, time.process_time() - start)
    return best / _REQUESTS * 1e6


async def _answer(
    app: Application,
    method: str,
    path: str,
    query: bytes,
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes = b"",
) -> list[Message]:
    """The messages with which the application answers one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), *(headers or [])],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, send)
    return sent


async def _constant(scope: Message, receive: object, send: Callable[..., Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"{}"})


def _memory() -> Iterator[Figure]:
    """Resident megabytes of a price server and of a whole service, without a book and with one."""
    with tempfile.TemporaryDirectory(prefix="pricewright-bench-") as folder:
        for named, shop in (
            ("before a single price", {}),
            (f"with a book of {_BOOK:,} prices", _shop(_BOOK)),
        ):
            with sqlite_engine(Path(folder)) as engine:
                if shop:
                    open_shop(engine, shop)
                whole, prices = _resident(engine, shop), _resident(engine, shop, "--only", "prices")
            note = "one process, SQLite"
            yield Figure(f"whole service, {named}", whole, "MB", "limit", _LIGHT_MB, note)
            yield Figure(f"price server, {named}", prices, "MB", "whole service", whole, note)
            yield Figure(f"price server, {named}", prices, "MB", "limit", _LIGHT_MB, note)


def _shop(products: int) -> dict[tuple[str, str], int]:
    return {(f"S{n:06d}", "online"): 100 + n for n in range(products)}


def _resident(engine: Engine, shop: dict[tuple[str, str], int], *arguments: str) -> float:
    """Megabytes that a server holds once it serves; with a book, after a thousand prices."""
    with server(engine, *arguments) as (running, port):
        for sku, market in list(shop)[:1_000]:
            _price(port, sku, market)
        answer = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(running.pid)],  # in units of 1,024 bytes
            capture_output=True,
            check=True,
        )
    return int(answer.stdout) * 1024 / 1e6


@contextmanager
def server(engine: Engine, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`pricewright serve` in a process of its own, and the port on which it answers."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
    program = [sys.executable, "-c", "from api.cli import main; main()", "serve"]
    variables = {
        **os.environ,
        "DATABASE_URL": url_of(engine),
        "PRICEWRIGHT_LOG_LEVEL": "error",
        "PRICEWRIGHT_OPERATORS": f"bench:{'b' * 16}",
    }
    with subprocess.Popen([*program, "--port", str(port), *arguments], env=variables) as running:
        try:
            while running.poll() is None:
                with suppress(OSError):
                    _ask(port, "/healthz")
                    break
                time.sleep(0.05)
            yield running, port
        finally:
            running.terminate()


def _price(port: int, sku: str, market: str) -> float:
    """Milliseconds of one price over a connection of its own, from its opening to the answer."""
    start = time.perf_counter()
    _ask(port, f"/v1/prices/{sku}?market={market}")
    return (time.perf_counter() - start) * 1e3


def _ask(port: int, path: str) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    if answer.status != 200:
        raise AssertionError(f"{path} was answered with {answer.status}")


def _besieged() -> Iterator[Figure]:
    """A price over a socket, in peace and while others send bodies that nobody wants.

    What they send without a token comes in chunks, so that its length is not known before: to a
    path for operators, and to one for everybody that reads a megabyte. Who is turned away comes
    again, until all prices are measured; 600 others never end their request.
    """
    prices = _shop(_PRODUCTS)
    asked = [f"S{n:06d}" for n in range(_BESIEGED_PRICES)]
    with (
        tempfile.TemporaryDirectory(prefix="pricewright-bench-") as folder,
        sqlite_engine(Path(folder)) as engine,
    ):
        open_shop(engine, prices)
        for named, arguments in (("whole service", ()), ("price server", ("--only", "prices"))):
            with server(engine, *arguments) as (_, port), ExitStack() as siege:
                calm = [_price(port, sku, "online") for sku in asked]
                for _ in range(_HALF_OPEN):
                    half = socket.create_connection(("127.0.0.1", port), timeout=60)
                    siege.enter_context(half).sendall(b"GET /v1/prices/S1 HTTP/1.1\r\nHost: x\r\nX")
                over, sent = threading.Event(), [0, 0]
                senders = [
                    threading.Thread(target=_pour, args=(port, path, over, sent, place))
                    for place, path in enumerate(("/v1/plans", "/v1/quotes"))
                ]
                for sender in senders:
                    sender.start()
                besieged = [_price(port, sku, "online") for sku in asked]
                over.set()
                for sender in senders:
                    sender.join()
            note = f"{_HALF_OPEN} half-open sockets, {sum(sent) / 1e6:.0f} MB sent without a token"
            for share, value, peaceful in (
                ("median", statistics.median(besieged), statistics.median(calm)),
                ("99 %", _percentile(besieged), _percentile(calm)),
                ("longest", max(besieged), max(calm)),
            ):
                figure = f"{named}, a price in a siege, {share}"
                yield Figure(figure, value, "ms", "the same in peace", peaceful, note)
                yield Figure(figure, value, "ms", "limit", _LIMIT_MS, note)


def _percentile(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def _pour(port: int, path: str, over: threading.Event, sent: list[int], place: int) -> None:
    """Send a body of 190 MB that nobody wants, on one connection after another."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    while not over.is_set():
        with (
            socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
            suppress(OSError),  # turned away
        ):
            connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(_BODY_BYTES // 0x10000):
                connection.sendall(_CHUNK)
                sent[place] += len(_CHUNK)
                if over.is_set():
                    break
