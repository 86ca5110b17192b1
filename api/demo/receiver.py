"""A webhook receiver as a shop would write it: checks the signature, keeps each message once.

The demo starts one on loopback to show alerts arriving; the tests start one to see that they do,
and tell it to be slow or to fail.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from standardwebhooks import Webhook, WebhookVerificationError

_MAX_BODY = 1 << 20
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """One message whose signature was right.

    Attributes:
        message_id: the sender's id, the same over all its tries.
        topic: what happened.
        happened_at: when, as the sender says.
        data: the facts.
    """

    message_id: str
    topic: str
    happened_at: datetime
    data: Mapping[str, Any]


@dataclass(slots=True)
class Behaviour:
    """How the receiver answers, to be changed while it runs.

    Attributes:
        status: status of the answer to a message that is well signed.
        headers: further headers of that answer.
        delay: pause before it.
    """

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    delay: timedelta = timedelta()


class WebhookReceiver:
    """A real HTTP server on loopback that takes signed webhooks.

    Use it as a context manager:

        with WebhookReceiver(secret) as receiver:
            ...  # send to receiver.url
            receiver.wait_for(1)

    A message with a wrong signature is answered 401 and counted in `rejected`; one that was seen
    before is answered well and counted in `repeated`, but kept once.
    """

    def __init__(self, secret: str, port: int = 0) -> None:
        """A receiver that does not listen yet.

        Args:
            secret: the key that the sender signs with, `whsec_` and base64.
            port: TCP port on loopback; 0 takes a free one.
        """
        self.behaviour = Behaviour()
        self.rejected = 0
        self.repeated = 0
        self._verifier = Webhook(secret)
        self._messages: dict[str, ReceivedWebhook] = {}
        self._tries: list[str] = []
        self._arrived = threading.Condition()
        self._server = _Server((_LOOPBACK, port), _Handler, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://{_LOOPBACK}:{self._server.server_address[1]}/alerts"

    @property
    def received(self) -> tuple[ReceivedWebhook, ...]:
        """The messages taken so far, in the order of arrival, each once."""
        with self._arrived:
            return tuple(self._messages.values())

    @property
    def tries(self) -> tuple[str, ...]:
        """The message id of each well-signed request, refused and repeated ones too."""
        with self._arrived:
            return tuple(self._tries)

    def wait_for(self, count: int, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Wait until `count` different messages have been taken; False when time runs out first."""
        with self._arrived:
            return self._arrived.wait_for(
                lambda: len(self._messages) >= count, timeout.total_seconds()
            )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str]]:
        """Judge one request; the status and headers to answer it with."""
        try:
            document = self._verifier.verify(body, dict(headers))
            message_id = {name.lower(): value for name, value in headers.items()}["webhook-id"]
            message = ReceivedWebhook(
                message_id=message_id,
                topic=document["type"],
                happened_at=datetime.fromisoformat(document["timestamp"]),
                data=document["data"],
            )
        except KeyError:
            return 400, {}
        except (WebhookVerificationError, ValueError):
            with self._arrived:
                self.rejected += 1
            return 401, {}
        behaviour = self.behaviour
        time.sleep(behaviour.delay.total_seconds())
        with self._arrived:
            self._tries.append(message_id)
            if not 200 <= behaviour.status < 300:
                return behaviour.status, behaviour.headers
            if message_id in self._messages:
                self.repeated += 1
            else:
                self._messages[message_id] = message
                self._arrived.notify_all()
        return behaviour.status, behaviour.headers


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of 5, a batch of senders would wait a second for the sixth

    def __init__(
        self, address: tuple[str, int], handler: type[_Handler], receiver: WebhookReceiver
    ) -> None:
        super().__init__(address, handler)
        self.receiver = receiver


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        if length > _MAX_BODY:
            self.close_connection = True
            self._answer(413, {})
            return
        body = self.rfile.read(length)
        self._answer(*cast("_Server", self.server).receiver.take(dict(self.headers), body))

    def _answer(self, status: int, headers: Mapping[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # a sender that gave up waiting

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (name of the base)
        """Nothing: the caller shows what arrived."""
