"""Proposing prices, the kill switch, and the readings of watched figures."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import Field

from api.access.scope import require_all_categories, require_markets, require_within
from api.errors import MarketRequired, NotAllowed, NotAnOperator, problem_responses
from api.http.documents import Document, UtcTime
from api.jobs.freezing import freeze_prices as start_freeze
from api.jobs.freezing import lift_freezes
from api.jobs.release import keep_releases, release
from api.jobs.release_terms import terms_of
from api.routes.dependencies import Asking, Operator, Reading, Running, Service
from api.routes.drafts import DraftDocument
from api.routes.keys import market_of
from models.refusals import Conflict, Defect, Invalid, named_at, within
from pricing.law.price_history import on_the_clock
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, NoPriceForMarket, RunNotFound
from storage.products.markets import list_markets
from storage.releases.freezes import Freeze, freezes_in_force
from storage.releases.reach import reach_of_run
from storage.releases.watched_figures import add_reading

router = APIRouter(prefix="/v1", tags=["governance"])

_CHANGING = problem_responses(NotAnOperator, Invalid, DatabaseUnavailable, Defect)


class FreezeDocument(Document):
    """Frozen prices."""

    market: str | None = Field(description="Null for all markets")
    since: UtcTime
    by: str
    reason: str

    @classmethod
    def of(cls, item: Freeze) -> "FreezeDocument":
        """The wire form."""
        return cls(market=item.market, since=item.frozen_at, by=item.frozen_by, reason=item.reason)


class FreezesDocument(Document):
    """All that is frozen now."""

    freezes: list[FreezeDocument]


class FreezeRequest(Document):
    """What to freeze, and why."""

    reason: str = Field(min_length=1, max_length=2000)
    market: str | None = None


class ReadingRequest(Document):
    """A value of a watched figure."""

    figure: str = Field(min_length=1, max_length=200)
    value: float = Field(allow_inf_nan=False, strict=True)


class ReadingDocument(Document):
    """What came of a reading."""

    rolled_back: list[int] = Field(description="Drafts whose release was rolled back")


class ProposalRequest(Document):
    """A decision run that should go live, and how."""

    run: int = Field(ge=1, le=2**62, strict=True)
    note: str = Field(default="", max_length=2000)
    activate_at: datetime | None = Field(
        default=None,
        description="When to go live. Without an offset it is the local time of `market`",
        examples=["2026-11-27T06:00"],
    )
    market: str | None = Field(
        default=None, description="On whose clocks `activate_at` is; the only market if absent"
    )
    stages: list[Annotated[float, Field(strict=True)]] = Field(default=[1.0], max_length=50)
    first_markets: list[str] = Field(default=[], max_length=1000)
    pause_hours: float = Field(default=1.0, ge=0, le=8760, strict=True)
    keep_together: str = Field(default="sku", description="`sku` or `category`")
    watches: list[str] = Field(
        default=[], max_length=50, examples=[["conversion:0.9:"]], description="FIGURE:LOW:HIGH"
    )
    watch_hours: float = Field(default=168.0, ge=0, le=8760, strict=True)


@router.get(
    "/freezes",
    operation_id="list_freezes",
    summary="What is frozen",
    responses=problem_responses(DatabaseUnavailable, Defect),
)
def read_freezes(conn: Reading) -> FreezesDocument:
    """The freezes in force, the oldest first."""
    return FreezesDocument(freezes=[FreezeDocument.of(item) for item in freezes_in_force(conn)])


@router.post(
    "/freezes",
    operation_id="freeze",
    summary="Freeze prices",
    responses={**_CHANGING, **problem_responses(NoPriceForMarket)},
)
def freeze_prices(service: Running, asking: Asking, request: FreezeRequest) -> FreezesDocument:
    """The kill switch: nothing goes live until it is lifted; what is live is served on."""
    require_all_categories(asking)
    if asking.markets is not None and request.market is None:
        raise NotAllowed(f"name a market; {asking.name} may not freeze all of them")
    require_markets(asking, () if request.market is None else (request.market,))
    start_freeze(
        service.engine,
        now=datetime.now(UTC),
        by=asking.actor,
        reason=request.reason,
        market=request.market,
    )
    with reading(service.engine) as conn:
        return read_freezes(conn)


@router.delete(
    "/freezes",
    operation_id="unfreeze",
    summary="Let prices change again",
    responses={**_CHANGING, **problem_responses(NoPriceForMarket)},
)
def unfreeze_prices(
    service: Running,
    operator: Operator,
    market: Annotated[str | None, Query(description="Only the freezes of this market")] = None,
) -> FreezesDocument:
    """Lift all freezes, or those of one market; answers what is still frozen."""
    lift_freezes(service.engine, now=datetime.now(UTC), by=operator, market=market)
    with reading(service.engine) as conn:
        return read_freezes(conn)


@router.post(
    "/figure-readings",
    operation_id="add_reading",
    summary="Tell a watched figure's value",
    responses=_CHANGING,
)
def add_figure_reading(
    service: Running,
    operator: Operator,  # noqa: ARG001  (who may)
    request: ReadingRequest,
) -> ReadingDocument:
    """A figure that leaves its band brings the prices from before its release back."""
    now = datetime.now(UTC)
    with writing(service.engine) as conn:
        add_reading(conn, request.figure, request.value, at=now)
    work = keep_releases(service.engine, now=now, packs=service.packs)
    if work.rolled_back or work.versions:
        service.live.refresh()
    return ReadingDocument(rolled_back=list(work.rolled_back))


@router.post(
    "/price-book-drafts",
    operation_id="propose",
    summary="Propose the prices of a run",
    responses={**_CHANGING, **problem_responses(Conflict, NoPriceForMarket, MarketRequired)},
)
def propose_run(service: Running, asking: Asking, request: ProposalRequest) -> DraftDocument:
    """They go live at once inside the change budget; else they wait for an approval.

    Where the law, or a limit at today's cost, forbids one of them, the draft is rejected, its
    `reason` names rows and articles, and nothing goes live.
    """
    if not asking.everywhere:
        with reading(service.engine) as conn:
            require_within(asking, reach_of_run(conn, request.run))
    with within("body"), named_at("run", missing=RunNotFound):
        terms = terms_of(
            service.settings,
            activate_at=_moment(service, request),
            stages=request.stages,
            first_markets=request.first_markets,
            pause=timedelta(hours=request.pause_hours),
            keep_together=request.keep_together,
            watches=request.watches,
            watch_for=timedelta(hours=request.watch_hours),
        )
        done = release(
            service.engine,
            request.run,
            terms,
            now=datetime.now(UTC),
            by=asking.actor,
            note=request.note,
            packs=service.packs,
        )
    if done.version is not None:
        service.live.refresh()
    return DraftDocument.of(done.draft)


def _moment(service: Service, request: ProposalRequest) -> datetime | None:
    """When to go live, UTC; local times are those of the market's clocks.

    Raises:
        MarketRequired, NoPriceForMarket: it is not clear on whose clocks.
    """
    at = request.activate_at
    if at is None or at.tzinfo is not None:
        return None if at is None else at.astimezone(UTC)
    with reading(service.engine) as conn:
        code = market_of(conn, request.market)
        zone = next(item.time_zone for item in list_markets(conn) if item.code == code)
    return on_the_clock(at, ZoneInfo(zone))
