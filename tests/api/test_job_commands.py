"""Jobs on the command line: asked for and done here, left to others, watched, scheduled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.database import reading
from storage.jobs.queue import list_jobs, running_jobs
from tests.api.conftest import eventually
from tests.api.shop import open_shop
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine

SALES = "sku,market,date,units,revenue\nTEA-1,online,2026-02-02,3,14.97\n"


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> CommandLine:
    open_shop(engine)
    return CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})


def test_a_job_is_done_here_and_shown(shop: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "ask.json").write_text('{"table": "sales", "file": {"path": "sales.csv"}}')
    told = shop("jobs", "run", "import", "--request", "@ask.json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["inserted"] == 1
    shown = json.loads(shop.succeed("jobs", "show", "1", "--json"))
    assert (shown["status"], shown["request"]["table"]) == ("finished", "sales")
    assert shown["request"]["file"]["path"] == str(tmp_path / "sales.csv"), "for whoever works"
    assert "import, finished" in shop.succeed("jobs", "show", "1")
    assert "finished" in shop.succeed("jobs", "list", "--kind", "import")
    assert "import" in shop.succeed("jobs", "kinds")


def test_what_cannot_be_done_says_why(shop: CommandLine) -> None:
    told = shop("jobs", "run", "decide", "--request", '{"market": "moon"}')
    assert (told.status, "job 1 is failed" in told.err) == (1, True)
    for arguments, said in (
        (("weather",), "no kind of job"),
        (("decide", "--request", '{"colour": 1}'), "unknown field `colour`"),
        (("decide", "--request", "[]"), "must be a JSON object"),
        (("decide", "--request", "@nowhere.json"), "nowhere.json"),
    ):
        told = shop("jobs", "run", *arguments)
        assert told.status != 0
        assert said in told.err
    assert "no job 9" in shop("jobs", "show", "9").err


def test_a_job_is_left_to_others_and_cancelled(shop: CommandLine) -> None:
    assert "job 1 is queued" in shop.succeed("jobs", "run", "fit", "--detach")
    assert "job 1 is cancelled" in shop.succeed("jobs", "cancel", "1")
    assert "cancelled already" in shop("jobs", "cancel", "1").err


def test_ctrl_c_cancels_the_job_that_is_done_here(shop: CommandLine, engine: Engine) -> None:
    document = {
        "currency": "EUR", "weeks": 5, "starts_on": "2026-11-23", "search": {"draws": 100_000},
        "items": [{"sku": "TEA-1", "ladder": ["4.99", "3.99", "2.99"], "demand": 20,
                   "elasticity": -2.5, "stock": 260}],
    }  # fmt: skip
    request = json.dumps({"kind": "markdown", "document": document})

    def running() -> bool:
        with reading(engine) as conn:
            return bool(running_jobs(conn))

    with shop.started("jobs", "run", "plan", "--request", request) as process:
        assert eventually(running)
        process.interrupt()
        assert process.wait() != 0
    with reading(engine) as conn:
        (job,) = list_jobs(conn)
    assert job.status == "cancelled"


def test_a_worker_does_what_waits_and_logs_it(shop: CommandLine, engine: Engine) -> None:
    shop.succeed("jobs", "run", "plan", "--detach", "--request",
                 '{"kind": "markdown", "document": {"currency": "EUR", "weeks": 2, "starts_on": '
                 '"2026-11-23", "search": {"draws": 10}, "items": [{"sku": "TEA-1", "ladder": '
                 '["4.99", "3.99"], "demand": 20, "elasticity": -2.5, "stock": 60}]}}')  # fmt: skip

    def ended() -> bool:
        with reading(engine) as conn:
            return not list_jobs(conn)[0].open

    with shop.started("worker") as process:
        assert eventually(ended)
        process.process.terminate()
        assert process.wait() == 0
    assert "finished" in shop.succeed("jobs", "list")
    shop.succeed("jobs", "log", "1")


def test_a_schedule_is_set_shown_and_forgotten(shop: CommandLine) -> None:
    told = shop.succeed(
        "jobs", "schedule", "nightly", "decide", "--cron", "30 3 * * *", "--market", "online"
    )
    assert "nightly: next at" in told
    assert "30 3 * * *" in shop.succeed("jobs", "schedules")
    assert "Bad minute" in shop("jobs", "schedule", "x", "decide", "--cron", "61 * * * *").err
    assert "forgotten" in shop.succeed("jobs", "unschedule", "nightly")
    assert "no schedule 'nightly'" in shop("jobs", "unschedule", "nightly").err
