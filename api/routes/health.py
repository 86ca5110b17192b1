"""Is the process alive, and should it get traffic?"""

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from api.errors import NotReady, problem_responses
from api.http.documents import Document, UtcTime
from api.live.snapshot import Serving
from api.routes.dependencies import Desk

router = APIRouter(tags=["health"])


class Alive(Document):
    """The process answers."""

    status: Literal["alive"] = "alive"


class DatabaseCheck(Document):
    """State of the database, as the last poll saw it."""

    ok: bool
    checked_at: UtcTime | None = Field(description="When it last answered")
    why: str | None = Field(description="What is wrong")


class PriceBookCheck(Document):
    """State of the price book in memory."""

    ok: bool
    version: int | None
    why: str | None = Field(description="What is wrong")


class WritesCheck(Document):
    """Whether the database takes writes, as the last poll saw it."""

    ok: bool
    why: str | None = Field(description="What is wrong, and the cure")


class Checks(Document):
    """State of each part."""

    database: DatabaseCheck
    writes: WritesCheck
    price_book: PriceBookCheck

    @classmethod
    def of(cls, serving: Serving, why_not_writable: str | None) -> "Checks":
        """The checks on what is served now, and on what can be kept."""
        why_stale = serving.failure or "the last check of the database is too long ago"
        book = None if serving.snapshot is None else serving.snapshot.book
        return cls(
            database=DatabaseCheck(
                ok=not serving.stale,
                checked_at=serving.checked_at,
                why=why_stale if serving.stale else None,
            ),
            writes=WritesCheck(ok=why_not_writable is None, why=why_not_writable),
            price_book=PriceBookCheck(
                ok=book is not None,
                version=None if book is None else book.version,
                why="no price book is live; run `pricewright publish`" if book is None else None,
            ),
        )


class Ready(Document):
    """The service can take traffic."""

    status: Literal["ready"] = "ready"
    checks: Checks
    doubts: list[str] = Field(
        description="Settings that do not hold, such as one that names a market which there is not"
    )


@router.get("/healthz", operation_id="healthz", summary="The process answers")
async def healthz() -> Alive:
    """Says nothing about the database or the prices: a restart would not bring them back."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="The service should get traffic",
    responses=problem_responses(NotReady),
)
async def readyz(desk: Desk) -> Ready:
    """Ready with a price book in memory and a database that answers and takes writes.

    While the database is away prices are served on, marked stale; whether a worker then gets
    traffic is for the load balancer to decide, which sees 503 here and the reason.
    """
    checks = Checks.of(desk.live.serving, desk.writability.why_not)
    parts = (checks.price_book, checks.database, checks.writes)
    reasons = [check.why for check in parts if check.why]
    if reasons:
        raise NotReady("; ".join(reasons), checks=checks.model_dump(mode="json"))
    return Ready(checks=checks, doubts=list(desk.named_markets.doubts))
