from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading, writing
from storage.errors import PlanNotFound, PlanNotReady
from storage.jobs.plans import (
    accept_plan,
    accepted_as,
    any_open,
    beat,
    best_so_far,
    cancel_plan,
    claim_plan,
    end_plan,
    interrupt_silent,
    list_plans,
    plan_document,
    plan_result,
    read_plan,
    submit_plan,
)
from tests.storage.samples import NOW


def queued(engine: Engine, count: int = 1, kind: str = "markdown") -> list[int]:
    with writing(engine) as conn:
        return [
            submit_plan(conn, kind, {"number": k}, at=NOW, by="ada", note="spring")
            for k in range(count)
        ]


def claimed(engine: Engine, worker: str, most: int = 1) -> int | None:
    with writing(engine) as conn:
        return claim_plan(conn, worker=worker, at=NOW, most=most)


def told(engine: Engine, number: int, worker: str, best: dict[str, int] | None = None) -> bool:
    with writing(engine) as conn:
        return beat(
            conn, number, worker=worker, at=NOW + timedelta(seconds=5), step="plan", done=1,
            total=3, best=best,
        )  # fmt: skip


def test_a_plan_goes_from_the_queue_to_its_end_and_is_accepted_once(engine: Engine) -> None:
    (number,) = queued(engine)
    assert claimed(engine, "w1") == number
    with reading(engine) as conn:
        assert any_open(conn)
    assert told(engine, number, "w1", {"value": 7})
    assert told(engine, number, "w1")
    with writing(engine) as conn:
        with pytest.raises(PlanNotReady, match="running"):
            accept_plan(conn, number, at=NOW, by="ada", made={})
        assert best_so_far(conn, number) == {"value": 7}
        assert end_plan(
            conn, number, worker="w1", at=NOW, status="finished", result={"price": "1.00"}
        )
        accept_plan(conn, number, at=NOW, by="ada", made={"promotions": ["spring"]})
        with pytest.raises(PlanNotReady, match="accepted by ada"):
            accept_plan(conn, number, at=NOW, by="bob", made={})
    with reading(engine) as conn:
        found = read_plan(conn, number)
        assert (found.status, found.step, found.done, found.total) == ("finished", "plan", 1, 3)
        assert found.heartbeat_at == NOW + timedelta(seconds=5)
        assert plan_document(conn, number) == {"number": 0}
        assert plan_result(conn, number) == {"price": "1.00"}
        assert accepted_as(conn, number) == {"promotions": ["spring"]}
        assert not any_open(conn)


def test_the_oldest_is_taken_first_and_never_more_than_allowed(engine: Engine) -> None:
    one, two, three = queued(engine, 3)
    assert claimed(engine, "a", most=2) == one
    assert claimed(engine, "b", most=2) == two
    assert claimed(engine, "c", most=2) is None
    with writing(engine) as conn:
        end_plan(conn, one, worker="a", at=NOW, status="failed", error={"message": "no"})
    assert claimed(engine, "c", most=2) == three
    with reading(engine) as conn:
        assert [plan.plan_id for plan in list_plans(conn)] == [three, two, one]
        assert [plan.plan_id for plan in list_plans(conn, status="failed")] == [one]
        assert [plan.plan_id for plan in list_plans(conn, before=three, limit=1)] == [two]
        assert list_plans(conn, kind="bundles") == ()
        assert plan_result(conn, one) is None


def test_many_workers_at_once_never_hold_the_same_plan(engine: Engine) -> None:
    queued(engine, 6)
    held: list[int | None] = []
    start = threading.Barrier(6)

    def take(worker: str) -> None:
        start.wait()
        held.append(claimed(engine, worker, most=4))

    threads = [threading.Thread(target=take, args=(str(k),)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [number for number in held if number is not None]
    assert len(taken) == len(set(taken)) == 4


def test_a_silent_worker_loses_its_plan_and_cannot_end_it_later(engine: Engine) -> None:
    (number,) = queued(engine)
    claimed(engine, "w1")
    told(engine, number, "w1", {"value": 1})
    late = NOW + timedelta(minutes=5)
    with writing(engine) as conn:
        assert interrupt_silent(conn, before=NOW, at=late) == ()
        assert interrupt_silent(conn, before=late, at=late) == (number,)
        assert not end_plan(conn, number, worker="w1", at=late, status="finished", result={})
        assert read_plan(conn, number).status == "interrupted"
        assert best_so_far(conn, number) == {"value": 1}
    assert not told(engine, number, "w1")


def test_cancelling_stops_what_waits_and_tells_what_runs(engine: Engine) -> None:
    one, two = queued(engine, 2)
    claimed(engine, "w1")
    with writing(engine) as conn:
        assert cancel_plan(conn, two, at=NOW).status == "cancelled"
        assert cancel_plan(conn, one, at=NOW).cancel_wanted
        with pytest.raises(PlanNotReady, match="cancelled already"):
            cancel_plan(conn, two, at=NOW)
    assert not told(engine, one, "w1")


def test_what_is_not_there_is_said_to_be(engine: Engine) -> None:
    with writing(engine) as conn:
        for ask in (read_plan, plan_document, plan_result, best_so_far, accepted_as):
            with pytest.raises(PlanNotFound, match="no plan 7"):
                ask(conn, 7)
        with pytest.raises(PlanNotFound):
            submit_plan(conn, "markdown", {}, at=NOW, by="ada", parent=7)
