"""Rules on prices that are not the same for everybody, and the log of what these rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from pricing.errors import InvalidRulePack
from pricing.law.packs import RulePack, Verdict
from storage.database import require_writer
from storage.law.market_rules import list_market_rules
from storage.law.rule_packs import RulePacks
from storage.law.tables import price_input_log
from storage.products.markets import list_markets, market_id
from storage.products.products import product_ids


@dataclass(frozen=True, slots=True)
class PersonalPrice:
    """One price that was asked of a customer for a reason that not everybody has.

    Attributes:
        sku: the product.
        tier: the tier that the customer was priced in.
        price: minor units.
        public: the public price at the same moment, minor units.
        inputs: names of all that the price was computed from.
        verdict: how it was judged.
    """

    sku: str
    tier: str
    price: int
    public: int
    inputs: tuple[str, ...]
    verdict: Verdict


def personal_price_packs(
    conn: Connection, packs: RulePacks, at: datetime
) -> Mapping[str, RulePack]:
    """The rule packs of the markets whose law says something of personalised prices, by market.

    A market whose jurisdiction has no pack on that day is left out: a price must not fail for it.
    """
    rules = list_market_rules(conn)
    found = {}
    for market in list_markets(conn) if rules else ():
        if market.code not in rules:
            continue
        day = at.astimezone(ZoneInfo(market.time_zone)).date()
        try:
            pack = packs.at(rules[market.code].jurisdiction, day)
        except InvalidRulePack:
            continue
        if pack.personal_price is not None:
            found[market.code] = pack
    return found


def log_personal_prices(
    conn: Connection, market: str, prices: Iterable[PersonalPrice], quote_id: str, *, at: datetime
) -> None:
    """Keep what each price of a quote was computed from, and how it was judged.

    Raises:
        UnknownMarket: there is no such market.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    known = list(prices)
    if not known:
        return
    numbers = product_ids(conn, {price.sku for price in known})
    place = market_id(conn, market)
    rows = [
        {
            "at": at,
            "product_id": numbers[price.sku],
            "market_id": place,
            "tier": price.tier,
            "price_minor": price.price,
            "public_minor": price.public,
            "inputs": sorted(set(price.inputs)),
            "verdict": replace(price.verdict, facts={**price.verdict.facts, "quote": quote_id}),
        }
        for price in known
    ]
    conn.execute(price_input_log.insert(), rows)
