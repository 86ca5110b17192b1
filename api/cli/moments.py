"""Times and names that a person types: local to a market, and who is typing."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.engine import Connection

from pricing.law.price_history import on_the_clock
from storage.access.people import actor_named
from storage.errors import UnknownMarket
from storage.products.markets import list_markets


def operator(named: str | None) -> str:
    """Who does this: the name given, else that of the user of this computer."""
    if named is not None and named.strip():
        return named.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("this user has no name; say who you are with --by") from None


def account_or_user(conn: Connection, named: str | None) -> str:
    """Who does this, as the records name them: the account of this name, else the name itself.

    So a person is the same one at the terminal, in the console and behind a key of theirs.
    """
    return actor_named(conn, operator(named))


def local_time(conn: Connection, market: str, text: str) -> datetime:
    """`2026-11-27` or `2026-11-27 06:00` on the market's clocks, as UTC.

    A time with its own offset, such as `2026-11-27T06:00+01:00`, is taken as it is. A time that
    the clocks skip in spring is the moment of the jump, one that comes twice is the first.

    Raises:
        UnknownMarket: there is no such market.
    """
    zones = {item.code: item.time_zone for item in list_markets(conn)}
    if market not in zones:
        raise UnknownMarket(f"market {market!r} is unknown; known markets: {sorted(zones)}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write it like 2026-11-27 06:00") from None
    if moment.tzinfo is None:
        return on_the_clock(moment, ZoneInfo(zones[market]))
    return moment.astimezone(UTC)
