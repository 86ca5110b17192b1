"""Keys of programs over HTTP: made, rotated, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Path, Response

from api.errors import NotAllowed, NotAnOperator, problem_responses
from api.routes.access_documents import (
    KeyDocument,
    KeyRequest,
    KeysDocument,
    NewKeyDocument,
    RotationRequest,
)
from api.routes.dependencies import Operator, Reading, Running
from models.refusals import Defect, Invalid, named_at, within
from storage.access.keys import Kind, list_keys, make_key, revoke_key, rotate_key
from storage.database import writing
from storage.errors import DatabaseUnavailable, DraftNotFound, KeyNotFound, KeyNotInForce
from storage.releases.drafts import read_draft

router = APIRouter(prefix="/v1/keys", tags=["access"])

KeyId = Annotated[str, Path(min_length=1, max_length=64, examples=["k_0f8e6d5c4b3a2918"])]
_ALWAYS = (NotAnOperator, NotAllowed, Invalid, DatabaseUnavailable, Defect)


@router.get(
    "",
    operation_id="list_keys",
    summary="All keys of programs",
    responses=problem_responses(*_ALWAYS),
)
def get_keys(conn: Reading) -> KeysDocument:
    """Without their secrets, which nobody keeps; those that ended are among them."""
    return KeysDocument(keys=[KeyDocument.of(key) for key in list_keys(conn)])


@router.post(
    "",
    operation_id="create_key",
    summary="Make a key",
    status_code=201,
    responses=problem_responses(*_ALWAYS),
)
def post_key(
    service: Running, actor: Operator, response: Response, request: KeyRequest
) -> NewKeyDocument:
    """The answer has its secret, this once. All processes know the key within their poll."""
    with within("body"), writing(service.engine, durable=True) as conn:
        if request.draft is not None:
            with named_at("draft", missing=DraftNotFound):
                read_draft(conn, request.draft)
        key, secret = make_key(
            conn,
            name=request.name,
            kind=cast("Kind", request.kind),
            roles=frozenset(request.roles),
            by=actor,
            at=datetime.now(UTC),
            scope=request.scope,
            test=request.test,
            draft_id=request.draft,
            per_minute=request.per_minute,
            per_day=request.per_day,
            expires_at=_aware(request.expires_at),
        )
    service.keys.refresh()
    response.headers["cache-control"] = "no-store"
    return NewKeyDocument.with_secret(key, secret)


@router.post(
    "/{key_id}/rotate",
    operation_id="rotate_key",
    summary="Give a key a new secret",
    responses=problem_responses(*_ALWAYS, KeyNotFound, KeyNotInForce),
)
def post_rotation(
    service: Running, actor: Operator, response: Response, key_id: KeyId, request: RotationRequest
) -> NewKeyDocument:
    """The answer has the new secret, this once; the one before is good for the overlap."""
    overlap = timedelta(hours=request.overlap_hours)
    with writing(service.engine, durable=True) as conn:
        key, secret = rotate_key(conn, key_id, by=actor, at=datetime.now(UTC), overlap=overlap)
    service.keys.refresh()
    response.headers["cache-control"] = "no-store"
    return NewKeyDocument.with_secret(key, secret)


@router.post(
    "/{key_id}/revoke",
    operation_id="revoke_key",
    summary="End a key",
    responses=problem_responses(*_ALWAYS, KeyNotFound),
)
def post_revocation(service: Running, actor: Operator, key_id: KeyId) -> KeyDocument:
    """At once here, and in every other process within its poll. Twice is as once."""
    with writing(service.engine, durable=True) as conn:
        key = revoke_key(conn, key_id, by=actor, at=datetime.now(UTC))
    service.keys.refresh()
    return KeyDocument.of(key)


def _aware(moment: datetime | None) -> datetime | None:
    """A moment with its zone.

    Raises:
        Invalid: it has none.
    """
    if moment is not None and moment.tzinfo is None:
        raise Invalid("needs an offset, such as 2027-01-31T00:00:00Z", ("body", "expires_at"))
    return None if moment is None else moment.astimezone(UTC)
