"""The document of a promotion calendar, field by field.

Amounts are decimal strings or numbers in major units, prices with tax; shares lie between 0 and 1;
weeks count from 1. In a CSV lists are separated by semicolons, and tables read `flyer=1.8;tv=1.2`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from api.plans.errors import PlanInputInvalid
from api.plans.fields import LIST_CELL, LIST_CELL_IF_MANY, TABLE_CELL, PriorPriceIn, Share, TimeZone
from api.plans.files import SearchIn, Strict
from pricing.errors import Place

Amount = Decimal
_SET_BY_PLAN: Final = ("id", "when", "products")


class MechanicIn(Strict):
    """A way to promote: what the customer gets, where, and what it takes."""

    name: str = Field(min_length=1, max_length=40)
    promotion: dict[str, Any] = Field(
        description="as in a promotion file, without id, products and when"
    )
    discount: Share | None = Field(
        default=None, description="share of the price given away a unit; from `promotion` if it "
        "is a percentage, an amount or a price"
    )  # fmt: skip
    lift: float | None = Field(default=None, ge=1, description="for products that name none")
    channel: str | None = None
    features: list[str] = Field(default_factory=list)
    cost: Amount = Field(default=Decimal(0), ge=0, description="of a week for one product")
    funding: Share = Field(default=0.0, description="share of the discount that the brand pays")
    weeks: list[int] | None = Field(default=None, description="weeks in which it may run; all")
    announced: bool = Field(default=True, description="it shows a reduction from the usual price")
    lowers: bool | None = Field(
        default=None, description="everybody pays less; not where a code or an audience is needed"
    )

    @field_validator("promotion")
    @classmethod
    def _left_to_the_plan(cls, promotion: dict[str, Any]) -> dict[str, Any]:
        for name in _SET_BY_PLAN:
            if name in promotion:
                raise PlanInputInvalid("is set by the plan; leave it out", (name,))
        return promotion


class ProductIn(Strict):
    """One product."""

    sku: str = Field(min_length=1)
    category: str = ""
    price: Amount = Field(gt=0)
    cost: Amount = Field(ge=0)
    tax_rate: float = Field(default=0.0, ge=0, lt=1)
    base: Annotated[float | list[float], LIST_CELL_IF_MANY]
    lift: Annotated[dict[str, float], TABLE_CELL] = Field(default_factory=dict)
    elasticity: float | None = Field(default=None, le=0)
    pull: Annotated[list[float], LIST_CELL] = Field(default_factory=list, max_length=53)
    funding: Annotated[dict[str, Share], TABLE_CELL] = Field(default_factory=dict)
    mechanics: Annotated[list[str] | None, LIST_CELL] = None
    blocked_weeks: Annotated[list[int], LIST_CELL] = Field(default_factory=list)
    most: int | None = Field(default=None, ge=0)
    gap: int | None = Field(default=None, ge=1)
    min_margin: float | None = Field(default=None, ge=-1, le=1)
    stock: float | None = Field(default=None, ge=0)
    inbound: Annotated[list[float], LIST_CELL] = Field(default_factory=list)
    weeks_since_promotion: int | None = Field(default=None, ge=0)


class CrossIn(Strict):
    """What a promotion of one product does to another: the share of the extra units."""

    promoted: str
    affected: str
    share: float


class EventIn(Strict):
    """A festival or a competitor's event."""

    weeks: list[int] = Field(min_length=1)
    name: str = ""
    factor: float = Field(default=1.0, ge=0, description="on demand")
    categories: list[str] = Field(default_factory=list)
    skus: list[str] = Field(default_factory=list)
    forbids: list[str] = Field(
        default_factory=list, description="mechanics that may not run; `*` for all"
    )


class CalendarLimitsIn(Strict):
    """What holds for all products, or for each that says nothing else."""

    slots: dict[str, int] = Field(
        default_factory=dict, description="by mechanic or feature, in a week"
    )
    budget: Amount | None = Field(default=None, ge=0)
    category_share: float | None = Field(default=None, gt=0, le=1)
    most_per_product: int = Field(default=3, ge=0)
    gap: int = Field(default=2, ge=1)
    min_margin: float | None = Field(default=None, ge=-1, le=1)


class WeekIn(Strict):
    """One promotion of a calendar; no mechanic means none."""

    sku: str
    week: int
    mechanic: str | None = None


