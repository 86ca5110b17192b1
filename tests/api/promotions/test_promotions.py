"""Promotions over HTTP: drafts, trying, conflicts, lifecycle, codes, and the monitor."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.promotions.watch import watch_promotions
from api.server import serving
from api.settings import load_settings
from storage.database import reading, writing
from storage.jobs.outbox import claim_due, messages
from storage.law.market_rules import set_market_rules
from storage.promotions.quotes import commit_quote
from tests.api.conftest import QUICK
from tests.api.promotions_at_hand import cart, open_promotion, set_cost, set_limits
from tests.api.shop import publish_prices
from tests.databases import url_of

TOKEN = "a-token-of-sixteen-letters"
TEN = {"id": "ten", "type": "percent_off", "percent": "10"}
NOW = datetime.now(UTC)


def terms(promotion: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"promotion": promotion, "currency": "EUR", **more}


@pytest.fixture
def client(shop: Engine) -> Iterator[httpx.Client]:
    """A client of the service in the hands of the operator ann."""
    settings = load_settings(
        None,
        database_url=url_of(shop),
        port=0,
        snapshot_poll_seconds=QUICK,
        operators=f"ann:{TOKEN}",
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        yield client


def created(client: httpx.Client, promotion: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = client.post("/v1/promotions", json=terms(promotion, **more))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def discount(client: httpx.Client, body: dict[str, Any]) -> str:
    return str(client.post("/v1/quotes", json=body).json()["cart"]["discount"]["amount"])


def test_a_promotion_goes_from_draft_to_live_to_ended(client: httpx.Client) -> None:
    draft = created(client, TEN)
    assert (draft["phase"], draft["version"], draft["conflicts"]) == ("draft", 1, [])
    assert discount(client, cart("TEA-1")) == "0.00"
    assert client.post("/v1/promotions/ten/schedule").json()["phase"] == "live"
    assert discount(client, cart("TEA-1")) == "0.50"
    more = terms({**TEN, "percent": "20"})
    revised = client.put("/v1/promotions/ten?note=better", json=more, headers={"If-Match": '"1"'})
    assert (revised.status_code, revised.json()["version"]) == (200, 2)
    assert discount(client, cart("TEA-1")) == "1.00"
    stale = client.put("/v1/promotions/ten", json=more, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/promotion-step-refused")
    assert client.get("/v1/promotions/ten").headers["etag"] == '"2"'
    assert client.delete("/v1/promotions/ten").json()["phase"] == "ended"
    assert discount(client, cart("TEA-1")) == "0.00"
    history = client.get("/v1/promotions/ten/history").json()
    assert [row["action"] for row in history["audit"]] == [
        "created",
        "scheduled",
        "revised",
        "ended",
    ]
    assert {row["actor"] for row in history["audit"]} == {"ann"}
    assert [v["terms"]["promotion"]["percent"] for v in history["versions"]] == ["10", "20"]
    listed = client.get("/v1/promotions").json()["promotions"]
    assert [(p["id"], p["phase"]) for p in listed] == [("ten", "ended")]
    assert client.get("/v1/promotions?ended=false").json()["promotions"] == []


def test_a_promotion_of_the_future_waits_and_can_be_withdrawn(client: httpx.Client) -> None:
    start = (NOW + timedelta(days=2)).isoformat()
    created(client, {**TEN, "when": {"from": start}})
    assert client.post("/v1/promotions/ten/schedule").json()["phase"] == "scheduled"
    assert discount(client, cart("TEA-1")) == "0.00"
    at = (NOW + timedelta(days=3)).isoformat()
    tried = client.post("/v1/promotions:try", json={"cart": cart("TEA-1"), "at": at})
    assert tried.json()["discount"]["amount"] == "0.50"
    assert client.post("/v1/promotions/ten/withdraw").json()["phase"] == "draft"
    assert client.post("/v1/promotions/ten/withdraw").status_code == 409


def test_a_cart_can_be_tried_with_drafts_and_with_what_is_not_stored(client: httpx.Client) -> None:
    created(client, TEN)

    def tried(**more: Any) -> Any:  # noqa: ANN401
        answer = client.post("/v1/promotions:try", json={"cart": cart("TEA-1"), **more})
        assert answer.status_code == 200, answer.text
        return answer.json()["discount"]["amount"]

    assert tried() == "0.00"
    assert tried(drafts=["ten"]) == "0.50"
    half = terms({"id": "half", "type": "percent_off", "percent": "50"})
    assert tried(terms=[half], drafts=["ten"]) == "2.50"
    assert tried(terms=[terms({**TEN, "priority": 9}), half], mode="priority") == "0.50"
    assert [p["id"] for p in client.get("/v1/promotions").json()["promotions"]] == ["ten"]


def test_two_promotions_that_go_under_cost_together_are_in_conflict(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-1", 299)
    set_cost(shop, "TEA-2", 600)
    created(client, {"id": "thirty", "type": "percent_off", "percent": "30", "stack": True})
    assert client.post("/v1/promotions/thirty/schedule").status_code == 200
    coupon = {"id": "two", "type": "spend_and_save", "amount": "2", "spend": "3", "code": "TWO"}
    (conflict,) = created(client, coupon)["conflicts"]
    assert (conflict["kind"], conflict["promotions"]) == ("below_cost", ["two", "thirty"])
    assert (conflict["sku"], conflict["market"], conflict["quantity"]) == ("TEA-1", "online", 1)
    assert (conflict["paid"]["amount"], conflict["bound"]["amount"]) == ("1.49", "2.99")
    refused = client.post("/v1/promotions/two/schedule")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/promotions-conflict")
    assert [each["text"] for each in refused.json()["conflicts"]] == [conflict["text"]]
    accepted = client.post("/v1/promotions/two/schedule?accept_conflicts=true")
    assert accepted.json()["phase"] == "live"
    (row,) = [
        row
        for row in client.get("/v1/promotions/two/history").json()["audit"]
        if row["action"] == "scheduled"
    ]
    assert "under their cost" in row["detail"]["accepted_conflicts"][0]
    # What is announced is cut at the floor.
    quote = client.post("/v1/quotes", json=cart("TEA-1", codes=["TWO"])).json()
    assert quote["cart"]["total"]["amount"] == "2.99"


def test_a_promotion_that_goes_under_cost_alone_is_in_conflict(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-1", 480)
    found = created(client, {"id": "a", "type": "n_for_price", "quantity": 3, "price": "9"})
    (conflict,) = found["conflicts"]
    assert (conflict["promotions"], conflict["quantity"]) == (["a"], 3)
    assert (conflict["paid"]["amount"], conflict["bound"]["amount"]) == ("9.00", "14.40")
    apart = {"lifecycle": ["new"]}
    fine = created(client, {**TEN, "percent": "3", "for": apart})
    assert fine["conflicts"] == []


ONE, TWO = {"skus": ["TEA-1"]}, {"skus": ["TEA-2"]}
SETS: list[dict[str, Any]] = [
    {"type": "bundle", "parts": [{"products": ONE}, {"products": TWO}], "price": "12"},
    {"type": "buy_get", "buy": 1, "get": 1, "percent": "100", "products": TWO, "get_products": ONE},
    {"type": "add_on", "price": "0", "products": ONE, "needs": {"quantity": 1, "products": TWO}},
]


@pytest.mark.parametrize("offer", SETS)
def test_a_promotion_over_several_products_is_tried_on_several(
    client: httpx.Client, shop: Engine, offer: dict[str, Any]
) -> None:
    set_cost(shop, "TEA-1", 300)
    set_cost(shop, "TEA-2", 1_050)
    (conflict,) = created(client, {"id": "both", **offer})["conflicts"]
    assert (conflict["kind"], conflict["bound"]["amount"]) == ("below_cost", "13.50")
    assert set(conflict["sku"].split(" + ")) == {"TEA-1", "TEA-2"}


def test_a_threshold_and_an_offer_on_other_products_go_under_cost_together(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-1", 410)
    set_cost(shop, "TEA-2", 1_050)
    created(client, {"id": "tea", "type": "amount_off", "amount": "0.80", "products": ONE})
    assert client.post("/v1/promotions/tea/schedule").status_code == 200
    step = {"id": "step", "type": "spend_and_save", "spend": "15", "amount": "2.80"}
    conflicts = created(client, {**step, "needs": {"quantity": 1, "products": TWO}})["conflicts"]
    both = [c for c in conflicts if set(c["promotions"]) == {"step", "tea"}]
    assert [set(c["sku"].split(" + ")) for c in both] == [{"TEA-1", "TEA-2"}]


def test_a_promotion_under_the_lowest_allowed_price_is_in_conflict(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-1", 300)
    set_limits(shop, "TEA-1", minimum_minor=470)
    (conflict,) = created(client, TEN)["conflicts"]
    assert (conflict["kind"], conflict["bound"]["amount"]) == ("below_minimum", "4.70")


def test_an_announced_reduction_that_is_none_is_in_conflict_where_the_law_says_so(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-1", 100)
    flash = {"id": "flash", "type": "special_price", "prices": {"TEA-1": "4.49"}}
    assert created(client, flash)["conflicts"] == []
    with writing(shop) as conn:
        set_market_rules(conn, "online", "DE", at=NOW - timedelta(days=90), by="ann")
    publish_prices(shop, {("TEA-1", "online"): 399}, at=NOW - timedelta(days=20))
    publish_prices(shop, {("TEA-1", "online"): 499}, at=NOW - timedelta(days=10))
    (conflict,) = client.put("/v1/promotions/flash", json=terms(flash)).json()["conflicts"]
    assert (conflict["kind"], conflict["sku"]) == ("above_reference", "TEA-1")
    assert (conflict["paid"]["amount"], conflict["bound"]["amount"]) == ("4.49", "3.99")
    assert client.post("/v1/promotions/flash/schedule").status_code == 409
    flash["prices"] = {"TEA-1": "3.79"}
    assert client.put("/v1/promotions/flash", json=terms(flash)).json()["conflicts"] == []


def test_codes_are_generated_brought_in_and_exported(client: httpx.Client) -> None:
    created(client, TEN, unique_codes=True)
    made = client.post("/v1/promotions/ten/codes", json={"pattern": "T-########", "count": 200})
    assert (made.status_code, made.json()["codes"], made.json()["author"]) == (201, 200, "ann")
    brought = client.put("/v1/promotions/ten/codes.csv", content="code,customer\nVIP-A,kim\n")
    assert brought.json()["batch"] == 2
    whole = client.get("/v1/promotions/ten/codes.csv")
    assert whole.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(StringIO(whole.text)))
    assert len(rows) == 201
    one = client.get("/v1/promotions/ten/codes.csv?batch=2").text
    assert one == "code,customer,uses\nVIP-A,kim,0\n"
    assert len(client.get("/v1/promotions/ten/codes").json()["batches"]) == 2
    client.post("/v1/promotions/ten/schedule")
    typed = rows[0]["code"].lower()
    assert discount(client, cart("TEA-1", codes=[typed])) == "0.50"


def test_the_monitor_tells_how_a_promotion_runs_and_alerts_when_it_runs_ahead(
    client: httpx.Client, shop: Engine
) -> None:
    set_cost(shop, "TEA-2", 600, units=5)
    promotion = {
        **TEN,
        "percent": "20",
        "when": {
            "from": (NOW - timedelta(days=1)).isoformat(),
            "until": (NOW + timedelta(days=9)).isoformat(),
        },
        "limits": {"budget": "10", "units": 40},
        "funding": {"ours": "50", "brand": "50"},
    }
    open_promotion(shop, promotion)
    client.post("/v1/promotions", json=terms({**TEN, "id": "other"}))  # the board takes it up
    body = {**cart("TEA-2"), "shopper_address": "198.51.100.7"}
    ids = [client.post("/v1/quotes", json=body).json()["id"] for _ in range(3)]
    with writing(shop) as conn:
        for quote_id in ids[:2]:
            commit_quote(conn, quote_id, at=datetime.now(UTC))
    seen = client.get("/v1/promotions/ten/monitor").json()
    assert (seen["offered"], seen["committed"], seen["held"]) == (3, 2, 1)
    assert seen["conversion"] == pytest.approx(2 / 3)
    assert seen["given_away"]["amount"] == "5.00"
    assert seen["average_order"]["amount"] == "10.00"
    assert seen["margin"]["amount"] == "10.50"  # 2 x (10.00 - 6.00) and 2.50 from the brand
    assert seen["margin_orders"] == 2
    assert (seen["budget_share"], seen["units_share"]) == (0.75, 0.075)
    assert seen["planned_share"] == pytest.approx(0.1, abs=0.001)
    assert (seen["stock_units"], seen["scarcest_sku"]) == (5.0, "TEA-2")
    assert seen["ahead_of"] == ["budget", "stock"]
    now = datetime.now(UTC)
    assert (watch_promotions(shop, now), watch_promotions(shop, now)) == (2, 0)
    with reading(shop) as conn:
        topics = {message.topic for message in messages(conn)}
    assert topics == {"promotion.ahead_of_budget", "promotion.ahead_of_stock"}
    with writing(shop) as conn:
        sent = claim_due(conn, now=now, limit=10, lease=timedelta(minutes=1))
    assert {message.payload["given_away"]["amount"] for message in sent} == {"5.00"}


BACKWARDS = {"from": "2026-02-02", "until": "2026-02-01"}
BAD: list[tuple[dict[str, Any], str]] = [
    (terms({**TEN, "percent": "101"}), "body.promotion.percent"),
    (terms({**TEN, "percent": "ten"}), "body.promotion.percent"),
    (
        terms({**TEN, "when": {"from": "2026-02-02", "until": "2026-02-01"}}),
        "body.promotion.when.until",
    ),
    (terms({**TEN, "combines_with": ["nobody"]}), "body.promotion.combines_with[0]"),
    (terms({**TEN, "tiers": []}), "body.promotion"),
    (terms({"id": "x", "type": "half_off"}), "body.promotion"),
    ({"promotion": TEN, "currency": "EURO"}, "body.currency"),
    ({"promotion": TEN}, "body"),
]


def test_each_bad_promotion_is_refused_by_the_field(client: httpx.Client) -> None:
    for body, field in BAD:
        answer = client.post("/v1/promotions", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"].startswith(field)
    created(client, TEN)
    assert client.post("/v1/promotions", json=terms(TEN)).status_code == 409
    coupon = {"id": "five", "type": "spend_and_save", "amount": "5", "requires": ["ten"]}
    created(client, coupon)
    circle = client.put("/v1/promotions/ten", json=terms({**TEN, "requires": ["five"]}))
    assert circle.json()["errors"][0]["field"] == "body.promotion.requires"
    assert "goes in a circle" in circle.json()["detail"]
    other = client.put("/v1/promotions/ten", json=terms({**TEN, "id": "eleven"}))
    assert other.json()["errors"][0]["field"] == "body.promotion.id"
    version = client.put("/v1/promotions/ten", json=terms(TEN), headers={"If-Match": "x"})
    assert version.json()["errors"][0]["field"] == "header.If-Match"
    for path in ("", "/history", "/monitor", "/codes", "/codes.csv"):
        missing = client.get(f"/v1/promotions/none{path}")
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/promotion-missing")
    early = client.post("/v1/promotions:try", json={"cart": cart("TEA-1"), "at": "yesterday"})
    assert early.json()["errors"][0]["field"] == "body.at"
    unknown = client.post("/v1/promotions:try", json={"cart": cart("NONE")})
    assert unknown.json()["errors"][0]["field"] == "body.lines[0].sku"
    no_codes = client.post("/v1/promotions/ten/codes", json={"pattern": "#" * 9, "count": 5})
    assert no_codes.status_code == 409


def test_bad_codes_are_refused_by_the_field(client: httpx.Client) -> None:
    created(client, TEN, unique_codes=True)
    few = client.post("/v1/promotions/ten/codes", json={"pattern": "T-##", "count": 5})
    assert few.json()["errors"][0]["field"] == "body.pattern"
    none = client.post("/v1/promotions/ten/codes", json={"pattern": "#" * 9, "count": 0})
    assert none.json()["errors"][0]["field"] == "body.count"
    file = client.put("/v1/promotions/ten/codes.csv", content=b"code\nA\na\n")
    assert "row 3: 'a' is in the file twice" in file.json()["detail"]
    latin = client.put("/v1/promotions/ten/codes.csv", content="code\nMÜ\n".encode("latin-1"))
    assert latin.json()["errors"][0]["field"] == "body"
    gone = client.get("/v1/promotions/ten/codes.csv?batch=3")
    assert gone.status_code == 404


def test_only_operators_change_promotions_and_see_codes(client: httpx.Client) -> None:
    created(client, TEN, unique_codes=True)
    client.headers.pop("Authorization")
    for method, path in (
        ("POST", ""),
        ("PUT", "/ten"),
        ("DELETE", "/ten"),
        ("POST", "/ten/schedule"),
        ("POST", "/ten/withdraw"),
        ("POST", "/ten/codes"),
        ("PUT", "/ten/codes.csv"),
        ("GET", "/ten/codes.csv"),
    ):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            answer = client.request(method, f"/v1/promotions{path}", json={}, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-an-operator")
    assert client.get("/v1/promotions/ten").status_code == 401
