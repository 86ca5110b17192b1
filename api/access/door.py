"""The door: what is refused before any of a request's body is read, and bodies cut off in time.

It stands in front of everything that answers, the prices included. A refusal here costs no memory
however long the body is, and leaves the event loop to others between two pieces of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from api.access.needs import (
    OPERATOR,
    Needs,
    bearer,
    holds_the_quote,
    needs,
    not_let_in,
    operator_of,
)
from api.errors import PROBLEM_JSON, BodyTooLarge
from api.http.body_limits import limit_of
from api.http.request_log import request_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.errors import Problem
    from api.http.body_limits import BodyLimit

_WITHOUT_BODY: Final = frozenset(("GET", "HEAD"))
_CLOSE: Final = (b"connection", b"close")
# A client that is still sending when the connection closes may lose the answer (RFC 9112, 9.6): so
# long, and so far, what it sends is thrown away first.
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 8 << 20


class Door:
    """ASGI middleware that refuses bodies that are too long, and whoever has no token.

    A body that is said to be too long, or that comes without the token it needs, is not read. One
    of unknown length is cut off where it passes its limit. Either way the connection is closed.
    """

    def __init__(
        self, app: ASGIApp, operators: Mapping[str, str], signing_key: Callable[[], bytes]
    ) -> None:
        """Stand in front of an application.

        Args:
            app: what answers.
            operators: names by token.
            signing_key: gives the key that signs quotes.
        """
        self._app = app
        self._operators = operators
        self._signing_key = signing_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length, chunked, authorization = _sent(scope)
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        comes = chunked or length > 0
        refusal = _too_long(length, method, path) or self._not_let_in(
            scope, method, path, authorization
        )
        if refusal is not None:
            await _turn_away(refusal, scope, receive, send, comes=comes)
        elif comes or method not in _WITHOUT_BODY:
            passage = _Passage(limit_of(method, path), receive, send, chunked=chunked)
            await self._app(scope, passage.receive, passage.send)
            if passage.refusal is not None:
                await _turn_away(passage.refusal, scope, receive, send, comes=True)
            elif passage.left:
                await _end(receive, send)
        else:
            await self._app(scope, receive, send)

    def _not_let_in(
        self, scope: Scope, method: str, path: str, authorization: bytes
    ) -> Problem | None:
        needed = needs(method, path)
        token = bearer(authorization)
        # Known where nothing is needed, too: what the shop itself quotes may hold more.
        operator = operator_of(token, self._operators) if token else None
        if operator is not None:
            scope["state"][OPERATOR] = operator
            return None
        if needed is Needs.NOTHING:
            return None
        if needed is Needs.HOLDER and holds_the_quote(token, path, self._signing_key()):
            return None
        return not_let_in(needed)


class _Passage:
    """One request on its way to the application, its body counted as far as its limit."""

    def __init__(self, limit: BodyLimit, receive: Receive, send: Send, *, chunked: bool) -> None:
        self._limit = limit
        self._receive = receive
        self._send = send
        self._read = 0
        self._more = chunked  # of a known length, the server itself passes over what is not read
        self.refusal: BodyTooLarge | None = None
        self.left = False

    async def receive(self) -> Message:
        """The next piece of the body.

        Raises:
            BodyTooLarge: with this piece it is longer than its limit.
        """
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self._more = message.get("more_body", False)
        if self._read > self._limit.most:
            self.refusal = BodyTooLarge(
                f"the body is longer than {self._limit.most} bytes; {self._limit.fix}"
            )
            raise self.refusal
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


def _sent(scope: Scope) -> tuple[int, bool, bytes]:
    """The length that a body is said to have, whether it comes in chunks, and the credentials."""
    length, chunked, authorization = 0, False, b""
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)  # the server has refused what is no number
        elif name == b"transfer-encoding":
            chunked = True
        elif name == b"authorization":
            authorization = value
    return length, chunked, authorization


def _too_long(length: int, method: str, path: str) -> BodyTooLarge | None:
    if length == 0 or length <= (limit := limit_of(method, path)).most:
        return None
    return BodyTooLarge(
        f"the body has {length} bytes, more than the {limit.most} that this path reads; {limit.fix}"
    )


async def _turn_away(
    problem: Problem, scope: Scope, receive: Receive, send: Send, *, comes: bool
) -> None:
    """Answer with a problem; where a body comes, end the connection without keeping any of it."""
    body = problem.document(instance=scope["path"], request_id=request_id_of(scope))
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    if comes:
        headers.append(_CLOSE)
    if scope["method"] == "HEAD":
        body = b""
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
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
