"""Component schemas of the routes of quotes and groups, for the API description."""

from __future__ import annotations

from typing import Any, Final

from api.http.bodies import schemas_of
from api.quotes.documents import QuoteDocument
from api.quotes.groups import GroupDocument, GroupsDocument
from api.quotes.quoting import QuoteRequest
from api.quotes.returns import ReturnDocument, ReturnRequest, ReturnsDocument
from api.routes.quotes import CommitRequest

QUOTE_RECORDS: Final[tuple[type[Any], ...]] = (
    QuoteRequest,
    QuoteDocument,
    CommitRequest,
    ReturnRequest,
    ReturnDocument,
    ReturnsDocument,
    GroupDocument,
    GroupsDocument,
)


def quote_schemas() -> dict[str, Any]:
    """Schemas by name."""
    return schemas_of([*QUOTE_RECORDS])
