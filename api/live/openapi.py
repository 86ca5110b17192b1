"""The OpenAPI entries of the price paths, which FastAPI does not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from api.errors import MarketRequired, MethodNotAllowed, NoPriceBook, problem_responses
from api.live.serving import BatchDocument, BatchRequest, PriceDocument
from models.refusals import Defect, Invalid, Refusal, TooLarge
from storage.errors import NoPriceForMarket, UnknownProduct

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG: Final = "prices"
_REF: Final = "#/components/schemas/{name}"
_MONEY: Final = {"amount": "4.99", "currency": "EUR"}
_PRICE_EXAMPLE: Final = {
    "sku": "TEA-1",
    "market": "online",
    "tier": "public",
    "price": _MONEY,
    "price_book": 12,
    "published_at": "2026-03-01T12:00:00Z",
    "stale": False,
}
_BATCH_EXAMPLE: Final = {
    "market": "online",
    "tier": "public",
    "price_book": 12,
    "published_at": "2026-03-01T12:00:00Z",
    "stale": False,
    "prices": [{"sku": "TEA-1", "price": _MONEY}],
    "missing": ["TEA-9"],
}
_MARKET: Final = {
    "name": "market",
    "in": "query",
    "required": False,
    "description": "Market code. May be left out when the price book has just one market.",
    "schema": {"type": "string"},
    "example": "online",
}
_TIER: Final = {
    "name": "tier",
    "in": "query",
    "required": False,
    "description": "Price tier of the customer.",
    "schema": {"type": "string", "default": "public"},
}


def price_schemas() -> dict[str, Any]:
    """Component schemas of the documents that the price paths read and write."""
    _, components = msgspec.json.schema_components(
        (PriceDocument, BatchDocument, BatchRequest), ref_template=_REF
    )
    return components


def price_paths() -> dict[str, Any]:
    """Path items of the price paths."""
    one = _operation(
        "read_price",
        "The price of one product",
        "Answered from memory. `stale` says that the database is away and a newer price book may "
        "exist. Send the ETag back in If-None-Match to be told that nothing changed.",
        responses={
            "200": _found(PriceDocument, _PRICE_EXAMPLE, etag=True),
            "304": {"description": "The client has this price already", "headers": _HEADERS},
            **_refusals(
                UnknownProduct,
                NoPriceForMarket,
                MethodNotAllowed,
                MarketRequired,
                Invalid,
                NoPriceBook,
                Defect,
            ),
        },
    )
    one["parameters"] = [
        {
            "name": "sku",
            "in": "path",
            "required": True,
            "description": "Product key, case-sensitive; percent-encode what a path cannot hold.",
            "schema": {"type": "string", "minLength": 1},
            "example": "TEA-1",
        },
        _MARKET,
        _TIER,
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "ETag of the answer that the client has.",
            "schema": {"type": "string"},
        },
    ]
    batch = _operation(
        "read_prices",
        "The prices of several products",
        "All from the same price book, in the order asked for. Up to 1,000 SKUs.",
        responses={
            "200": _found(BatchDocument, _BATCH_EXAMPLE, etag=False),
            **_refusals(
                NoPriceForMarket,
                MethodNotAllowed,
                TooLarge,
                MarketRequired,
                Invalid,
                NoPriceBook,
                Defect,
            ),
        },
    )
    batch["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": _schema(BatchRequest),
                "example": {"skus": ["TEA-1", "TEA-9"], "market": "online"},
            }
        },
    }
    return {"/v1/prices/{sku}": {"get": one}, "/v1/prices:batch": {"post": batch}}


_HEADERS: Final = {
    "ETag": {"description": "Names this answer", "schema": {"type": "string"}},
    "Cache-Control": {
        "description": "How long it may be kept; `private` for tiers other than public",
        "schema": {"type": "string"},
    },
}


def _operation(
    operation_id: str, summary: str, description: str, responses: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "responses": dict(responses),
    }


def _found(
    document: type[msgspec.Struct], example: Mapping[str, Any], *, etag: bool
) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "Found",
        "content": {"application/json": {"schema": _schema(document), "example": dict(example)}},
    }
    if etag:
        response["headers"] = _HEADERS
    return response


def _refusals(*problems: type[Refusal]) -> dict[str, Any]:
    return {str(status): entry for status, entry in problem_responses(*problems).items()}


def _schema(document: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=document.__name__)}
