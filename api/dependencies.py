"""What a route is given: the parts of the running service, and a connection for one request."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy import Connection, Engine

from api.decision_process import RunProcesses
from api.errors import NotAnOperator
from api.jobs.crawls import CrawlDesk
from api.promotion_board import PromotionBoard
from api.settings import Settings
from api.snapshot import LivePrices
from storage.database import reading
from storage.rule_packs import RulePacks


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running service.

    Attributes:
        settings: how it was started.
        engine: the database.
        live: the price book in memory.
        packs: the rules of law that are known.
        board: the promotions in memory.
        signing_key: signs quotes.
        crawls: begins crawls and sees them through.
        runs: makes decision runs in processes of their own.
        till: held while quotes are stored and settled, where the database has one writer at a
            time anyway: waiting here is fair, waiting in SQLite is not.
    """

    settings: Settings
    engine: Engine
    live: LivePrices
    packs: RulePacks
    board: PromotionBoard
    signing_key: bytes
    crawls: CrawlDesk
    runs: RunProcesses
    till: AbstractContextManager[object]


async def running_service(request: Request) -> Service:
    """The parts that `create_app` put together."""
    service: Service = request.app.state.service
    return service


def reading_connection(
    service: Annotated[Service, Depends(running_service)],
) -> Iterator[Connection]:
    """A connection that sees one state of the database throughout the request.

    Raises:
        DatabaseUnavailable: answered as a problem with status 503.
    """
    with reading(service.engine) as conn:
        yield conn


def known_caller(
    service: Annotated[Service, Depends(running_service)],
    authorization: Annotated[
        str | None, Header(description="`Bearer` and the token of an operator")
    ] = None,
) -> str | None:
    """The name of the operator whose token the request carries; None without one that is known."""
    scheme, _, given = (authorization or "").partition(" ")
    for token, name in service.settings.operator_tokens.items():
        # Compared in constant time, so that an answer's delay says nothing of a token.
        if scheme.lower() == "bearer" and compare_digest(given.strip().encode(), token.encode()):
            return name
    return None


def known_operator(caller: Annotated[str | None, Depends(known_caller)]) -> str:
    """The name of the operator whose token the request carries.

    Raises:
        NotAnOperator: it carries none, or an unknown one; answered with status 401.
    """
    if caller is not None:
        return caller
    raise NotAnOperator(
        "send `Authorization: Bearer TOKEN` with the token of an operator; the tokens are in "
        "PRICEWRIGHT_OPERATORS",
        headers={"www-authenticate": "Bearer"},
    )


Running = Annotated[Service, Depends(running_service)]
Reading = Annotated[Connection, Depends(reading_connection)]
Caller = Annotated[str | None, Depends(known_caller)]
Operator = Annotated[str, Depends(known_operator)]
