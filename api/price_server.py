"""The price server: an application that serves prices and quotes, and nothing else.

It has the shell and the routes of the whole service (`api.app`), fewer of them, and imports no
solver, no statistics and no crawler; contracts in `pyproject.toml` hold that. Whatever makes prices
- decisions, releases, jobs, crawls, alerts - is left to a whole service over the same database.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from api.routes import health, problems, promotion_groups, quotes
from api.routes.openapi_quotes import quote_schemas
from api.settings import load_settings
from api.shell import desk_work, in_shell, open_desk, routes_of
from storage.law.rule_packs import load_rule_packs

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.settings import Settings

_DESCRIPTION: Final = """\
Live prices and quotes of carts. This process serves nothing else; why prices are what they are, and
everything that changes them, is at the whole service over the same database.

Money is a decimal string with its currency, times are UTC. Every error is a problem document
(RFC 9457, `application/problem+json`) whose `type` links to an explanation and whose `request_id`
is in the log.

Prices, quotes that hold nothing, and health are open, unless the service is told otherwise; whoever
holds a quote's own `token` may ask and cancel it. Everything else needs `Authorization: Bearer KEY`
with a key of the right role.
"""

_ROUTES: Final = routes_of(quotes.router, promotion_groups.router, health.router, problems.router)


def create_price_server(settings: Settings | None = None) -> FastAPI:
    """The application, not yet started; its lifespan loads prices and promotions.

    Args:
        settings: read from the environment and `.env` when None.

    Raises:
        SettingsInvalid: a setting is missing or out of range, or a kept token is none.
        InvalidRulePack: a rule pack cannot be applied.
    """
    chosen = load_settings() if settings is None else settings
    desk = open_desk(chosen, load_rule_packs(chosen.rule_packs))
    return in_shell(
        desk,
        _ROUTES,
        description=_DESCRIPTION,
        schemas=quote_schemas,
        background=partial(desk_work, desk),
    )
