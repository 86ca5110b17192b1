"""Reading request bodies as records, strictly, and describing both sides in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.responses import Response
from fastapi.routing import APIRoute

from models.refusals import Invalid
from pricing.documents import refusal, refuse_repeated_keys, refuse_values
from pricing.documents.decimal_strings import may_hold_decimals, numbers_misread
from pricing.errors import RepeatedKey, UnreadablePart

MOST_KEY: Final = 200
TWICE: Final = "is there twice; give it once"
"""Said of a key that a body repeats."""
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in JSON, where it is always escaped; not an escaped backslash before `u0000`."""

_T = TypeVar("_T")
_REF: Final = "#/components/schemas/{name}"


async def _raw(request: Request) -> bytes:
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]
"""The body of a request, no longer than `api.http.body_limits` says for its route."""


def decoded(raw: bytes, record: type[_T]) -> _T:
    """A record from a JSON body.

    Raises:
        Invalid: naming the field.
    """
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Invalid("holds the character U+0000, which no database keeps", ("body",))
    try:
        # A reader of its own, for msgspec takes the last of two equal keys: some microseconds.
        refuse_repeated_keys(raw.decode())
        made = msgspec.json.decode(raw, type=record)
    except msgspec.ValidationError as error:
        raise _misread(error, raw, record) from None
    except UnreadablePart as error:
        raise unreadable_in_body(error) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Invalid(f"is not JSON: {error}", ("body",)) from None
    if may_hold_decimals(record):  # type: ignore[arg-type]  # types are hashable
        for place, why in numbers_misread(made, msgspec.json.decode(raw)):
            raise Invalid(str(why), ("body", *place))
    return made


def _misread(error: msgspec.ValidationError, raw: bytes, record: type[Any]) -> Invalid:
    """What a body is refused for; it need not be JSON behind the place at which reading ended."""
    try:
        told = refusal(error, msgspec.json.decode(raw), record)
    except msgspec.ValidationError as other:  # a number beyond what a machine can hold
        return Invalid(f"cannot be read: {other}", ("body",))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as other:
        return Invalid(f"is not JSON: {other}", ("body",))
    return Invalid(told.sentence, ("body", *told.place))


def unreadable_in_body(error: UnreadablePart) -> Invalid:
    """The refusal of a body in which a key stands twice, or of a part that is no value."""
    return Invalid(_sentence_of(error), ("body", *error.place))


def _sentence_of(error: UnreadablePart) -> str:
    return TWICE if isinstance(error, RepeatedKey) else error.sentence


async def unique_keys(request: Request) -> None:
    """A dependency of every route: a body that FastAPI reads repeats no key and holds only values.

    Raises:
        RequestValidationError: naming the field.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or route.body_field is None:
        return  # a route that reads none, or reads it with `decoded`
    if isinstance(route.body_field.field_info, Form):
        return  # a page's form, which FastAPI has read by now
    try:
        text = (await request.body()).decode()
        refuse_values(text)
        refuse_repeated_keys(text)
    except UnreadablePart as error:
        fault = {"type": "unreadable", "loc": ("body", *error.place), "msg": _sentence_of(error)}
        raise RequestValidationError([fault]) from None
    except (ValueError, RecursionError):
        return  # no JSON: FastAPI says so


def encoded(answer: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer that nobody may keep."""
    return Response(
        msgspec.json.encode(answer),
        status_code=status,
        headers={"cache-control": "no-store", **headers},
        media_type="application/json",
    )


def takes(
    record: type[Any], example: Mapping[str, Any], *, required: bool = True
) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a record."""
    content = {"schema": {"$ref": _REF.format(name=record.__name__)}, "example": dict(example)}
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def gives(
    record: type[Any], description: str, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that answers with a record."""
    schema = {"$ref": _REF.format(name=record.__name__)}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": description, "content": content}}


def schemas_of(records: list[type[Any]]) -> dict[str, Any]:
    """Component schemas of records and of all that they hold."""
    _, components = msgspec.json.schema_components(records, ref_template=_REF)
    return dict(components)


def checked(key: str | None, needed: Callable[[], Invalid] | None = None) -> str | None:
    """An idempotency key that can be stored.

    Raises:
        Invalid: it is missing where it is needed, empty, or too long.
    """
    if key is None:
        if needed is not None:
            raise needed()
        return None
    key = key.strip()
    if not 0 < len(key) <= MOST_KEY:
        raise Invalid(f"give 1 to {MOST_KEY} characters", ("header", "Idempotency-Key"))
    return key
