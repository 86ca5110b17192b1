"""Returns of orders, and groups that buy together, over HTTP on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.quotes.sweeping import settle_due_groups
from api.server import serving
from storage.database import writing
from storage.jobs.outbox import claim_due
from storage.promotions.versions import revise_promotion
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.promotions_at_hand import open_promotion, terms_of, used
from tests.api.shop import open_shop, publish_prices
from tests.databases import postgres_engine, sqlite_engine

Json = dict[str, Any]
LATER = datetime.now(UTC) + timedelta(hours=1)
STEP = {"id": "step", "type": "spend_and_save", "spend": "15", "amount": "3"}
MUG = {"id": "mug", "type": "gift", "spend": "15", "gifts": [{"sku": "MUG", "value": "2"}]}
TOGETHER = {
    "id": "together",
    "type": "group_buy",
    "tiers": [{"size": 2, "price": "4"}, {"size": 3, "price": "3.50"}],
    "products": {"skus": ["TEA-1"]},
    "when": {"until": LATER.isoformat()},
    "limits": {"units": 100},
}


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The small shop on either database."""
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        yield engine


@pytest.fixture
def connect(anywhere: Engine) -> Iterator[httpx.Client]:
    """A client of a service over it that starts when it is first asked."""
    for promotion in (STEP, MUG, TOGETHER):
        open_promotion(anywhere, promotion)
    with (
        serving(quick_settings(anywhere)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        yield client


def ordered(client: httpx.Client, lines: dict[str, int], **more: Any) -> Json:  # noqa: ANN401
    """A committed quote; the id of each line is its SKU."""
    cart = [{"sku": sku, "id": sku, "quantity": units} for sku, units in lines.items()]
    quoted = client.post("/v1/quotes", json={"market": "online", "lines": cart, **more})
    assert quoted.status_code == 201, quoted.text
    quote_id = quoted.json()["id"]
    done = client.post(f"/v1/quotes/{quote_id}/commit", headers={"Idempotency-Key": quote_id})
    assert done.status_code == 200, done.text
    document: Json = done.json()
    return document


def back(client: httpx.Client, order: Json, key: str, lines: dict[str, int], **more: Any) -> Any:  # noqa: ANN401
    """The answer to a return."""
    return client.post(
        f"/v1/quotes/{order['id']}/returns",
        json={"lines": lines, **more},
        headers={"Idempotency-Key": key},
    )


def test_returns_add_up_to_what_was_paid_and_never_to_more(
    connect: httpx.Client, anywhere: Engine
) -> None:
    order = ordered(connect, {"TEA-1": 2, "TEA-2": 1})
    assert order["cart"]["total"]["amount"] == "19.48"
    # The terms of the order hold, whatever prices and promotions say today.
    publish_prices(anywhere, {("TEA-1", "online"): 899, ("TEA-2", "online"): 1999})
    first = back(connect, order, "r1", {"TEA-1": 1}, gifts={"mug": 1}, reference="RMA-1")
    assert first.status_code == 201, first.text
    # One tea and the other stay: 17.49 less 3.00, so what comes back is worth its price.
    assert first.json()["refund"]["amount"] == "4.99"
    assert (first.json()["number"], first.json()["left"]) == (1, {"TEA-1": 1, "TEA-2": 1})
    # What stays is paid with 14.49, too little for the mug, which came back.
    assert [due["promotion"] for due in first.json()["gifts_due"]] == ["mug"]
    # Now the threshold is lost, too.
    second = back(connect, order, "r2", {"TEA-2": 1})
    assert second.status_code == 201, second.text
    assert second.json()["refund"]["amount"] == "9.50"
    third = back(connect, order, "r3", {"TEA-1": 1})
    assert third.json()["refunded_in_all"]["amount"] == "19.48"
    assert third.json()["left"] == {"TEA-1": 0, "TEA-2": 0}
    too_much = back(connect, order, "r4", {"TEA-1": 1})
    assert too_much.status_code == 422
    assert too_much.json()["errors"] == [
        {"field": "body.lines.TEA-1", "message": "all of it came back already"}
    ]
    listed = connect.get(f"/v1/quotes/{order['id']}/returns").json()["returns"]
    assert listed == [first.json(), second.json(), third.json()]


def test_a_gift_that_stays_is_paid_for(connect: httpx.Client) -> None:
    order = ordered(connect, {"TEA-1": 2, "TEA-2": 1})
    kept = back(connect, order, "k", {"TEA-2": 1}).json()
    # 19.48 were paid; both teas alone cost 9.98, and the mug stays.
    assert (kept["refund"]["amount"], kept["gifts_withheld"]["amount"]) == ("7.50", "2.00")


def test_what_went_back_too_early_is_told_and_taken_off_the_next_refund(anywhere: Engine) -> None:
    open_promotion(anywhere, {**STEP, "spend": "17.49", "amount": "8"})
    with (
        serving(quick_settings(anywhere)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        order = ordered(client, {"TEA-1": 2, "TEA-2": 1})
        parcels = [
            back(client, order, f"k{n}", {sku: 1}).json()
            for n, sku in enumerate(["TEA-1", "TEA-1", "TEA-2"])
        ]
        whole = ordered(client, {"TEA-1": 2, "TEA-2": 1})
        at_once = back(client, whole, "once", {"TEA-1": 2, "TEA-2": 1}).json()
        listed = client.get(f"/v1/quotes/{order['id']}/returns").json()["returns"]
    # 14.48 was paid. One tea and the other keep the threshold; the other alone loses 8.00 of it.
    told = [tuple(p[f]["amount"] for f in ("refund", "owed", "set_off")) for p in parcels]
    assert told == [("4.99", "0.00", "0.00"), ("0.00", "3.01", "0.00"), ("9.49", "0.00", "3.01")]
    assert parcels[-1]["refunded_in_all"] == at_once["refund"] == order["cart"]["total"]
    assert listed == parcels


def test_a_gift_may_come_back_by_itself_and_is_paid_back_then(connect: httpx.Client) -> None:
    order = ordered(connect, {"TEA-1": 2, "TEA-2": 1})
    kept = back(connect, order, "k", {"TEA-2": 1}).json()
    assert (kept["refund"]["amount"], kept["gifts_withheld"]["amount"]) == ("7.50", "2.00")
    later = back(connect, order, "l", {}, gifts={"mug": 1}).json()
    assert (later["refund"]["amount"], later["gifts_withheld"]["amount"]) == ("2.00", "0.00")


def test_a_return_asked_for_twice_is_carried_out_once(connect: httpx.Client) -> None:
    order = ordered(connect, {"TEA-1": 5})
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: back(connect, order, "same", {"TEA-1": 3}), range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    other = back(connect, order, "same", {"TEA-1": 2})
    assert (other.status_code, other.json()["title"]) == (422, "Idempotency key reused")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: back(connect, order, f"n{n}", {"TEA-1": 1}), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 422, 422]
    listed = connect.get(f"/v1/quotes/{order['id']}/returns").json()["returns"]
    assert sum(entry["units"]["TEA-1"] for entry in listed) == 5
    # All that was paid but the value of the mug, which did not come back.
    assert order["cart"]["goods"]["amount"] == "21.95"
    assert listed[-1]["refunded_in_all"]["amount"] == "19.95"


BAD = [
    ({"lines": {}}, "body.lines"),
    ({"lines": {"TEA-9": 1}}, "body.lines.TEA-9"),
    ({"lines": {"TEA-1": 0}}, "body.lines.TEA-1"),
    ({"lines": {"TEA-1": 3}}, "body.lines.TEA-1"),
    ({"lines": {"TEA-1": 1}, "gifts": {"mug": 1}}, "body.gifts.mug"),
    ({"lines": {"TEA-1": 1}, "reason": "blue"}, "body.reason"),
]


def test_what_cannot_come_back_is_refused_by_name(connect: httpx.Client) -> None:
    order = ordered(connect, {"TEA-1": 2})
    for number, (body, field) in enumerate(BAD):
        url = f"/v1/quotes/{order['id']}/returns"
        answer = connect.post(url, json=body, headers={"Idempotency-Key": f"b{number}"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    no_key = connect.post(f"/v1/quotes/{order['id']}/returns", json={"lines": {"TEA-1": 1}})
    assert no_key.json()["errors"][0]["field"] == "header.Idempotency-Key"
    assert back(connect, {"id": "q"}, "m", {"TEA-1": 1}).status_code == 404
    cart = {"market": "online", "lines": [{"sku": "TEA-1", "id": "TEA-1"}]}
    unpaid = connect.post("/v1/quotes", json=cart).json()
    assert back(connect, unpaid, "u", {"TEA-1": 1}).status_code == 409
    assert back(connect, order, "one", {"TEA-1": 1}).status_code == 201
    cancelled = connect.post(f"/v1/quotes/{order['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["title"]) == (409, "Nothing can come back")


def test_a_market_may_give_back_the_shares_that_were_paid(anywhere: Engine) -> None:
    open_promotion(anywhere, STEP)
    settings = quick_settings(anywhere, return_policies={"online": "pro_rata"})
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        order = ordered(client, {"TEA-1": 2, "TEA-2": 1})
        answer = back(client, order, "k", {"TEA-2": 1}).json()
    paid = next(line for line in order["cart"]["lines"] if line["id"] == "TEA-2")["after"]
    assert (answer["policy"], answer["refund"]) == ("pro_rata", paid)


def joined(client: httpx.Client, group: str, customer: str, units: int = 1) -> Json:
    """An order that joins a group."""
    return ordered(
        client, {"TEA-1": units}, groups={"together": group}, customer={"id": customer}
    )  # fmt: skip


def group(client: httpx.Client, order: Json) -> Json:
    """The group of an order."""
    group_id = order["groups"]["together"]
    document: Json = client.get(f"/v1/promotions/together/groups/{group_id}").json()
    return document


def test_a_group_that_is_reached_gets_the_price_of_its_size(
    connect: httpx.Client, anywhere: Engine
) -> None:
    ann = joined(connect, "new", "ann", units=2)
    assert ann["cart"]["total"]["amount"] == "8.00"
    opened = group(connect, ann)
    assert (opened["status"], opened["size"], opened["missing"]) == ("open", 1, 1)
    bob = joined(connect, opened["id"], "bob")
    cleo = joined(connect, opened["id"], "cleo")
    assert [o["cart"]["total"]["amount"] for o in (bob, cleo)] == ["4.00", "3.50"]
    assert group(connect, ann)["price"]["amount"] == "3.50"
    assert settle_due_groups(anywhere, LATER - timedelta(seconds=1)) == 0
    assert settle_due_groups(anywhere, LATER) == 1
    assert settle_due_groups(anywhere, LATER) == 0
    settled = group(connect, ann)
    assert (settled["status"], settled["size"]) == ("reached", 3)
    refunds = [
        [
            (entry["kind"], entry["refund"]["amount"])
            for entry in connect.get(f"/v1/quotes/{order['id']}/returns").json()["returns"]
        ]
        for order in (ann, bob, cleo)
    ]
    assert refunds == [[("group_grew", "1.00")], [("group_grew", "0.50")], []]
    with writing(anywhere) as conn:
        (told,) = claim_due(conn, now=LATER, limit=1, lease=timedelta(minutes=1))
    assert told.topic == "group.settled"
    assert [m["refund"]["amount"] for m in told.payload["members"]] == ["1.00", "0.50", "0.00"]
    # Each unit cost 3.50 in the end, so that is what goes back for one.
    assert back(connect, ann, "r", {"TEA-1": 1}).json()["refund"]["amount"] == "3.50"
    last = back(connect, ann, "s", {"TEA-1": 1}).json()
    assert (last["refund"]["amount"], last["refunded_in_all"]["amount"]) == ("3.50", "8.00")


@pytest.mark.parametrize(
    ("more", "parcels"),
    [
        (2, ["TEA-1", "TEA-2", "TEA-1", "TEA-2"]),
        (2, ["TEA-2", "TEA-2", "TEA-1", "TEA-1"]),
        (0, ["TEA-2", "TEA-2"]),
    ],
)
def test_what_a_group_brought_back_is_part_of_the_account(
    connect: httpx.Client, anywhere: Engine, more: int, parcels: list[str]
) -> None:
    lines = {"TEA-1": 2, "TEA-2": 2}
    ann = ordered(connect, lines, groups={"together": "new"}, customer={"id": "ann"})
    for n in range(more):
        joined(connect, ann["groups"]["together"], f"c{n}")
    assert settle_due_groups(anywhere, LATER) == 1
    mug = {"gifts": {"mug": 1}}
    answers = [
        back(connect, ann, f"k{n}", {sku: 1}, **({} if n else mug)).json()
        for n, sku in enumerate(parcels)
    ]
    listed = connect.get(f"/v1/quotes/{ann['id']}/returns").json()["returns"]
    assert [entry["kind"] for entry in listed][:1] == ["group_grew" if more else "group_failed"]
    assert listed[1:] == answers
    assert answers[-1]["refunded_in_all"] == ann["cart"]["total"]
    assert answers[-1]["owed"]["amount"] == "0.00"


def test_each_member_is_settled_and_refunded_on_the_terms_that_he_joined_on(
    connect: httpx.Client, anywhere: Engine
) -> None:
    ann = joined(connect, "new", "ann")
    group_id = ann["groups"]["together"]
    joined(connect, group_id, "bob")
    dearer = {**TOGETHER, "tiers": [{"size": 5, "price": "3"}]}
    with writing(anywhere) as conn:
        revise_promotion(conn, terms_of(dearer), actor="ann", at=datetime.now(UTC))
    cart = {
        "market": "online",
        "lines": [{"sku": "TEA-1", "id": "TEA-1"}],
        "groups": {"together": group_id},
        "customer": {"id": "cleo"},
    }

    def asked() -> str:
        # Holds nothing: asking may take longer than there are units to hold.
        asking = {**cart, "reserve": False}
        total: str = connect.post("/v1/quotes", json=asking).json()["cart"]["total"]["amount"]
        return total

    assert eventually(lambda: asked() == "3.00"), "the service has read the new terms"
    cleo = joined(connect, group_id, "cleo")
    assert settle_due_groups(anywhere, LATER) == 1
    # Three are enough for those who were told so, at 3.50; cleo was told that it takes five.
    assert (group(connect, ann)["status"], group(connect, ann)["price"]["amount"]) == (
        "reached",
        "3.50",
    )
    last = back(connect, ann, "a", {"TEA-1": 1}).json()
    assert (last["refund"]["amount"], last["refunded_in_all"]["amount"]) == ("3.50", "4.00")
    (entry,) = connect.get(f"/v1/quotes/{cleo['id']}/returns").json()["returns"]
    assert (entry["kind"], entry["refund"]["amount"]) == ("group_failed", "3.00")
    assert back(connect, cleo, "c", {"TEA-1": 1}).status_code == 422


def test_who_paid_the_price_of_a_larger_group_keeps_it_and_gets_it_back(
    connect: httpx.Client, anywhere: Engine
) -> None:
    ann = joined(connect, "new", "ann")
    group_id = ann["groups"]["together"]
    joined(connect, group_id, "bob")
    cleo = joined(connect, group_id, "cleo", units=2)
    assert cleo["cart"]["total"]["amount"] == "7.00"
    assert connect.post(f"/v1/quotes/{ann['id']}/cancel").status_code == 200
    assert settle_due_groups(anywhere, LATER) == 1
    assert group(connect, cleo)["price"]["amount"] == "4.00"
    assert connect.get(f"/v1/quotes/{cleo['id']}/returns").json()["returns"] == []
    assert back(connect, cleo, "c", {"TEA-1": 1}).json()["refund"]["amount"] == "3.50"


def test_a_group_that_is_not_reached_gives_everything_back(
    connect: httpx.Client, anywhere: Engine
) -> None:
    ann = joined(connect, "new", "ann", units=2)
    assert used(anywhere, "together").units == 2
    assert back(connect, ann, "early", {"TEA-1": 1}).json()["title"] == "Nothing can come back"
    assert settle_due_groups(anywhere, LATER) == 1
    assert group(connect, ann)["status"] == "failed"
    (entry,) = connect.get(f"/v1/quotes/{ann['id']}/returns").json()["returns"]
    assert (entry["kind"], entry["refund"]["amount"], entry["units"]) == (
        "group_failed",
        "8.00",
        {"TEA-1": 2},
    )
    assert used(anywhere, "together").units == 0
    again = back(connect, ann, "again", {"TEA-1": 1})
    assert again.json()["errors"][0]["message"] == "all of it came back already"
    assert connect.post(f"/v1/quotes/{ann['id']}/cancel").status_code == 409


def test_who_calls_his_order_off_leaves_the_group_and_nobody_joins_twice(
    connect: httpx.Client, anywhere: Engine
) -> None:
    ann = joined(connect, "new", "ann")
    group_id = ann["groups"]["together"]
    cart = {
        "market": "online",
        "lines": [{"sku": "TEA-1"}],
        "groups": {"together": group_id},
        "customer": {"id": "ann"},
    }
    twice = connect.post("/v1/quotes", json=cart).json()
    refused = connect.post(f"/v1/quotes/{twice['id']}/commit", headers={"Idempotency-Key": "2"})
    assert (refused.status_code, refused.json()["title"]) == (409, "Group closed")
    assert connect.get(f"/v1/quotes/{twice['id']}").json()["status"] == "open"
    joined(connect, group_id, "bob")
    assert connect.post(f"/v1/quotes/{ann['id']}/cancel").status_code == 200
    assert group(connect, ann)["size"] == 1
    quoted = connect.post("/v1/quotes", json={**cart, "customer": {"id": "cleo"}}).json()
    assert settle_due_groups(anywhere, LATER) == 1
    late = connect.post(f"/v1/quotes/{quoted['id']}/commit", headers={"Idempotency-Key": "l"})
    assert (late.status_code, late.json()["title"]) == (409, "Group closed")
    listed = connect.get("/v1/promotions/together/groups?status=failed").json()["groups"]
    assert [g["id"] for g in listed] == [group_id]


WRONG = [
    ({"groups": {"together": "g_none"}}, "body.groups.together"),
    ({"groups": {"step": "new"}}, "body.groups.step"),
    ({"groups": {"together": "new"}, "customer": {}}, "body.customer.id"),
    ({"groups": {"together": "new", "other": "new"}}, "body.groups"),
]


def test_a_group_that_cannot_be_joined_is_refused_by_name(connect: httpx.Client) -> None:
    cart = {"market": "online", "lines": [{"sku": "TEA-1"}], "customer": {"id": "ann"}}
    for more, field in WRONG:
        answer = connect.post("/v1/quotes", json={**cart, **more})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert connect.get("/v1/promotions/together/groups/g").status_code == 404


def test_members_that_join_at_once_are_all_counted(connect: httpx.Client) -> None:
    ann = joined(connect, "new", "ann")
    group_id = ann["groups"]["together"]
    with ThreadPoolExecutor(4) as pool:
        names = [f"c{n}" for n in range(8)]
        list(pool.map(lambda name: joined(connect, group_id, name), names))
    assert group(connect, ann)["size"] == 9
