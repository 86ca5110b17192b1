"""Component schemas of the routes that read and write records, for the API description."""

from __future__ import annotations

from typing import Any

from api.http.bodies import schemas_of
from api.promotions.documents import (
    CodeBatchDocument,
    CodeBatchesDocument,
    CodesRequest,
    HistoryDocument,
    MonitorDocument,
    PromotionDocument,
    PromotionsDocument,
)
from api.quotes.documents import CartDocument
from api.quotes.trying import TryRequest
from api.routes.competitors import AnswerBody, ObservationsBody, SettleBody
from api.routes.costs import ConfirmationBody
from api.routes.openapi_quotes import QUOTE_RECORDS
from api.routes.site_documents import site_schemas
from storage.promotion_terms import Terms


def promotion_schemas() -> dict[str, Any]:
    """Schemas by name."""
    return site_schemas() | schemas_of(
        [
            *QUOTE_RECORDS,
            AnswerBody,
            ConfirmationBody,
            ObservationsBody,
            SettleBody,
            CartDocument,
            Terms,
            TryRequest,
            PromotionDocument,
            PromotionsDocument,
            HistoryDocument,
            MonitorDocument,
            CodesRequest,
            CodeBatchDocument,
            CodeBatchesDocument,
        ]
    )
