"""Server time of a price request inside the whole application, without a socket.

The peers are in the same process: an ASGI application that answers a constant, and the smallest
FastAPI endpoint of the service, `/healthz`.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

from api.app import create_app
from api.logs import LogLevel, configure_logs
from api.settings import load_settings
from tests.api.shop import open_shop
from tests.benchmarks.figure import Figure
from tests.databases import sqlite_engine, url_of

_REQUESTS: Final = 3_000
_ROUNDS: Final = 5
_PRODUCTS: Final = 20_000

Message = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]


def figures() -> Iterator[Figure]:
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
