"""Errors of the `api` package, and what every refusal of this house is answered with.

    ApiError                     a `Refusal` (see `models.refusals`)
    ├── SettingsInvalid          a setting is missing or out of range; names the variable
    ├── CannotWrite              a result file has an ending nobody writes, or no place to go
    ├── DemoFailed               a step of the demo did not bring what the next one needs
    ├── NothingToPrice           no (sku, market) has a price under the conditions given
    ├── ServerNotStarted         the address is taken, or the service failed while starting
    ├── NotAnOperator            the request carries no token that would do
    ├── NotAllowed               who asks may not do this, or not there
    ├── TooManyRequests          asked too often; says how long to wait
    ├── MethodNotAllowed         the path exists, the method does not
    ├── HeadTooLarge             the line and headers of a request are too long
    ├── BodyEncoded              the body is compressed, which is not read
    ├── TooSlow                  a request did not arrive in its time
    ├── Overloaded               there is no room for the request now
    ├── MarketRequired           several markets and none was named
    ├── ProviderAway             the provider of identities does not answer as one does
    ├── NoPriceBook              nothing was published yet
    └── NotReady                 the service should get no traffic

`ANSWERS` is the one table from kinds to HTTP statuses, exit statuses and the severity in the log.
What a class is answered with otherwise stands in its attributes. Over HTTP a refusal is a document
in application/problem+json (RFC 9457); a route documents it by naming its class.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from models.refusals import Forbidden, Invalid, Kind, Missing, Refusal, Unavailable

PROBLEM_JSON: Final = "application/problem+json"
REQUEST_PARTS: Final = frozenset(("body", "cookie", "header", "path", "query"))
"""Where the place of what is invalid in a request begins."""
_ENCODE: Final = msgspec.json.Encoder().encode


class Answered(NamedTuple):
    """What a kind of refusal is answered with.

    Attributes:
        status: over HTTP.
        exit_status: of the command line.
        severity: of its line in the log, where it has one.
    """

    status: int
    exit_status: int
    severity: int


ANSWERS: Final[Mapping[Kind, Answered]] = {
    Kind.MISSING: Answered(404, 1, logging.INFO),
    Kind.INVALID: Answered(422, 1, logging.INFO),
    Kind.CONFLICT: Answered(409, 1, logging.INFO),
    Kind.UNAUTHENTICATED: Answered(401, 1, logging.INFO),
    Kind.FORBIDDEN: Answered(403, 1, logging.INFO),
    Kind.UNAVAILABLE: Answered(503, 1, logging.WARNING),
    Kind.TOO_LARGE: Answered(413, 1, logging.INFO),
    Kind.DEFECT: Answered(500, 1, logging.ERROR),
}


class ApiError(Refusal):
    """Anything that `api` refuses.

    Attributes:
        status: of the class: another HTTP status than that of its kind; 0 for that of its kind.
        headers: further HTTP headers, by lower-case name.
    """

    status: ClassVar[int] = 0
    headers: Mapping[str, str] = MappingProxyType({})

    def with_headers(self, **headers: str) -> Self:
        """The same with HTTP headers; `retry_after` stands for `retry-after`."""
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self


class SettingsInvalid(ApiError, Invalid):
    """A setting is missing or out of range; the message names the environment variable."""


class CannotWrite(ApiError, Unavailable):
    """A result file cannot be written; the message names the file and the fix."""


class DemoFailed(ApiError, Unavailable):
    """A step of the demo did not bring what the next one needs; the message says which."""


class NothingToPrice(ApiError, Missing):
    """No (sku, market) has a price under the conditions given; the message says what to check."""


class ServerNotStarted(ApiError, Unavailable):
    """The service could not start; the message says why and what to change."""


class NotAnOperator(ApiError):
    """The request does not say who asks: `Authorization: Bearer KEY`, or the cookie of a session.

    Keys are made by `pricewright keys create`, people log in, and operators' tokens stand in
    PRICEWRIGHT_OPERATORS; while that is unset, one is in the file that the service names in its log
    when it starts. A quote's own `token` opens it, too.
    """

    kind = Kind.UNAUTHENTICATED
    slug = "not-an-operator"
    title = "Nobody asks"
    example = "send `Authorization: Bearer KEY` with a key, or log in"


class NotAllowed(ApiError, Forbidden):
    """Who asks may not do this, or not in this market or category; the detail says who may."""

    slug = "not-allowed"
    title = "Not allowed"
    example = "anna may not approve drafts: it takes one of the roles approver, admin"


class TooManyRequests(ApiError):
    """Asked too often; the header Retry-After says after how many seconds to ask again."""

    kind = Kind.CONFLICT
    status = 429
    slug = "too-many-requests"
    title = "Too many requests"
    example = "this key may ask 600 times a minute; wait, or have its limit raised"


class MethodNotAllowed(ApiError):
    """The path exists, but not for this method; the Allow header lists those it has."""

    kind = Kind.INVALID
    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"
    example = "DELETE is not possible here; use GET, HEAD"

    def __init__(self, method: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"{method} is not possible here; use {headers.get('allow', 'another')}")
        self.headers = headers


class HeadTooLarge(ApiError):
    """The line and the headers of the request are longer than 64 KiB, or more than 128."""

    kind = Kind.TOO_LARGE
    status = 431
    slug = "head-too-large"
    title = "Head too large"
    example = "the head of the request has more than 65536 bytes; send fewer or shorter headers"


class BodyEncoded(ApiError):
    """The body is compressed. It is refused unread: a few bytes of such a one can fill a memory."""

    kind = Kind.INVALID
    status = 415
    slug = "body-encoded"
    title = "Body encoded"
    example = "the body is encoded as gzip; send it as it is, without Content-Encoding"


class TooSlow(ApiError):
    """The request did not arrive in its time; send it again over a better line, or in parts."""

    kind = Kind.INVALID
    status = 408
    slug = "too-slow"
    title = "Too slow"
    example = "the body came too slowly: 100 bytes in 20 s; send it again, or in parts"


class Overloaded(ApiError):
    """There is no room for the request now; Retry-After says when to send it again."""

    kind = Kind.UNAVAILABLE
    slug = "overloaded"
    title = "Overloaded"
    example = "too many bodies are being read at once; send it again in 2 s"
    retry_after = 2


class MarketRequired(ApiError):
    """The price book has several markets and the request named none; `markets` lists them."""

    kind = Kind.INVALID
    slug = "market-required"
    title = "Market required"
    example = "name a market with ?market=; this price book has online, store-01"


class ProviderAway(ApiError):
    """The provider of identities does not answer as one does. Log in with a password meanwhile."""

    kind = Kind.UNAVAILABLE
    status = 502
    slug = "provider-away"
    title = "Provider away"
    example = "the provider of identities does not answer; try again, or log in with a password"
    retry_after = 10


class NoPriceBook(ApiError):
    """No price book was published yet. Run `pricewright reprice`, then `pricewright publish`."""

    kind = Kind.UNAVAILABLE
    slug = "no-price-book"
    title = "No price book"
    example = "no price book is live; run `pricewright publish`"
    retry_after = 5


class NotReady(ApiError):
    """The service should get no traffic; `checks` says which part is missing and why."""

    kind = Kind.UNAVAILABLE
    slug = "not-ready"
    title = "Not ready"
    example = "no price book is live"


def answer_to(refusal: Refusal | type[Refusal]) -> Answered:
    """What a refusal is answered with: by its kind, unless its class says otherwise."""
    usual = ANSWERS[refusal.kind]
    status: int = getattr(refusal, "status", 0)
    return usual._replace(status=status) if status else usual


def type_uri(refusal: Refusal | type[Refusal]) -> str:
    """A relative URI that this service answers with an explanation."""
    return f"/problems/{refusal.slug}"


class HttpAnswer(NamedTuple):
    """A refusal on the wire; the headers have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as ASGI wants them, with the body's type and length."""
        said = {
            "content-type": PROBLEM_JSON,
            "content-length": str(len(self.body)),
            **self.headers,
        }
        return [(name.encode(), value.encode()) for name, value in said.items()]


