"""Numbers that are sent as text: one way to read them, in every place of the API."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine

from pricing.documents.decimal_strings import numbers_misread
from storage.competitors.offers import latest_offers
from storage.database import reading
from tests.api.promotions_at_hand import cart
from tests.api.routes.test_competitors import seen

Json = dict[str, Any]

NONE = ["1,250", "12,50", "1_250", " 12.50", "\uff11\uff12", "1e1"]
"""What is no decimal string; all but the first two are numbers to Python."""


def promotion(**benefit: Any) -> Json:  # noqa: ANN401
    return {"promotion": {"id": "p", **benefit}, "currency": "EUR"}


def clearance(**item: Any) -> Json:  # noqa: ANN401
    row = {"sku": "TEA-1", "ladder": ["4.99", "3.99"], "demand": 20, "elasticity": -2.5,
           "stock": 260, **item}  # fmt: skip
    return {"currency": "EUR", "weeks": 5, "starts_on": "2027-01-04", "items": [row]}


def plan(kind: str, document: Json) -> Json:
    return {"kind": kind, "document": document}


def calendar(**product: Any) -> Json:  # noqa: ANN401
    return {
        "currency": "EUR", "starts_on": "2027-01-04", "weeks": 4, "market": "online",
        "mechanics": [
            {"name": "flyer", "promotion": {"type": "percent_off", "percent": "20"}, "lift": 2.4}
        ],
        "products": [{"sku": "TEA-1", "price": "4.99", "cost": "1.50", "base": 50, **product}],
    }  # fmt: skip


def bundles(**product: Any) -> Json:  # noqa: ANN401
    return {
        "currency": "EUR",
        "products": [
            {"sku": "TEA-1", "price": "4.99", **product}, {"sku": "TEA-2", "price": "12.50"},
        ],
        "segments": [{"name": "all", "size": 10, "pays": {"TEA-1": "5", "TEA-2": "9"}}],
    }  # fmt: skip


# What is sent where, the number in it, and the place that a refusal must name.
PLACES: list[tuple[str, Callable[[str], Json], str]] = [
    ("/v1/observations", lambda n: {"observations": [seen(price=n)]}, "body.observations[0].price"),
    (
        "/v1/observations",
        lambda n: {"observations": [seen(), seen(price="1.20", list_price=n)]},
        "body.observations[1].list_price",
    ),
    ("/v1/quotes", lambda n: {**cart("TEA-1"), "shipping": n}, "body.shipping"),
    (
        "/v1/promotions:try",
        lambda n: {"cart": {**cart("TEA-1"), "shipping": n}},
        "body.cart.shipping",
    ),
    (
        "/v1/promotions:try",
        lambda n: {"cart": cart("TEA-1"), "terms": [promotion(type="percent_off", percent=n)]},
        "body.terms[0].promotion.percent",
    ),
    (
        "/v1/promotions",
        lambda n: promotion(type="percent_off", percent=n),
        "body.promotion.percent",
    ),
    (
        "/v1/promotions",
        lambda n: promotion(type="percent_off", percent="10", limits={"budget": n}),
        "body.promotion.limits.budget",
    ),
    (
        "/v1/promotions",
        lambda n: promotion(type="percent_off", percent="10", funding={"brand": n, "shop": "98.5"}),
        "body.promotion.funding.brand",
    ),
    (
        "/v1/promotions",
        lambda n: promotion(type="special_price", prices={"TEA-1": n}),
        "body.promotion.prices.TEA-1",
    ),
    (
        "/v1/plans",
        lambda n: plan("markdown", clearance(salvage=n)),
        "body.document.items[0].salvage",
    ),
    (
        "/v1/plans",
        lambda n: plan("markdown", clearance(ladder=["4.99", n])),
        "body.document.items[0].ladder[1]",
    ),
    (
        "/v1/plans",
        lambda n: plan("promotions", calendar(cost=n)),
        "body.document.products[0].cost",
    ),
    ("/v1/plans", lambda n: plan("bundles", bundles(cost=n)), "body.document.products[0].cost"),
]


@pytest.mark.parametrize(("path", "body", "field"), PLACES)
@pytest.mark.parametrize("text", NONE)
def test_a_number_that_could_mean_something_else_is_refused_by_field_with_the_cure(
    client: httpx.Client, path: str, body: Callable[[str], Json], field: str, text: str
) -> None:
    answer = client.post(path, json=body(text))
    assert answer.status_code == 422, answer.text
    (fault, *_) = answer.json()["errors"]
    named = fault["field"].replace('["', ".").replace('"]', "")
    # msgspec says that a value of a mapping is at fault, not at which key.
    assert named in (field, field.rpartition(".")[0] + "[...]")
    assert "digits with a point before the decimals" in fault["message"]


@pytest.mark.parametrize(("path", "body", "field"), PLACES)
def test_a_decimal_string_is_read(
    client: httpx.Client, path: str, body: Callable[[str], Json], field: str
) -> None:
    answer = client.post(path, json=body("1.50"))
    assert answer.status_code in (200, 201, 202), (field, answer.text)


@pytest.mark.parametrize(
    ("price", "currency", "says"),
    [
        ("1.250", "EUR", "more than the 2 decimals of EUR"),
        ("1.000", "EUR", "more than the 2 decimals of EUR"),
        ("1.000", "JPY", "more than the 0 decimals of JPY"),
        ("780.50", "JPY", "more than the 0 decimals of JPY"),
        ("1.2505", "KWD", "more than the 3 decimals of KWD"),
        ("0.00", "EUR", "above zero"),
    ],
)
def test_a_price_that_was_seen_has_the_decimals_of_its_currency(
    client: httpx.Client, shop: Engine, price: str, currency: str, says: str
) -> None:
    body = {"observations": [seen(price=price) | {"currency": currency}]}
    answer = client.post("/v1/observations", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (
        422,
        "body.observations[0].price",
    )
    assert says in answer.json()["detail"]
    with reading(shop) as conn:
        assert latest_offers(conn, "north") == {}


@pytest.mark.parametrize("price", ["1250.00", "1250", "1250.5"])
def test_a_price_that_was_seen_is_stored_as_it_is_written(
    client: httpx.Client, shop: Engine, price: str
) -> None:
    assert client.post("/v1/observations", json={"observations": [seen(price=price)]}).is_success
    with reading(shop) as conn:
        (offer,) = latest_offers(conn, "north").values()
    assert offer.offer.price.decimal == Decimal(price)


class Part(msgspec.Struct, rename={"amount": "sum"}):
    amount: Decimal | None = None
    name: str = ""


class Whole(msgspec.Struct):
    share: Decimal
    on: bool = False
    row: list[Decimal] = []
    stores: dict[str, Decimal] = {}


def test_each_number_is_found_by_the_name_that_it_has_on_the_wire() -> None:
    parts = [Part(Decimal(1)), Part(Decimal(2), "1_0"), Part()]
    sent: list[Json] = [{"sum": "1"}, {"sum": "2_", "name": "1_0"}, {}]
    assert [place for place, _ in numbers_misread(parts, sent)] == [(1, "sum")]
    one = Decimal(1)
    whole = Whole(share=one, on=True, row=[one, one], stores={"n": one})
    data = {"share": "1_0", "on": "true", "row": [1, "2_0"], "stores": {"n": " 1"}}
    assert [place for place, _ in numbers_misread(whole, data)] == [
        ("share",), ("row", 1), ("stores", "n"),
    ]  # fmt: skip
    good = {"share": 1.0, "row": ["1", "2.0"], "stores": {"n": "0.001"}}
    assert list(numbers_misread(whole, good)) == []
