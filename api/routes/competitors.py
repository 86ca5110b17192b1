"""What people and partners say of competitors: prices seen elsewhere, matches, held prices."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from fastapi import APIRouter, Query
from msgspec import Meta
from msgspec.structs import asdict
from pydantic import Field

from api.access.scope import require_all_categories, require_markets
from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, takes
from api.http.documents import Amount, Document, UtcTime
from api.routes.dependencies import Asking, Operator, Reading, Running
from models.refusals import Conflict, Defect, Invalid, Missing, named_at, within
from pricing.decimal_text import HOW
from pricing.promotions.promotion import Record
from scrapers.extract import Availability, Condition
from scrapers.offers.doubts import hold_anew, settle_held
from scrapers.offers.reported import Reported, store_reported
from storage.competitors.match_reviews import Review, decide, reopen, reviews
from storage.competitors.quarantine import HeldOffer, held_offers
from storage.database import writing
from storage.errors import (
    DatabaseUnavailable,
    UnknownMarket,
)

router = APIRouter(prefix="/v1", tags=["competitors"])

_MOST = 1_000


class ObservationBody(Record, frozen=True, kw_only=True):
    """A price that was seen."""

    competitor: Annotated[
        str, Meta(description="Name of the site; a new one is made", examples=["north"])
    ]
    market: Annotated[str, Meta(examples=["online"])]
    url: Annotated[str, Meta(examples=["https://north.example/kettle"])]
    title: Annotated[str, Meta(examples=["Kestrel Kettle 1.7 l"])]
    price: Annotated[str, Meta(description=f"Decimal string: {HOW}", examples=["39.90"])]
    currency: Annotated[str, Meta(examples=["EUR"])]
    observed_at: Annotated[datetime, Meta(tz=True)]
    gtin: str | None = None
    mpn: str | None = None
    brand: str | None = None
    list_price: Annotated[str | None, Meta(description="Decimal string")] = None
    availability: Availability | None = None
    condition: Condition | None = None


class ObservationsBody(Record, frozen=True, kw_only=True):
    """Prices that were seen."""

    observations: Annotated[list[ObservationBody], Meta(min_length=1, max_length=_MOST)]


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


class AnswerBody(Record, frozen=True, kw_only=True):
    """A person's word on a match."""

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


class SettleBody(Record, frozen=True, kw_only=True):
    """A person's word on a held price."""

    release: Annotated[
        bool, Meta(description="True: the price is right and counts. False: drop it")
    ]


_SEEN: Final = {
    "competitor": "north",
    "market": "online",
    "url": "https://north.example/kettle",
    "title": "Kestrel Kettle 1.7 l",
    "price": "39.90",
    "currency": "EUR",
    "observed_at": "2026-03-01T12:00:00Z",
}
_Limit = Annotated[int, Query(ge=1, le=_MOST)]
_WRITES = (Invalid, NotAnOperator, DatabaseUnavailable, Defect)
_READS = (Invalid, DatabaseUnavailable, Defect)


@router.post(
    "/observations",
    operation_id="report_observations",
    summary="Report competitor prices seen elsewhere",
    responses=problem_responses(*_WRITES),
    openapi_extra=takes(ObservationsBody, {"observations": [_SEEN]}),
)
def report_observations(raw: Raw, service: Running, asking: Asking) -> ReceiptDocument:
    """Store prices that a partner or a browser extension saw, after the checks of a crawl."""
    sent = decoded(raw, ObservationsBody)
    require_all_categories(asking)
    require_markets(asking, {entry.market for entry in sent.observations})
    seen = [Reported(**asdict(entry)) for entry in sent.observations]
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
    openapi_extra=takes(AnswerBody, {"same": True}),
)
def answer_match_review(
    review_id: int, raw: Raw, service: Running, operator: Operator
) -> ReviewDocument:
    """The answer stands whatever later scores say, and trains them."""
    same = decoded(raw, AnswerBody).same
    with service.write_turn, writing(service.engine) as conn:
        review = decide(conn, review_id, same=same, by=operator, at=datetime.now(UTC))
    return ReviewDocument.of(review)


@router.post(
    "/match-reviews/{review_id}/undo",
    operation_id="reopen_match_review",
    summary="Take the answer on a match back",
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def reopen_match_review(review_id: int, service: Running, operator: Operator) -> ReviewDocument:
    """The pair is open again, and so are those of its page that were rejected with it."""
    with service.write_turn, writing(service.engine) as conn:
        review = reopen(conn, review_id, by=operator, at=datetime.now(UTC))
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
    openapi_extra=takes(SettleBody, {"release": True}),
)
def settle_quarantine(
    quarantine_id: int, raw: Raw, service: Running, operator: Operator
) -> HeldDocument:
    """A released price counts from when it was seen."""
    release = decoded(raw, SettleBody).release
    with service.write_turn, writing(service.engine) as conn:
        held = settle_held(conn, quarantine_id, release=release, by=operator, at=datetime.now(UTC))
    return HeldDocument.of(held)


@router.post(
    "/quarantine/{quarantine_id}/undo",
    operation_id="hold_again",
    summary="Take the word on a held price back",
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def hold_again(quarantine_id: int, service: Running, operator: Operator) -> HeldDocument:
    """It is held as before; not where a newer look or a decision rests on what was said."""
    with service.write_turn, writing(service.engine) as conn:
        held = hold_anew(conn, quarantine_id, by=operator, at=datetime.now(UTC))
    return HeldDocument.of(held)
