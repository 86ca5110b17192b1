"""The shell around each of our applications, and its start and stop.

What is in front of every answer is put together here, once: the log, the door, the prices from
memory, problem documents, the API description. `api.app` puts everything behind it,
`api.price_server` no more than prices and quotes.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import anyio
import structlog
from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.access.admission import Admission
from api.access.door import Door
from api.access.keyring import KeyRing
from api.access.named_scope import named_in_scope
from api.access.openapi import SECURITY_SCHEMES, describe_door
from api.access.operator_token import operators_of
from api.access.sessions import SessionDesk, forget_what_is_over
from api.errors import ProblemDocument
from api.http.bodies import unique_keys
from api.http.body_budget import BodyBudget
from api.http.connections import ANSWER_SECONDS, CONNECTIONS, Connections, most_connections
from api.http.cross_origin import CrossOrigin
from api.http.docs_page import add_docs_page
from api.http.problem_answers import install_problem_answers
from api.http.request_log import RequestLog
from api.http.security_headers import SecurityHeaders
from api.live.draft_prices import DraftPrices
from api.live.openapi import price_paths, price_schemas
from api.live.promotion_board import PromotionBoard
from api.live.serving import PREFIX, PriceServing
from api.live.snapshot import LivePrices
from api.live.writability import Writability
from api.quotes.desk import QuoteDesk
from api.quotes.named_markets import NamedMarkets
from api.quotes.shoppers import CodeGuesses
from api.quotes.sweeping import forget_old_keys, settle_due_groups, sweep_quotes
from api.work.periodic import Periodic
from storage.access.service_secrets import QUOTE_SIGNING_KEY, kept_secret
from storage.database import open_engine, require_migrated
from storage.errors import StorageError
from storage.writability import MIB

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sqlalchemy import Engine
    from starlette.routing import BaseRoute

    from api.settings import Settings
    from storage.law.rule_packs import RulePacks

_log = structlog.get_logger(__name__)

_STOP_WAIT: Final = timedelta(seconds=15)
_FORGET: Final = timedelta(hours=1)
_MARKETS: Final = timedelta(seconds=30)


class Worker(Protocol):
    """Work beside the requests, in threads or processes of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self, wait: timedelta) -> bool:
        """Begin nothing more; True if nothing is under way when the wait is over."""


def open_desk(settings: Settings, packs: RulePacks) -> QuoteDesk:
    """The parts that price carts, over a database that is not asked yet.

    Args:
        settings: how the process was started.
        packs: the rules of law.
    """
    engine = open_engine(settings.database_url)
    live = LivePrices(engine, timedelta(seconds=settings.snapshot_poll_seconds), packs)
    return QuoteDesk(
        settings=settings,
        engine=engine,
        live=live,
        drafts=DraftPrices(engine, live, settings.snapshot_poll_seconds),
        board=PromotionBoard(engine),
        writability=Writability(engine, settings.least_free_mib * MIB),
        # Until the start has read what the database keeps, nobody can know it.
        signing_key=settings.signing_key or secrets.token_bytes(32),
        keys=KeyRing(engine),
        sessions=_session_desk(engine, settings),
        code_guesses=CodeGuesses.none_yet(),
        named_markets=NamedMarkets(settings, engine),
        write_turn=threading.Lock() if engine.dialect.name == "sqlite" else nullcontext(),
    )


def _session_desk(engine: Engine, settings: Settings) -> SessionDesk:
    public = settings.public_url
    return SessionDesk(
        engine,
        idle=timedelta(minutes=settings.session_idle_minutes),
        longest=timedelta(hours=settings.session_hours),
        secure=public is not None and public.scheme == "https",
        public_host="" if public is None else urlsplit(str(public)).netloc,
    )


def desk_work(desk: QuoteDesk) -> list[Worker]:
    """What every process that serves prices and quotes does beside the requests."""
    engine, settings = desk.engine, desk.settings
    prices = timedelta(seconds=settings.snapshot_poll_seconds)
    promotions = timedelta(seconds=settings.promotion_poll_seconds)
    return [
        Periodic("price book refresh", desk.live.refresh, prices),
        Periodic("markets of settings", desk.named_markets.refresh, _MARKETS),
        Periodic("keys refresh", desk.keys.refresh, prices),
        Periodic("sessions forgotten", lambda: forget_what_is_over(desk.sessions), _FORGET),
        Periodic("writes are possible", desk.writability.refresh, prices),
        Periodic("promotions refresh", desk.board.refresh, promotions),
        Periodic("quotes expire", lambda: sweep_quotes(engine, datetime.now(UTC)), promotions),
        Periodic("groups settle", lambda: settle_due_groups(engine, datetime.now(UTC)), promotions),
        Periodic("keys forgotten", lambda: forget_old_keys(engine, datetime.now(UTC)), _FORGET),
    ]


