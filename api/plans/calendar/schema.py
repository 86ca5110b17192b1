"""The document of a promotion calendar, field by field.

Amounts are decimal strings or numbers in major units, prices with tax; shares lie between 0 and 1;
weeks count from 1. In a CSV lists are separated by semicolons, and tables read `flyer=1.8;tv=1.2`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from api.plans.errors import PlanInputInvalid
from api.plans.fields import (
    Amount,
    Name,
    NotNegative,
    PlanIn,
    Price,
    PriorPriceIn,
    SearchIn,
    Share,
    Strict,
)
from models.refusals import Place

_SET_BY_PLAN: Final = ("id", "when", "products")


class MechanicIn(Strict, frozen=True, kw_only=True):
    """A way to promote: what the customer gets, where, and what it takes."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    promotion: Annotated[
        dict[str, Any], Meta(description="as in a promotion file, without id, products and when")
    ]
    discount: Annotated[
        Share | None,
        Meta(
            description="share of the price given away a unit; from `promotion` if it "
            "is a percentage, an amount or a price"
        ),
    ] = None
    lift: Annotated[float, Meta(ge=1, description="for products that name none")] | None = None
    channel: str | None = None
    features: list[str] = msgspec.field(default_factory=list)
    cost: Annotated[Amount, Meta(description="of a week for one product")] = Decimal(0)
    funding: Annotated[Share, Meta(description="share of the discount that the brand pays")] = 0.0
    weeks: Annotated[list[int] | None, Meta(description="weeks in which it may run; all")] = None
    announced: Annotated[bool, Meta(description="it shows a reduction from the usual price")] = True
    lowers: Annotated[
        bool | None,
        Meta(description="everybody pays less; not where a code or an audience is needed"),
    ] = None

    def __post_init__(self) -> None:
        """Check what the plan sets by itself; see `Strict`."""
        super().__post_init__()
        for name in _SET_BY_PLAN:
            if name in self.promotion:
                raise PlanInputInvalid("is set by the plan; leave it out", ("promotion", name))


class ProductIn(Strict, frozen=True, kw_only=True):
    """One product."""

    sku: Name
    category: str = ""
    price: Price
    cost: Amount
    tax_rate: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    base: float | list[float]
    lift: dict[str, float] = msgspec.field(default_factory=dict)
    elasticity: Annotated[float, Meta(le=0)] | None = None
    pull: Annotated[list[float], Meta(max_length=53)] = msgspec.field(default_factory=list)
    funding: dict[str, Share] = msgspec.field(default_factory=dict)
    mechanics: list[str] | None = None
    blocked_weeks: list[int] = msgspec.field(default_factory=list)
    most: Annotated[int, Meta(ge=0)] | None = None
    gap: Annotated[int, Meta(ge=1)] | None = None
    min_margin: Annotated[float, Meta(ge=-1, le=1)] | None = None
    stock: NotNegative | None = None
    inbound: list[float] = msgspec.field(default_factory=list)
    weeks_since_promotion: Annotated[int, Meta(ge=0)] | None = None


class CrossIn(Strict, frozen=True, kw_only=True):
    """What a promotion of one product does to another: the share of the extra units."""

    promoted: str
    affected: str
    share: float


class EventIn(Strict, frozen=True, kw_only=True):
    """A festival or a competitor's event."""

    weeks: Annotated[list[int], Meta(min_length=1)]
    name: str = ""
    factor: Annotated[NotNegative, Meta(description="on demand")] = 1.0
    categories: list[str] = msgspec.field(default_factory=list)
    skus: list[str] = msgspec.field(default_factory=list)
    forbids: Annotated[list[str], Meta(description="mechanics that may not run; `*` for all")] = (
        msgspec.field(default_factory=list)
    )


class CalendarLimitsIn(Strict, frozen=True, kw_only=True):
    """What holds for all products, or for each that says nothing else."""

    slots: Annotated[dict[str, int], Meta(description="by mechanic or feature, in a week")] = (
        msgspec.field(default_factory=dict)
    )
    budget: Amount | None = None
    category_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    most_per_product: Annotated[int, Meta(ge=0)] = 3
    gap: Annotated[int, Meta(ge=1)] = 2
    min_margin: Annotated[float, Meta(ge=-1, le=1)] | None = None


class WeekIn(Strict, frozen=True, kw_only=True):
    """One promotion of a calendar; no mechanic means none."""

    sku: str
    week: int
    mechanic: str | None = None


class CalendarDoubtIn(Strict, frozen=True, kw_only=True):
    """Standard deviations of what is not known; see `simulations.scenarios.calendar_outlook`."""

    common_scale: float = 0.1
    own_scale: float = 0.2
    lift: float = 0.25
    pull: float = 0.3
    cross: float = 0.3
    noise: float = 0.15


class PromotionsIn(PlanIn, frozen=True, kw_only=True):
    """A quarter, or any number of weeks."""

    starts_on: date
    weeks: Annotated[int, Meta(ge=1, le=53)]
    market: str | None = None
    mechanics: Annotated[list[MechanicIn], Meta(min_length=1)]
    products: Annotated[list[ProductIn], Meta(min_length=1)]
    channels: Annotated[dict[str, Share], Meta(description="share of demand by channel")] = (
        msgspec.field(default_factory=dict)
    )
    cross: list[CrossIn] = msgspec.field(default_factory=list)
    events: list[EventIn] = msgspec.field(default_factory=list)
    limits: CalendarLimitsIn = CalendarLimitsIn()
    prior_price: PriorPriceIn | None = None
    last_year: list[WeekIn] = msgspec.field(default_factory=list)
    pins: list[WeekIn] = msgspec.field(default_factory=list)
    learned_weeks: Annotated[
        int, Meta(ge=0, le=53, description="weeks whose sales `base` has taken in already")
    ] = 0
    doubt: CalendarDoubtIn = CalendarDoubtIn()
    search: SearchIn = SearchIn()

    def __post_init__(self) -> None:
        """Check what belongs together; see `Strict`."""
        super().__post_init__()
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
