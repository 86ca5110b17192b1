"""`pricewright jobs`: what is slow, asked for, watched, cancelled and scheduled."""

from __future__ import annotations

import getpass
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Engine

from api.cli.database import database
from api.cli.terminal import Bars, bars, fail, out, utc_now
from api.jobs.kinds import KINDS
from api.jobs.scheduling import asks_next, set_schedule
from api.jobs.working import work_room
from api.settings import Settings, load_settings
from api.work.asking import ask
from storage.database import reading, writing
from storage.jobs.queue import (
    StoredJob,
    cancel_job,
    job_best,
    job_log,
    job_request,
    job_result,
    list_jobs,
    read_job,
)
from storage.jobs.schedules import list_schedules, remove_schedule

app = typer.Typer(add_completion=False, help="Jobs: ask for them, watch, cancel, schedule.")

_LOOK_SECONDS: Final = 0.2
_STOP_WAIT: Final = timedelta(seconds=15)
_REQUEST = Annotated[
    str, typer.Option("--request", metavar="JSON|@FILE", help="What is asked, as JSON.")
]


@app.callback()
def _jobs() -> None:
    """Jobs: ask for them, watch, cancel, schedule."""


@app.command("list")
def list_command(
    kind: Annotated[str | None, typer.Option(help="Only those of this kind.")] = None,
    status: Annotated[str | None, typer.Option(help="Only those of this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
) -> None:
    """The newest jobs, and where each stands."""
    with database(load_settings()) as engine, reading(engine) as conn:
        statuses = () if status is None else (status,)
        found = list_jobs(conn, kind=kind, statuses=statuses, limit=limit)
    table = Table("job", "kind", "status", "progress", "asked for", "by", "took")
    for job in found:
        table.add_row(
            str(job.job_id),
            job.kind,
            job.status,
            _progress(job),
            f"{job.created_at:%Y-%m-%d %H:%M}",
            escape(job.created_by),
            _took(job),
        )
    out.print(table)


@app.command()
def kinds() -> None:
    """What can be asked for."""
    table = Table("kind", "what it does", "begun again")
    for name in sorted(KINDS):
        table.add_row(name, KINDS[name].summary, f"{KINDS[name].retries} times")
    out.print(table)


@app.command()
def show(
    job: Annotated[int, typer.Argument(help="Its number.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """One job: what was asked, how far it is, what came of it."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = read_job(conn, job)
        long = {
            "request": job_request(conn, job),
            "best": job_best(conn, job),
            "result": job_result(conn, job),
        }
    if as_json:
        fields = {name: getattr(found, name) for name in StoredJob.__dataclass_fields__}
        out.print_json(json.dumps({**fields, **long}, default=str))
        return
    out.print(f"job {job}: {found.kind}, [bold]{found.status}[/], {_progress(found) or 'no step'}")
    for name, value in long.items():
        if value is not None:
            out.print(f"{name}: {escape(_short(value))}")
    if found.error is not None:
        out.print(f"error: {escape(str(found.error.get('message', found.error)))}")


@app.command()
def run(
    kind: Annotated[str, typer.Argument(help="Its kind, see `jobs kinds`.")],
    request: _REQUEST = "{}",
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it to the service or a worker.")
    ] = False,
) -> None:
    """Ask for a job and work on it here; Ctrl-C cancels it.

    The result goes to standard output as JSON. Paths of files in the request are those of this
    machine.
    """
    settings = load_settings()
    asked = _json(request)
    with database(settings) as engine:
        chosen = KINDS[kind]
        if chosen.local(chosen.read(asked)) is not None:
            asked = _found_from_anywhere(asked)
        with writing(engine) as conn:
            number = ask(conn, chosen, asked, at=utc_now(), by=getpass.getuser())
        if detach:
            out.print(f"job {number} is queued")
            return
        job = _worked_on(engine, settings, number)
        with reading(engine) as conn:
            result = job_result(conn, number)
    if job.status != "finished":
        fail(f"job {number} is {job.status}: {(job.error or {}).get('message', '')}")
        raise typer.Exit(1)
    out.print_json(json.dumps(result))


def _worked_on(engine: Engine, settings: Settings, number: int) -> StoredJob:
    """Work on one job in a process of its own until it has ended."""
    room = work_room(engine, settings, only=number)
    room.start()
    try:
        with bars(f"job {number}") as progress:
            while (job := _look(engine, number, progress)).open:
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        with writing(engine) as conn:
            if read_job(conn, number).open:
                cancel_job(conn, number, at=utc_now())
        raise
    finally:
        room.stop(_STOP_WAIT)
    return job


def _look(engine: Engine, number: int, progress: Bars) -> StoredJob:
    with reading(engine) as conn:
        job = read_job(conn, number)
    progress(job.step, job.done, job.total)
    return job


@app.command()
def cancel(job: Annotated[int, typer.Argument(help="Its number.")]) -> None:
    """Stop a job: at once where it waits, within seconds where it runs."""
    with database(load_settings()) as engine, writing(engine) as conn:
        found = cancel_job(conn, job, at=utc_now())
    out.print(f"job {job} is {found.status}{', and will stop' if found.open else ''}")


@app.command()
def log(
    job: Annotated[int, typer.Argument(help="Its number.")],
    lines: Annotated[int, typer.Option(min=1, max=5000, help="Most lines.")] = 1000,
) -> None:
    """What a job logged."""
    with database(load_settings()) as engine, reading(engine) as conn:
        for _, at, line in job_log(conn, job, limit=lines):
            out.print(f"{at:%Y-%m-%d %H:%M:%S} {escape(line)}")


@app.command()
def schedules() -> None:
    """What is asked for again and again, and when next."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = list_schedules(conn)
    table = Table("schedule", "kind", "cron", "time zone", "next (UTC)")
    for schedule in found:
        table.add_row(
            escape(schedule.name),
            schedule.kind,
            escape(schedule.cron),
            schedule.time_zone,
            f"{asks_next(schedule):%Y-%m-%d %H:%M}",
        )
    out.print(table)


@app.command()
def schedule(
    name: Annotated[str, typer.Argument(help="Of the schedule; one of this name is replaced.")],
    kind: Annotated[str, typer.Argument(help="Of the job.")],
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday.")],
    request: _REQUEST = "{}",
    market: Annotated[str | None, typer.Option(help="Whose time zone counts.")] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="The zone itself; UTC if neither is given.")
    ] = None,
) -> None:
    """Ask for a job again and again, as in `--cron '30 3 * * mon-fri'`."""
    with database(load_settings()) as engine, writing(engine) as conn:
        kept = set_schedule(
            conn, name, kind=kind, cron=cron, request=_json(request), at=utc_now(),
            by=getpass.getuser(), market=market, time_zone=time_zone,
        )  # fmt: skip
    out.print(f"{escape(name)}: next at {asks_next(kept):%Y-%m-%d %H:%M} UTC")


@app.command()
def unschedule(name: Annotated[str, typer.Argument(help="Of the schedule.")]) -> None:
    """Forget a schedule; the jobs that it asked for stay."""
    with database(load_settings()) as engine, writing(engine) as conn:
        remove_schedule(conn, name)
    out.print(f"{escape(name)} is forgotten")


def _json(text: str) -> dict[str, Any]:
    """A request from its text, or from the file that `@` names."""
    try:
        said = Path(text[1:]).read_text("utf-8") if text.startswith("@") else text
        found = json.loads(said)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--request {text!r}: {error}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter('--request must be a JSON object, as in \'{"market": "online"}\'')
    return found


def _found_from_anywhere(asked: dict[str, Any]) -> dict[str, Any]:
    """The request with whole paths: a service of this machine may be quicker to take it up."""
    found = dict(asked)
    if isinstance(asked.get("out"), str):
        found["out"] = str(Path(asked["out"]).absolute())
    for name, file in asked.items():
        if isinstance(file, dict) and isinstance(file.get("path"), str):
            found[name] = {**file, "path": str(Path(file["path"]).absolute())}
    return found


def _progress(job: StoredJob) -> str:
    if not job.step:
        return ""
    total = "" if job.total is None else f" of {job.total:,}"
    return f"{escape(job.step)} {job.done:,}{total}"


def _took(job: StoredJob) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f"{(job.finished_at - job.started_at).total_seconds():.1f} s"


def _short(value: dict[str, Any]) -> str:
    text = json.dumps(value)
    return text if len(text) <= 500 else f"{text[:500]}… (`--json` shows it all)"
