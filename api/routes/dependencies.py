"""What a route is given: the parts of the running service, and a connection for one request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection

from api.access.needs import OPERATOR, Needs, not_let_in
from api.quotes.desk import QuoteDesk
from api.work.room import RunningRoom
from storage.database import reading
from storage.law.rule_packs import RulePacks


@dataclass(frozen=True, slots=True)
class Service(QuoteDesk):
    """The parts of a running service.

    Attributes:
        packs: the rules of law that are known.
        work: works on jobs, in processes of their own.
    """

    packs: RulePacks
    work: RunningRoom


async def quote_desk(request: Request) -> QuoteDesk:
    """The parts that price carts, which every application of ours has."""
    desk: QuoteDesk = request.app.state.service
    return desk


async def running_service(request: Request) -> Service:
    """The parts that `create_app` put together."""
    service: Service = request.app.state.service
    return service


def reading_connection(
    desk: Annotated[QuoteDesk, Depends(quote_desk)],
) -> Iterator[Connection]:
    """A connection that sees one state of the database throughout the request.

    Raises:
        DatabaseUnavailable: answered as a problem with status 503.
    """
    with reading(desk.engine) as conn:
        yield conn


async def known_caller(request: Request) -> str | None:
    """The name of the operator whose token the request carries, as the door found it; or None."""
    name: str | None = request.scope["state"].get(OPERATOR)
    return name


def known_operator(caller: Annotated[str | None, Depends(known_caller)]) -> str:
    """The name of the operator whose token the request carries.

    Raises:
        NotAnOperator: it carries none, or an unknown one; answered with status 401.
    """
    if caller is None:
        raise not_let_in(Needs.OPERATOR)
    return caller


Desk = Annotated[QuoteDesk, Depends(quote_desk)]
Running = Annotated[Service, Depends(running_service)]
Reading = Annotated[Connection, Depends(reading_connection)]
Caller = Annotated[str | None, Depends(known_caller)]
Operator = Annotated[str, Depends(known_operator)]
