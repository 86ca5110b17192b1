"""Quotes over HTTP: live prices, exact totals, and a promise that is kept once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.access.signing import verified
from api.server import serving
from api.settings import Settings
from storage.database import writing
from storage.promotions.codes import import_codes
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.promotions_at_hand import cart, lapse, open_promotion, set_cost, set_limits, used
from tests.api.shop import OPENED, publish_prices

TEN = {"id": "ten", "type": "percent_off", "percent": "10"}
COUPON = {"id": "five", "type": "spend_and_save", "amount": "5", "spend": "10", "code": "SAVE50"}


@pytest.fixture
def connect(shop: Engine, settings: Settings) -> Iterator[httpx.Client]:
    """A client of a service that starts when it is first asked: promotions are stored before."""
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        yield client


def quote(client: httpx.Client, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = client.post("/v1/quotes", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def commit(client: httpx.Client, quote_id: str, key: str, **body: Any) -> httpx.Response:  # noqa: ANN401
    return client.post(f"/v1/quotes/{quote_id}/commit", json=body, headers={"Idempotency-Key": key})


def ordered(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    """A quote that became an order."""
    document = quote(client, body)
    assert commit(client, document["id"], document["id"]).status_code == 200
    return document


@pytest.fixture
def ten(shop: Engine) -> None:
    open_promotion(shop, TEN)


@pytest.fixture
def coupon(shop: Engine) -> None:
    open_promotion(shop, {**COUPON, "limits": {"uses": 1}})


def test_a_cart_is_priced_at_live_prices_under_live_promotions(
    ten: None, connect: httpx.Client
) -> None:
    document = quote(connect, {**cart("TEA-1", "TEA-2"), "shipping": "4.90"})
    priced = document["cart"]
    assert (document["status"], document["market"], priced["price_book"]) == ("open", "online", 1)
    assert priced["subtotal"] == {"amount": "17.49", "currency": "EUR"}
    assert priced["discount"]["amount"] == "1.75"
    assert priced["total"]["amount"] == "20.64"
    assert [line["after"]["amount"] for line in priced["lines"]] == ["4.49", "11.25"]
    assert priced["applied"][0]["id"] == "ten"
    assert priced["proven_optimal"]
    again = connect.get(f"/v1/quotes/{document['id']}").json()
    assert again == document


def test_a_quote_keeps_its_price_while_prices_and_promotions_change(
    ten: None, shop: Engine, connect: httpx.Client
) -> None:
    document = quote(connect, cart("TEA-1"))
    publish_prices(shop, {("TEA-1", "online"): 899})
    assert eventually(lambda: connect.get("/v1/price-books/live").json()["version"] == 2)
    done = commit(connect, document["id"], "k", order="order 7")
    assert done.status_code == 200
    assert done.json()["cart"]["total"]["amount"] == "4.49"
    assert (done.json()["status"], done.json()["order"]) == ("committed", "order 7")
    assert quote(connect, cart("TEA-1"))["cart"]["total"]["amount"] == "8.09"


def test_cost_with_tax_is_a_floor_that_no_promotion_breaks(
    shop: Engine, settings: Settings
) -> None:
    set_cost(shop, "TEA-1", 480)
    open_promotion(shop, {**TEN, "percent": "50"})
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        assert quote(client, cart("TEA-1"))["cart"]["total"]["amount"] == "4.80"


@pytest.mark.parametrize(
    ("limits", "binding", "total"),
    [
        ({"minimum_minor": 470}, (), "4.70"),
        ({"minimum_minor": 470, "map_minor": 485}, (), "4.70"),
        ({"minimum_minor": 470, "map_minor": 485}, ("online",), "4.85"),
        ({"minimum_minor": 300}, (), "4.60"),
    ],
)
def test_the_floor_is_cost_the_minimum_and_where_it_binds_the_advertised_price(
    shop: Engine, limits: dict[str, int], binding: tuple[str, ...], total: str
) -> None:
    set_cost(shop, "TEA-1", 460)
    set_limits(shop, "TEA-1", **limits)
    open_promotion(shop, {**TEN, "percent": "50"})
    settings = quick_settings(shop, map_floor_in=binding)
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        assert quote(client, cart("TEA-1"))["cart"]["total"]["amount"] == total


def test_the_last_use_is_held_by_nobody_and_had_by_who_commits_first(
    coupon: None, shop: Engine, connect: httpx.Client
) -> None:
    body = cart("TEA-2", codes=["save-5O"])
    first = quote(connect, body)
    assert first["cart"]["applied"][0]["code"] == "save-5O"
    assert first["cart"]["codes"] == [{"code": "save-5O", "state": "accepted"}]
    assert first["notice"].startswith("Nothing is held")
    second = quote(connect, body)
    assert second["cart"]["discount"]["amount"] == "5.00"
    assert commit(connect, second["id"], "a").status_code == 200
    refused = commit(connect, first["id"], "b")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/limit-used-up")
    third = quote(connect, body)
    assert third["cart"]["applied"] == []
    (why,) = third["cart"]["not_applied"]
    assert (why["id"], why["reason"]) == ("five", "limit_reached")
    assert connect.post(f"/v1/quotes/{second['id']}/cancel").json()["status"] == "cancelled"
    fourth = quote(connect, body)
    assert fourth["cart"]["discount"]["amount"] == "5.00"
    assert commit(connect, fourth["id"], "c").status_code == 200
    assert used(shop, "five").uses == 1


def test_an_expired_quote_is_refused_and_gives_back(
    coupon: None, shop: Engine, connect: httpx.Client
) -> None:
    document = quote(connect, cart("TEA-2", codes=["SAVE50"]))
    lapse(shop, document["id"])
    assert connect.get(f"/v1/quotes/{document['id']}").json()["status"] == "expired"
    refused = commit(connect, document["id"], "k")
    assert (refused.status_code, refused.json()["quote_status"]) == (409, "expired")
    assert refused.json()["type"] == "/problems/quote-closed"
    assert eventually(lambda: used(shop, "five").uses == 0)


def test_the_same_key_gives_the_same_answer_and_redeems_once(
    coupon: None, shop: Engine, connect: httpx.Client
) -> None:
    body = cart("TEA-2", codes=["SAVE50"])
    document = quote(connect, body, **{"Idempotency-Key": "q"})
    assert quote(connect, body, **{"Idempotency-Key": "q"}) == document
    first, second = (commit(connect, document["id"], "k", order="1") for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert used(shop, "five").uses == 1
    other = commit(connect, document["id"], "k", order="2")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    other_cart = connect.post("/v1/quotes", json=cart("TEA-1"), headers={"Idempotency-Key": "q"})
    assert other_cart.json()["type"] == "/problems/idempotency-key-reused"
    refused = [commit(connect, document["id"], "new") for _ in range(2)]
    assert [answer.status_code for answer in refused] == [409, 409]
    assert refused[0].json()["quote_status"] == refused[1].json()["quote_status"] == "committed"


def test_a_cart_without_a_discount_takes_nothing(
    coupon: None, shop: Engine, connect: httpx.Client
) -> None:
    document = quote(connect, cart("TEA-1", codes=["SAVE50"]))
    assert document["cart"]["discount"]["amount"] == "0.00"
    assert document["cart"]["codes"] == [{"code": "SAVE50", "state": "not_needed"}]
    (miss,) = document["cart"]["near_misses"]
    assert (miss["spend"]["amount"], miss["saves"]["amount"]) == ("5.01", "5.00")
    assert commit(connect, document["id"], "k").status_code == 200
    assert used(shop, "five").uses == 0


def test_a_quote_without_reservation_may_find_nothing_left(
    coupon: None, connect: httpx.Client
) -> None:
    body = cart("TEA-2", codes=["SAVE50"], reserve=False)
    first, second = quote(connect, body), quote(connect, body)
    assert second["cart"]["discount"]["amount"] == "5.00"
    assert commit(connect, first["id"], "a").status_code == 200
    for _ in range(2):
        refused = commit(connect, second["id"], "b")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/limit-used-up")


def test_unique_codes_are_good_once_and_only_for_their_customer(
    shop: Engine, settings: Settings
) -> None:
    open_promotion(shop, TEN, unique_codes=True)
    with writing(shop) as conn:
        lines = ["code,customer\n", "GIFT-AAA,\n", "GIFT-BBB,kim\n"]
        import_codes(conn, "ten", lines, source="f", actor="ann", at=OPENED)
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:

        def state(code: str, **more: Any) -> str:  # noqa: ANN401
            document = quote(client, cart("TEA-1", codes=[code], **more))
            (typed,) = document["cart"]["codes"]
            return str(typed["state"])

        assert state("gift bbb") == "of_another_customer"
        assert state("gift bbb", customer={"id": "kim"}) == "accepted"
        assert state("gift-aaa") == "accepted"
        assert state("GIFT-AAA") == "used_up"
        assert state("GIFT-CCC") == "unknown"
        assert quote(client, cart("TEA-1"))["cart"]["applied"] == []


def test_a_limit_by_customer_needs_a_customer(shop: Engine, settings: Settings) -> None:
    open_promotion(shop, {**TEN, "limits": {"per_customer": 1}})
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:

        def discount(**more: Any) -> str:  # noqa: ANN401
            return str(quote(client, cart("TEA-1", **more))["cart"]["discount"]["amount"])

        assert discount() == "0.00"
        assert discount(customer={"id": "kim"}) == "0.50"
        assert discount(customer={"id": "kim"}) == "0.00"
        assert discount(customer={"id": "lee"}) == "0.50"


def test_a_funder_pays_no_more_than_its_budget(shop: Engine, settings: Settings) -> None:
    promotion = {**TEN, "percent": "50", "funding": {"ours": "50", "brand": "50"}}
    open_promotion(shop, promotion, funder_budgets={"brand": "3.00"})
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        off = [ordered(client, cart("TEA-1"))["cart"]["discount"]["amount"] for _ in range(4)]
    assert off == ["2.50", "2.50", "1.00", "0.00"]
    assert used(shop, "ten").by_funder == {"brand": 300, "ours": 300}


def test_gifts_go_out_while_stock_lasts(shop: Engine, settings: Settings) -> None:
    gift = {"id": "cup", "type": "gift", "spend": "4", "gifts": [{"sku": "CUP", "stock": 2}]}
    open_promotion(shop, gift)
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        gifts = [ordered(client, cart("TEA-1"))["cart"]["gifts"] for _ in range(3)]
    assert [len(given) for given in gifts] == [1, 1, 0]


def test_a_market_may_resolve_overlaps_by_priority(shop: Engine, settings: Settings) -> None:
    open_promotion(shop, {**TEN, "priority": 1})
    open_promotion(shop, {"id": "twenty", "type": "percent_off", "percent": "20"})
    chosen = settings.model_copy(update={"promotion_modes": {"online": "priority"}})
    for how, discount in ((settings, "1.00"), (chosen, "0.50")):
        with serving(how) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
            assert quote(client, cart("TEA-1"))["cart"]["discount"]["amount"] == discount


def test_a_token_is_verified_when_it_is_given(ten: None, connect: httpx.Client) -> None:
    one, two = quote(connect, cart("TEA-1")), quote(connect, cart("TEA-1"))
    wrong = commit(connect, one["id"], "a", token=two["token"])
    assert wrong.json()["errors"] == [{"field": "body.token", "message": "is of another quote"}]
    forged = commit(connect, one["id"], "b", token=one["token"][:-2] + "xx")
    assert (forged.status_code, forged.json()["errors"][0]["field"]) == (422, "body.token")
    assert commit(connect, one["id"], "c", token=one["token"]).status_code == 200


def test_a_token_outlives_a_restart_and_is_good_on_every_host(
    ten: None, shop: Engine, settings: Settings
) -> None:
    def cancelled(url: str, document: dict[str, Any]) -> int:
        holder = {"Authorization": f"Bearer {document['token']}"}
        with httpx.Client(base_url=url, headers=holder, timeout=60) as client:
            return client.post(f"/v1/quotes/{document['id']}/cancel").status_code

    assert settings.quote_signing_key is None
    with serving(settings) as one, serving(settings) as two:
        with httpx.Client(base_url=one, headers=BEARER, timeout=60) as client:
            quotes = [quote(client, cart("TEA-1")) for _ in range(3)]
        assert cancelled(two, quotes[0]) == 200
    with serving(settings) as again:
        assert cancelled(again, quotes[1]) == 200
    own = quick_settings(shop, quote_signing_key="a key that the shop has chosen by itself")
    with serving(own) as url:
        assert cancelled(url, quotes[2]) == 401
        with httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
            refused = commit(client, quotes[2]["id"], "c", token=quotes[2]["token"])
            assert refused.json()["errors"][0]["field"] == "body.token"
            chosen = quote(client, cart("TEA-1"))
        assert verified(chosen["token"], b"a key that the shop has chosen by itself") is not None
        assert cancelled(url, chosen) == 200


def many(lines: int) -> dict[str, Any]:
    return {"market": "online", "lines": [{"sku": "TEA-1"}] * lines}


BAD: list[tuple[dict[str, Any], int, str]] = [
    (cart("NONE"), 422, "body.lines[0].sku"),
    (
        {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 0}]},
        422,
        "body.lines[0].quantity",
    ),
    (
        {"market": "online", "lines": [{"sku": "TEA-1", "quantity": -2}]},
        422,
        "body.lines[0].quantity",
    ),
    (
        {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 1.5}]},
        422,
        "body.lines[0].quantity",
    ),
    ({"market": "online", "lines": []}, 422, "body.lines"),
    (many(10_000), 422, "body.lines"),
    (cart("TEA-1", "TEA-1"), 422, "body.lines[1].id"),
    (cart("TEA-1", currency="USD"), 422, "body.currency"),
    (cart("TEA-1", shipping="-1"), 422, "body.shipping"),
    (cart("TEA-1", shipping="1.234"), 422, "body.shipping"),
    (cart("TEA-1", codes=["\x07"]), 422, "body.codes[0]"),
    (cart("TEA-1", codes=["A"] * 21), 422, "body.codes"),
    (cart("TEA-1", customer={"birthday": "May"}), 422, "body.customer.birthday"),
    (cart("TEA-1", customer={"lifecycle": "old"}), 422, "body.customer.lifecycle"),
    (
        {"market": "online", "lines": [{"sku": "TEA-1", "price": "0.01"}]},
        422,
        "body.lines[0].price",
    ),
]


def test_each_bad_cart_is_refused_by_the_field(ten: None, connect: httpx.Client) -> None:
    for body, status, field in BAD:
        answer = connect.post("/v1/quotes", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
        assert answer.headers["content-type"] == "application/problem+json"
    assert connect.post("/v1/quotes", json={"lines": []}).status_code == 422
    unmarked = connect.post("/v1/quotes", json={"lines": [{"sku": "TEA-1"}]})
    assert unmarked.json()["type"] == "/problems/market-required"
    nowhere = connect.post("/v1/quotes", json={**cart("TEA-1"), "market": "moon"})
    assert nowhere.json()["markets"] == ["online", "store-01"]
    assert connect.post("/v1/quotes", content=b"{").json()["errors"][0]["field"] == "body"
    long = connect.post("/v1/quotes", content=b" " * (1 << 20) + b"{}")
    assert (long.status_code, long.json()["type"]) == (413, "/problems/body-too-large")


def test_a_bad_settlement_is_refused_by_the_field(ten: None, connect: httpx.Client) -> None:
    document = quote(connect, cart("TEA-1"))
    keyless = connect.post(f"/v1/quotes/{document['id']}/commit", json={})
    assert keyless.json()["errors"][0]["field"] == "header.Idempotency-Key"
    assert commit(connect, document["id"], "x" * 201).status_code == 422
    assert commit(connect, document["id"], "x", order="o" * 201).status_code == 422
    refused = commit(connect, document["id"], "x", total="1").json()["errors"][0]
    assert refused["field"] == "body.total"
    for answer in (commit(connect, "nobodys", "x"), connect.get("/v1/quotes/nobodys")):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/quote-missing")
    assert connect.post("/v1/quotes/nobodys/cancel").status_code == 404
