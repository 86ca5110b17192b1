"""A real HTTP server on loopback that answers as a test has written down."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Reply:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    """Seconds until it is sent."""


def html(text: str, status: int = 200) -> Reply:
    """A page."""
    return Reply(text.encode(), status, {"Content-Type": "text/html; charset=utf-8"})


def redirect(target: str) -> Reply:
    """A temporary redirect."""
    return Reply(b"", 302, {"Location": target})


class ScriptedServer:
    """Answers each path with its replies in turn, the last one again and again; 404 otherwise."""

    def __init__(
        self, script: Mapping[str, Reply | Sequence[Reply]] | None = None, *, port: int = 0
    ) -> None:
        self.script: dict[str, Reply | Sequence[Reply]] = dict(script or {})
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.times: dict[str, list[float]] = {}
        self.headers: dict[str, list[dict[str, str]]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, path: str, seconds: float = 60.0) -> None:
        """Come back once a path was asked for."""
        end = time.monotonic() + seconds
        while not self.asked[path] and time.monotonic() < end:
            time.sleep(0.02)

    def reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        """The next answer for a path; notes when it was asked for, and how."""
        with self._lock:
            turn = self.asked[path]
            self.asked[path] += 1
            self.agents.add(headers.get("User-Agent", ""))
            self.times.setdefault(path, []).append(time.monotonic())
            self.headers.setdefault(path, []).append(dict(headers))
        replies = self.script.get(path, html("<h1>nothing here</h1>", 404))
        if isinstance(replies, Reply):
            return replies
        return replies[min(turn, len(replies) - 1)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # A browser writes the names of headers in lower case.
            asked = {name.title(): value for name, value in self.headers.items()}
            reply = script.reply(self.path, asked)
            time.sleep(reply.after)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_GET  # noqa: N815 - as the standard library has it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
