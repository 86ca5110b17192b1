"""What happens to prices outside of price books: held, frozen, let go by a trusted cost."""

from __future__ import annotations

from typing import Any

from pricing.events.event import Deed, Event, Fact


class Stuck(Fact, frozen=True, kw_only=True):
    """Prices that stand outside a limit and cannot move.

    Attributes:
        count: how many this limit holds.
        freed_by: what frees them.
    """

    count: int
    freed_by: str


class HeldPrice(Fact, frozen=True, kw_only=True):
    """One price that was held, or decided against what was seen of rivals.

    Attributes:
        sku: the product.
        market: the market.
        price_in_force: amount and currency; null where there is none.
        price_decided: amount and currency; null where none was decided.
        reasons: each with its `code` and the facts of that code.
    """

    sku: str
    market: str
    price_in_force: str | None
    price_decided: str | None
    reasons: tuple[dict[str, Any], ...]


class PricesHeld(Event, frozen=True, kw_only=True):
    """A run held prices: its inputs cannot be right, the law forbids, or they are stuck.

    Attributes:
        run: number of the decision run.
        rows: prices that it decided on.
        held: how many prices each limit held.
        stuck: prices that stand outside a limit and cannot move.
        stuck_by: of these, how many each limit holds, and what frees them.
        offers_ignored: rivals' offers that were too far from the price.
        why: all of it in a sentence.
        examples: the first of these prices.
    """

    type_name = "prices.held"
    keyed_by = ("run",)
    told = True

    run: int
    rows: int
    held: dict[str, int]
    stuck: int
    stuck_by: dict[str, Stuck]
    offers_ignored: int
    why: str
    examples: tuple[HeldPrice, ...]


class FreezeStarted(Deed, frozen=True, kw_only=True):
    """Somebody pulled the kill switch.

    Attributes:
        market: the market whose prices are frozen; null where all are.
        reason: why.
    """

    type_name = "prices.frozen"
    keyed_by = ("market",)
    action = "frozen"

    market: str | None
    reason: str


class FreezeLifted(Deed, frozen=True, kw_only=True):
    """Somebody lifted freezes.

    Attributes:
        market: the market whose freezes were lifted; null where all were.
        lifted: how many freezes that was.
    """

    type_name = "prices.unfrozen"
    keyed_by = ("market",)
    action = "unfrozen"

    market: str | None
    lifted: int


class ConfirmedCost(Fact, frozen=True, kw_only=True):
    """A cost that prices may move by from now on.

    Attributes:
        sku: the product.
        market: the market.
        cost: the cost, amount and currency.
        before: the cost that was trusted until then.
    """

    sku: str
    market: str
    cost: str
    before: str


class CostsConfirmed(Deed, frozen=True, kw_only=True):
    """Somebody confirmed costs that had held prices.

    Attributes:
        count: how many costs.
        costs: the first of them.
    """

    type_name = "costs.confirmed"
    keyed_by = ()
    action = "costs_confirmed"

    count: int
    costs: tuple[ConfirmedCost, ...]