def http_answer(refusal: Refusal, *, instance: str, request_id: str) -> HttpAnswer:
    """The problem document of a refusal, with its status and headers.

    Args:
        refusal: what was raised.
        instance: path of the request.
        request_id: what the log lines of this request carry.
    """
    status = answer_to(refusal).status
    headers = {"cache-control": "no-store", **getattr(refusal, "headers", {})}
    if refusal.retry_after:
        headers["retry-after"] = str(refusal.retry_after)
    document = {
        "type": type_uri(refusal),
        "title": refusal.title,
        "status": status,
        "detail": str(refusal),
        "instance": instance,
        "request_id": request_id,
    }
    if refusal.place:
        document["errors"] = [{"field": refusal.field, "message": refusal.sentence}]
    return HttpAnswer(status, headers, _ENCODE(document | refusal.facts))


def every_refusal() -> Mapping[str, type[Refusal]]:
    """Each class that has a slug of its own, by it; of the packages that are imported."""
    found: dict[str, type[Refusal]] = {}
    waiting = [Refusal]
    while waiting:
        refusal = waiting.pop()
        waiting += refusal.__subclasses__()
        if "slug" in vars(refusal):
            found[refusal.slug] = refusal
    return dict(sorted(found.items()))


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


def problem_responses(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that may answer with these refusals."""
    by_status: dict[int | str, list[type[Refusal]]] = {}
    for refusal in refusals:
        by_status.setdefault(answer_to(refusal).status, []).append(refusal)
    return {status: _response(group) for status, group in by_status.items()}


def _response(group: Sequence[type[Refusal]]) -> dict[str, Any]:
    return {
        "description": "; or ".join(refusal.title for refusal in group),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "examples": {refusal.slug: _example(refusal) for refusal in group},
            }
        },
    }


def _example(refusal: type[Refusal]) -> dict[str, Any]:
    return {
        "summary": refusal.title,
        "value": {
            "type": type_uri(refusal),
            "title": refusal.title,
            "status": answer_to(refusal).status,
            "detail": refusal.example,
            "instance": "/v1/…",
            "request_id": "0f8e6d5c4b3a29181706f5e4d3c2b1a0",
        },
    }
