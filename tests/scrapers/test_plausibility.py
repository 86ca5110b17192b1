"""What speaks against a price, and what lets it go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pricing.money import Money
from scrapers.plausibility import confirms, implausible, same_product, usual_shipping
from storage.competitors.offers import ObservedOffer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def offer(
    minor: int, currency: str = "EUR", *, days: int = 0, page: str = "a", source: str = "json-ld",
    gtin: str | None = None, **details: object,
) -> ObservedOffer:  # fmt: skip
    return ObservedOffer(
        url=f"https://shop.example/{page}", observed_at=NOW + timedelta(days=days),
        price=Money(minor, currency), availability="in_stock", title="Kettle", source=source,
        confidence=0.9, gtin=gtin, details=details,
    )  # fmt: skip


BELIEVED = offer(4000)
SHIPPING = frozenset({Decimal("4.90")})


@pytest.mark.parametrize(
    ("new", "old", "why"),
    [
        (offer(3900), BELIEVED, ""),
        (offer(3900), None, ""),
        (offer(1500), BELIEVED, "(-62%)"),
        (offer(6500), BELIEVED, "(+62%)"),
        (offer(1600), BELIEVED, ""),
        (offer(4000, "USD"), BELIEVED, "the currency was EUR and is USD"),
        (offer(490, shipping="4.90"), None, "what delivery costs"),
        (offer(490, shipping="4.9"), BELIEVED, "what delivery costs"),
        (offer(490, shipping="3.90"), None, ""),
        (offer(490), offer(520), "the shop's usual cost of delivery"),
        (offer(490), None, ""),
        (offer(490, shipping="4.90"), offer(490), ""),
        (offer(3500, neighbour="35.00"), BELIEVED, "a neighbouring product only"),
        (offer(3500, neighbour="35.00"), None, ""),
        (offer(3500, neighbour="35.00"), offer(4000, neighbour="40.00"), ""),
    ],
)
def test_a_price_that_can_hardly_be_right_has_a_reason(
    new: ObservedOffer, old: ObservedOffer | None, why: str
) -> None:
    found = implausible(new, old, usual_shipping=SHIPPING)
    assert why in found
    assert bool(found) == bool(why)


def test_three_pages_that_turn_to_one_price_are_not_believed() -> None:
    assert implausible(offer(3900), BELIEVED, moved_alike={"b"}) == ""
    assert "3 pages" in implausible(offer(3900), BELIEVED, moved_alike={"b", "c"})


def test_a_cost_of_delivery_that_three_pages_state_is_the_usual_one() -> None:
    stated = [offer(1, shipping=cost) for cost in ("4.90", "4.9", "4.90", "0", "0", "0", "9.90")]
    assert usual_shipping([*stated, offer(1)]) == {Decimal("4.9")}


HELD = offer(1000, gtin="4006381333931")


@pytest.mark.parametrize(
    ("seen", "so"),
    [
        (offer(1000, days=1), False),
        (offer(1000, days=1, source="microdata"), True),
        (offer(1000, days=1, source="reported"), True),
        (offer(1000, days=1, sources=2), True),
        (offer(1000, days=0, sources=2), False),
        (offer(1001, days=1, sources=2), False),
        (offer(1000, "USD", days=1, sources=2), False),
        (offer(1000, page="b", gtin="4006381333931"), True),
        (offer(1000, page="b", gtin="04006381333931"), True),
        (offer(1000, page="b", gtin="96385074"), False),
        (offer(1000, page="b"), False),
    ],
)
def test_only_another_route_confirms(seen: ObservedOffer, *, so: bool) -> None:
    assert confirms(seen, HELD) == so


def test_products_are_the_same_by_gtin_before_our_own_match() -> None:
    a = replace(offer(1, gtin="4006381333931"), sku="K1")
    assert not same_product(a, replace(offer(1, gtin="96385074"), sku="K1"))
    assert same_product(a, replace(offer(1), sku="K1"))
    assert not same_product(a, replace(offer(1), sku="T1"))
