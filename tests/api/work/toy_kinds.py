"""Kinds of jobs that tests and their child processes know: short work with an effect to count."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine

from api.work.context import Context
from api.work.kinds import NETWORK, Kind, Kinds
from models.refusals import Conflict
from storage.database import writing
from storage.errors import DatabaseUnavailable

EFFECTS = sa.table("effects", sa.column("job_id"), sa.column("kind"))


class Toy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a toy is asked."""

    seconds: float = 0.0
    scope: str | None = None
    say: str = ""


class Refused(Conflict):
    """What a toy refuses."""


def with_effects(engine: Engine) -> None:
    """A table that keeps each effect of each job; nothing there forbids two of one job."""
    with writing(engine) as conn:
        conn.execute(sa.text("CREATE TABLE effects (job_id INTEGER, kind TEXT)"))


def effects_of(engine: Engine) -> dict[int, int]:
    """How often each job had its effect."""
    with writing(engine) as conn:
        query = sa.select(EFFECTS.c.job_id, sa.func.count()).group_by(EFFECTS.c.job_id)
        return {row[0]: row[1] for row in conn.execute(query)}


def _effect(context: Context, kind: str) -> dict[str, Any]:
    result = {"kind": kind}
    with writing(context.engine) as conn:
        conn.execute(EFFECTS.insert().values(job_id=context.job_id, kind=kind))
        context.end(conn, result)
    return result


def _store(asked: Toy, context: Context) -> dict[str, Any]:
    """Sleeps, then stores."""
    time.sleep(asked.seconds)
    return _effect(context, "store")


def _spin(asked: Toy, context: Context) -> dict[str, Any]:
    """Keeps a processor busy and tells how far it is, then stores."""
    end = time.monotonic() + asked.seconds
    turns = 0
    while time.monotonic() < end:
        turns += 1
        context.progress("spin", turns, None)
        context.best({"turns": turns})
    context.log("spun")
    return _effect(context, "spin")


def _orderly(asked: Toy, context: Context) -> dict[str, Any]:
    """Comes to an orderly end when it is asked to stop."""
    stop: list[bool] = []
    with context.stopping_by(lambda: stop.append(True)):
        end = time.monotonic() + asked.seconds
        while time.monotonic() < end and not stop:
            time.sleep(0.01)
    return _effect(context, "orderly")


def _alone(asked: Toy, context: Context) -> dict[str, Any]:
    """Fails where another one of its scope runs at the same time."""
    with writing(context.engine) as conn:
        query = sa.text(
            "SELECT count(*) FROM jobs WHERE status = 'running' AND scope = 'alone' "
            "AND job_id <> :job"
        )
        if conn.scalar(query, {"job": context.job_id}):
            raise Refused("another one runs")
    time.sleep(asked.seconds)
    return _effect(context, "alone")


def _say(asked: Toy, context: Context) -> dict[str, Any]:
    """Needs no database: what it says is its result."""
    if asked.say == "refuse":
        raise Refused("not this")
    if asked.say == "no database":
        raise DatabaseUnavailable("gone")
    if asked.say == "defect":
        raise ZeroDivisionError(asked.say)
    context.progress("say", 1, 1)
    context.best({"said": asked.say})
    context.log(f"I say {asked.say}")
    return {"said": asked.say}


def _deaf(asked: Toy, context: Context) -> dict[str, Any]:
    """Holds the interpreter, so that nothing else in its process has a turn."""
    import re

    del context
    return {"matched": bool(re.match(r"(a+)+$", "a" * int(asked.seconds) + "b"))}


def _check(asked: Toy) -> None:
    if asked.say == "never":
        raise Refused("say: never")


STORE = Kind("store", "Store.", Toy, _store, retries=50)
SPIN = Kind("spin", "Spin.", Toy, _spin, retries=50)
ORDERLY = Kind("orderly", "Stop in order.", Toy, _orderly, retries=50, lane=NETWORK)
ALONE = Kind("alone", "One at a time.", Toy, _alone, retries=50, scope=lambda _: "alone")
ONCE = Kind("once", "Not to be begun again.", Toy, _store, retries=0)
SAY = Kind("say", "Say.", Toy, _say, scope=lambda asked: asked.scope, check=_check)
DEAF = Kind("deaf", "Hear nothing.", Toy, _deaf)

KINDS = Kinds(
    {kind.name: f"{__name__}:{kind.name.upper()}"
     for kind in (STORE, SPIN, ORDERLY, ALONE, ONCE, SAY, DEAF)},
    f"{__name__}:KINDS",
)  # fmt: skip
