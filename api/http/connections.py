"""Connections, before there is a request: how many there may be, how long and how large a head.

A server that waits for ever for the rest of a head is kept from others by whoever opens some
hundred sockets and says nothing. So a head has its time and its size, an answer that nobody takes
has its time, and where all connections are in use the ones on which nothing is asked make room:
first those of the address that has most of them. Who asks is always let in before who waits.
"""

from __future__ import annotations

import resource
import uuid
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import HeadTooLarge, Overloaded, TooSlow, http_answer

if TYPE_CHECKING:
    from asyncio import BaseTransport, TimerHandle

    from models.refusals import Refusal

_log = structlog.get_logger(__name__)

CONNECTIONS: Final = "connections"
"""Where the state of an application has its `Connections`."""

MOST_HEAD: Final = 64 << 10
"""Bytes of a head; also of what may come between two pieces of a body (extensions, trailers)."""
MOST_HEADERS: Final = 128
ANSWER_SECONDS: Final = 60.0
_MOST_PIPELINED: Final = 16
_OTHER_FILES: Final = 256  # of the database, the log, jobs
_LEAST: Final = 16


def most_connections(wanted: int) -> int:
    """So many, or as many as the operating system lets this process open beside its files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(_LEAST, min(wanted, soft - _OTHER_FILES))


@dataclass(slots=True)
class Connections:
    """All connections of a server, and what each may take.

    Attributes:
        most: at a time.
        head_seconds: for the head of a request, from its first byte or from the connection on.
        answer_seconds: that an answer waits for a client that takes nothing of it.
    """

    most: int = 1_000
    head_seconds: float = 10.0
    answer_seconds: float = ANSWER_SECONDS
    _open: int = 0
    _waiting: defaultdict[str, OrderedDict[GuardedProtocol, None]] = field(
        default_factory=lambda: defaultdict(OrderedDict)
    )

    def admit(self) -> bool:
        """Count one more, if need be in the place of one on which nothing is asked."""
        if self._open >= self.most and not self._make_room():
            return False
        self._open += 1
        return True

    def gone(self, connection: GuardedProtocol) -> None:
        """It is closed."""
        self._open -= 1
        self.asks(connection)

    def waits(self, connection: GuardedProtocol) -> None:
        """Nothing whole was asked on it, or what was asked is answered."""
        self._waiting[connection.address][connection] = None

    def asks(self, connection: GuardedProtocol) -> None:
        """A request is under way on it."""
        of_address = self._waiting.get(connection.address)
        if of_address is not None:
            of_address.pop(connection, None)
            if not of_address:
                del self._waiting[connection.address]

    def _make_room(self) -> bool:
        if not self._waiting:
            return False
        fullest = max(self._waiting.values(), key=len)
        oldest = next(iter(fullest))
        self.asks(oldest)
        oldest.give_up()
        return True


class GuardedProtocol(HttpToolsProtocol):
    """HTTP of uvicorn on one connection, with an end to every wait.

    It finds the `Connections` that it belongs to in the state of the application.
    """

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  (what uvicorn gives)
        super().__init__(*given, **named)
        self.address = ""
        self._all: Connections = self.app_state.get(CONNECTIONS) or _DEFAULT
        self._counted = False
        self._deadline: TimerHandle | None = None
        self._answer_deadline: TimerHandle | None = None
        self._between = 0  # bytes since the last piece of a body, or the first of a head
        self._headers_seen = 0
        self._in_body = False
        self._over = False

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin; the head must come soon."""
        super().connection_made(cast("Any", transport))
        self.address = self.client[0] if self.client else ""
        if not self._all.admit():
            self._refuse(Overloaded("all connections are in use; try again in some seconds"))
            return
        self._counted = True
        self._all.waits(self)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End; no timer is left."""
        self._head_is_here()
        self.resume_writing()
        if self._counted:
            self._counted = False
            self._all.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes, as long as they lead to something."""
        if self._over:
            return
        if not self._in_body:
            self._await_head()
        self._between += len(data)
        super().data_received(data)
        if self._between > MOST_HEAD and not self._over:
            self._refuse(_head_too_large(f"has more than {MOST_HEAD} bytes"))

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._headers_seen = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are not kept."""
        self._headers_seen += 1
        if not self._in_body and self._headers_seen <= MOST_HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is none to be read."""
        self._head_is_here()
        if self._over:
            return
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD or self._headers_seen > MOST_HEADERS:
            most = f"{MOST_HEAD} bytes or {MOST_HEADERS} headers"
            self._refuse(_head_too_large(f"has more than {most}"))
            return
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._refuse(Overloaded(f"more than {_MOST_PIPELINED} requests wait for an answer"))
            return
        self._in_body = True
        self._all.asks(self)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body until it is asked for."""
        self._between = 0
        if not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        self._between, self._in_body = 0, False
        if not self._over:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for one."""
        super().on_response_complete()
        if self._counted and (self.cycle is None or self.cycle.response_complete):
            self._all.waits(self)

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        if self._answer_deadline is None:
            self._answer_deadline = self.loop.call_later(self._all.answer_seconds, self.give_up)

    def resume_writing(self) -> None:
        """The client takes it."""
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
            self._answer_deadline = None
        super().resume_writing()

    def give_up(self) -> None:
        """Cut the connection; nothing is owed on it, or nobody takes it."""
        self._over = True
        self.transport.abort()

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self._all.head_seconds, self._head_is_late)

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._await_head()  # what was asked before is still to be answered
            return
        self._refuse(
            TooSlow(f"the head of the request was not here within {self._all.head_seconds:g} s")
        )

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close, without the application; behind another answer there is only the end.

        A client may send on: what it sends is not looked at, and the connection is cut soon.
        """
        self._over = True
        self._head_is_here()
        if self.cycle is None or self.cycle.response_complete:
            request_id = uuid.uuid4().hex
            answer = http_answer(refusal, instance="", request_id=request_id)
            self.transport.write(_on_the_wire(answer.status, answer.wire_headers(), answer.body))
            _log.info("a connection was refused", status=answer.status, request_id=request_id)
        self.transport.close()
        self.loop.call_later(self._all.head_seconds, self.transport.abort)


_DEFAULT: Final = Connections()


def _head_too_large(why: str) -> HeadTooLarge:
    return HeadTooLarge(f"the head of the request {why}; send fewer or shorter headers")


def _on_the_wire(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
    lines += [name + b": " + value for name, value in (*headers, (b"connection", b"close"))]
    return b"\r\n".join((*lines, b"", body))
