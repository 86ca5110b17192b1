"""Drafts: what a proposal changes, the word on it, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.reasons import limit_name, told
from api.console.tables import Column, Tone, cell, question_of, rows_document
from api.console.visit import Visit, Visiting
from api.jobs.draft_review import (
    amend_price,
    comment_on,
    read_board,
    restore_price,
    review_draft,
    review_price,
    second_person,
)
from api.jobs.draft_table import Cause, ReviewRow, Wanted, review_page
from api.jobs.freezing import freeze_prices, lift_freezes
from api.jobs.release import approve_draft, reject_draft, release, roll_back_to
from api.jobs.release_terms import budget_of, terms_of
from api.routes.dependencies import Operator, Running
from api.routes.drafts import serve_at_once
from models.refusals import Invalid
from pricing.decimal_text import parse_number
from pricing.law.price_history import on_the_clock
from pricing.price_book import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

router = page_router()
PAGE = Page(
    name="drafts",
    title=N_("Drafts"),
    router=router,
    path="/drafts",
    group=Group.PRICING,
    order=10,
    key="d",
    icon="draft",
)

STATUSES: Final[Mapping[str, tuple[str, Tone]]] = {
    "draft": (N_("waits for approval"), "doubt"),
    "approved": (N_("approved, waits for its time"), "info"),
    "releasing": (N_("going live in stages"), "info"),
    "released": (N_("live"), "good"),
    "rejected": (N_("rejected"), "quiet"),
    "rolled_back": (N_("rolled back"), "bad"),
}

CAUSES: Final[Mapping[Cause, tuple[str, Tone]]] = {
    Cause.AMENDED: (N_("Set by hand"), "doubt"),
    Cause.LAW: (N_("The law"), "info"),
    Cause.REPAIR: (N_("Old price breaks a limit"), "bad"),
    Cause.PACE: (N_("Stopped by pace"), "info"),
    Cause.LIMIT: (N_("Stopped by a limit"), "info"),
    Cause.STRATEGY: (N_("Your rules"), "quiet"),
    Cause.MEMBERS: (N_("Members' price"), "quiet"),
    Cause.GAIN: (N_("Earns more"), "good"),
    Cause.EVEN: (N_("Earns no more"), "quiet"),
    Cause.OTHER: (N_("Effect unknown"), "doubt"),
}

BUDGET: Final = {
    "share_of_products": N_("Share of the prices that change"),
    "average_change": N_("Average change"),
    "single_change": N_("Largest single change"),
    "revenue_at_risk": N_("Revenue at risk"),
}

_FIGURES: Final = {
    "expected units": N_("expected units"),
    "expected revenue": N_("expected revenue"),
    "expected profit": N_("expected profit"),
}
_DIRECTIONS: Final = {"up": N_("raised"), "down": N_("lowered"), "new": N_("new")}
_OFFERED: Final = (
    ("profit", N_("Worst first")),
    ("-profit", N_("Best first")),
    ("-change", N_("Largest rises first")),
    ("change", N_("Largest cuts first")),
)

Number = Annotated[int, Path(ge=1, le=2**62)]
Text = Annotated[str, Form(max_length=2000)]
Key = Annotated[str, Form(min_length=1, max_length=256)]


@dataclass(frozen=True, slots=True)
class _Meter:
    """How much of one limit of the change budget is used."""

    name: str
    share: float
    found: str
    allowed: str
    tone: Tone


@router.get("/drafts")
def show_drafts(visit: Visiting, service: Running) -> HTMLResponse:
    """Drafts, price books and the kill switch."""
    board = read_board(service.engine)
    return visit.page(
        "drafts/page.html",
        board=board,
        waiting=[draft for draft in board.drafts if draft.status == "draft"],
        proposed={draft.run_id for draft in board.drafts},
        statuses=STATUSES,
        zone=service.settings.time_zone,
        places=[("", visit.say("all markets")), *((code, code) for code in board.markets)],
    )


@router.get("/drafts/{draft}")
def show_draft(
    visit: Visiting,
    service: Running,
    operator: Operator,
    draft: Number,
    sort: Annotated[str, Query(max_length=20)] = "profit",
) -> HTMLResponse:
    """One draft, with all that somebody needs who decides on it."""
    review = review_draft(service.engine, draft)
    sorts = dict(_OFFERED)
    return visit.page(
        "drafts/draft.html",
        review=review,
        draft=review.draft,
        state=STATUSES[review.draft.status],
        meters=_meters(visit, service, review.draft.review),
        figures=_FIGURES,
        columns=_columns(visit, review.markets),
        sort=sort if sort in sorts else "profit",
        sorts=_OFFERED,
        second=second_person(
            service.engine, review, operator, four_eyes=service.settings.four_eyes
        ),
        overtaken=review.draft.status == "draft" and review.live != review.draft.measured_against,
    )


@router.get("/drafts/{draft}/rows")
def draft_rows(visit: Visiting, service: Running, request: Request, draft: Number) -> Response:
    """The rows of a draft that a table asks for."""
    markets = request.query_params.get("filter.market", "")
    question = question_of(request, _columns(visit, (markets,)))
    cause = question.filters.get("cause")
    wanted = Wanted(
        search=question.search,
        sku=question.filters.get("sku", ""),
        market=question.filters.get("market", ""),
        cause=Cause(cause) if cause else None,
        direction=question.filters.get("change", ""),  # type: ignore[arg-type]
        descending=question.descending,
        offset=question.offset,
        limit=question.size,
    )
    if question.sort:
        wanted = replace(wanted, sort=question.sort)  # type: ignore[arg-type]
    found = review_page(service.engine, draft, wanted)
    rows = [_row(visit, draft, row) for row in found.rows]
    return visit.json(rows_document(question, rows, found.total))


@router.get("/drafts/{draft}/price")
def show_price(
    visit: Visiting,
    service: Running,
    draft: Number,
    sku: Annotated[str, Query(min_length=1, max_length=256)],
    market: Annotated[str, Query(min_length=1, max_length=256)],
) -> HTMLResponse:
    """One price of a draft: why, and what somebody makes of it."""
    review = review_price(service.engine, draft, sku, market)
    decision = review.stored.decision
    return visit.page(
        "drafts/price.html",
        review=review,
        decision=decision,
        reasons=[told(visit, reason) for reason in decision.reasons],
    )


@router.post("/drafts/{draft}/comments")
def comment(
    visit: Visiting,
    service: Running,
    operator: Operator,
    draft: Number,
    text: Text = "",
    sku: Text = "",
    market: Text = "",
) -> Response:
    """Say something of the draft, or of one price of it."""
    comment_on(
        service.engine,
        draft,
        text,
        now=datetime.now(UTC),
        by=operator,
        sku=sku or None,
        market=market or None,
    )
    return visit.leads_to(_place(draft, sku, market))


@router.post("/drafts/{draft}/amendments")
def amend(
    visit: Visiting,
    service: Running,
    operator: Operator,
    draft: Number,
    sku: Key,
    market: Key,
    action: Annotated[str, Form(pattern="set|leave_out|restore")],
    price: Annotated[str, Form(max_length=40)] = "",
    note: Text = "",
) -> Response:
    """Set one price of the draft, leave it out, or let it be as it was decided."""
    now, budget = datetime.now(UTC), budget_of(service.settings)
    if action == "restore":
        restore_price(
            service.engine, draft, sku, market, budget=budget, now=now, by=operator, note=note
        )
    else:
        if action == "set" and not price.strip():
            raise Invalid(visit.say("Say which price."), ("price",))
        amend_price(
            service.engine,
            draft,
            sku,
            market,
            price.strip() if action == "set" else None,
            budget=budget,
            now=now,
            by=operator,
            note=note,
            packs=service.packs,
        )
    return visit.leads_to(_place(draft, sku, market))


@router.post("/drafts/{draft}/approve")
def approve(
    visit: Visiting, service: Running, operator: Operator, draft: Number, note: Text = ""
) -> Response:
    """Consent; it goes live at once unless it has a later time."""
    _, version = approve_draft(
        service.engine,
        draft,
        now=datetime.now(UTC),
        by=operator,
        four_eyes=service.settings.four_eyes,
        note=note,
        packs=service.packs,
    )
    if version is not None:
        serve_at_once(service)
    return visit.leads_to(_place(draft))


@router.post("/drafts/{draft}/reject")
def reject(
    visit: Visiting, service: Running, operator: Operator, draft: Number, reason: Text = ""
) -> Response:
    """Give the draft up."""
    if not reason.strip():
        raise Invalid(visit.say("Say why; it is kept on record."), ("reason",))
    reject_draft(service.engine, draft, now=datetime.now(UTC), by=operator, reason=reason)
    return visit.leads_to(_place(draft))


@router.post("/drafts/propose")
def propose(
    visit: Visiting,
    service: Running,
    operator: Operator,
    run: Annotated[int, Form(ge=1, le=2**62)],
    note: Text = "",
    activate_at: Annotated[str, Form(max_length=40)] = "",
    stages: Annotated[str, Form(max_length=200)] = "",
    pause_hours: Annotated[float, Form(ge=0, le=8760)] = 24.0,
) -> Response:
    """Propose the prices of a run: for now, for a time, or in stages."""
    terms = terms_of(
        service.settings,
        activate_at=_moment(visit, activate_at, service.settings.time_zone),
        stages=_shares(visit, stages),
        pause=timedelta(hours=pause_hours),
    )
    done = release(
        service.engine,
        run,
        terms,
        now=datetime.now(UTC),
        by=operator,
        note=note,
        packs=service.packs,
    )
    if done.version is not None:
        serve_at_once(service)
    return visit.leads_to(_place(done.draft.draft_id))


@router.post("/drafts/freeze")
def freeze(
    visit: Visiting, service: Running, operator: Operator, reason: Text = "", market: Text = ""
) -> Response:
    """Pull the kill switch."""
    if not reason.strip():
        raise Invalid(visit.say("Say why; it is kept on record."), ("reason",))
    now = datetime.now(UTC)
    freeze_prices(service.engine, now=now, by=operator, reason=reason, market=market or None)
    return visit.leads_to(_place())


@router.post("/drafts/unfreeze")
def unfreeze(visit: Visiting, service: Running, operator: Operator, market: Text = "") -> Response:
    """Let prices change again: of one market, or of all."""
    lift_freezes(service.engine, now=datetime.now(UTC), by=operator, market=market or None)
    return visit.leads_to(_place())


@router.post("/drafts/books/{version}/rollback")
def roll_back(
    visit: Visiting, service: Running, operator: Operator, version: Number, reason: Text = ""
) -> Response:
    """Bring the prices of a price book back."""
    if not reason.strip():
        raise Invalid(visit.say("Say why; it is kept on record."), ("reason",))
    roll_back_to(
        service.engine,
        version,
        now=datetime.now(UTC),
        by=operator,
        reason=reason,
        packs=service.packs,
    )
    serve_at_once(service)
    return visit.leads_to(_place())


def _place(draft: int | None = None, sku: str = "", market: str = "") -> str:
    if draft is None:
        return "/console/drafts"
    if sku and market:
        return f"/console/drafts/{draft}/price?{urlencode({'sku': sku, 'market': market})}"
    return f"/console/drafts/{draft}"


def _columns(visit: Visit, markets: Sequence[str]) -> tuple[Column, ...]:
    causes = {cause.value: visit.say(name) for cause, (name, _) in CAUSES.items()}
    ways = {way: visit.say(name) for way, name in _DIRECTIONS.items()}
    say = visit.say
    return (
        Column("sku", say("Product"), sortable=True, filter="text", width=170, pinned=True),
        Column(
            "market",
            say("Market"),
            sortable=True,
            filter={code: code for code in markets if code},
            width=110,
            priority=3,
        ),
        Column("before", say("Before"), "number", sortable=True, width=95, priority=2),
        Column("after", say("After"), "number", sortable=True, width=95),
        Column("change", say("Change"), "number", sortable=True, filter=ways, width=105),
        Column("revenue", say("Revenue a period"), "number", sortable=True, width=180, priority=5),
        Column("profit", say("Profit a period"), "number", sortable=True, width=165, priority=1),
        Column("cause", say("Reason"), "badge", filter=causes, width=205, priority=4),
    )


def _row(visit: Visit, draft: int, row: ReviewRow) -> Mapping[str, Any]:
    formats, currency = visit.formats, row.after.currency
    title, tone = CAUSES[row.cause]
    limits = ", ".join(limit_name(visit, name) for name in row.limits)
    tier = "" if row.tier == PUBLIC else f" \N{MIDDLE DOT} {row.tier}"
    return {
        "id": f"{row.sku}\t{row.market}\t{row.tier}",
        "href": visit.url(_place(draft, row.sku, row.market)),
        "sku": cell(f"{row.sku} {row.title}".strip(), note=row.title or None),
        "market": row.market + tier,
        "before": formats.money(row.before),
        "after": formats.money(row.after),
        "change": formats.percent(row.change, signed=True),
        "revenue": _gain(visit, row.revenue_gain, currency),
        "profit": _gain(visit, row.profit_gain, currency),
        "cause": cell(visit.say(title), tone=tone, note=limits or None),
    }


def _gain(visit: Visit, gain: float | None, currency: str) -> Mapping[str, object]:
    tone: Tone | None = None if not gain else "good" if gain > 0 else "bad"
    return cell(visit.formats.estimate(gain, currency, signed=True), tone=tone)


def _meters(visit: Visit, service: Any, review: Mapping[str, Any]) -> Sequence[_Meter]:  # noqa: ANN401
    """The change budget as it was measured, against what is allowed."""
    report = review.get("report")
    if not report:
        return ()
    budget = budget_of(service.settings)
    asked = {breach["limit"]: float(breach["allowed"]) for breach in report["breaches"]}
    meters = []
    for name, title in BUDGET.items():
        allowed = asked.get(name, float(getattr(budget, name)))
        found = float(report[name])
        over = name in asked
        meters.append(
            _Meter(
                visit.say(title),
                found / allowed if allowed else float(found > 0),
                visit.formats.percent(found),
                visit.formats.percent(allowed, 0),
                "bad" if over else "doubt" if allowed and found > 0.8 * allowed else "good",
            )
        )
    return meters


def _moment(visit: Visit, given: str, zone: str) -> datetime | None:
    if not given.strip():
        return None
    try:
        at = datetime.fromisoformat(given.strip())
    except ValueError:
        raise Invalid(visit.say("This is no day and time."), ("activate_at",)) from None
    return on_the_clock(at, ZoneInfo(zone)) if at.tzinfo is None else at.astimezone(UTC)


def _shares(visit: Visit, given: str) -> Sequence[float]:
    """Stages as people write them: `10, 50, 100`, in per cent."""
    if not given.strip():
        return (1.0,)
    try:
        return [parse_number(part.strip(" %")) / 100.0 for part in given.split(",")]
    except ValueError:
        raise Invalid(
            visit.say("Stages are per cents that rise to 100, such as 10, 50, 100."), ("stages",)
        ) from None
