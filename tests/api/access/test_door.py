"""The door, on real sockets: bodies that are too long, and bodies of whoever has no token."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.admission import Admission
from api.access.door import Door
from api.access.roles import RULES, Besides
from api.http.body_limits import BODY_LIMITS, DEFAULT, limit_of
from api.http.request_log import REQUEST_ID
from api.server import serving
from tests.api.conftest import BEARER, TOKEN, quick_settings
from tests.api.every_route import filled, routes_of_the_service
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

ROUTES = routes_of_the_service()
WITH_BODY = [(method, path) for method, path in ROUTES if method in ("POST", "PUT")]
GUARDED = [route for route in WITH_BODY if RULES[route].besides is Besides.NOBODY]
LIE = 190_000_000
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
JSON = "Content-Type: application/json\r\n"
CHUNKED = f"{JSON}Transfer-Encoding: chunked\r\n"
AUTHORIZED = f"Authorization: Bearer {TOKEN}\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One service with the small shop for all of these tests: none of them changes anything."""
    with sqlite_engine(tmp_path_factory.mktemp("door")) as engine:
        open_shop(engine)
        with serving(quick_settings(engine, crawl_schedule=False, plan_processes=0)) as url:
            yield url


class Answer:
    """What came back over a socket until it was closed, or until one whole answer was there."""

    def __init__(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        self.status = int(stream.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := stream.readline().strip().decode():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.body = stream.read(int(self.headers.get("content-length", "0")))
        self._rest = stream

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document

    @property
    def is_last(self) -> bool:
        """Whether the connection ends after it."""
        return self.headers.get("connection") == "close" and self._rest.read() == b""


@contextmanager
def asked(url: str, method: str, path: str, headers: str) -> Iterator[socket.socket]:
    """A connection on which nothing but the head of a request was sent."""
    host, port = url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
        connection.sendall(f"{method} {filled(path)} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        yield connection


def pour(connection: socket.socket, at_least: int) -> None:
    """Send a body in chunks until more than so many bytes are out, or nobody takes them."""
    with suppress(ConnectionError):
        for _ in range(at_least // 0x10000 + 2):
            connection.sendall(CHUNK)


def done_sending(connection: socket.socket) -> None:
    """Nothing more comes from here: the other side need not wait for it."""
    with suppress(OSError):  # it has gone already
        connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("authorization", ["", AUTHORIZED], ids=["nobody", "operator"])
def test_a_body_said_to_be_too_long_is_refused_before_a_byte_of_it(
    url: str, method: str, path: str, authorization: str
) -> None:
    headers = f"{authorization}{JSON}Content-Length: {LIE}\r\n"
    with asked(url, method, path, headers) as connection:
        answer = Answer(connection)
        done_sending(connection)
        assert (answer.status, answer.problem["type"]) == (413, "/problems/body-too-large")
        assert f"{LIE} bytes" in answer.problem["detail"]
        assert answer.is_last


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_body_of_unknown_length_is_cut_off_at_the_limit_of_its_route(
    url: str, method: str, path: str
) -> None:
    limit = limit_of(method, filled(path))
    with asked(url, method, path, AUTHORIZED + CHUNKED) as connection:
        pour(connection, limit.most)
        answer = Answer(connection)
        done_sending(connection)
        assert answer.is_last
        if (method, path) in READ_A_BODY:
            assert (answer.status, answer.problem["type"]) == (413, "/problems/body-too-large")
            assert f"longer than {limit.most} bytes; {limit.fix}" in answer.problem["detail"]
        else:  # answered without looking at it
            assert answer.status != 413


READ_A_BODY = {
    route
    for route in WITH_BODY
    if route
    not in {
        ("POST", "/v1/jobs/{job}/cancel"),
        ("POST", "/v1/keys/{key_id}/revoke"),
        ("POST", "/v1/match-reviews/{review_id}/undo"),
        ("POST", "/v1/people/{person_id}/disable"),
        ("POST", "/v1/people/{person_id}/password"),
        ("POST", "/v1/plans/{plan}/cancel"),
        ("POST", "/v1/promotions/{name}/schedule"),
        ("POST", "/v1/promotions/{name}/withdraw"),
        ("POST", "/v1/quarantine/{quarantine_id}/undo"),
        ("POST", "/v1/quotes/{quote_id}/cancel"),
    }
    and not route[1].startswith("/console/")  # forms: what comes as JSON is not looked at
    # An operator, who asks here, has no session and is turned away.
    and RULES[route].besides is not Besides.LOGGED_IN
}


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("body", [f"{JSON}Content-Length: 20\r\n", CHUNKED], ids=["20", "chunked"])
def test_without_a_token_the_answer_is_there_before_the_body(
    url: str, method: str, path: str, body: str
) -> None:
    with asked(url, method, path, body) as connection:
        answer = Answer(connection)
        done_sending(connection)
        assert (answer.status, answer.problem["type"]) == (401, "/problems/not-an-operator")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.is_last


def test_a_client_that_sends_on_regardless_still_gets_its_answer(url: str) -> None:
    body = b"[" + b"1," * (3 << 20) + b"1]"
    told = httpx.post(f"{url}/v1/freezes", content=body, timeout=60)
    assert (told.status_code, told.json()["type"]) == (413, "/problems/body-too-large")
    parts = iter([body[: 1 << 20], body[1 << 20 :]])
    told = httpx.post(f"{url}/v1/freezes", content=parts, headers=BEARER, timeout=60)
    assert (told.status_code, told.json()["type"]) == (413, "/problems/body-too-large")


def test_prices_are_answered_while_bodies_trickle_in(url: str) -> None:
    with (
        asked(url, "POST", "/v1/plans", AUTHORIZED + CHUNKED) as one,
        asked(url, "POST", "/v1/prices:batch", f"{JSON}Content-Length: 1000\r\n") as other,
    ):
        pour(one, DEFAULT.most)
        other.sendall(b"{")
        price = httpx.get(f"{url}/v1/prices/TEA-1?market=online", timeout=60)
        assert price.json()["price"]["amount"] == "4.99"


def test_a_body_as_long_as_the_limit_is_read(url: str) -> None:
    skus = json.dumps({"skus": ["TEA-1"], "market": "online"}).encode()
    body = skus + b" " * (DEFAULT.most - len(skus))
    assert httpx.post(f"{url}/v1/prices:batch", content=body, timeout=60).status_code == 200
    told = httpx.post(f"{url}/v1/prices:batch", content=body + b" ", timeout=60)
    assert "send fewer SKUs at once" in told.json()["detail"]


def test_a_file_may_be_longer_than_other_bodies(url: str) -> None:
    body = b'{"kind": "markdown", "document": {"items": []}}' + b" " * (DEFAULT.most + 1)
    with httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        assert client.post("/v1/plans", content=body).status_code == 422
        assert client.post("/v1/promotions", content=body).status_code == 413


def test_every_limit_is_of_a_route_that_there_is() -> None:
    assert set(BODY_LIMITS) <= set(WITH_BODY)
    for method, path in BODY_LIMITS:
        assert limit_of(method, filled(path)) == BODY_LIMITS[method, path]


class _Open(Admission):
    """Lets everybody in."""

    def __init__(self) -> None: ...

    async def refusal(self, *_: object) -> None: ...


@given(parts=st.lists(st.binary(max_size=3 * DEFAULT.most // 2), max_size=4))
def test_never_more_than_the_limit_is_handed_on(parts: list[bytes]) -> None:
    """Whatever the pieces: all of a body within the limit, and of any other not a byte too many."""
    taken: list[bytes] = []
    messages = iter(
        [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        + [{"type": "http.request", "body": b"", "more_body": False}]
    )
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    async def reads_all(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        with suppress(Exception):  # as a framework turns any failure into an answer of its own
            while True:
                message = await receive()
                taken.append(message["body"])
                if not message["more_body"]:
                    break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    scope = {
        "type": "http", "method": "POST", "path": "/v1/quotes", "root_path": "",
        "headers": [(b"transfer-encoding", b"chunked")], "state": {REQUEST_ID: "x"},
    }  # fmt: skip
    asyncio.run(Door(reads_all, _Open())(scope, receive, send))
    whole = b"".join(parts)
    fits = len(whole) <= DEFAULT.most
    assert [m["status"] for m in sent if "status" in m] == [200 if fits else 413]
    assert whole.startswith(b"".join(taken))
    assert (len(b"".join(taken)) == len(whole)) if fits else len(b"".join(taken)) <= DEFAULT.most
