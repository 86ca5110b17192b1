"""The service as one ASGI application: prices in front, everything else behind them."""

from __future__ import annotations

import secrets
import threading
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import anyio
import structlog
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from api.access.door import Door
from api.access.openapi import SECURITY_SCHEMES, describe_door
from api.access.operator_token import operators_of
from api.alerts.delivery import deliver_due
from api.errors import ProblemDocument
from api.http.bodies import unique_keys
from api.http.docs_page import add_docs_page
from api.http.problem_answers import install_problem_answers
from api.http.request_log import RequestLog
from api.jobs.crawls import ask_for_due_crawls
from api.jobs.documents import job_schemas
from api.jobs.release import keep_releases
from api.jobs.working import work_room
from api.live.openapi import price_paths, price_schemas
from api.live.promotion_board import PromotionBoard
from api.live.serving import PREFIX, PriceServing
from api.live.snapshot import LivePrices
from api.plans.wire import plan_schemas
from api.promotions.watch import watch_promotions
from api.quotes.sweeping import forget_old_keys, settle_due_groups, sweep_quotes
from api.routes import (
    competitors,
    costs,
    decision_runs,
    decisions,
    drafts,
    governance,
    health,
    jobs,
    law,
    market_analysis,
    offers,
    plans,
    price_book_changes,
    price_books,
    problems,
    promotion_codes,
    promotion_groups,
    promotions,
    quotes,
    sites,
)
from api.routes.dependencies import Service
from api.routes.openapi_records import promotion_schemas
from api.settings import load_settings
from api.work.periodic import Periodic
from api.work.room import RunningRoom
from storage.access.service_secrets import QUOTE_SIGNING_KEY, kept_secret
from storage.database import open_engine, require_migrated
from storage.law.rule_packs import load_rule_packs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.settings import Settings

_log = structlog.get_logger(__name__)

