"""What competitors did over time: the record of one product, and the analysis of a market."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.errors import MarketRequired, problem_responses
from api.jobs.market_analysis import USUAL_WINDOW, market_report, price_record
from api.reports.market_documents import MarketAnalysisDocument, PriceRecordDocument
from api.routes.dependencies import Reading
from api.routes.keys import SkuInPath, market_of
from models.refusals import Defect, Invalid
from models.refusals import within as placed
from storage.errors import DatabaseUnavailable, NoPriceForMarket, UnknownProduct

router = APIRouter(prefix="/v1", tags=["competitors"])

_Market = Annotated[str | None, Query(description="Needed where there are several")]
_Since = Annotated[
    AwareDatetime | None, Query(description="How far back, with a time zone; 180 days if absent")
]


@router.get(
    "/offer-history/{sku:path}",
    operation_id="read_offer_history",
    summary="A product's price at the competitors over time, gaps as gaps",
    responses=problem_responses(
        UnknownProduct,
        NoPriceForMarket,
        MarketRequired,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def read_offer_history(
    conn: Reading, sku: SkuInPath, market: _Market = None, since: _Since = None
) -> PriceRecordDocument:
    """Spans of time in the order of competitor, page and start; a gap is a span without price."""
    code, now = market_of(conn, market), datetime.now(UTC)
    begin = _begin(since, now)
    return PriceRecordDocument.of(price_record(conn, sku, code, since=begin, until=now))


@router.get(
    "/market-analysis",
    operation_id="read_market_analysis",
    summary="Price indices, leaders, promotions, endings and stock-outs of the competitors",
    responses=problem_responses(
        NoPriceForMarket, MarketRequired, Invalid, DatabaseUnavailable, Defect
    ),
)
def read_market_analysis(
    conn: Reading,
    market: _Market = None,
    category: Annotated[str | None, Query(description="Our products of this one only")] = None,
    since: _Since = None,
    within: Annotated[
        int, Query(ge=1, le=28, description="Days in which a change follows another")
    ] = 7,
) -> MarketAnalysisDocument:
    """Every figure with its count and interval; where the data are too few it says so."""
    code, now = market_of(conn, market), datetime.now(UTC)
    begin = _begin(since, now)
    with placed("query"):
        report = market_report(conn, code, category=category, since=begin, until=now, within=within)
    return MarketAnalysisDocument.of(report)


def _begin(since: datetime | None, now: datetime) -> datetime:
    """When the record begins.

    Raises:
        Invalid: it lies ahead, or so far back that there was no such shop.
    """
    begin = now - USUAL_WINDOW if since is None else since
    if begin >= now:
        raise Invalid(f"{begin.isoformat()} lies ahead", ("query", "since"))
    if begin.year < _EARLIEST:
        raise Invalid(f"{begin.isoformat()} lies before the year {_EARLIEST}", ("query", "since"))
    return begin


_EARLIEST = 2000
