"""The price that everybody is asked, against carts of nobody in particular."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.promotions.cart import Cart, Line
from pricing.promotions.evaluate import evaluate
from pricing.promotions.promotion import AnyPromotion
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.public_price import PublicPrices, public_part
from tests.pricing.promotions.carts import NOON


def read(*entries: dict[str, object]) -> list[AnyPromotion]:
    return [
        msgspec.convert({"id": str(i), **entry}, AnyPromotion, strict=False)
        for i, entry in enumerate(entries)
    ]


def one(price: int, floor: int = 0, sku: str = "a") -> Line:
    return Line(id=sku, sku=sku, quantity=1, price=price, categories=("x",), floor=floor)


OFFERS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("percent_off"), "percent": st.integers(1, 90)},
            optional={
                "stack": st.booleans(),
                "max_discount": st.integers(1, 5),
                "of": st.just("original"),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("amount_off"), "amount": st.integers(1, 30)},
            optional={"stack": st.booleans(), "products": st.just({"skus": ["a"]})},
        ),
        st.fixed_dictionaries(
            {"type": st.just("special_price"), "prices": st.just({"a": 3, "b": 4})},
            optional={"stack": st.booleans()},
        ),
        st.fixed_dictionaries(
            {"type": st.just("spend_and_save"), "percent": st.integers(1, 50)},
            optional={"stack": st.booleans()},
        ),
    ),
    min_size=1,
    max_size=4,
)


@given(offers=OFFERS, price=st.integers(1, 5000), floor=st.integers(0, 5000))
def test_it_is_what_the_till_asks_for_one_unit(
    offers: list[dict[str, object]], price: int, floor: int
) -> None:
    running = read(*offers)
    prices = PublicPrices(running, "EUR", "online", "web")
    for sku in ("a", "b", "c"):
        for line in (one(price, 0, sku), one(price, floor, sku)):
            till = Cart(currency="EUR", at=NOON, lines=(line,), market="online", channel="web")
            assert prices.of(line) == evaluate(till, PromotionSet(running, "EUR")).goods


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "percent_off", "percent": 5, "code": "X"},
        {"type": "percent_off", "percent": 5, "codes": ["X"]},
        {"type": "percent_off", "percent": 5, "needs": {"spend": 1}},
        {"type": "spend_and_save", "spend": 1, "amount": 1},
        {"type": "spend_and_save", "tiers": [{"spend": 1, "amount": 1}]},
        {"type": "group_buy", "tiers": [{"size": 2, "price": 1}]},
        {"type": "shipping_off"},
        {"type": "gift", "gifts": [{"sku": "g"}]},
    ],
)
def test_what_asks_for_something_first_has_no_public_part(entry: dict[str, object]) -> None:
    (promotion,) = read(entry)
    assert public_part(promotion) is None


def test_of_steps_only_those_for_nothing_are_public() -> None:
    tiers = [{"spend": 0, "percent": 5}, {"spend": 10, "percent": 50}]
    (promotion,) = read({"type": "spend_and_save", "tiers": tiers})
    part = public_part(promotion)
    assert part is not None
    assert PublicPrices([part], "EUR", "online", "web").of(one(2000)) == 1900