class CalendarDoubtIn(Strict):
    """Standard deviations of what is not known; see `simulations.scenarios.calendar_outlook`."""

    common_scale: float = 0.1
    own_scale: float = 0.2
    lift: float = 0.25
    pull: float = 0.3
    cross: float = 0.3
    noise: float = 0.15


class PromotionsIn(Strict):
    """A quarter, or any number of weeks."""

    currency: str
    starts_on: date
    weeks: int = Field(ge=1, le=53)
    time_zone: TimeZone = "UTC"
    market: str | None = None
    mechanics: list[MechanicIn] = Field(min_length=1)
    products: list[ProductIn] = Field(min_length=1)
    channels: dict[str, Share] = Field(
        default_factory=dict, description="share of demand by channel"
    )
    cross: list[CrossIn] = Field(default_factory=list)
    events: list[EventIn] = Field(default_factory=list)
    limits: CalendarLimitsIn = CalendarLimitsIn()
    prior_price: PriorPriceIn | None = None
    last_year: list[WeekIn] = Field(default_factory=list)
    pins: list[WeekIn] = Field(default_factory=list)
    learned_weeks: int = Field(
        default=0, ge=0, le=53, description="weeks whose sales `base` has taken in already"
    )
    doubt: CalendarDoubtIn = CalendarDoubtIn()
    search: SearchIn = SearchIn()

    @model_validator(mode="after")
    def _names_fit(self) -> PromotionsIn:
        mechanics = [mechanic.name for mechanic in self.mechanics]
        skus = [product.sku for product in self.products]
        _twice(mechanics, "mechanics")
        _twice(skus, "products")
        known, weeks = set(skus), range(1, self.weeks + 1)
        for i, mechanic in enumerate(self.mechanics):
            at: Place = ("mechanics", i)
            if mechanic.channel is not None and mechanic.channel not in self.channels:
                raise PlanInputInvalid(f"{mechanic.channel!r} is not in channels", (*at, "channel"))
            _weeks(mechanic.weeks or [], weeks, (*at, "weeks"))
        for i, product in enumerate(self.products):
            at = ("products", i)
            for name, used in (("lift", product.lift), ("funding", product.funding)):
                _known(used, mechanics, (*at, name))
            _known(product.mechanics or [], mechanics, (*at, "mechanics"))
            _weeks(product.blocked_weeks, weeks, (*at, "blocked_weeks"))
            for column in ("base", "inbound"):
                values = getattr(product, column)
                if isinstance(values, list) and values and len(values) != self.weeks:
                    raise PlanInputInvalid(
                        f"has {len(values)} values, the plan {self.weeks} weeks", (*at, column)
                    )
        for i, event in enumerate(self.events):
            _weeks(event.weeks, weeks, ("events", i, "weeks"))
            _known([f for f in event.forbids if f != "*"], mechanics, ("events", i, "forbids"))
            _known(event.skus, known, ("events", i, "skus"))
        self._effects_fit(known)
        for name in ("last_year", "pins"):
            for i, entry in enumerate(getattr(self, name)):
                _known([entry.sku], known, (name, i, "sku"))
                _weeks([entry.week], weeks, (name, i, "week"))
                _known([entry.mechanic] if entry.mechanic else [], mechanics, (name, i, "mechanic"))
        return self

    def _effects_fit(self, known: set[str]) -> None:
        for i, effect in enumerate(self.cross):
            for name in ("promoted", "affected"):
                _known([getattr(effect, name)], known, ("cross", i, name))
            if effect.promoted == effect.affected:
                raise PlanInputInvalid("a product has no cross effect on itself", ("cross", i))


def _twice(names: list[str], where: str) -> None:
    repeated = (
        sorted({name for name in names if names.count(name) > 1})
        if (len(set(names)) < len(names))
        else []
    )
    if repeated:
        second = [i for i, name in enumerate(names) if name == repeated[0]][1]
        raise PlanInputInvalid(f"{repeated[0]!r} stands there twice", (where, second))


def _known(used: Any, known: Any, where: Place) -> None:  # noqa: ANN401
    for name in used:
        if name not in known:
            raise PlanInputInvalid(f"{name!r} is not known; there are {_some(known)}", where)


def _some(names: Any) -> str:  # noqa: ANN401
    listed = sorted(names)
    return ", ".join(listed[:8]) + (", ..." if len(listed) > 8 else "")


def _weeks(used: list[int], weeks: range, where: Place) -> None:
    for week in used:
        if week not in weeks:
            raise PlanInputInvalid(f"week {week} is not from 1 to {weeks[-1]}", where)
