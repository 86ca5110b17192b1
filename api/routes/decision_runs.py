"""Decision runs: asked for under a manager's rules, and how each was solved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

import msgspec
from fastapi import APIRouter, Path
from pydantic import Field

from api.errors import (
    BodyTooLarge,
    DatabaseAway,
    DecisionNotFound,
    InvalidRequest,
    NotAnOperator,
    NotPossibleNow,
    UnexpectedFailure,
    invalid_field,
    problem_responses,
)
from api.http.bodies import Raw, decoded
from api.http.documents import Document, UtcTime
from api.jobs.decision_process import RunFailed, RunRefused, RunRequest
from api.routes.dependencies import Operator, Reading, Running, Service
from pricing.deciding.decisions import Action
from storage.database import reading, writing
from storage.errors import LeaseHeld, RunNotFound
from storage.jobs.leases import give_back, take_lease
from storage.prices.decisions import RunSummary, run_summary

router = APIRouter(prefix="/v1/decision-runs", tags=["decisions"])

_PATIENCE: Final = timedelta(hours=1)
_ALWAYS: Final = (InvalidRequest, DatabaseAway, UnexpectedFailure)


class RunQuestion(msgspec.Struct, forbid_unknown_fields=True):
    """What to price, and under which rules; `rules` is what a rules file says, as JSON."""

    rules: dict[str, Any] = {}
    market: str | None = None
    category: str | None = None
    skus: list[str] | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0


_QUESTION: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": msgspec.json.schema(RunQuestion)["$defs"]["RunQuestion"],
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
    responses=problem_responses(NotAnOperator, NotPossibleNow, BodyTooLarge, *_ALWAYS),
    openapi_extra={"requestBody": _QUESTION},
)
def post_run(service: Running, actor: Operator, raw: Raw) -> DecisionRunDocument:
    """Decide and store a run under these rules; nothing goes live before it is published.

    The run is made by a process of its own; one at a time. The answer comes when it is stored.
    """
    question = decoded(raw, RunQuestion)
    request = RunRequest(
        database_url=service.settings.database_url,
        rules=question.rules,
        offer_max_age_seconds=service.settings.offer_max_age.total_seconds(),
        rule_packs=None if (packs := service.settings.rule_packs) is None else str(packs),
        market=question.market,
        category=question.category,
        skus=question.skus,
        map_floor_in=service.settings.map_floor_in,
        at=None if question.at is None else question.at.isoformat(),
        seed=question.seed,
    )
    with _alone(service, actor):
        try:
            run_id = service.runs.decide(request, patience=_PATIENCE)
        except RunRefused as error:
            raise invalid_field(f"body.{error.field}".rstrip("."), str(error)) from None
        except RunFailed as error:
            raise NotPossibleNow(str(error)) from None
    with reading(service.engine) as conn:
        return DecisionRunDocument.of(run_summary(conn, run_id))


@router.get(
    "/{run}",
    operation_id="read_decision_run",
    summary="A decision run",
    responses=problem_responses(DecisionNotFound, *_ALWAYS),
)
def read_run(conn: Reading, run: Annotated[int, Path(ge=1, le=2**62)]) -> DecisionRunDocument:
    """What a run did and how good its answer is: bound, gap, time and status."""
    try:
        return DecisionRunDocument.of(run_summary(conn, run))
    except RunNotFound as error:
        raise DecisionNotFound(str(error)) from None


@contextmanager
def _alone(service: Service, actor: str) -> Iterator[None]:
    """One run at a time: two would decide from the same prices and know nothing of each other."""
    try:
        with writing(service.engine) as conn:
            lease = take_lease(conn, "decision run", at=datetime.now(UTC), lasts=_PATIENCE)
    except LeaseHeld as error:
        raise NotPossibleNow(
            f"a decision run is under way ({error}); {actor} can ask again"
        ) from None
    try:
        yield
    finally:
        with writing(service.engine) as conn:
            give_back(conn, lease)
