from __future__ import annotations

import pytest
from sqlalchemy.engine import Connection, Engine

from storage.database import reading, writing
from storage.errors import PlanNotFound, PlanNotReady
from storage.jobs.plans import (
    accept_plan,
    accepted_as,
    add_plan,
    best_so_far,
    cancel_plan,
    list_plans,
    plan_document,
    plan_of_job,
    plan_result,
    read_plan,
)
from storage.jobs.queue import Beat, NewJob, Worker, beat_job, claim_job, end_job, submit_job
from tests.storage.samples import NOW

WORKER = Worker("w1", "here", 7)


def queued(engine: Engine, count: int = 1, kind: str = "markdown") -> list[int]:
    with writing(engine) as conn:
        return [_ask(conn, kind, {"number": k}) for k in range(count)]


def _ask(conn: Connection, kind: str, document: dict[str, object]) -> int:
    job = submit_job(conn, NewJob("plan", {"kind": kind, "document": document}, NOW, "ada"))
    return add_plan(conn, job, kind, note="spring")


def test_a_plan_goes_from_the_queue_to_its_end_and_is_accepted_once(engine: Engine) -> None:
    (number,) = queued(engine)
    with writing(engine) as conn:
        job = claim_job(conn, WORKER, at=NOW, lanes=["compute"])
        assert job is not None
        assert plan_of_job(conn, job.job_id) == number
        beat = Beat("plan", 1, 3, {"value": 7})
        assert beat_job(conn, job.job_id, worker="w1", at=NOW, beat=beat)
        with pytest.raises(PlanNotReady, match="running"):
            accept_plan(conn, number, at=NOW, by="ada", made={})
        assert best_so_far(conn, number) == {"value": 7}
        assert end_job(
            conn, job.job_id, worker="w1", at=NOW, status="finished", result={"price": "1.00"}
        )
        accept_plan(conn, number, at=NOW, by="ada", made={"promotions": ["spring"]})
        with pytest.raises(PlanNotReady, match="accepted by ada"):
            accept_plan(conn, number, at=NOW, by="bob", made={})
    with reading(engine) as conn:
        found = read_plan(conn, number)
        assert (found.status, found.step, found.done, found.total) == ("finished", "plan", 1, 3)
        assert (found.note, found.created_by, found.created_at) == ("spring", "ada", NOW)
        assert plan_document(conn, number) == {"number": 0}
        assert plan_result(conn, number) == {"price": "1.00"}
        assert accepted_as(conn, number) == {"promotions": ["spring"]}


def test_plans_are_listed_the_newest_first_by_kind_and_state(engine: Engine) -> None:
    one, two, three = queued(engine, 3)
    with writing(engine) as conn:
        assert cancel_plan(conn, two, at=NOW).status == "cancelled"
        with pytest.raises(PlanNotReady, match="cancelled already"):
            cancel_plan(conn, two, at=NOW)
    with reading(engine) as conn:
        assert [plan.plan_id for plan in list_plans(conn)] == [three, two, one]
        assert [plan.plan_id for plan in list_plans(conn, status="cancelled")] == [two]
        assert [plan.plan_id for plan in list_plans(conn, before=three, limit=1)] == [two]
        assert list_plans(conn, kind="bundles") == ()
        assert plan_result(conn, one) is None


def test_what_is_not_there_is_said_to_be(engine: Engine) -> None:
    with writing(engine) as conn:
        for ask in (read_plan, plan_document, plan_result, best_so_far, accepted_as):
            with pytest.raises(PlanNotFound, match="no plan 7"):
                ask(conn, 7)
        job = submit_job(conn, NewJob("plan", {}, NOW, "ada"))
        with pytest.raises(PlanNotFound, match="no plan 7"):
            add_plan(conn, job, "markdown", parent=7)
        with pytest.raises(PlanNotFound, match="makes no plan"):
            plan_of_job(conn, job)
