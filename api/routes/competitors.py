"""What people and partners say of competitors: prices seen elsewhere, matches, held prices."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.errors import NotAnOperator, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.routes.dependencies import Operator, Reading, Running
from models.refusals import Conflict, Defect, Invalid, Missing, named_at, within
from pricing.decimal_text import HOW
from scrapers.extract import Availability, Condition
from scrapers.offers.doubts import settle_held
from scrapers.offers.reported import Reported, store_reported
from storage.competitors.match_reviews import Review, decide, reviews
from storage.competitors.quarantine import HeldOffer, held_offers
from storage.database import writing
from storage.errors import (
    DatabaseUnavailable,
    UnknownMarket,
)

router = APIRouter(prefix="/v1", tags=["competitors"])

_MOST = 1_000


class ObservationBody(BaseModel):
    """A price that was seen."""

    model_config = ConfigDict(extra="forbid")

    competitor: str = Field(description="Name of the site; a new one is made", examples=["north"])
    market: str = Field(examples=["online"])
    url: str = Field(examples=["https://north.example/kettle"])
    title: str = Field(examples=["Kestrel Kettle 1.7 l"])
    price: str = Field(description=f"Decimal string: {HOW}", examples=["39.90"])
    currency: str = Field(examples=["EUR"])
    observed_at: AwareDatetime
    gtin: str | None = None
    mpn: str | None = None
    brand: str | None = None
    list_price: str | None = Field(default=None, description="Decimal string")
    availability: Availability | None = None
    condition: Condition | None = None


class ObservationsBody(BaseModel):
    """Prices that were seen."""

    model_config = ConfigDict(extra="forbid")

    observations: list[ObservationBody] = Field(min_length=1, max_length=_MOST)


class ReceiptDocument(Document):
    """What became of them."""

    stored: int
    matched: int = Field(description="Of these, tied to one of our products")
    changes: int = Field(description="Price changes told")
    held: int = Field(description="Put into quarantine: the price can hardly be right")
    to_review: int = Field(description="Matches that a person should look at")


class ReviewDocument(Document):
    """A match in doubt, or decided."""

    id: int
    competitor: str
    url: str
    title: str
    sku: str
    our_title: str
    score: float = Field(description="The chance that they are the same, 0 to 1")
    status: str = Field(examples=["pending"])
    decided_at: UtcTime | None
    decided_by: str | None

    @classmethod
    def of(cls, review: Review) -> Self:
        """The wire form."""
        return cls(
            id=review.review_id,
            competitor=review.site,
            url=review.url,
            title=review.title,
            sku=review.sku,
            our_title=review.our_title,
            score=review.score,
            status=review.status,
            decided_at=review.decided_at,
            decided_by=review.decided_by,
        )


class ReviewsDocument(Document):
    """Matches, the likeliest first."""

    reviews: list[ReviewDocument]


class AnswerBody(BaseModel):
    """A person's word on a match."""

    model_config = ConfigDict(extra="forbid")

    same: bool


class HeldDocument(Document):
    """A price that can hardly be right."""

    id: int
    competitor: str
    url: str
    title: str
    price: Amount
    reason: str
    status: str = Field(examples=["held"])
    held_at: UtcTime
    decided_by: str | None

    @classmethod
    def of(cls, held: HeldOffer) -> Self:
        """The wire form."""
        return cls(
            id=held.quarantine_id,
            competitor=held.site,
            url=held.url,
            title=held.offer.title,
            price=Amount.of(held.offer.price),
            reason=held.reason,
            status=held.status,
            held_at=held.held_at,
            decided_by=held.decided_by,
        )


class QuarantineDocument(Document):
    """Prices held back, the newest first."""

    offers: list[HeldDocument]


class SettleBody(BaseModel):
    """A person's word on a held price."""

    model_config = ConfigDict(extra="forbid")

    release: bool = Field(description="True: the price is right and counts. False: drop it")


_Limit = Annotated[int, Query(ge=1, le=_MOST)]
_WRITES = (Invalid, NotAnOperator, DatabaseUnavailable, Defect)
_READS = (Invalid, DatabaseUnavailable, Defect)


@router.post(
    "/observations",
    operation_id="report_observations",
    summary="Report competitor prices seen elsewhere",
    responses=problem_responses(*_WRITES),
)
def report_observations(body: ObservationsBody, service: Running, _: Operator) -> ReceiptDocument:
    """Store prices that a partner or a browser extension saw, after the checks of a crawl."""
    seen = [Reported(**entry.model_dump()) for entry in body.observations]
    with within("body"), named_at("observations", missing=UnknownMarket):
        receipt = store_reported(service.engine, seen, now=datetime.now(UTC))
    return ReceiptDocument(
        stored=receipt.stored,
        matched=receipt.matched,
        changes=receipt.changes,
        held=receipt.held,
        to_review=receipt.to_review,
    )


@router.get(
    "/match-reviews",
    operation_id="list_match_reviews",
    summary="Matches that a person should decide, or has decided",
    responses=problem_responses(*_READS),
)
def list_match_reviews(
    conn: Reading,
    status: Literal["pending", "same", "different"] = "pending",
    limit: _Limit = 50,
) -> ReviewsDocument:
    """The likeliest first."""
    found = reviews(conn, status=status, limit=limit)
    return ReviewsDocument(reviews=[ReviewDocument.of(review) for review in found])


@router.post(
    "/match-reviews/{review_id}",
    operation_id="answer_match_review",
    summary="Decide a match",
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def answer_match_review(
    review_id: int, body: AnswerBody, service: Running, operator: Operator
) -> ReviewDocument:
    """The answer stands whatever later scores say, and trains them."""
    with service.write_turn, writing(service.engine) as conn:
        review = decide(conn, review_id, same=body.same, by=operator, at=datetime.now(UTC))
    return ReviewDocument.of(review)


@router.get(
    "/quarantine",
    operation_id="list_quarantine",
    summary="Competitor prices that are held back",
    responses=problem_responses(*_READS),
)
def list_quarantine(
    conn: Reading,
    status: Literal["held", "released", "dropped"] = "held",
    limit: _Limit = 50,
) -> QuarantineDocument:
    """The newest first."""
    found = held_offers(conn, status=status, limit=limit)
    return QuarantineDocument(offers=[HeldDocument.of(held) for held in found])


@router.post(
    "/quarantine/{quarantine_id}",
    operation_id="settle_quarantine",
    summary="Let a held price count, or drop it",
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def settle_quarantine(
    quarantine_id: int, body: SettleBody, service: Running, operator: Operator
) -> HeldDocument:
    """A released price counts from when it was seen."""
    with service.write_turn, writing(service.engine) as conn:
        held = settle_held(
            conn, quarantine_id, release=body.release, by=operator, at=datetime.now(UTC)
        )
    return HeldDocument.of(held)
