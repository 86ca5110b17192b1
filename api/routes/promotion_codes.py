"""Unique codes of a promotion over HTTP: made, brought in, written out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, encoded, gives, takes
from api.promotions.documents import (
    CodeBatchDocument,
    CodeBatchesDocument,
    CodesRequest,
    batch_document,
)
from api.routes.dependencies import Operator, Reading, Running, Service
from api.routes.promotions import ALWAYS, CHANGES, Name
from models.refusals import Invalid, TooLarge, within
from storage.database import reading, writing
from storage.errors import BatchNotFound, PromotionNotFound
from storage.promotions.codes import HEADER, batches_of, code_rows, generate_codes, import_codes

router = APIRouter(prefix="/v1/promotions", tags=["promotions"])

# Read as a file whatever type it is said to have; generators of clients know this type of a file.
_CSV_FILE: Final = {
    "application/octet-stream": {
        "schema": {"type": "string", "format": "binary", "contentMediaType": "text/csv"}
    }
}


@router.get(
    "/{name}/codes",
    operation_id="list_code_batches",
    summary="Batches of unique codes",
    responses={
        **gives(CodeBatchesDocument, "The batches"),
        **problem_responses(PromotionNotFound, *ALWAYS),
    },
)
def get_batches(conn: Reading, name: Name) -> Response:
    """The oldest first."""
    return encoded(CodeBatchesDocument([batch_document(b) for b in batches_of(conn, name)]))


@router.post(
    "/{name}/codes",
    operation_id="generate_codes",
    summary="Make unique codes",
    status_code=201,
    responses={
        **gives(CodeBatchDocument, "The batch", 201),
        **problem_responses(*CHANGES, TooLarge),
    },
    openapi_extra=takes(CodesRequest, {"pattern": "SPRING-####-####", "count": 10000}),
)
def post_codes(service: Running, actor: Operator, name: Name, raw: Raw) -> Response:
    """Up to five million at once, drawn at random, different from all others."""
    request = decoded(raw, CodesRequest)
    now = datetime.now(UTC)
    with within("body"), writing(service.engine) as conn:
        batch = generate_codes(
            conn, name, pattern=request.pattern, count=request.count, actor=actor, at=now
        )
    return encoded(batch_document(batch), 201)


@router.put(
    "/{name}/codes.csv",
    operation_id="import_codes",
    summary="Bring in codes made elsewhere",
    responses={
        **gives(CodeBatchDocument, "The batch"),
        **problem_responses(*CHANGES, TooLarge),
    },
    openapi_extra={"requestBody": {"required": True, "content": _CSV_FILE}},
)
def put_codes(service: Running, actor: Operator, name: Name, raw: Raw) -> Response:
    """CSV with a column `code` and, optionally, `customer`; all or nothing."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"is not UTF-8 text: {error}", ("body",)) from None
    now = datetime.now(UTC)
    with within("body"), writing(service.engine) as conn:
        batch = import_codes(
            conn, name, StringIO(text, newline=""), source="codes.csv", actor=actor, at=now
        )
    return encoded(batch_document(batch))


@router.get(
    "/{name}/codes.csv",
    operation_id="export_codes",
    summary="Unique codes as CSV",
    response_class=Response,
    responses={
        200: {
            "description": "code, customer, uses",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problem_responses(NotAnOperator, PromotionNotFound, *ALWAYS),
    },
)
def get_codes(
    service: Running,
    actor: Operator,  # noqa: ARG001  (codes are worth money: only operators see them)
    name: Name,
    batch: Annotated[int | None, Query(ge=1, le=2**62, description="Only this batch")] = None,
) -> Response:
    """Of all batches, or of one; streamed."""
    with within("body"), reading(service.engine) as conn:
        known = [each.batch_id for each in batches_of(conn, name)]
        if batch is not None and batch not in known:
            raise BatchNotFound(f"promotion {name!r} has no batch {batch}; it has {known}")
    return StreamingResponse(
        _csv(service, name, batch),
        media_type="text/csv",
        headers={
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="{name}-codes.csv"',
        },
    )


def _csv(service: Service, name: str, batch: int | None) -> Iterator[str]:
    def text(rows: Any) -> str:  # noqa: ANN401  (what csv takes)
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue()

    yield text([HEADER])
    with reading(service.engine) as conn:
        for rows in code_rows(conn, name, batch_id=batch):
            yield text(rows)
