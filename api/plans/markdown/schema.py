"""The document of a clearance, field by field.

Amounts are decimal strings or numbers in major units, prices with tax; shares are between 0 and 1;
weeks count from 1. A CSV has a row an item, lists separated by semicolons: `60;54;48;36`; stores
that share the stock of an item read `north=0.4;south=0.6`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, model_validator

from api.plans.errors import PlanInputInvalid
from api.plans.fields import LIST_CELL, LIST_CELL_IF_MANY, TABLE_CELL, PriorPriceIn, TimeZone
from api.plans.files import SearchIn, Strict

Amount = Decimal
USUAL_POLICY: Final = {5: 0.2, 7: 0.4, 9: 0.6}


class ItemIn(Strict):
    """One product in one market, or one whose stock several stores share."""

    sku: str = Field(min_length=1)
    market: str = "all"
    ladder: Annotated[list[Amount], LIST_CELL]
    full_price: Amount | None = None
    demand: Annotated[float | list[float], LIST_CELL_IF_MANY]
    elasticity: float | None = None
    response: Annotated[list[float] | None, LIST_CELL] = None
    stock: float = Field(ge=0)
    stock_now: float | None = Field(default=None, ge=0, description="counted after the history")
    arrivals: Annotated[list[float] | None, LIST_CELL] = None
    exit_week: int | None = None
    salvage: Amount = Decimal(0)
    holding: Amount = Decimal(0)
    cost: Amount | None = None
    tax_rate: float = 0.0
    max_changes: int = 3
    weeks_between: int = 1
    first_week: int = 1
    last_week: int | None = None
    labels: int = 1
    label_cost: Amount = Decimal(0)
    target: float = 0.0
    shortfall: Amount | None = None
    broken_at: float = 0.0
    broken_power: float = 0.5
    reference_effect: float = 0.0
    reference_memory: float = 0.7
    reference: Amount | None = Field(default=None, gt=0)
    past_prices: Annotated[list[Amount] | None, LIST_CELL] = None
    stores: Annotated[dict[str, float] | None, TABLE_CELL] = None

    @model_validator(mode="after")
    def _one_response(self) -> ItemIn:
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
        return self


class LimitsIn(Strict):
    """Joint limits; what is missing is not limited."""

    budget: Amount | None = None
    labels_per_week: int | dict[str, int] | None = None
    average_discount: float | None = None
    revenue_floor: Amount | None = None
    marked_down_at_once: int | None = None
    deviations: int | None = Field(default=None, description="from the plan `in_force`")


class RiskIn(Strict):
    """How much the worst futures count, and how many are drawn."""

    weight: float = Field(default=0.0, ge=0, le=1)
    level: float = Field(default=0.9, ge=0, lt=1)
    draws: int = Field(default=20, ge=2, le=200)


class DoubtIn(Strict):
    """Standard deviations of what is not known of demand; see `pricing.markdown.Prior`."""

    common_scale: float = 0.3
    common_elasticity: float = 0.4
    common_drift: float = 0.02
    own_scale: float = 0.4
    own_elasticity: float = 0.5
    own_drift: float = 0.01
    noise: float = 0.15


class PriceIn(Strict):
    """A price in a week: pinned by hand, or of the plan in force."""

    sku: str
    market: str = "all"
    week: int
    price: Amount


class SoldIn(PriceIn):
    """What happened in a week."""

    units: float = Field(ge=0)
    sold_out: bool = False


class CrossIn(Strict):
    """How the price of a rival moves the demand of an item."""

    sku: str
    rival: str
    market: str = "all"
    elasticity: float = Field(ge=-3, le=3, description="of demand by the rival's price; > 0 takes")


class MarkdownIn(Strict):
    """A clearance."""

    currency: str
    weeks: int = Field(ge=1, le=104)
    starts_on: date | None = None
    time_zone: TimeZone = "UTC"
    items: list[ItemIn] = Field(min_length=1)
    limits: LimitsIn = LimitsIn()
    risk: RiskIn | None = None
    doubt: DoubtIn = DoubtIn()
    cross: list[CrossIn] = Field(default_factory=list)
    prior_price: PriorPriceIn | None = None
    pins: list[PriceIn] = Field(default_factory=list)
    history: list[SoldIn] = Field(default_factory=list)
    in_force: list[PriceIn] = Field(default_factory=list)
    look_ahead: int = Field(
        default=0,
        ge=0,
        le=500,
        description="futures in which the coming week's prices are tried; 0 plans anew without",
    )
    current_policy: dict[int, float] = Field(
        default_factory=lambda: dict(USUAL_POLICY),
        description="discount by the week from which it holds",
    )
    search: SearchIn = SearchIn()

    @model_validator(mode="after")
    def _keys_fit(self) -> MarkdownIn:
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
                    ("current_policy", week),
                )
        return self