def routes_of(*routers: APIRouter) -> list[BaseRoute]:
    """What these routers answer.

    They know no application, so all applications of a process share them: FastAPI takes longer to
    work out what a hundred endpoints ask for than the rest of a start does.
    """
    behind = APIRouter(dependencies=[Depends(named_in_scope), Depends(unique_keys)])
    for router in routers:
        behind.include_router(router)
    return behind.routes


def in_shell(
    service: QuoteDesk,
    routes: list[BaseRoute],
    *,
    description: str,
    schemas: Callable[[], dict[str, Any]],
    background: Callable[[], Sequence[Worker]],
) -> FastAPI:
    """An application, not yet started.

    Starting it (its lifespan) checks the migrations, loads the live price book and the promotions,
    and begins the work in the background; stopping ends that in order.

    Args:
        service: what the routes are given, as `app.state.service`.
        routes: behind the shell, from `routes_of`.
        description: of the API, Markdown.
        schemas: component schemas that the routes name, for the API description.
        background: makes the work that is done beside the requests, when the application starts.

    Raises:
        SettingsInvalid: a kept token is none.
    """
    app = FastAPI(
        title="Pricewright",
        description=description,
        version=version("pricewright"),
        lifespan=partial(_lifespan, background=background),
        routes=routes,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.service = service
    add_docs_page(app)
    install_problem_answers(app)
    # The last one added is the outermost.
    max_age = service.settings.price_max_age_seconds
    app.add_middleware(PriceServing, live=service.live, drafts=service.drafts, max_age=max_age)
    admission = Admission(
        operators_of(service.settings),
        service.keys,
        service.sessions,
        lambda: app.state.service.signing_key,
        open_prices=service.settings.open_prices,
        wrong_a_minute=service.settings.wrong_keys_a_minute,
    )
    settings = service.settings
    budget = BodyBudget(settings.bodies_mib * MIB, settings.body_seconds)
    app.add_middleware(Door, admission=admission, budget=budget)
    if settings.cors_origins:
        app.add_middleware(CrossOrigin, origins=settings.cors_origins)
    app.add_middleware(RequestLog, quiet_prefix=PREFIX)
    app.add_middleware(SecurityHeaders, hsts_seconds=settings.hsts_seconds)
    if settings.trusted_proxies:
        # Outermost: everything behind it knows where a request comes from, and by which scheme.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    app.openapi = partial(_openapi, app, schemas)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, background: Callable[[], Sequence[Worker]]
) -> AsyncIterator[dict[str, Any]]:
    service: QuoteDesk = app.state.service
    await anyio.to_thread.run_sync(require_migrated, service.engine)
    if service.settings.quote_signing_key is None:
        key = await anyio.to_thread.run_sync(_kept_signing_key, service)
        service = app.state.service = replace(service, signing_key=key)
    await anyio.to_thread.run_sync(service.keys.refresh)
    await anyio.to_thread.run_sync(service.live.refresh)
    await anyio.to_thread.run_sync(service.board.refresh)
    await anyio.to_thread.run_sync(service.writability.refresh)
    workers = background()
    for worker in workers:
        worker.start()
    settings = service.settings
    try:
        yield {
            CONNECTIONS: Connections(
                most_connections(settings.connections), settings.head_seconds, ANSWER_SECONDS
            )
        }
    finally:
        # All at once, so that together they have the time of one.
        async with anyio.create_task_group() as stopping:
            for worker in workers:
                stopping.start_soon(_stop, worker)
        with suppress(StorageError):  # what was counted since the last minute is lost with it
            await anyio.to_thread.run_sync(service.keys.tell)
        service.engine.dispose()


async def _stop(worker: Worker) -> None:
    if not await anyio.to_thread.run_sync(worker.stop, _STOP_WAIT):
        _log.warning("background work was left unfinished", wait=str(_STOP_WAIT))


def _kept_signing_key(service: QuoteDesk) -> bytes:
    """The key that signs quotes where none is set: all hosts of a database have the same."""
    kept = kept_secret(service.engine, QUOTE_SIGNING_KEY, at=datetime.now(UTC))
    return kept.encode()


def _openapi(app: FastAPI, schemas: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The schema of FastAPI's routes and of the price paths in front of them, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        schema["paths"] = {**price_paths(), **schema["paths"]}
        named = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        named.update(problem.pop("$defs"))
        named["ProblemDocument"] = problem
        named.update(price_schemas())
        named.update(schemas())
        schema["components"]["securitySchemes"] = SECURITY_SCHEMES
        describe_door(schema["paths"], open_prices=app.state.service.settings.open_prices)
        app.openapi_schema = schema
    return app.openapi_schema
