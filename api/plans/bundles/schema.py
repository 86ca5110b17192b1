"""The document of a bundle plan, field by field.

Amounts are decimal strings or numbers in major units, prices and values with tax, costs without;
shares lie between 0 and 1.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.plans.errors import PlanInputInvalid
from api.plans.fields import Share, TimeZone
from api.plans.files import SearchIn, Strict
from pricing.errors import Place

Amount = Annotated[Decimal, Field(ge=0)]


class BundleProductIn(Strict):
    """A product."""

    sku: str = Field(min_length=1)
    price: Decimal = Field(gt=0, description="single price in force")
    cost: Amount = Decimal(0)
    least_price: Amount | None = Field(default=None, description="cost, if missing")
    most_price: Amount | None = Field(default=None, description="the price in force, if missing")
    stock: int | None = Field(default=None, ge=0, description="most units to sell")
    sell_at_least: int = Field(default=0, ge=0)
    clearing: Amount = Field(default=Decimal(0), description="worth of being rid of a unit")
    brand: str | None = None
    need: str | None = Field(default=None, description="products of one need replace each other")


class WorthIn(Strict):
    """What a set is worth to a segment."""

    skus: list[str] = Field(min_length=2)
    value: Amount


class SegmentIn(Strict):
    """Customers who value products alike; what is not named is worth nothing."""

    name: str = Field(min_length=1)
    size: int = Field(ge=1, description="customers")
    pays: dict[str, Amount] = Field(description="at most, for each product alone")
    sets: list[WorthIn] = Field(default_factory=list)


class RespondentsIn(Strict):
    """What single customers said, or were estimated, to pay; grouped into segments."""

    customers: int = Field(ge=1, description="customers that they stand for")
    segments: int = Field(default=30, ge=1)
    pays: list[dict[str, Amount]] = Field(min_length=1)


class LogitIn(Strict):
    """A logit on choices: utility = `utility` + `price_coefficient` * price + chance."""

    customers: int = Field(ge=1)
    segments: int = Field(default=30, ge=1)
    draws: int = Field(default=2_000, ge=1, le=200_000)
    price_coefficient: float = Field(lt=0)
    log_price: bool = False
    utility: dict[str, float]
    nest: dict[str, str] = Field(default_factory=dict)
    sigma: float = Field(default=0.0, ge=0, lt=1)


class FactorIn(Strict):
    """Complements (above 1) or substitutes (below 1)."""

    skus: list[str] = Field(min_length=2)
    factor: float = Field(ge=0, le=10)


class BundleIn(Strict):
    """A set that may be offered."""

    skus: list[str] = Field(min_length=2)
    least_price: Amount = Decimal(0)
    funding: dict[str, Share] = Field(
        default_factory=dict, description="share of the discount by who pays it"
    )


class BundleLimitsIn(Strict):
    """Rules on all bundles; what is missing is not limited."""

    bundles: int | None = Field(default=None, ge=0)
    largest: int | None = Field(default=None, ge=2, description="products in a bundle")
    least_saving: float = Field(default=0.0, ge=0, lt=1)
    most_saving: Share = 1.0


class EndingIn(Strict):
    """Which prices may be asked below an amount."""

    up_to: Decimal | None = None
    step: Decimal = Field(gt=0)
    endings: list[Amount] = Field(min_length=1)


class BasketsIn(Strict):
    """Receipts, from which candidates are drawn where none are named."""

    receipts: list[list[str]] = Field(min_length=1)
    least_support: float = Field(default=0.005, gt=0, le=1)
    least_lift: float = Field(default=1.2, ge=0)
    largest: int = Field(default=3, ge=2, le=5)
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)


class BundleDoubtIn(Strict):
    """Standard deviations of what is not known; see `simulations.scenarios.bundle_outlook`."""

    size: float = 0.1
    segment: float = 0.05
    customer: float = 0.1
    planned: int = Field(default=8, ge=1, le=100, description="customers planned for by segment")


class BundleSearchIn(SearchIn):
    """How closely to search; the time limit counts for the plan itself."""

    gap: float | None = Field(default=None, ge=0, lt=1, description="gap to stop at")
    time_limit: float = Field(default=50.0, gt=0, le=86_400)


class BundlesIn(Strict):
    """A bundle plan."""

    currency: str
    tax_rate: float = Field(default=0.0, ge=0, lt=5)
    products: list[BundleProductIn] = Field(min_length=1)
    segments: list[SegmentIn] | None = None
    respondents: RespondentsIn | None = None
    logit: LogitIn | None = None
    factors: list[FactorIn] = Field(default_factory=list)
    overlap: Share = Field(default=0.0, description="what more products of one need count")
    bundles: list[BundleIn] | None = None
    baskets: BasketsIn | None = None
    funding: dict[str, Share] = Field(
        default_factory=dict, description="by brand: share of the discount on its own products"
    )
    limits: BundleLimitsIn = BundleLimitsIn()
    endings: Literal["any", "usual"] | list[EndingIn] = "any"
    market: str | None = None
    time_zone: TimeZone = "UTC"
    starts_on: date | None = None
    ends_on: date | None = Field(default=None, description="first day without the bundles")
    doubt: BundleDoubtIn = BundleDoubtIn()
    search: BundleSearchIn = BundleSearchIn()

    @model_validator(mode="after")
    def _fits(self) -> BundlesIn:
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
        return self

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
