"""The door: what is refused before any of a request's body is read, and bodies cut off in time.

Its order is that of what it costs: how long the body says it is, who asks and how often, and only
then the body, piece by piece, each within the limit of its route, the time that it has, and the
room that there is for all bodies together.

It stands in front of everything that answers, the prices included. A refusal here costs no memory
however long the body is, and leaves the event loop to others between two pieces of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from api.access.admission import Elsewhere
from api.access.principal import PRINCIPAL
from api.errors import BodyEncoded, http_answer
from api.http.body_budget import Arrival, BodyBudget
from api.http.body_limits import limit_of
from api.http.request_log import request_id_of
from models.refusals import Refusal, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.access.admission import Admission
    from api.http.body_limits import BodyLimit

_WITHOUT_BODY: Final = frozenset(("GET", "HEAD"))
_CLOSE: Final = (b"connection", b"close")
# A client that is still sending when the connection closes may lose the answer (RFC 9112, 9.6): so
# long, and so far, what it sends is thrown away first.
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 8 << 20


class Door:
    """ASGI middleware that refuses bodies that are too long, and whoever may not ask.

    A body that is said to be too long, or that comes from whoever may not send it, is not read. One
    of unknown length is cut off where it passes its limit. Either way the connection is closed.
    """

    def __init__(
        self, app: ASGIApp, admission: Admission, budget: BodyBudget | None = None
    ) -> None:
        """Stand in front of an application.

        Args:
            app: what answers.
            admission: knows who is let in.
            budget: the room and the time for bodies.
        """
        self._app = app
        self._admission = admission
        self._budget = budget or BodyBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = int(headers.get(b"content-length", 0))  # the server has refused what is no number
        chunked = b"transfer-encoding" in headers
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        comes = chunked or length > 0
        refusal = (
            _too_long(length, method, path)
            or await self._admission.refusal(scope, path, headers)
            or (_encoded(headers) if comes else None)
        )
        if isinstance(refusal, Elsewhere):
            await _send_on(refusal, receive, send, comes=comes)
        elif refusal is not None:
            await _turn_away(refusal, scope, receive, send, comes=comes)
        elif comes or method not in _WITHOUT_BODY:
            stranger = PRINCIPAL not in scope["state"]
            passage = _Passage(
                limit_of(method, path), self._budget, receive, send,
                chunked=chunked, stranger=stranger,
            )  # fmt: skip
            try:
                await self._app(scope, passage.receive, passage.send)
            finally:
                self._budget.free(passage.held, stranger=stranger)
            if passage.refusal is not None:
                await _turn_away(passage.refusal, scope, receive, send, comes=True)
            elif passage.left:
                await _end(receive, send)
        else:
            await self._app(scope, receive, send)


class _Passage:
    """One request on its way to the application, its body counted as far as its limit."""

    def __init__(
        self,
        limit: BodyLimit,
        budget: BodyBudget,
        receive: Receive,
        send: Send,
        *,
        chunked: bool,
        stranger: bool,
    ) -> None:
        self._limit = limit
        self._budget = budget
        self._stranger = stranger
        self._receive = receive
        self._send = send
        self._arrival = Arrival(budget.seconds)
        self._read = 0
        self._comes = True
        self._more = chunked  # of a known length, the server itself passes over what is not read
        self.held = 0
        self.refusal: Refusal | None = None
        self.left = False

    async def receive(self) -> Message:
        """The next piece of the body.

        Raises:
            TooLarge: with this piece it is longer than its limit.
            TooSlow: it did not come in its time.
            Overloaded: there is no room for it.
        """
        if not self._comes:  # the next word is that the client has gone, whenever that is
            return await self._receive()
        try:
            return await self._next_piece()
        except Refusal as refusal:
            self.refusal = refusal
            raise

    async def _next_piece(self) -> Message:
        message: Message | None = None
        with anyio.move_on_after(self._arrival.left(self._read)):
            message = await self._receive()
        if message is None:
            raise self._arrival.late(self._read)
        size = len(message.get("body", b""))
        self._read += size
        self._comes = message.get("more_body", False)
        self._more = self._comes
        if self._read > self._limit.most:
            raise TooLarge(f"the body is longer than {self._limit.most} bytes; {self._limit.fix}")
        self._budget.hold(size, stranger=self._stranger)
        self.held += size
        return message

    async def send(self, message: Message) -> None:
        """Pass on the application's answer; not its answer to a body that was cut off."""
        if self.refusal is not None:
            return
        if message["type"] == "http.response.start":
            self.left = self._more
            if self.left:
                message["headers"] = [*message.get("headers", ()), _CLOSE]
        elif self.left:
            message["more_body"] = True  # the end of it follows when the connection may close
        await self._send(message)


def _too_long(length: int, method: str, path: str) -> TooLarge | None:
    if length == 0 or length <= (limit := limit_of(method, path)).most:
        return None
    return TooLarge(
        f"the body has {length} bytes, more than the {limit.most} that this path reads; {limit.fix}"
    )


def _encoded(headers: Mapping[bytes, bytes]) -> BodyEncoded | None:
    how = headers.get(b"content-encoding", b"identity").strip().lower()
    if how in (b"", b"identity"):
        return None
    return BodyEncoded(
        f"the body is encoded as {how.decode('latin-1')[:40]}; send it as it is, without "
        "Content-Encoding"
    ).with_headers(accept_encoding="identity")


async def _send_on(page: Elsewhere, receive: Receive, send: Send, *, comes: bool) -> None:
    """Send a browser to another page."""
    headers = [
        (b"location", page.location.encode()),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
    ]
    await _answer(303, headers, b"", receive, send, comes=comes)


async def _turn_away(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, comes: bool
) -> None:
    """Answer with a refusal; where a body comes, end the connection without keeping any of it."""
    answer = http_answer(refusal, instance=scope["path"], request_id=request_id_of(scope))
    body = b"" if scope["method"] == "HEAD" else answer.body
    await _answer(answer.status, answer.wire_headers(), body, receive, send, comes=comes)


async def _answer(
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    receive: Receive,
    send: Send,
    *,
    comes: bool,
) -> None:
    if comes:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": comes})
    if comes:
        await _end(receive, send)


async def _end(receive: Receive, send: Send) -> None:
    """Close a connection on which a body still comes, once its sender can have seen the answer."""
    with anyio.move_on_after(_LINGER_SECONDS):
        thrown = 0
        while thrown <= _LINGER_BYTES:
            message = await receive()
            thrown += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
    await send({"type": "http.response.body", "body": b"", "more_body": False})
