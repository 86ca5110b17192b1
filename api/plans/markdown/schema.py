"""The document of a clearance, field by field.

Decimals are decimal strings or numbers in major units, prices with tax; shares are between 0 and 1;
weeks count from 1. A CSV has a row an item, lists separated by semicolons: `60;54;48;36`; stores
that share the stock of an item read `north=0.4;south=0.6`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from api.plans.errors import PlanInputInvalid
from api.plans.fields import (
    Name,
    NotNegative,
    PlanIn,
    Price,
    PriorPriceIn,
    SearchIn,
    Share,
    Strict,
)

USUAL_POLICY: Final = {5: 0.2, 7: 0.4, 9: 0.6}


class ItemIn(Strict, frozen=True, kw_only=True):
    """One product in one market, or one whose stock several stores share."""

    sku: Name
    market: str = "all"
    ladder: list[Decimal]
    full_price: Decimal | None = None
    demand: float | list[float]
    elasticity: float | None = None
    response: list[float] | None = None
    stock: NotNegative
    stock_now: Annotated[NotNegative | None, Meta(description="counted after the history")] = None
    arrivals: list[float] | None = None
    exit_week: int | None = None
    salvage: Decimal = Decimal(0)
    holding: Decimal = Decimal(0)
    cost: Decimal | None = None
    tax_rate: float = 0.0
    max_changes: int = 3
    weeks_between: int = 1
    first_week: int = 1
    last_week: int | None = None
    labels: int = 1
    label_cost: Decimal = Decimal(0)
    target: float = 0.0
    shortfall: Decimal | None = None
    broken_at: float = 0.0
    broken_power: float = 0.5
    reference_effect: float = 0.0
    reference_memory: float = 0.7
    reference: Price | None = None
    past_prices: list[Decimal] | None = None
    stores: dict[str, float] | None = None

    def __post_init__(self) -> None:
        """Check what belongs together; see `Strict`."""
        super().__post_init__()
        if (self.elasticity is None) == (self.response is None):
            raise PlanInputInvalid("give either elasticity or response")
        if self.response is not None and len(self.response) != len(self.ladder):
            raise PlanInputInvalid(
                f"has {len(self.response)} values, ladder {len(self.ladder)}", ("response",)
            )
        shares = self.stores or {}
        if self.stores is not None and not (
            all(share >= 0 for share in shares.values()) and sum(shares.values()) > 0
        ):
            raise PlanInputInvalid(
                "shares of demand must not be negative, nor all be 0", ("stores",)
            )


class LimitsIn(Strict, frozen=True, kw_only=True):
    """Joint limits; what is missing is not limited."""

    budget: Decimal | None = None
    labels_per_week: int | dict[str, int] | None = None
    average_discount: float | None = None
    revenue_floor: Decimal | None = None
    marked_down_at_once: int | None = None
    deviations: Annotated[int | None, Meta(description="from the plan `in_force`")] = None


class RiskIn(Strict, frozen=True, kw_only=True):
    """How much the worst futures count, and how many are drawn."""

    weight: Share = 0.0
    level: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    draws: Annotated[int, Meta(ge=2, le=200)] = 20


class DoubtIn(Strict, frozen=True, kw_only=True):
    """Standard deviations of what is not known of demand; see `pricing.markdown.Prior`."""

    common_scale: float = 0.3
    common_elasticity: float = 0.4
    common_drift: float = 0.02
    own_scale: float = 0.4
    own_elasticity: float = 0.5
    own_drift: float = 0.01
    noise: float = 0.15


class PriceIn(Strict, frozen=True, kw_only=True):
    """A price in a week: pinned by hand, or of the plan in force."""

    sku: str
    market: str = "all"
    week: int
    price: Decimal


class SoldIn(PriceIn, frozen=True, kw_only=True):
    """What happened in a week."""

    units: NotNegative
    sold_out: bool = False


class CrossIn(Strict, frozen=True, kw_only=True):
    """How the price of a rival moves the demand of an item."""

    sku: str
    rival: str
    market: str = "all"
    elasticity: Annotated[
        float, Meta(ge=-3, le=3, description="of demand by the rival's price; > 0 takes")
    ]


class MarkdownIn(PlanIn, frozen=True, kw_only=True):
    """A clearance."""

    weeks: Annotated[int, Meta(ge=1, le=104)]
    starts_on: date | None = None
    items: Annotated[list[ItemIn], Meta(min_length=1)]
    limits: LimitsIn = LimitsIn()
    risk: RiskIn | None = None
    doubt: DoubtIn = DoubtIn()
    cross: list[CrossIn] = msgspec.field(default_factory=list)
    prior_price: PriorPriceIn | None = None
    pins: list[PriceIn] = msgspec.field(default_factory=list)
    history: list[SoldIn] = msgspec.field(default_factory=list)
    in_force: list[PriceIn] = msgspec.field(default_factory=list)
    look_ahead: Annotated[
        int,
        Meta(
            ge=0,
            le=500,
            description="futures in which the coming week's prices are tried; 0 plans anew without",
        ),
    ] = 0
    relax: Annotated[
        bool,
        Meta(
            description="where a season under way can no longer hold the limits, one gives as "
            "little as it can, and the result says which"
        ),
    ] = False
    current_policy: Annotated[
        dict[int, float], Meta(description="discount by the week from which it holds")
    ] = msgspec.field(default_factory=lambda: dict(USUAL_POLICY))
    search: SearchIn = SearchIn()

    def __post_init__(self) -> None:
        """Check what belongs together; see `Strict`."""
        super().__post_init__()
        keys = {(item.sku, item.market) for item in self.items}
        for name in ("pins", "history", "in_force"):
            for i, row in enumerate(getattr(self, name)):
                if (row.sku, row.market) not in keys:
                    raise PlanInputInvalid(f"no item is {row.sku!r} in {row.market!r}", (name, i))
                if not 1 <= row.week <= self.weeks:
                    raise PlanInputInvalid(
                        f"week {row.week} is not from 1 to {self.weeks}", (name, i, "week")
                    )
        for i, effect in enumerate(self.cross):
            for name in ("sku", "rival"):
                if (getattr(effect, name), effect.market) not in keys:
                    raise PlanInputInvalid(
                        f"no item is {getattr(effect, name)!r} in {effect.market!r}",
                        ("cross", i, name),
                    )
            if effect.sku == effect.rival:
                raise PlanInputInvalid("an item is no rival of itself", ("cross", i, "rival"))
        for week, share in self.current_policy.items():
            if week < 1 or not 0.0 <= share < 1.0:
                raise PlanInputInvalid(
                    f"{share} must be a week from 1 and a share from 0 up to 1",
                    ("current_policy", str(week)),
                )
