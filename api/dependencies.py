"""What a route is given: the parts of the running service, and a connection for one request."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

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
    """

    settings: Settings
    engine: Engine
    live: LivePrices
    packs: RulePacks


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


Running = Annotated[Service, Depends(running_service)]
Reading = Annotated[Connection, Depends(reading_connection)]
