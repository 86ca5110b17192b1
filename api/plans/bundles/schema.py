"""The document of a bundle plan, field by field.

Amounts are decimal strings or numbers in major units, prices and values with tax, costs without;
shares lie between 0 and 1.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.plans.errors import PlanInputInvalid
from api.plans.fields import (
    Amount,
    Name,
    NotNegative,
    PlanIn,
    Price,
    SearchIn,
    Share,
    Strict,
)
from models.refusals import Place


class BundleProductIn(Strict, frozen=True, kw_only=True):
    """A product."""

    sku: Name
    price: Annotated[Price, Meta(description="single price in force")]
    cost: Amount = Decimal(0)
    least_price: Annotated[Amount | None, Meta(description="cost, if missing")] = None
    most_price: Annotated[Amount | None, Meta(description="the price in force, if missing")] = None
    stock: Annotated[int, Meta(ge=0, description="most units to sell")] | None = None
    sell_at_least: Annotated[int, Meta(ge=0)] = 0
    clearing: Annotated[Amount, Meta(description="worth of being rid of a unit")] = Decimal(0)
    brand: str | None = None
    need: Annotated[str | None, Meta(description="products of one need replace each other")] = None


class WorthIn(Strict, frozen=True, kw_only=True):
    """What a set is worth to a segment."""

    skus: Annotated[list[str], Meta(min_length=2)]
    value: Amount


class SegmentIn(Strict, frozen=True, kw_only=True):
    """Customers who value products alike; what is not named is worth nothing."""

    name: Name
    size: Annotated[int, Meta(ge=1, description="customers")]
    pays: Annotated[dict[str, Amount], Meta(description="at most, for each product alone")]
    sets: list[WorthIn] = msgspec.field(default_factory=list)


class RespondentsIn(Strict, frozen=True, kw_only=True):
    """What single customers said, or were estimated, to pay; grouped into segments."""

    customers: Annotated[int, Meta(ge=1, description="customers that they stand for")]
    segments: Annotated[int, Meta(ge=1)] = 30
    pays: Annotated[list[dict[str, Amount]], Meta(min_length=1)]


class LogitIn(Strict, frozen=True, kw_only=True):
    """A logit on choices: utility = `utility` + `price_coefficient` * price + chance."""

    customers: Annotated[int, Meta(ge=1)]
    segments: Annotated[int, Meta(ge=1)] = 30
    draws: Annotated[int, Meta(ge=1, le=200_000)] = 2_000
    price_coefficient: Annotated[float, Meta(lt=0)]
    log_price: bool = False
    utility: dict[str, float]
    nest: dict[str, str] = msgspec.field(default_factory=dict)
    sigma: Annotated[float, Meta(ge=0, lt=1)] = 0.0


class FactorIn(Strict, frozen=True, kw_only=True):
    """Complements (above 1) or substitutes (below 1)."""

    skus: Annotated[list[str], Meta(min_length=2)]
    factor: Annotated[float, Meta(ge=0, le=10)]


class BundleIn(Strict, frozen=True, kw_only=True):
    """A set that may be offered."""

    skus: Annotated[list[str], Meta(min_length=2)]
    least_price: Amount = Decimal(0)
    funding: Annotated[
        dict[str, Share], Meta(description="share of the discount by who pays it")
    ] = msgspec.field(default_factory=dict)


class BundleLimitsIn(Strict, frozen=True, kw_only=True):
    """Rules on all bundles; what is missing is not limited."""

    bundles: Annotated[int, Meta(ge=0)] | None = None
    largest: Annotated[int, Meta(ge=2, description="products in a bundle")] | None = None
    least_saving: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    most_saving: Share = 1.0


class EndingIn(Strict, frozen=True, kw_only=True):
    """Which prices may be asked below an amount."""

    up_to: Decimal | None = None
    step: Price
    endings: Annotated[list[Amount], Meta(min_length=1)]


class BasketsIn(Strict, frozen=True, kw_only=True):
    """Receipts, from which candidates are drawn where none are named."""

    receipts: Annotated[list[list[str]], Meta(min_length=1)]
    least_support: Annotated[float, Meta(gt=0, le=1)] = 0.005
    least_lift: NotNegative = 1.2
    largest: Annotated[int, Meta(ge=2, le=5)] = 3
    false_discovery_rate: Annotated[float, Meta(gt=0, lt=1)] = 0.05


class BundleDoubtIn(Strict, frozen=True, kw_only=True):
    """Standard deviations of what is not known; see `simulations.scenarios.bundle_outlook`."""

    size: float = 0.1
    segment: float = 0.05
    customer: float = 0.1
    planned: Annotated[int, Meta(ge=1, le=100, description="customers planned for by segment")] = 8


class BundleSearchIn(SearchIn, frozen=True, kw_only=True):
    """How closely to search; the time limit counts for the plan itself."""

    gap: Annotated[float, Meta(ge=0, lt=1, description="gap to stop at")] | None = None
    time_limit: Annotated[float, Meta(gt=0, le=86_400)] = 50.0


class BundlesIn(PlanIn, frozen=True, kw_only=True):
    """A bundle plan."""

    tax_rate: Annotated[float, Meta(ge=0, lt=5)] = 0.0
    products: Annotated[list[BundleProductIn], Meta(min_length=1)]
    segments: list[SegmentIn] | None = None
    respondents: RespondentsIn | None = None
    logit: LogitIn | None = None
    factors: list[FactorIn] = msgspec.field(default_factory=list)
    overlap: Annotated[Share, Meta(description="what more products of one need count")] = 0.0
    bundles: list[BundleIn] | None = None
    baskets: BasketsIn | None = None
    funding: Annotated[
        dict[str, Share], Meta(description="by brand: share of the discount on its own products")
    ] = msgspec.field(default_factory=dict)
    limits: BundleLimitsIn = BundleLimitsIn()
    endings: Literal["any", "usual"] | list[EndingIn] = "any"
    market: str | None = None
    starts_on: date | None = None
    ends_on: Annotated[date | None, Meta(description="first day without the bundles")] = None
    doubt: BundleDoubtIn = BundleDoubtIn()
    search: BundleSearchIn = BundleSearchIn()

    def __post_init__(self) -> None:
        """Check what belongs together; see `Strict`."""
        super().__post_init__()
        given = [name for name in ("segments", "respondents", "logit") if getattr(self, name)]
        if len(given) != 1:
            raise PlanInputInvalid(
                "give exactly one of segments, respondents and logit, not "
                + (" and ".join(given) or "none")
            )
        skus = [product.sku for product in self.products]
        if len(set(skus)) != len(skus):
            twice = next(sku for sku in skus if skus.count(sku) > 1)
            second = [i for i, sku in enumerate(skus) if sku == twice][1]
            raise PlanInputInvalid(f"{twice!r} stands there twice", ("products", second))
        for place, names in self._named():
            unknown = [name for name in names if name not in skus]
            if unknown:
                raise PlanInputInvalid(f"{unknown[0]!r} is not in products", place)
            if len(set(names)) != len(names):
                raise PlanInputInvalid("a product stands there twice", place)
        brands = {product.brand for product in self.products}
        for brand in self.funding:
            if brand not in brands:
                raise PlanInputInvalid(f"no product has the brand {brand!r}", ("funding", brand))
        for i, bundle in enumerate(self.bundles or []):
            if sum(bundle.funding.values()) > 1 + 1e-9:
                raise PlanInputInvalid(
                    "the shares add up to more than 1", ("bundles", i, "funding")
                )
        if self.starts_on and self.ends_on and self.ends_on <= self.starts_on:
            raise PlanInputInvalid("must lie after starts_on", ("ends_on",))

    def _named(self) -> list[tuple[Place, list[str]]]:
        """Where products are named, and which."""
        named: list[tuple[Place, list[str]]] = [
            (("factors", i, "skus"), factor.skus) for i, factor in enumerate(self.factors)
        ]
        named += [(("bundles", i, "skus"), one.skus) for i, one in enumerate(self.bundles or [])]
        for i, segment in enumerate(self.segments or []):
            named.append((("segments", i, "pays"), list(segment.pays)))
            named += [
                (("segments", i, "sets", j, "skus"), worth.skus)
                for j, worth in enumerate(segment.sets)
            ]
        if self.respondents is not None:
            named += [
                (("respondents", "pays", i), list(row))
                for i, row in enumerate(self.respondents.pays)
            ]
        if self.logit is not None:
            named += [
                (("logit", "utility"), list(self.logit.utility)),
                (("logit", "nest"), list(self.logit.nest)),
            ]
        return named
