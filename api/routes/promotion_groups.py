"""Groups that buy together. A cart joins one when its quote is committed; here they are read."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from api.errors import problem_responses
from api.http.bodies import encoded, gives
from api.quotes.groups import GroupDocument, GroupsDocument, group_document
from api.routes.dependencies import Reading
from models.refusals import Defect, Invalid
from storage.errors import DatabaseUnavailable, GroupNotFound, PromotionNotFound
from storage.promotions.groups import list_groups, read_group
from storage.promotions.versions import read_promotion

router = APIRouter(prefix="/v1/promotions", tags=["promotions"])

Name = Annotated[str, Path(min_length=1, max_length=100, examples=["together"])]
GroupId = Annotated[str, Path(min_length=1, max_length=64, examples=["g_7Hq2LmN8pQrStUvW"])]


@router.get(
    "/{name}/groups",
    operation_id="list_groups",
    summary="Groups of a group buy",
    responses={
        **gives(GroupsDocument, "The groups"),
        **problem_responses(PromotionNotFound, Invalid, DatabaseUnavailable, Defect),
    },
)
def get_groups(
    conn: Reading,
    name: Name,
    status: Annotated[
        Literal["open", "reached", "failed"] | None, Query(description="Only these")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """Those that close first before the others."""
    read_promotion(conn, name)
    found = list_groups(conn, promotion=name, status=status, limit=limit)
    return encoded(GroupsDocument([group_document(conn, group) for group in found]))


@router.get(
    "/{name}/groups/{group_id}",
    operation_id="read_group",
    summary="A group and where it stands",
    responses={
        **gives(GroupDocument, "The group"),
        **problem_responses(GroupNotFound, Invalid, DatabaseUnavailable, Defect),
    },
)
def get_group(conn: Reading, name: Name, group_id: GroupId) -> Response:
    """Its members so far, the price that they have reached, and until when others may join."""
    group = read_group(conn, group_id)
    if group.promotion != name:
        raise GroupNotFound(f"there is no group {group_id!r} of promotion {name!r}")
    return encoded(group_document(conn, group))
