"""The price that a reduction is measured from, and what the law says of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from api.errors import MarketRequired, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.jobs.legal import ReferencePrice, reference_price
from api.routes.dependencies import Reading, Running
from api.routes.keys import SkuInPath, market_of
from models.refusals import Defect, Invalid
from pricing.errors import NoRulesForMarket
from pricing.law.packs import Evidence, Verdict
from pricing.money import Money
from storage.errors import DatabaseUnavailable, NoPriceForMarket, UnknownProduct
from storage.law.market_rules import logged_inputs
from storage.products.markets import list_markets

router = APIRouter(prefix="/v1/reference-prices", tags=["law"])


class PriceRowDocument(Document):
    """One price that the answer rests on."""

    since: UtcTime
    until: UtcTime | None = Field(description="Null where it still applied")
    price: Amount
    source: str = Field(description="Where it is recorded", examples=["price book 12"])
    decisive: bool = Field(description="This price set the result")


class EvidenceDocument(Document):
    """What the answer rests on."""

    jurisdiction: str
    article: str
    source: str = Field(description="Where to read the article")
    confirmed: bool = Field(description="Counsel confirmed the rule pack")
    article_unverified: bool = Field(
        description="The article's number could not be checked against the text"
    )
    opens: UtcTime | None = Field(description="Start of the window")
    closes: UtcTime | None = Field(description="Its end; not part of it")
    rows: list[PriceRowDocument]

    @classmethod
    def of(cls, evidence: Evidence, currency: str) -> Self:
        """The wire form."""
        return cls(
            jurisdiction=evidence.jurisdiction,
            article=evidence.article,
            source=evidence.source,
            confirmed=evidence.confirmed,
            article_unverified=evidence.article_unverified,
            opens=evidence.opens,
            closes=evidence.closes,
            rows=[
                PriceRowDocument(
                    since=row.since,
                    until=row.until,
                    price=Amount.of(Money(row.price, currency)),
                    source=row.source,
                    decisive=row.decisive,
                )
                for row in evidence.rows
            ],
        )


class CapDocument(Document):
    """What a declared emergency leaves."""

    lawful: bool
    findings: list[str]
    cap: Amount | None = Field(description="Highest lawful price")
    evidence: EvidenceDocument | None

    @classmethod
    def of(cls, verdict: Verdict, currency: str) -> Self:
        """The wire form."""
        cap = verdict.facts.get("cap")
        return cls(
            lawful=verdict.lawful,
            findings=[finding.value for finding in verdict.findings],
            cap=None if cap is None else Amount.of(Money(cap, currency)),
            evidence=None
            if verdict.evidence is None
            else EvidenceDocument.of(verdict.evidence, currency),
        )


class ReferencePriceDocument(Document):
    """The reference price of a product at a time. Counsel must confirm the pack."""

    sku: str
    market: str
    at: UtcTime
    jurisdiction: str
    reference_price: Amount | None = Field(description="Null where there is none, or no rule")
    status: str = Field(
        description="How it came about: `known`, `shortened`, `before_reduction`, "
        "`last_transaction`, `exempt`, `none`, `no_rule`",
        examples=["known"],
    )
    price: Amount | None = Field(description="The price in force at the time")
    percent_at_most: int = Field(
        description="Largest whole percentage that may be announced at this price"
    )
    reduction: int | None = Field(description="Number of the announced reduction in force")
    evidence: EvidenceDocument | None
    emergency: CapDocument | None = Field(description="Null where no emergency is declared")
    notes: list[str] = Field(description="What the rules cannot say")

    @classmethod
    def of(cls, found: ReferencePrice, currency: str) -> Self:
        """The wire form."""
        return cls(
            sku=found.sku,
            market=found.market,
            at=found.at,
            jurisdiction=found.jurisdiction,
            reference_price=Amount.of_optional(found.prior),
            status=found.status,
            price=Amount.of_optional(found.price),
            percent_at_most=found.percent_at_most,
            reduction=found.reduction.reduction_id if found.reduction else None,
            evidence=None
            if found.evidence is None
            else EvidenceDocument.of(found.evidence, currency),
            emergency=None
            if found.emergency is None
            else CapDocument.of(found.emergency, currency),
            notes=list(found.pack.notes),
        )


@router.get(
    "/{sku:path}",
    operation_id="read_reference_price",
    summary="The price that a reduction must be measured from",
    responses=problem_responses(
        UnknownProduct,
        NoPriceForMarket,
        NoRulesForMarket,
        MarketRequired,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def read_reference_price(
    conn: Reading,
    service: Running,
    sku: SkuInPath,
    market: Annotated[str | None, Query(description="Needed where there are several")] = None,
    at: Annotated[
        AwareDatetime | None, Query(description="Time with its zone; now where absent")
    ] = None,
) -> ReferencePriceDocument:
    """The reference price, its window, the price rows in it, and the article.

    While an announced reduction is in force, its window ends where it started.
    """
    code = market_of(conn, market)
    moment = datetime.now(UTC) if at is None else at.astimezone(UTC)
    found = reference_price(conn, service.packs, sku, code, moment)
    return ReferencePriceDocument.of(found, found.currency)


inputs_router = APIRouter(prefix="/v1/price-inputs", tags=["law"])


class PriceInputsDocument(Document):
    """One price that not everybody pays, what it was computed from, and how it was judged."""

    at: UtcTime
    tier: str
    price: Amount
    public_price: Amount
    inputs: list[str] = Field(description="Names of all that the price was computed from")
    lawful: bool
    findings: list[str]
    quote: str | None
    promotions: list[str] = Field(description="That lowered it")
    article: str | None
    confirmed: bool = Field(description="Counsel confirmed the rule pack")


class PriceInputsLogDocument(Document):
    """The newest entries of the log, the newest first."""

    sku: str
    market: str
    prices: list[PriceInputsDocument]


@inputs_router.get(
    "/{sku:path}",
    operation_id="read_price_inputs",
    summary="What prices that not everybody pays were computed from",
    responses=problem_responses(
        UnknownProduct,
        NoPriceForMarket,
        MarketRequired,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def read_price_inputs(
    conn: Reading,
    sku: SkuInPath,
    market: Annotated[str | None, Query(description="Needed where there are several")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> PriceInputsLogDocument:
    """Each quoted price of a member tier, or of a promotion that knows something of the customer.

    A price at `/v1/prices` is a function of SKU, market, tier and price book, and of nothing else.
    """
    code = market_of(conn, market)
    currency = next(place.currency for place in list_markets(conn) if place.code == code)
    found = logged_inputs(conn, sku, code, limit=limit)
    return PriceInputsLogDocument(
        sku=sku, market=code, prices=[_inputs_document(row, currency) for row in found]
    )


def _inputs_document(row: Mapping[str, Any], currency: str) -> PriceInputsDocument:
    verdict = row["verdict"]
    evidence = verdict.get("evidence") or {}
    return PriceInputsDocument(
        at=row["at"],
        tier=row["tier"],
        price=Amount.of(Money(row["price_minor"], currency)),
        public_price=Amount.of(Money(row["public_minor"], currency)),
        inputs=row["inputs"],
        lawful=verdict["lawful"],
        findings=verdict["findings"],
        quote=verdict["facts"].get("quote"),
        promotions=verdict["facts"].get("promotions", []),
        article=evidence.get("article"),
        confirmed=evidence.get("confirmed", False),
    )
