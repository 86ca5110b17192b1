"""In which markets and categories somebody may act: what they may not touch is refused, by name.

A request that names its market in the query, or its product in the path, is looked at before its
route; a route that is about a draft, a run or a quote looks itself, where it knows what that is of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.errors import NotAllowed

if TYPE_CHECKING:
    from api.access.principal import Principal
    from storage.access.scopes import Scope


def require_markets(who: Principal | None, markets: Iterable[str]) -> None:
    """Refuse what is of a market that somebody may not act in.

    Raises:
        NotAllowed: naming both.
    """
    _require(who, "markets", None if who is None else who.markets, markets)


def require_categories(who: Principal | None, categories: Iterable[str]) -> None:
    """Refuse what is about products of a category that somebody may not act for.

    Raises:
        NotAllowed: naming both.
    """
    _require(who, "categories", None if who is None else who.categories, categories)


def require_all_categories(who: Principal | None) -> None:
    """Refuse what is about products of every category.

    Raises:
        NotAllowed: naming those that somebody may act for.
    """
    if who is not None and who.categories is not None:
        raise NotAllowed(
            f"{who.name} may act for categories {_listed(who.categories)} only; this is about "
            "products of every category"
        )


def require_within(who: Principal | None, reach: Scope) -> None:
    """Refuse what reaches further than somebody may.

    Raises:
        NotAllowed: naming what is beyond.
    """
    require_markets(who, reach.markets or ())
    require_categories(who, reach.categories or ())


def _require(
    who: Principal | None, what: str, mine: frozenset[str] | None, asked: Iterable[str]
) -> None:
    if who is None or mine is None:
        return
    beyond = sorted(set(asked) - mine)
    if beyond:
        raise NotAllowed(
            f"{who.name} may act in {what} {_listed(mine)} only; this is about {_listed(beyond)}"
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
