"""The one door through which the browser of a rendered crawl reaches the network.

A page's scripts, redirects, frames, workers and web sockets can ask for any address, and a browser
lets nobody look at each of them: its request hooks see no redirect, and it resolves names again
after a check. So Chromium is told to send everything through this forward proxy, which resolves
each name itself, refuses what `scrapers.guard` refuses, and connects to the very address that it
has checked. Nothing is decrypted: https passes as a tunnel.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from scrapers.addresses import check_url, is_public, literal_address, origin_of
from scrapers.errors import ForbiddenAddress

_log = logging.getLogger(__name__)

LARGEST_CONNECTION: Final = 64 * 1024 * 1024
"""Bytes that one connection may bring; an endless download ends here."""

MOST_CONNECTIONS: Final = 128
"""Connections at a time; further ones wait."""

_HEAD: Final = 64 * 1024
_PIECE: Final = 64 * 1024
_CONNECT_SECONDS: Final = 10.0
_IDLE_SECONDS: Final = 60.0

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host name."""


async def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver answers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedProxy:
    """A forward proxy on a free port of 127.0.0.1.

    Args:
        private_origin: the one `host:port` that may be private; empty for none.
        resolve: how names become addresses.
        largest: bytes that one connection may bring.

    Attributes:
        refused: why each `host:port` was refused that the browser asked for.
    """

    def __init__(
        self,
        private_origin: str = "",
        *,
        resolve: Resolve = system_addresses,
        largest: int = LARGEST_CONNECTION,
    ) -> None:
        self.refused: dict[str, str] = {}
        self._private_origin = private_origin
        self._resolve = resolve
        self._largest = largest
        self._server: asyncio.Server | None = None
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Begin to listen; gives the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the browser, from its request to its end."""
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            async with self._places:
                await self._pass_on(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # either side went away; the browser sees the end of its connection
        except asyncio.CancelledError:
            pass  # the crawl has ended, and this task with it
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _IDLE_SECONDS)
        line, _, fields = head.partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 3:
            await _answer(writer, "400 Bad Request")
            return
        method, target, version = words
        tunnel = method == "CONNECT"
        url = f"https://{target}/" if tunnel else target
        try:
            address, port = await self._place(url)
        except ForbiddenAddress as error:
            self._refuse(url, str(error))
            await _answer(writer, "403 Forbidden")
            return
        except OSError:
            await _answer(writer, "502 Bad Gateway")
            return
        try:
            there = await asyncio.wait_for(asyncio.open_connection(address, port), _CONNECT_SECONDS)
        except (OSError, TimeoutError):
            await _answer(writer, "504 Gateway Timeout")
            return
        from_there, to_there = there
        try:
            if tunnel:
                await _answer(writer, "200 Connection established")
            else:
                to_there.write(_as_for_the_origin(method, target, version, fields))
                await to_there.drain()
            await self._relay(reader, to_there, from_there, writer)
        finally:
            to_there.close()

    async def _place(self, url: str) -> tuple[str, int]:
        """The checked address to connect to.

        Raises:
            ForbiddenAddress: it may not be asked, or all that its name resolves to.
            OSError: the name resolves to nothing.
        """
        check_url(url, private_origin=self._private_origin)
        origin = origin_of(url)
        host, _, number = origin.rpartition(":")
        port = int(number)
        if origin == self._private_origin:
            return host, port
        literal = literal_address(host)
        if literal is not None:
            return str(literal), port  # `check_url` has looked at it
        for address in await self._resolve(host, port):
            found = literal_address(address)
            if found is not None and is_public(found):
                return address, port
        raise ForbiddenAddress(f"{host} resolves to private addresses only")

    def _refuse(self, url: str, why: str) -> None:
        with suppress(ForbiddenAddress):
            self.refused[origin_of(url)] = why
        _log.warning("refused to the browser: %s", why)

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        to_there: asyncio.StreamWriter,
        from_there: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Pass bytes both ways until the far side is done."""
        up = asyncio.create_task(_pour(reader, to_there, self._largest))
        try:
            await _pour(from_there, writer, self._largest)
        finally:
            up.cancel()
            with suppress(asyncio.CancelledError, OSError, TimeoutError):
                await up


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter, most: int) -> None:
    """Copy until the source ends, is silent for long, or has given too much."""
    while piece := await asyncio.wait_for(source.read(_PIECE), _IDLE_SECONDS):
        most -= len(piece)
        if most < 0:
            raise ConnectionAbortedError("more bytes than a page may bring")
        sink.write(piece)
        await sink.drain()


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    length = "" if status.startswith("200") else "Content-Length: 0\r\nConnection: close\r\n"
    writer.write(f"HTTP/1.1 {status}\r\n{length}\r\n".encode())
    await writer.drain()


def _as_for_the_origin(method: str, target: str, version: str, fields: bytes) -> bytes:
    """A proxied request as the shop expects it, one to a connection: the next may go elsewhere."""
    parts = urlsplit(target)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    kept = [
        field
        for field in fields.rstrip(b"\r\n").split(b"\r\n")
        if field.partition(b":")[0].strip().lower() not in (b"proxy-connection", b"connection")
    ]
    head = [f"{method} {path} {version}".encode("latin-1"), *kept, b"Connection: close"]
    return b"\r\n".join(head) + b"\r\n\r\n"
