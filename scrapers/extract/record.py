"""What extraction hands on: an offer, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum


class Source(StrEnum):
    """Where a value was read; of a page's own places the most trusted first.

    `CATALOGUE` is a shop system's interface, `FEED` a merchant feed, `REPORTED` a price that
    somebody saw elsewhere and told us.
    """

    SELECTOR = "selector"
    JSON_LD = "json-ld"
    MICRODATA = "microdata"
    META = "meta"
    STATE = "state"
    MARKUP = "markup"
    CATALOGUE = "catalogue"
    FEED = "feed"
    REPORTED = "reported"


class Availability(StrEnum):
    """Whether the product can be bought now. The words are schema.org's, in our spelling."""

    IN_STOCK = "in_stock"
    LIMITED = "limited"
    PRE_ORDER = "pre_order"
    BACK_ORDER = "back_order"
    OUT_OF_STOCK = "out_of_stock"
    DISCONTINUED = "discontinued"

    @property
    def buyable(self) -> bool:
        """Whether an order placed now is delivered from stock."""
        return self in {Availability.IN_STOCK, Availability.LIMITED}


class Condition(StrEnum):
    """A used thing is never compared with a new one."""

    NEW = "new"
    USED = "used"
    REFURBISHED = "refurbished"


class Reason(StrEnum):
    """Why a page gave no price."""

    NOT_HTML = "not html"
    NO_PRODUCT = "no product on the page"
    NO_PRICE = "no price on the page"
    SEVERAL_PRICES = "several prices and no way to tell"
    AMBIGUOUS_PRICE = "a price that can be read in two ways"
    NO_CURRENCY = "no currency"
    SELECTOR = "the site's own selector finds no price"
    WALL = "a wall instead of the page"
    GONE = "the product is no longer sold"


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What a page says about the product itself. Empty fields are None; `gtin` is verified.

    `variant` is what sets this version apart (colour, size); `seller` is who sells it, where the
    page names somebody, as a marketplace does.
    """

    title: str | None = None
    brand: str | None = None
    gtin: str | None = None
    mpn: str | None = None
    sku: str | None = None
    image: str | None = None
    availability: Availability | None = None
    condition: Condition | None = None
    variant: str | None = None
    seller: str | None = None


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """A price per measure, as printed beside the price of the piece.

    Attributes:
        amount: major units of the offer's currency.
        quantity: of how many units; `100` in "2,49 € / 100 g".
        unit: as printed, lower case: `g`, `kg`, `ml`, `l`, `m`, `piece`, ...
    """

    amount: Decimal
    quantity: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What an offer says beside its price. Empty fields are None.

    Attributes:
        shipping: what delivery costs, major units; zero where it is free.
        unit_price: the price per measure.
        valid_until: last day on which the price holds.
        promotion: words of a promotion, as printed (`"2nd half price"`, `"满300减40"`).
    """

    shipping: Decimal | None = None
    unit_price: UnitPrice | None = None
    valid_until: date | None = None
    promotion: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One source's word on the price.

    Attributes:
        source: where it was read.
        snippet: the raw text or node, at most 200 characters.
        confidence: the chance that this price is the right one, 0..1.
    """

    source: Source
    snippet: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one node of one source says; the cascade chooses among candidates.

    Attributes:
        price: major units; None where the source names a product but no single price.
        currency: ISO 4217, or None where the source does not say.
        list_price: the struck-out or "was" price, above `price`.
        prices: every price that the node could mean, where it names several.
        problem: why `price` is None.
        url: address that the node gives for itself, absolute, or None.
        neighbours: amounts that the page shows in other products' boxes and nowhere else.
    """

    source: Source
    snippet: str
    facts: ProductFacts = field(default_factory=ProductFacts)
    price: Decimal | None = None
    currency: str | None = None
    list_price: Decimal | None = None
    prices: tuple[Decimal, ...] = ()
    problem: Reason | None = None
    url: str | None = None
    confidence: float = 0.0
    terms: Terms = field(default_factory=Terms)
    neighbours: frozenset[Decimal] = frozenset()


@dataclass(frozen=True, slots=True)
class Offer:
    """One price for one product on one page.

    Attributes:
        url: the page.
        price: what a customer without a membership pays now, major units, above zero.
        currency: ISO 4217; None only where neither page nor hint says.
        list_price: the price it is compared with on the page, above `price`, or None.
        confidence: the chance that `price` is right, 0..1.
        source: where `price` was read.
        evidence: every source that was heard, the chosen one first.
        terms: shipping, unit price, validity and promotion, of the sources that agree.
        neighbouring: whether the page shows this amount in another product's box and nowhere else.
    """

    url: str
    price: Decimal
    currency: str | None
    list_price: Decimal | None
    confidence: float
    source: Source
    facts: ProductFacts
    evidence: tuple[Evidence, ...]
    terms: Terms = field(default_factory=Terms)
    neighbouring: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A page without a price we would stand for.

    Attributes:
        reason: which rule refused it.
        detail: what was seen, for a person.
        facts: what the page says about the product all the same.
    """

    url: str
    reason: Reason
    detail: str
    facts: ProductFacts = field(default_factory=ProductFacts)
