"""Reading the key of a product from a request."""

from typing import Annotated

from fastapi import Path
from sqlalchemy import Connection

from api.errors import MarketRequired
from storage.errors import NoPriceForMarket
from storage.products.markets import list_markets

SkuInPath = Annotated[
    str,
    Path(
        min_length=1, max_length=256, description="Product key, case-sensitive", examples=["TEA-1"]
    ),
]


def market_of(conn: Connection, named: str | None) -> str:
    """The market asked for, or the only one that there is.

    Raises:
        MarketRequired: none was named and there are several, or none at all.
        NoPriceForMarket: there is no such market.
    """
    codes = [market.code for market in list_markets(conn)]
    if named is None:
        if len(codes) == 1:
            return codes[0]
        raise MarketRequired(
            f"name a market with ?market=; there are {', '.join(codes) or 'none yet'}",
            markets=codes,
        )
    if named not in codes:
        raise NoPriceForMarket(f"there is no market {named!r}", markets=codes)
    return named
