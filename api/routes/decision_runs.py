"""Decision runs: asked for under a manager's rules, and how each was solved."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self

import msgspec
from fastapi import APIRouter, Path
from pydantic import Field

from api.access.principal import Principal
from api.access.scope import require_categories, require_markets, require_within
from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded
from api.http.documents import Document, UtcTime
from api.jobs.deciding import DECIDE, DecideAsked
from api.routes.dependencies import Asking, Reading, Running, Service
from api.work.asking import ask, wait_for
from models.refusals import Conflict, Defect, Invalid, TooLarge, place_of
from pricing.deciding.decisions import Action
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, DecisionNotFound, ScopeTaken
from storage.jobs.queue import StoredJob, job_result
from storage.prices.decisions import RunSummary, run_summary
from storage.products.markets import list_markets
from storage.products.products import categories, categories_of
from storage.releases.reach import reach_of_run

router = APIRouter(prefix="/v1/decision-runs", tags=["decisions"])

_PATIENCE: Final = timedelta(hours=1)
_ALWAYS: Final = (Invalid, DatabaseUnavailable, Defect)


_QUESTION: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": msgspec.json.schema(DecideAsked)["$defs"]["DecideAsked"],
            "example": {
                "rules": {
                    "guardrails": {"minimum_margin": 0.08},
                    "together": {"max_changes": 200},
                },
                "market": "online",
            },
        }
    },
}


class SolveDocument(Document):
    """How the joint problem was solved, and how good the answer is."""

    status: str = Field(description="`optimal`, `within_gap` or `feasible`", examples=["optimal"])
    method: str = Field(description="`separable`, `cp_sat` or `decomposition`")
    objective: float = Field(description="Worth of the answer, in the objective's unit")
    bound: float = Field(description="No answer is worth more")
    gap: float = Field(description="(bound - objective) / |bound|")
    seconds: float


class DecisionRunDocument(Document):
    """One run of decisions."""

    run: int
    decided_at: UtcTime
    created_at: UtcTime
    fit: int | None = Field(description="Number of the demand fit that it used")
    prices: int = Field(description="Public prices decided")
    change: int
    keep: int
    hold: int
    solve: SolveDocument
    conflicts: list[str] = Field(description="Relations that no allowed prices could satisfy")
    undecided: list[str] = Field(
        description="Relations for which none were found in time: split them, or offer fewer "
        "candidate prices"
    )
    price_tests: int
    cross_effects: int = Field(description="Fitted cross-price effects that the prices rest on")
    tiers: list[str] = Field(examples=[["gold", "public"]])
    dominant: list[dict[str, str | float]] = Field(
        description="Products that own more than a fifth of the units, revenue or profit expected "
        "in a currency: `sku`, `within`, `figure`, `share`"
    )

    @classmethod
    def of(cls, found: RunSummary) -> Self:
        """The wire form."""
        solve = found.solve
        counts = {action: found.actions.get(int(action), 0) for action in Action}
        return cls(
            run=found.run_id,
            decided_at=found.decided_at,
            created_at=found.created_at,
            fit=found.fit_id,
            prices=sum(counts.values()),
            change=counts[Action.CHANGE],
            keep=counts[Action.KEEP],
            hold=counts[Action.HOLD],
            solve=SolveDocument(
                status=solve.status,
                method=solve.method,
                objective=solve.objective,
                bound=solve.bound,
                gap=solve.gap,
                seconds=solve.seconds,
            ),
            conflicts=list(solve.conflicts),
            undecided=list(solve.undecided),
            price_tests=int(found.report.get("price_tests", 0)),
            cross_effects=int(found.report.get("cross_effects", 0)),
            tiers=list(found.tiers),
            dominant=list(found.report.get("dominant", ())),
        )


@router.post(
    "",
    operation_id="decide_prices",
    summary="Decide prices",
    status_code=201,
    responses=problem_responses(NotAnOperator, Conflict, TooLarge, *_ALWAYS),
    openapi_extra={"requestBody": _QUESTION},
)
def post_run(service: Running, asking: Asking, raw: Raw) -> DecisionRunDocument:
    """Decide and store a run under these rules; nothing goes live before it is published.

    The run is made by a process of its own; one at a time. The answer comes when it is stored.
    """
    asked = decoded(raw, DecideAsked)
    _require_theirs(service, asking, asked)
    try:
        with writing(service.engine) as conn:
            number = ask(conn, DECIDE, asked, at=datetime.now(UTC), by=asking.actor, alone=True)
    except ScopeTaken as error:
        raise Conflict(f"a decision run is under way ({error}); ask again then") from None
    service.work.wake()
    job = wait_for(
        service.engine, number, patience=_PATIENCE, given_up=lambda: service.work.stopping
    )
    said = job.error or {}
    if job.status == "failed" and said.get("kind") != "defect":
        place = ("rules", *place_of(str(said["place"]))) if said.get("place") else ()
        raise Invalid(str(said.get("message", "")), ("body", *place))
    if job.status != "finished":
        raise Conflict(_why_not(job))
    with reading(service.engine) as conn:
        result = job_result(conn, number) or {}
        return DecisionRunDocument.of(run_summary(conn, int(result["run"])))


def _require_theirs(service: Service, asking: Principal, asked: DecideAsked) -> None:
    """Refuse a run about more than who asks may act on; what is not named is about everything.

    Raises:
        NotAllowed: naming what is beyond.
    """
    if asking.everywhere:
        return
    with reading(service.engine) as conn:
        if asked.market is None:
            require_markets(asking, (market.code for market in list_markets(conn)))
        else:
            require_markets(asking, (asked.market,))
        if asked.category is not None:
            require_categories(asking, (asked.category,))
        elif asked.skus is not None:
            require_categories(asking, categories_of(conn, asked.skus))
        else:
            require_categories(asking, categories(conn))


def _why_not(job: StoredJob) -> str:
    if job.open:
        return f"job {job.job_id} is {job.status} still; see /v1/jobs/{job.job_id}"
    why = (job.error or {}).get("message", "")
    return f"job {job.job_id} was {job.status}: {why}"


@router.get(
    "/{run}",
    operation_id="read_decision_run",
    summary="A decision run",
    responses=problem_responses(DecisionNotFound, *_ALWAYS),
)
def read_run(
    conn: Reading, asking: Asking, run: Annotated[int, Path(ge=1, le=2**62)]
) -> DecisionRunDocument:
    """What a run did and how good its answer is: bound, gap, time and status."""
    summary = run_summary(conn, run)
    if not asking.everywhere:
        require_within(asking, reach_of_run(conn, run))
    return DecisionRunDocument.of(summary)
