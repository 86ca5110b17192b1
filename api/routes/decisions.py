"""Why a price is what it is."""

import math
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import Field

from api.errors import MarketRequired, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.routes.dependencies import Reading, Running, Service
from api.routes.keys import SkuInPath, market_of
from models.refusals import Defect, Invalid
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.errors import DatabaseUnavailable, DecisionNotFound, NoPriceForMarket, UnknownProduct
from storage.prices.decisions import StoredDecision, decision_of

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])


class ExpectedUnits(Document):
    """Units a period, with a 95 % confidence interval."""

    mean: float | None
    low: float | None
    high: float | None


class Expectation(Document):
    """What the price should bring a period; null where there is no demand curve.

    Money here is an estimate, not an amount to be paid.
    """

    units: ExpectedUnits
    revenue: Amount | None = Field(description="Net of tax")
    profit: Amount | None
    profit_before: Amount | None = Field(description="At the price that was in force")


class DecisionDocument(Document):
    """One decision with its reasons."""

    sku: str
    market: str
    tier: str
    action: str = Field(description="`change`, `keep` or `hold`", examples=["change"])
    price: Amount | None = Field(description="The price decided")
    previous: Amount | None = Field(description="The price in force when it was decided")
    in_force: Amount | None = Field(description="The price that is served now")
    expected: Expectation
    reasons: list[dict[str, Any]] = Field(
        description="The deciding one first: a code and its facts",
        examples=[
            [
                {
                    "code": "expected_gain",
                    "profit_before": "10.20",
                    "profit_after": "11.90",
                    "currency": "EUR",
                }
            ]
        ],
    )
    run: int = Field(description="Number of the decision run")
    fit: int | None = Field(description="Number of the demand fit that it used")
    decided_at: UtcTime

    @classmethod
    def of(cls, found: StoredDecision, in_force: Money | None) -> Self:
        """The wire form."""
        decision = found.decision
        currency = decision.currency
        return cls(
            sku=decision.sku,
            market=decision.market,
            tier=found.tier,
            action=decision.action.name.lower(),
            price=Amount.of_optional(decision.price),
            previous=Amount.of_optional(decision.previous),
            in_force=Amount.of_optional(in_force),
            expected=Expectation(
                units=ExpectedUnits(
                    mean=_known(decision.units),
                    low=_known(decision.units_low),
                    high=_known(decision.units_high),
                ),
                revenue=Amount.of_estimate(decision.revenue, currency),
                profit=Amount.of_estimate(decision.profit, currency),
                profit_before=Amount.of_estimate(decision.profit_before, currency),
            ),
            reasons=[reason.wire() for reason in decision.reasons],
            run=found.run_id,
            fit=found.fit_id,
            decided_at=decision.decided_at,
        )


@router.get(
    "/{sku:path}",
    operation_id="read_decision",
    summary="Why a price is what it is",
    responses=problem_responses(
        UnknownProduct,
        NoPriceForMarket,
        DecisionNotFound,
        MarketRequired,
        Invalid,
        DatabaseUnavailable,
        Defect,
    ),
)
def read_decision(
    conn: Reading,
    service: Running,
    sku: SkuInPath,
    market: Annotated[str | None, Query(description="Needed where there are several")] = None,
    tier: Annotated[str, Query(min_length=1, max_length=256)] = PUBLIC,
    run: Annotated[
        int | None, Query(ge=1, le=2**62, description="A run; the newest on this key when absent")
    ] = None,
) -> DecisionDocument:
    """The newest decision on the product, or that of a run, with what it expected and why.

    A decision is not in force before it is published: compare `price` with `in_force`.
    """
    code = market_of(conn, market)
    found = decision_of(conn, sku, code, tier, run)
    return DecisionDocument.of(found, _in_force(service, sku, code, tier))


def _in_force(service: Service, sku: str, market: str, tier: str) -> Money | None:
    snapshot = service.live.serving.snapshot
    return None if snapshot is None else snapshot.prices([sku], market, tier)[0]


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
