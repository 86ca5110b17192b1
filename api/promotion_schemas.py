"""Component schemas of the routes that read and write records, for the API description."""

from __future__ import annotations

from typing import Any

from api.bodies import schemas_of
from api.quote_documents import QuoteDocument
from api.quoting import QuoteRequest
from api.routes.quotes import CommitRequest


def promotion_schemas() -> dict[str, Any]:
    """Schemas by name."""
    return schemas_of([QuoteRequest, QuoteDocument, CommitRequest])
