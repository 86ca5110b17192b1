"""Errors of the `api` package.

    ApiError
    ├── SettingsInvalid          a setting is missing or out of range; names the variable
    ├── CannotWrite              a result file has an ending nobody writes, or no place to go
    ├── DemoFailed               a step of the demo did not bring what the next one needs
    ├── NothingToPrice           no (sku, market) has a price under the conditions given
    ├── ServerNotStarted         the address is taken, or the service failed while starting
    └── Problem                  an answer in application/problem+json (RFC 9457)
        ├── UnknownSku           404  no product of this price book has this SKU
        ├── NoPriceForMarket     404  the SKU has prices, but not for this market and tier
        ├── DecisionNotFound     404  no decision was ever made for this key
        ├── PriceBookNotFound    404  no such version
        ├── DraftNotFound        404  no such proposal of prices
        ├── NoRulesForMarket     404  nobody said under which law a market sells
        ├── UnknownResource      404  no such path
        ├── NotAnOperator        401  the request carries no token that would do
        ├── NotAllowed           403  who asks may not do this, or not there
        ├── MethodNotAllowed     405  the path exists, the method does not
        ├── NotPossibleNow       409  the state of drafts, books or freezes does not allow it
        ├── BodyTooLarge         413  the request is longer than the service reads
        ├── MarketRequired       422  several markets and none was named
        ├── InvalidRequest       422  a parameter or the body is not what it must be
        ├── ShopNotReadable      422  no way of reading a competitor's shop brought an offer
        ├── TooManyRequests      429  asked too often; Retry-After says how long to wait
        ├── NoPriceBook          503  nothing was published yet
        ├── DatabaseAway         503  the database does not answer
        ├── NotReady             503  the service should get no traffic
        └── UnexpectedFailure    500  a defect; the log has the trace under the request id

A problem carries its status, its public title and its OpenAPI entry, so that a route raises it and
documents it by naming the class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

PROBLEM_JSON = "application/problem+json"
_ENCODE = msgspec.json.Encoder().encode


class ApiError(Exception):
    """Anything that `api` refuses."""


class SettingsInvalid(ApiError, ValueError):
    """A setting is missing or out of range; the message names the environment variable."""


class CannotWrite(ApiError):
    """A result file cannot be written; the message names the file and the fix."""


class DemoFailed(ApiError):
    """A step of the demo did not bring what the next one needs; the message says which."""


class NothingToPrice(ApiError, LookupError):
    """No (sku, market) has a price under the conditions given; the message says what to check."""


class ServerNotStarted(ApiError):
    """The service could not start; the message says why and what to change."""


class Problem(ApiError):
    """An answer in application/problem+json.

    Attributes:
        detail: one sentence on this occurrence, with the value at fault and the fix.
        extensions: further members of the problem document, JSON values.
        headers: further response headers.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Problem"
    example: ClassVar[str] = "What went wrong and what to do about it."

    def __init__(
        self, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: object
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions = extensions
        self.headers = dict(headers or {})

    @classmethod
    def name(cls) -> str:
        """The last part of the type URI: `UnknownSku` is `unknown-sku`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def type_uri(cls) -> str:
        """A relative URI that this service answers with an explanation."""
        return f"/problems/{cls.name()}"

    def document(self, *, instance: str, request_id: str) -> bytes:
        """The JSON document of this occurrence.

        Args:
            instance: path of the request.
            request_id: what the log lines of this request carry.
        """
        return _ENCODE(
            {
                "type": self.type_uri(),
                "title": self.title,
                "status": self.status,
                "detail": self.detail,
                "instance": instance,
                "request_id": request_id,
                **self.extensions,
            }
        )


class UnknownSku(Problem):
    """No product of this price book has this SKU. Check the spelling; SKUs are case-sensitive."""

    status = 404
    title = "Unknown SKU"
    example = "no price for SKU 'TEA-9' in price book 12; SKUs are case-sensitive"


class NoPriceForMarket(Problem):
    """The SKU is sold, but has no price for this market and tier; `markets` lists those it has."""

    status = 404
    title = "No price for this market and tier"
    example = "SKU 'TEA-1' has no price in market 'store-09', tier 'public'"


class DecisionNotFound(Problem):
    """No decision was made for this SKU, market and tier: it was never part of a pricing run."""

    status = 404
    title = "No decision"
    example = "no decision for SKU 'TEA-1' in market 'online', tier 'public'"


class PriceBookNotFound(Problem):
    """No price book with this version was ever published."""

    status = 404
    title = "No such price book"
    example = "price book 99 does not exist; the live one is 12"


class DraftNotFound(Problem):
    """No proposal of prices has this number."""

    status = 404
    title = "No such draft"
    example = "there is no draft 99"


class NoRulesForMarket(Problem):
    """Nobody said under which law the market sells. Run `pricewright legal market`."""

    status = 404
    title = "No rules for this market"
    example = "nobody said under which law market 'online' sells"


class NotAnOperator(Problem):
    """The request does not say who asks: `Authorization: Bearer KEY`, or the cookie of a session.

    Keys are made by `pricewright keys create`, people log in, and operators' tokens stand in
    PRICEWRIGHT_OPERATORS; while that is unset, one is in the file that the service names in its log
    when it starts. A quote's own `token` opens it, too.
    """

    status = 401
    title = "Nobody asks"
    example = "send `Authorization: Bearer KEY` with a key, or log in"


class NotAllowed(Problem):
    """Who asks may not do this, or not in this market or category; the detail says who may."""

    status = 403
    title = "Not allowed"
    example = "anna may not approve drafts: it takes one of the roles approver, admin"


class TooManyRequests(Problem):
    """Asked too often; the header Retry-After says after how many seconds to ask again."""

    status = 429
    title = "Too many requests"
    example = "this key may ask 600 times a minute; wait, or have its limit raised"


class NotPossibleNow(Problem):
    """The state of drafts, price books or freezes does not allow it; the detail says why."""

    status = 409
    title = "Not possible now"
    example = "prices are frozen: a cost file in cents; lift the freeze first"


class UnknownResource(Problem):
    """The path names nothing that this service has. The paths are listed at /docs."""

    status = 404
    title = "Not found"
    example = "nothing is at /v2/prices; the paths are listed at /docs"


class MethodNotAllowed(Problem):
    """The path exists, but not for this method; the Allow header lists those it has."""

    status = 405
    title = "Method not allowed"
    example = "DELETE is not possible here; use GET, HEAD"


class BodyTooLarge(Problem):
    """The request body is longer than the service reads. Split it into several requests."""

    status = 413
    title = "Body too large"
    example = "the body is longer than 1048576 bytes; send fewer SKUs at once"


class MarketRequired(Problem):
    """The price book has several markets and the request named none; `markets` lists them."""

    status = 422
    title = "Market required"
    example = "name a market with ?market=; this price book has online, store-01"


class InvalidRequest(Problem):
    """A parameter or the body is not what it must be; `errors` lists each place and reason."""

    status = 422
    title = "Invalid request"
    example = "query parameter 'market' is given twice"


def invalid_field(field: str, message: str) -> InvalidRequest:
    """A refusal that names one place in the request."""
    named = f"{field}: {message}" if field else message
    return InvalidRequest(named, errors=[{"field": field, "message": message}])


class ShopNotReadable(Problem):
    """No way of reading the shop brought an offer; the detail says what was tried and why not."""

    status = 422
    title = "Shop not readable"
    example = "site 'pennywise': nothing worked: shopify at https://shop.example/: HTTP 404"


class NoPriceBook(Problem):
    """No price book was published yet. Run `pricewright reprice`, then `pricewright publish`."""

    status = 503
    title = "No price book"
    example = "no price book is live; run `pricewright publish`"


class DatabaseAway(Problem):
    """The database does not answer. Prices are served on from memory; try this path later."""

    status = 503
    title = "Database away"
    example = "the database does not answer; try again in some seconds"


class NotReady(Problem):
    """The service should get no traffic; `checks` says which part is missing and why."""

    status = 503
    title = "Not ready"
    example = "no price book is live"


class UnexpectedFailure(Problem):
    """A defect of the service. The log has the trace under the same request id."""

    status = 500
    title = "Unexpected failure"
    example = "the service failed; report request id 4f0c… to its operator"


def every_problem() -> Mapping[str, type[Problem]]:
    """Each problem class by the last part of its type URI."""
    return {problem.name(): problem for problem in Problem.__subclasses__()}


class FieldProblem(BaseModel):
    """One place in the request and what is wrong with it."""

    field: str = Field(examples=["query.tier"])
    message: str = Field(examples=["Field required"])


class ProblemDocument(BaseModel):
    """What a refused request is answered with: a problem details object of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="URI of an explanation, relative to this service")
    title: str
    status: int
    detail: str = Field(description="What happened this time and what to do about it")
    instance: str = Field(description="Path of the request")
    request_id: str = Field(description="The same id is in the log and in X-Request-Id")
    markets: list[str] | None = Field(default=None, description="Markets that could be named")
    errors: list[FieldProblem] | None = Field(default=None, description="Each place at fault")
    checks: dict[str, Any] | None = Field(default=None, description="State of each part")


def problem_responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that may answer with these problems."""
    by_status: dict[int | str, list[type[Problem]]] = {}
    for problem in problems:
        by_status.setdefault(problem.status, []).append(problem)
    return {status: _response(group) for status, group in by_status.items()}


def _response(group: Sequence[type[Problem]]) -> dict[str, Any]:
    return {
        "description": "; or ".join(problem.title for problem in group),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "examples": {problem.name(): _example(problem) for problem in group},
            }
        },
    }


def _example(problem: type[Problem]) -> dict[str, Any]:
    return {
        "summary": problem.title,
        "value": {
            "type": problem.type_uri(),
            "title": problem.title,
            "status": problem.status,
            "detail": problem.example,
            "instance": "/v1/…",
            "request_id": "0f8e6d5c4b3a29181706f5e4d3c2b1a0",
        },
    }
