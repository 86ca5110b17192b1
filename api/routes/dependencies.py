"""What a route is given: the parts of the running service, and a connection for one request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection

from api.access.admission import not_let_in
from api.access.principal import PRINCIPAL, Principal
from api.access.sessions import SESSION, Session
from api.quotes.desk import QuoteDesk
from api.work.room import RunningRoom
from storage.database import reading
from storage.law.rule_packs import RulePacks

if TYPE_CHECKING:  # what verifies log-ins is left out of a process that only serves prices
    from api.access.oidc import Provider


@dataclass(frozen=True, slots=True)
class Service(QuoteDesk):
    """The parts of a running service.

    Attributes:
        packs: the rules of law that are known.
        work: works on jobs, in processes of their own.
        provider: of identities, by which people log in, too; None for none.
    """

    packs: RulePacks
    work: RunningRoom
    provider: "Provider | None"


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


async def known_caller(request: Request) -> Principal | None:
    """Who asks, as the door found it; None where nobody said."""
    principal: Principal | None = request.scope["state"].get(PRINCIPAL)
    return principal


async def known_principal(
    caller: Annotated[Principal | None, Depends(known_caller)],
) -> Principal:
    """Who asks.

    Raises:
        NotAnOperator: nobody said; answered with status 401.
    """
    if caller is None:
        raise not_let_in(None)
    return caller


async def known_actor(principal: Annotated[Principal, Depends(known_principal)]) -> str:
    """Who asks, as the records name them."""
    return principal.actor


async def known_session(request: Request) -> Session:
    """The session that the request came with.

    Raises:
        NotAnOperator: it came with none; answered with status 401.
    """
    session: Session | None = request.scope["state"].get(SESSION)
    if session is None:
        raise not_let_in(None)
    return session


Desk = Annotated[QuoteDesk, Depends(quote_desk)]
Running = Annotated[Service, Depends(running_service)]
Reading = Annotated[Connection, Depends(reading_connection)]
Caller = Annotated[Principal | None, Depends(known_caller)]
Asking = Annotated[Principal, Depends(known_principal)]
Operator = Annotated[str, Depends(known_actor)]
OwnSession = Annotated[Session, Depends(known_session)]
