"""JSON forms of plans over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from api.http.bodies import schemas_of
from api.http.wire import utc_text
from api.plans.following import Tracking
from pricing.promotions.promotion import Record
from storage.jobs.plans import StoredPlan


class PlanRequest(Record, frozen=True, kw_only=True):
    """A plan to make.

    Attributes:
        kind: `markdown`, `promotions` or `bundles`.
        document: as the command of the same name reads it from a file.
        note: why.
    """

    kind: str
    document: dict[str, Any]
    note: str = ""


class PlanAmendment(Record, frozen=True, kw_only=True):
    """What a person changes by hand; everything else is planned again around it.

    Attributes:
        pins: rows of sku, week and what must be: `price` (and `market`), or `mechanic`.
        unpin: rows of sku and week (and market) that are free again.
        keep_weeks: weeks that stay as the plan has them.
        keep_skus: products that stay as the plan has them.
        note: why.
    """

    pins: tuple[dict[str, Any], ...] = ()
    unpin: tuple[dict[str, Any], ...] = ()
    keep_weeks: tuple[int, ...] = ()
    keep_skus: tuple[str, ...] = ()
    note: str = ""


class PlanAcceptance(Record, frozen=True, kw_only=True):
    """How to accept a plan.

    Attributes:
        starts_on: first day of its first week, where the document does not say.
        time_zone: of the days, instead of the document's.
        market: where drafts hold, instead of the document's.
        as_promotions: make drafts of special prices out of a price schedule.
    """

    starts_on: date | None = None
    time_zone: str | None = None
    market: str | None = None
    as_promotions: bool = False


class PlanContinuation(Record, frozen=True, kw_only=True):
    """Plan the weeks that are left, from the sales that are stored."""

    note: str = ""


class ProgressDocument(msgspec.Struct, frozen=True):
    """How far the work is; `total` is null where nobody knows."""

    step: str
    done: int
    total: int | None


class PlanDocument(msgspec.Struct, frozen=True):
    """A plan and where it stands.

    Attributes:
        status: `queued`, `running`, `finished`, `failed`, `cancelled` or `interrupted`.
        parent: the plan that it amends or continues.
        cancel_wanted: it will stop soon.
        best: the best plan so far, with value, bound and gap; null where there is none yet.
        result: the finished plan, as the command of its kind writes it.
        error: why there is none, with the limits that conflict and what would help.
        accepted: what was made of it.
    """

    plan: int
    kind: str
    status: str
    parent: int | None
    note: str
    created_at: str
    created_by: str
    started_at: str | None
    finished_at: str | None
    cancel_wanted: bool
    progress: ProgressDocument
    best: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    accepted_at: str | None
    accepted_by: str | None
    accepted: dict[str, Any] | None


class PlansDocument(msgspec.Struct, frozen=True):
    """Plans without their long parts, the newest first; ask on with `before` set to the last."""

    plans: list[PlanDocument]


class PlanInputDocument(msgspec.Struct, frozen=True):
    """What was asked."""

    plan: int
    kind: str
    document: dict[str, Any]


class TrackedWeek(msgspec.Struct, frozen=True):
    """All products of a week together; revenue in major units, tax included."""

    week: int
    planned_units: float
    units: float
    planned_revenue: float
    revenue: float


class TrackedRow(msgspec.Struct, frozen=True):
    """A product in a week; `price` is the mean paid, null where no sale is stored."""

    sku: str
    market: str
    week: int
    planned_price: float
    price: float | None
    planned_units: float
    units: float
    sold_out: bool


class TrackingDocument(msgspec.Struct, frozen=True):
    """A plan against what was sold."""

    plan: int
    starts_on: str
    weeks: int
    totals: list[TrackedWeek]
    rows: list[TrackedRow]


def plan_schemas() -> dict[str, Any]:
    """Component schemas by name."""
    return schemas_of(
        [
            PlanRequest,
            PlanAmendment,
            PlanAcceptance,
            PlanContinuation,
            PlanDocument,
            PlansDocument,
            PlanInputDocument,
            TrackingDocument,
        ]
    )


def document_of(
    found: StoredPlan,
    *,
    best: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    accepted: dict[str, Any] | None = None,
) -> PlanDocument:
    """The wire form."""
    return PlanDocument(
        plan=found.plan_id,
        kind=found.kind,
        status=found.status,
        parent=found.parent_id,
        note=found.note,
        created_at=utc_text(found.created_at),
        created_by=found.created_by,
        started_at=None if found.started_at is None else utc_text(found.started_at),
        finished_at=None if found.finished_at is None else utc_text(found.finished_at),
        cancel_wanted=found.cancel_wanted,
        progress=ProgressDocument(found.step, found.done, found.total),
        best=best,
        result=result,
        error=None if found.error is None else dict(found.error),
        accepted_at=None if found.accepted_at is None else utc_text(found.accepted_at),
        accepted_by=found.accepted_by,
        accepted=accepted,
    )


def tracking_document(plan: int, seen: Tracking) -> TrackingDocument:
    """The wire form."""
    rows = seen.rows.astype(object).where(seen.rows.notna(), None).to_dict("records")
    return TrackingDocument(
        plan=plan,
        starts_on=seen.starts_on.isoformat(),
        weeks=seen.weeks,
        totals=[
            TrackedWeek(**{str(key): value for key, value in row.items()})
            for row in seen.totals.to_dict("records")
        ],
        rows=[TrackedRow(**{str(key): value for key, value in row.items()}) for row in rows],
    )
