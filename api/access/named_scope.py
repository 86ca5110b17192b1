"""What a request names of markets and products is looked at before its route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
from fastapi import Request

from api.access.principal import PRINCIPAL, Principal
from api.access.roles import RULES, Reach
from api.access.scope import require_all_categories, require_categories, require_markets
from api.errors import NotAllowed
from storage.database import reading
from storage.products.products import categories_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

_GET_FOR: Final = {"HEAD": "GET"}


async def named_in_scope(request: Request) -> None:
    """A dependency of every route: the market of the query and the product of the path.

    Raises:
        NotAllowed: who asks may not act there; answered with status 403.
    """
    who: Principal | None = request.scope["state"].get(PRINCIPAL)
    if who is None or who.everywhere:
        return
    template = request.scope["route"].path_format
    rule = RULES.get((_GET_FOR.get(request.method, request.method), template))
    if rule is None or rule.reach is not Reach.NAMED:
        return
    market = request.query_params.getlist("market")
    if who.markets is not None and not market:
        raise NotAllowed(
            f"name a market with ?market=; {who.name} may act in {', '.join(sorted(who.markets))}"
        )
    require_markets(who, market)
    if who.categories is None:
        return
    sku, category = request.path_params.get("sku"), request.query_params.getlist("category")
    if sku is not None:
        engine = request.app.state.service.engine
        require_categories(who, await anyio.to_thread.run_sync(_categories, engine, sku))
    elif category:
        require_categories(who, category)
    else:
        require_all_categories(who)


def _categories(engine: Engine, sku: str) -> frozenset[str]:
    with reading(engine) as conn:
        return categories_of(conn, [sku])
