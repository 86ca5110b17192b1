"""People: let in, given roles and a password, logged out, let out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Path
from fastapi.responses import HTMLResponse

from api.access.roles import PEOPLE, Role
from api.console.language import N_
from api.console.page import Group, Page
from api.console.pages.keys import ROLES
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.letting_in import (
    end_sessions,
    give_password,
    give_roles,
    let_in,
    let_out,
    read_people_board,
)
from api.routes.dependencies import Operator, Running
from models.refusals import Missing

router = page_router()
PAGE = Page(
    name="people",
    title=N_("People"),
    router=router,
    path="/people",
    group=Group.ADMINISTRATION,
    order=20,
    key="e",
    icon="people",
)

PersonId = Annotated[str, Path(min_length=1, max_length=64)]
Roles = Annotated[list[Role], Form(default_factory=list)]
Chosen = Annotated[list[str], Form(default_factory=list)]


@router.get("/people")
def show_people(visit: Visiting, service: Running) -> HTMLResponse:
    """The page."""
    return visit.page("people/page.html", **_context(service))


@router.post("/people")
def add(
    visit: Visiting,
    service: Running,
    me: Operator,
    name: Annotated[str, Form(max_length=200)],
    roles: Roles,
    markets: Chosen,
    categories: Chosen,
) -> HTMLResponse:
    """Make an account, and show its first password this once."""
    person, password = let_in(
        service.engine, name, roles, markets, categories, me=me, now=visit.now
    )
    told = (person.name or "", password)
    return visit.page("people/list.html", told=told, **_context(service))


@router.get("/people/{person_id}")
def show_person(visit: Visiting, service: Running, person_id: PersonId) -> HTMLResponse:
    """One account, and what can be done with it."""
    return _one(visit, service, person_id, "people/person.html")


@router.post("/people/{person_id}/roles")
def change_roles(
    visit: Visiting,
    service: Running,
    me: Operator,
    person_id: PersonId,
    roles: Roles,
    markets: Chosen,
    categories: Chosen,
) -> HTMLResponse:
    """From their next request on."""
    give_roles(service.engine, person_id, roles, markets, categories, me=me, now=visit.now)
    return visit.notice("good", visit.say("Kept. It holds from their next click on."))


@router.post("/people/{person_id}/password")
def renew_password(
    visit: Visiting, service: Running, me: Operator, person_id: PersonId
) -> HTMLResponse:
    """Make up a new password, and show it this once."""
    person, password = give_password(service.engine, person_id, me=me, now=visit.now)
    return _one(visit, service, person_id, "people/state.html", (person.name or "", password))


@router.post("/people/{person_id}/logout")
def log_out_everywhere(
    visit: Visiting, service: Running, me: Operator, person_id: PersonId
) -> HTMLResponse:
    """End all sessions of theirs."""
    ended = end_sessions(service.engine, person_id, me=me, now=visit.now)
    said = visit.language.say_count("%(num)s session ended.", "%(num)s sessions ended.", ended)
    return visit.notice("good", said)


@router.post("/people/{person_id}/disable")
def disable(visit: Visiting, service: Running, me: Operator, person_id: PersonId) -> HTMLResponse:
    """Let them in no more."""
    let_out(service.engine, person_id, me=me, now=visit.now)
    return _one(visit, service, person_id, "people/state.html")


def _context(service: Running) -> dict[str, Any]:
    roles = {role: said for role, said in ROLES.items() if role in PEOPLE}
    return {"board": read_people_board(service.engine), "roles": roles, "all_roles": ROLES}


def _one(
    visit: Visit,
    service: Running,
    person_id: str,
    template: str,
    told: tuple[str, str] | None = None,
) -> HTMLResponse:
    context = _context(service)
    board = read_people_board(service.engine)
    person = next((known for known in board.people if known.person_id == person_id), None)
    if person is None:
        raise Missing(visit.say("There is no account %(id)s.", id=person_id))
    return visit.page(template, person=person, told=told, **context)
