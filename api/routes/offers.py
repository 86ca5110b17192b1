"""What competitors ask for a product."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from api.errors import MarketRequired, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.routes.dependencies import Reading, Running
from api.routes.keys import SkuInPath, market_of
from models.refusals import Defect, Invalid
from storage.competitors.offers import StoredOffer, offers_of
from storage.errors import DatabaseUnavailable, NoPriceForMarket, UnknownProduct

router = APIRouter(prefix="/v1/offers", tags=["offers"])


class OfferDocument(Document):
    """One offer as it was seen on a competitor's page."""

    competitor: str = Field(description="Name of the site", examples=["shop-north"])
    url: str
    title: str
    price: Amount
    list_price: Amount | None = Field(description="The struck-out price beside it")
    availability: str = Field(examples=["in_stock"])
    observed_at: UtcTime
    fresh: bool = Field(description="Young enough to count in a decision")
    match_method: str | None = Field(description="How it was matched", examples=["gtin"])
    match_score: float | None = Field(description="How sure the match is, 0 to 1")
    source: str = Field(description="Where on the page the price was", examples=["json_ld"])
    confidence: float = Field(description="How sure the extraction is, 0 to 1")
    crawl: int = Field(description="Number of the crawl that saw it")

    @classmethod
    def of(cls, stored: StoredOffer, oldest: datetime) -> Self:
        """The wire form; `oldest` is the time from which an offer is fresh."""
        offer = stored.offer
        return cls(
            competitor=stored.site,
            url=offer.url,
            title=offer.title,
            price=Amount.of(offer.price),
            list_price=Amount.of_optional(offer.list_price),
            availability=offer.availability,
            observed_at=offer.observed_at,
            fresh=offer.observed_at >= oldest,
            match_method=offer.match_method,
            match_score=offer.match_score,
            source=offer.source,
            confidence=offer.confidence,
            crawl=stored.crawl_id,
        )


class OffersDocument(Document):
    """The offers for a product in a market, the newest first."""

    sku: str
    market: str
    offers: list[OfferDocument]


@router.get(
    "/{sku:path}",
    operation_id="read_offers",
    summary="What competitors ask for a product",
    responses=problem_responses(
        UnknownProduct,
        NoPriceForMarket,
        MarketRequired,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def read_offers(
    conn: Reading,
    service: Running,
    sku: SkuInPath,
    market: Annotated[str | None, Query(description="Needed where there are several")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most offers to list")] = 100,
) -> OffersDocument:
    """Every observation matched to the product, the newest first; none is an empty list."""
    code = market_of(conn, market)
    stored = offers_of(conn, sku, code, limit=limit)
    oldest = datetime.now(UTC) - service.settings.offer_max_age
    return OffersDocument(
        sku=sku, market=code, offers=[OfferDocument.of(offer, oldest) for offer in stored]
    )
