"""The service as one ASGI application: prices in front, everything else behind them."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from api.access.first_account import make_first_account
from api.access.oidc import provider_of
from api.alerts.delivery import deliver_due
from api.console.assembly import console_routers
from api.jobs.crawls import ask_for_due_crawls
from api.jobs.documents import job_schemas
from api.jobs.release import keep_releases
from api.jobs.working import work_room
from api.plans.wire import plan_schemas
from api.promotions.watch import watch_promotions
from api.quotes.desk import QuoteDesk
from api.routes import (
    access_keys,
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
    people,
    plans,
    price_book_changes,
    price_books,
    problems,
    promotion_codes,
    promotion_groups,
    promotions,
    quotes,
    session,
    sites,
)
from api.routes.dependencies import Service
from api.routes.openapi_records import promotion_schemas
from api.settings import load_settings
from api.shell import Worker, desk_work, in_shell, open_desk, routes_of
from api.work.periodic import Periodic
from storage.law.rule_packs import load_rule_packs

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.settings import Settings

_log = structlog.get_logger(__name__)

_WATCH: Final = timedelta(seconds=30)
_DESCRIPTION: Final = """\
Live prices and why they are what they are.

Money is a decimal string with its currency, times are UTC. Every error is a problem document
(RFC 9457, `application/problem+json`) whose `type` links to an explanation and whose `request_id`
is in the log.

Prices, quotes that hold nothing, and health are open, unless the service is told otherwise; whoever
holds a quote's own `token` may ask and cancel it. Everything else needs `Authorization: Bearer KEY`
with a key of the right role, or the session of a person who logged in.
"""

_ROUTES: Final = routes_of(
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
    session.router,
    access_keys.router,
    people.router,
    health.router,
    problems.router,
    *console_routers(),
)


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
    packs = load_rule_packs(chosen.rule_packs)
    desk = open_desk(chosen, packs)
    parts: dict[str, Any] = {part.name: getattr(desk, part.name) for part in fields(QuoteDesk)}
    service = Service(
        **parts, packs=packs, work=work_room(desk.engine, chosen), provider=provider_of(chosen)
    )
    return in_shell(
        service,
        _ROUTES,
        description=_DESCRIPTION,
        schemas=lambda: {**promotion_schemas(), **plan_schemas(), **job_schemas()},
        background=partial(_background_work, service),
    )


def _background_work(service: Service) -> list[Worker]:
    engine, settings = service.engine, service.settings
    make_first_account(engine)
    pause = timedelta(seconds=settings.release_poll_seconds)
    workers: list[Worker] = [
        service.work,
        *desk_work(service),
        Periodic("releases", partial(_release, service), pause),
        Periodic("promotions watch", lambda: watch_promotions(engine, datetime.now(UTC)), _WATCH),
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


def _crawl_what_is_due(service: Service) -> None:
    most = service.settings.crawls_at_once
    if ask_for_due_crawls(service.engine, at=datetime.now(UTC), most=most):
        service.work.wake()


def _release(service: Service) -> None:
    keep_releases(service.engine, now=datetime.now(UTC), packs=service.packs)


def _deliver(service: Service) -> None:
    deliver_due(service.engine, service.settings, datetime.now(UTC))
