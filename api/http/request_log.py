"""Around every request: an id, one log line, and an answer even when the service itself fails."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Final

import structlog

from api.errors import http_answer
from models.refusals import Defect
from storage.audit.chain import audited_from

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger(__name__)

REQUEST_ID: Final = "request_id"
_HEADER = b"x-request-id"
# An id from a caller goes into logs and headers; anything else than a plain token is replaced.
_ACCEPTABLE = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def request_id_of(scope: Scope) -> str:
    """The id of the request, as in its log lines and its X-Request-Id header."""
    return str(scope["state"][REQUEST_ID])


class RequestLog:
    """ASGI middleware that names, times and logs each request.

    Lines for prices that were found are written at level debug: a storefront asks thousands of
    times a second and would bury everything else. All other requests are written at info, failures
    of the service at error with their trace.
    """

    def __init__(self, app: ASGIApp, quiet_prefix: str) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            quiet_prefix: successful answers to paths that start so are logged at debug only.
        """
        self._app = app
        self._quiet_prefix = quiet_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or uuid.uuid4().hex
        scope.setdefault("state", {})[REQUEST_ID] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        header = (_HEADER, request_id.encode())
        status = 0
        started = time.perf_counter()

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            with audited_from(request_id):
                await self._app(scope, receive, send_named)
        except Exception:
            _log.exception("request failed", method=scope["method"], path=scope["path"])
            if status:
                raise  # half an answer is out; the server must cut the connection
            await _answer_failure(send_named, scope["path"], request_id)
        finally:
            self._write_line(scope, status, time.perf_counter() - started)

    def _write_line(self, scope: Scope, status: int, seconds: float) -> None:
        quiet = 0 < status < 400 and scope["path"].startswith(self._quiet_prefix)
        write = _log.debug if quiet else _log.info
        write(
            "request" if status else "request given up by the client",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1000, 3),
        )


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _HEADER:
            return value.decode() if _ACCEPTABLE.fullmatch(value) else None
    return None


async def _answer_failure(send: Send, path: str, request_id: str) -> None:
    defect = Defect(f"the service failed; report request id {request_id} to its operator")
    answer = http_answer(defect, instance=path, request_id=request_id)
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": answer.wire_headers(),
        }
    )
    await send({"type": "http.response.body", "body": answer.body})