_STOP_WAIT: Final = timedelta(seconds=15)
_WATCH: Final = timedelta(seconds=30)
_FORGET: Final = timedelta(hours=1)
_DESCRIPTION: Final = """\
Live prices and why they are what they are.

Money is a decimal string with its currency, times are UTC. Every error is a problem document
(RFC 9457, `application/problem+json`) whose `type` links to an explanation and whose `request_id`
is in the log.

Prices, quotes of carts and health are open; whoever holds a quote's own `token` may ask and settle
it. Everything else needs `Authorization: Bearer TOKEN` with the token of an operator.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application, not yet started; uvicorn may call this as a factory.

    Starting it (its lifespan) checks the migrations, loads the live price book and begins to poll
    for newer ones and, where a receiver is set, to deliver alerts.

    Args:
        settings: read from the environment and `.env` when None.

    Raises:
        SettingsInvalid: a setting is missing or out of range, or a kept token is none.
        InvalidRulePack: a rule pack cannot be applied.
    """
    chosen = load_settings() if settings is None else settings
    engine = open_engine(chosen.database_url)
    packs = load_rule_packs(chosen.rule_packs)
    live = LivePrices(engine, timedelta(seconds=chosen.snapshot_poll_seconds), packs)
    app = FastAPI(
        title="Pricewright",
        description=_DESCRIPTION,
        version=version("pricewright"),
        lifespan=_lifespan,
        dependencies=[Depends(unique_keys)],
        docs_url=None,
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.service = Service(
        settings=chosen,
        engine=engine,
        live=live,
        packs=packs,
        board=PromotionBoard(engine),
        # Until the start has read what the database keeps, nobody can know it.
        signing_key=chosen.signing_key or secrets.token_bytes(32),
        work=work_room(engine, chosen),
        write_turn=threading.Lock() if engine.dialect.name == "sqlite" else nullcontext(),
    )
    for router in (
        price_books.router,
        price_book_changes.router,
        drafts.router,
        governance.router,
        decision_runs.router,
        decisions.router,
        offers.router,
        competitors.router,
        costs.router,
        sites.router,
        market_analysis.router,
        law.router,
        law.inputs_router,
        quotes.router,
        promotions.router,
        promotion_codes.router,
        promotion_groups.router,
        plans.router,
        jobs.router,
        health.router,
        problems.router,
    ):
        app.include_router(router)
    add_docs_page(app)
    install_problem_answers(app)
    # The last one added is the outermost.
    app.add_middleware(PriceServing, live=live, max_age=chosen.price_max_age_seconds)
    app.add_middleware(
        Door,
        operators=operators_of(chosen),
        signing_key=lambda: app.state.service.signing_key,
    )
    app.add_middleware(RequestLog, quiet_prefix=PREFIX)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    await anyio.to_thread.run_sync(require_migrated, service.engine)
    if service.settings.quote_signing_key is None:
        key = await anyio.to_thread.run_sync(_kept_signing_key, service)
        service = app.state.service = replace(service, signing_key=key)
    await anyio.to_thread.run_sync(service.live.refresh)
    await anyio.to_thread.run_sync(service.board.refresh)
    workers: list[Periodic | RunningRoom] = [service.work, *_background_work(service)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        for worker in workers:
            if not await anyio.to_thread.run_sync(worker.stop, _STOP_WAIT):
                _log.warning("background work was left unfinished", wait=str(_STOP_WAIT))
        service.engine.dispose()


def _kept_signing_key(service: Service) -> bytes:
    """The key that signs quotes where none is set: all hosts of a database have the same."""
    kept = kept_secret(service.engine, QUOTE_SIGNING_KEY, at=datetime.now(UTC))
    return kept.encode()


def _background_work(service: Service) -> list[Periodic]:
    settings = service.settings
    poll = timedelta(seconds=settings.snapshot_poll_seconds)
    pause = timedelta(seconds=settings.release_poll_seconds)
    workers = [
        Periodic("price book refresh", service.live.refresh, poll),
        Periodic("releases", partial(_release, service), pause),
        *_promotion_work(service),
    ]
    if settings.crawl_schedule:
        pause = timedelta(seconds=settings.crawl_poll_seconds)
        workers.append(Periodic("crawls that are due", partial(_crawl_what_is_due, service), pause))
    if settings.webhook_url is None:
        _log.info("alerts stay in the outbox: PRICEWRIGHT_WEBHOOK_URL is not set")
    else:
        pause = timedelta(seconds=settings.alert_poll_seconds)
        workers.append(Periodic("alert delivery", partial(_deliver, service), pause))
    return workers


def _promotion_work(service: Service) -> list[Periodic]:
    """What is done for promotions beside the requests."""
    engine = service.engine
    poll = timedelta(seconds=service.settings.promotion_poll_seconds)
    return [
        Periodic("promotions refresh", service.board.refresh, poll),
        Periodic("quotes expire", lambda: sweep_quotes(engine, datetime.now(UTC)), poll),
        Periodic("groups settle", lambda: settle_due_groups(engine, datetime.now(UTC)), poll),
        Periodic("promotions watch", lambda: watch_promotions(engine, datetime.now(UTC)), _WATCH),
        Periodic("keys forgotten", lambda: forget_old_keys(engine, datetime.now(UTC)), _FORGET),
    ]


def _crawl_what_is_due(service: Service) -> None:
    most = service.settings.crawls_at_once
    if ask_for_due_crawls(service.engine, at=datetime.now(UTC), most=most):
        service.work.wake()


def _release(service: Service) -> None:
    keep_releases(service.engine, now=datetime.now(UTC), packs=service.packs)


def _deliver(service: Service) -> None:
    deliver_due(service.engine, service.settings, datetime.now(UTC))


def _openapi(app: FastAPI) -> dict[str, Any]:
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
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["ProblemDocument"] = problem
        schemas.update(price_schemas())
        schemas.update(promotion_schemas())
        schemas.update(plan_schemas())
        schemas.update(job_schemas())
        schema["components"]["securitySchemes"] = SECURITY_SCHEMES
        describe_door(schema["paths"])
        app.openapi_schema = schema
    return app.openapi_schema
