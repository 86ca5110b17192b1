"""What happens to promotions and group buys."""

from __future__ import annotations

from typing import Literal

from pricing.events.event import Amount, Event, Fact, Moment


class AheadOfPlan(Event, frozen=True, kw_only=True):
    """A live promotion runs ahead of what it may use.

    Attributes:
        promotion: its id.
        version: of its terms.
        ahead_of: `budget`, `units` or `stock`.
        redemptions: orders that used it and were not cancelled.
        given_away: what they were given.
        budget_share: of the budget, used; null without a budget.
        units_share: of the units, used; null without a limit of units.
        planned_share: what should be used by now; null where neither a plan nor an end is known.
        runs_out_at: when the first of its products runs out at the pace so far; null if not known.
        ends_at: its last moment; null where it has none.
        scarcest_sku: the product that runs out first; null if not known.
    """

    keyed_by = ("promotion",)
    told = True

    promotion: str
    version: int
    ahead_of: Literal["budget", "units", "stock"]
    redemptions: int
    given_away: Amount
    budget_share: float | None
    units_share: float | None
    planned_share: float | None
    runs_out_at: Moment | None
    ends_at: Moment | None
    scarcest_sku: str | None


class AheadOfBudget(AheadOfPlan, frozen=True, kw_only=True):
    """A live promotion has used more of its budget than planned."""

    type_name = "promotion.ahead_of_budget"


class AheadOfUnits(AheadOfPlan, frozen=True, kw_only=True):
    """A live promotion has used more of its units than planned."""

    type_name = "promotion.ahead_of_units"


class AheadOfStock(AheadOfPlan, frozen=True, kw_only=True):
    """A product of a live promotion will run out before the promotion ends."""

    type_name = "promotion.ahead_of_stock"


class SettledMember(Fact, frozen=True, kw_only=True):
    """Somebody who took part in a group buy.

    Attributes:
        customer: who.
        quote: the order.
        refund: what goes back.
    """

    customer: str
    quote: str
    refund: Amount


class GroupSettled(Event, frozen=True, kw_only=True):
    """A group buy is over.

    Attributes:
        group: its id.
        promotion: the promotion that it was on.
        market: the market.
        status: `reached`, or `failed` where it was too small.
        size: how many took part.
        price: of a unit; null where it failed.
        members: each with what goes back.
    """

    type_name = "group.settled"
    keyed_by = ("group",)
    told = True

    group: str
    promotion: str
    market: str
    status: Literal["failed", "reached"]
    size: int
    price: Amount | None
    members: tuple[SettledMember, ...]
