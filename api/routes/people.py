"""People over HTTP: let in, given roles, let out, erased."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.access.passwords import hash_of, made_up
from api.errors import NotAllowed, NotAnOperator, problem_responses
from api.routes.access_documents import (
    NewPersonDocument,
    PeopleDocument,
    PersonDocument,
    PersonRequest,
    RolesRequest,
)
from api.routes.dependencies import Operator, Reading, Running
from models.refusals import Defect, Invalid, within
from storage.access.people import (
    add_person,
    disable_person,
    erase_person,
    list_people,
    read_person,
    set_password,
    set_roles,
)
from storage.database import writing
from storage.errors import DatabaseUnavailable, LastAdmin, PersonNameTaken, PersonNotFound

router = APIRouter(prefix="/v1/people", tags=["access"])

PersonId = Annotated[str, Path(min_length=1, max_length=64, examples=["p_0f8e6d5c4b3a2918"])]
_ALWAYS = (NotAnOperator, NotAllowed, Invalid, DatabaseUnavailable, Defect)


@router.get(
    "", operation_id="list_people", summary="All accounts", responses=problem_responses(*_ALWAYS)
)
def get_people(conn: Reading) -> PeopleDocument:
    """The oldest first; those that were closed or erased are among them."""
    return PeopleDocument(people=[PersonDocument.of(person) for person in list_people(conn)])


@router.post(
    "",
    operation_id="add_person",
    summary="Let somebody in",
    status_code=201,
    responses=problem_responses(*_ALWAYS, PersonNameTaken),
)
def post_person(
    service: Running, actor: Operator, response: Response, request: PersonRequest
) -> NewPersonDocument:
    """The answer has the password that was made up, this once; they choose another one first."""
    password = made_up()
    with within("body"), writing(service.engine, durable=True) as conn:
        person = add_person(
            conn,
            name=request.name,
            roles=request.roles,
            by=actor,
            at=datetime.now(UTC),
            scope=request.scope,
            password_hash=hash_of(password),
            must_change_password=True,
        )
    response.headers["cache-control"] = "no-store"
    return NewPersonDocument.with_password(person, password)


@router.put(
    "/{person_id}/roles",
    operation_id="set_roles",
    summary="Say what somebody may do",
    responses=problem_responses(*_ALWAYS, PersonNotFound, LastAdmin),
)
def put_roles(
    service: Running, actor: Operator, person_id: PersonId, request: RolesRequest
) -> PersonDocument:
    """From their next request on. The last one who administers everywhere keeps doing so."""
    with writing(service.engine, durable=True) as conn:
        person = set_roles(
            conn,
            person_id,
            request.roles,
            by=actor,
            at=datetime.now(UTC),
            scope=request.scope,
        )
    return PersonDocument.of(person)


@router.post(
    "/{person_id}/password",
    operation_id="reset_password",
    summary="Make up a new password for somebody",
    responses=problem_responses(*_ALWAYS, PersonNotFound),
)
def post_password(
    service: Running, actor: Operator, response: Response, person_id: PersonId
) -> NewPersonDocument:
    """All their sessions end. The answer has the password, this once; they choose another one."""
    password = made_up()
    kept = hash_of(password)
    with writing(service.engine, durable=True) as conn:
        set_password(conn, person_id, kept, by=actor, at=datetime.now(UTC), must_change=True)
        person = read_person(conn, person_id)
    response.headers["cache-control"] = "no-store"
    return NewPersonDocument.with_password(person, password)


@router.post(
    "/{person_id}/disable",
    operation_id="disable_person",
    summary="Let somebody in no more",
    responses=problem_responses(*_ALWAYS, PersonNotFound, LastAdmin),
)
def post_disable(service: Running, actor: Operator, person_id: PersonId) -> PersonDocument:
    """All their sessions end at once. Twice is as once. Not the last one who administers."""
    with writing(service.engine, durable=True) as conn:
        person = disable_person(conn, person_id, by=actor, at=datetime.now(UTC))
    return PersonDocument.of(person)


@router.delete(
    "/{person_id}",
    operation_id="erase_person",
    summary="Delete all that is known of somebody",
    responses=problem_responses(*_ALWAYS, PersonNotFound, LastAdmin),
)
def delete_person(service: Running, actor: Operator, person_id: PersonId) -> PersonDocument:
    """What they did stays under their opaque id. Twice is as once. Not the last who administers."""
    with writing(service.engine, durable=True) as conn:
        person = erase_person(conn, person_id, by=actor, at=datetime.now(UTC))
    return PersonDocument.of(person)
