"""The room and the time for bodies: counted exactly, and given back whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.admission import Admission
from api.access.door import Door
from api.errors import Overloaded
from api.http.body_budget import Arrival, BodyBudget
from api.http.request_log import REQUEST_ID


class _Open(Admission):
    """Lets everybody in."""

    def __init__(self) -> None: ...

    async def refusal(self, *_: object) -> None: ...


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=12))
def test_never_more_is_held_than_there_is_room_for(bodies: list[tuple[int, bool]]) -> None:
    budget = BodyBudget(most=100)
    held: list[tuple[int, bool]] = []
    for size, stranger in bodies:
        strangers = sum(s for s, of_stranger in held if of_stranger)
        fits = sum(s for s, _ in held) + size <= 100 and (not stranger or strangers + size <= 50)
        try:
            budget.hold(size, stranger=stranger)
        except Overloaded:
            assert not fits
        else:
            assert fits
            held.append((size, stranger))
        assert budget.held == sum(s for s, _ in held)
    for size, stranger in held:
        budget.free(size, stranger=stranger)
    budget.hold(50, stranger=True)
    budget.hold(50, stranger=False)


@pytest.mark.parametrize("ends", ["answered", "trickles", "fails", "too long"])
def test_what_a_body_held_is_free_again_however_its_request_ends(ends: str) -> None:
    budget = BodyBudget(most=10 << 20, seconds=0.05)
    seen: list[int] = []
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401
        if seen and ends == "trickles":
            await asyncio.sleep(60)
        size = 2 << 20 if ends == "too long" else 1_000
        return {"type": "http.request", "body": b" " * size, "more_body": len(seen) < 2}

    async def send(message: Any) -> None:  # noqa: ANN401
        sent.append(message)

    async def app(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        with suppress(Exception):
            while True:
                message = await receive()
                seen.append(budget.held)
                if not message["more_body"]:
                    break
        if ends == "fails":
            raise RuntimeError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    scope = {
        "type": "http", "method": "POST", "path": "/v1/quotes", "root_path": "",
        "headers": [(b"transfer-encoding", b"chunked")], "state": {REQUEST_ID: "x"},
    }  # fmt: skip
    with suppress(RuntimeError):
        asyncio.run(Door(app, _Open(), budget)(scope, receive, send))
    assert seen == {"trickles": [1_000], "too long": []}.get(ends, [1_000, 2_000, 3_000])
    assert budget.held == 0
    statuses = [message["status"] for message in sent if "status" in message]
    assert statuses == {"answered": [200], "trickles": [408], "fails": [], "too long": [413]}[ends]


def test_a_body_has_more_time_the_more_of_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: 104.0)
    monkeypatch.setattr("api.http.body_budget.time", clock)
    arrival = Arrival(10.0, 100.0)
    assert arrival.left(0) == 6
    assert arrival.left(1 << 20) == 6 + 64
    assert Arrival(3.0, 100.0).left(0) == 0
    assert "5 bytes in 4 s" in arrival.late(5).sentence
