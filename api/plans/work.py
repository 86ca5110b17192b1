"""Plans as jobs: asked for, queued, made by the work room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.engine import Connection, Engine

from api.plans.kinds import plan_kind
from api.work.asking import ask
from api.work.context import Context
from api.work.kinds import Kind
from models.refusals import within
from storage.database import writing
from storage.jobs.plans import add_plan, plan_of_job


class PlanAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A plan to make.

    Attributes:
        kind: `markdown`, `promotions` or `bundles`.
        document: as the command of the same name reads it from a file.
        note: why.
        parent: the plan that it amends or continues.
    """

    kind: str
    document: dict[str, Any]
    note: str = ""
    parent: int | None = None


def ask_for_plan(
    engine: Engine,
    kind: str,
    document: Mapping[str, Any],
    *,
    now: datetime,
    by: str,
    note: str = "",
    parent: int | None = None,
) -> int:
    """Check a document and queue it; returns the plan's number.

    Raises:
        PlanInputInvalid: no such kind, or the document cannot be used.
        PricingError: the same, found by the kind itself.
        PlanNotFound: there is no such parent.
    """
    asked = PlanAsked(kind, dict(document), note, parent)
    plan_kind(kind).check(asked.document)
    with writing(engine) as conn:
        return plan_of_job(conn, ask(conn, PLAN, asked, at=now, by=by, checked=True))


def _check(asked: PlanAsked) -> None:
    kind = plan_kind(asked.kind)
    with within("document"):
        kind.check(asked.document)


def _asked(conn: Connection, job_id: int, asked: PlanAsked, at: datetime, by: str) -> PlanAsked:
    del at, by
    add_plan(conn, job_id, asked.kind, note=asked.note, parent=asked.parent)
    return asked


def _run(asked: PlanAsked, context: Context) -> Mapping[str, Any]:
    return plan_kind(asked.kind).run(asked.document, context.progress, context.best)


PLAN: Final = Kind(
    "plan",
    "Plan a clearance, a promotion calendar or bundles, with a bound.",
    PlanAsked,
    _run,
    check=_check,
    asked=_asked,
)
