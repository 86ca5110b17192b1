"""Plans over HTTP: asked for, made by another process, amended, accepted, tracked, continued."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.server import serving
from storage.database import writing
from storage.products.keys import key_ids
from storage.tables import sales
from tests.api.conftest import eventually, quick_settings
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

TOKEN = "an operator's token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
BEGAN = (datetime.now(UTC) - timedelta(days=15)).date()
"""First day of plans that have been running for two weeks."""


def clearance(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "currency": "EUR",
        "weeks": 5,
        "starts_on": BEGAN.isoformat(),
        "items": [
            {"sku": "TEA-1", "market": "online", "ladder": ["4.99", "3.99", "2.99"],
             "demand": 20, "elasticity": -2.5, "stock": 260},
            {"sku": "TEA-2", "market": "online", "ladder": ["12.50", "9.99"], "demand": 8,
             "elasticity": -2.0, "stock": 70},
        ],
        "search": {"draws": 10},
        **changes,
    }  # fmt: skip


def one_item(**changes: object) -> dict[str, Any]:
    item = {"sku": "A", "ladder": ["2", "1"], "stock": 1, "elasticity": -2, "demand": 1, **changes}
    return {"kind": "markdown", "document": clearance(items=[item])}


def calendar() -> dict[str, Any]:
    return {
        "currency": "EUR",
        "starts_on": "2027-01-04",
        "weeks": 4,
        "time_zone": "Europe/Berlin",
        "market": "online",
        "mechanics": [
            {"name": "flyer", "promotion": {"type": "percent_off", "percent": "20"}, "lift": 2.4}
        ],
        "products": [
            {"sku": "TEA-1", "price": "4.99", "cost": "1.50", "base": 50},
            {"sku": "TEA-2", "price": "12.50", "cost": "9.00", "base": 10, "most": 0},
        ],
        "search": {"draws": 10},
    }


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, httpx.Client]]:
    """A shop and a client of its service, whose one process stays warm from plan to plan."""
    with sqlite_engine(tmp_path_factory.mktemp("plans")) as engine:
        open_shop(engine)
        with operating(engine) as client:
            yield engine, client


@pytest.fixture
def plans(workshop: tuple[Engine, httpx.Client]) -> httpx.Client:
    """A client whose operator may ask for plans."""
    return workshop[1]


@contextmanager
def operating(engine: Engine, **given: object) -> Iterator[httpx.Client]:
    """A client of a service of its own, whose operator may ask for plans."""
    settings = quick_settings(engine, operators=f"ada:{TOKEN}", **given)
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=OPERATOR, timeout=60) as client,
    ):
        yield client


def asked(client: httpx.Client, kind: str, document: dict[str, Any]) -> int:
    answer = client.post("/v1/plans", json={"kind": kind, "document": document})
    assert answer.status_code == 202, answer.text
    number: int = answer.json()["plan"]
    assert answer.headers["location"] == f"/v1/plans/{number}"
    return number


def ended(client: httpx.Client, number: int) -> dict[str, Any]:
    def over() -> bool:
        return client.get(f"/v1/plans/{number}").json()["status"] not in ("queued", "running")

    assert eventually(over, 120.0)
    found: dict[str, Any] = client.get(f"/v1/plans/{number}").json()
    return found


def sell(engine: Engine, sku: str, day: date, units: float, paid: int) -> None:
    import numpy as np

    with writing(engine) as conn:
        product, market = key_ids(conn, np.array([sku]), np.array(["online"]))
        conn.execute(
            sa.insert(sales).values(
                product_id=int(product[0]), market_id=int(market[0]), period_start=day,
                units=units, revenue_minor=round(units * paid), stock_out=False,
            )
        )  # fmt: skip


def test_a_clearance_is_planned_amended_accepted_tracked_and_continued(
    workshop: tuple[Engine, httpx.Client],
) -> None:
    shop, plans = workshop
    first = ended(plans, asked(plans, "markdown", clearance()))
    assert first["status"] == "finished", first["error"]
    assert first["created_by"] == "ada"
    value = float(first["result"]["certificate"]["value"]["amount"])
    assert value <= float(first["result"]["certificate"]["bound"]["amount"])
    prices = [week["price"] for week in first["result"]["items"][0]["weeks"]]

    pin = {"sku": "TEA-1", "market": "online", "week": 1, "price": "4.99"}
    other = next(price for price in ("4.99", "2.99") if price != prices[0])
    pin["price"] = other
    answer = plans.post(
        f"/v1/plans/{first['plan']}/amend",
        json={"pins": [pin], "keep_skus": ["TEA-2"], "note": "ads are printed"},
    )
    assert answer.status_code == 202, answer.text
    second = ended(plans, answer.json()["plan"])
    assert second["parent"] == first["plan"]
    assert second["result"]["items"][0]["weeks"][0]["price"] == other
    assert second["result"]["items"][1]["weeks"] == first["result"]["items"][1]["weeks"]
    assert float(second["result"]["certificate"]["value"]["amount"]) < value

    accepted = plans.post(f"/v1/plans/{second['plan']}/accept", json={"as_promotions": True})
    assert accepted.status_code == 200, accepted.text
    made = accepted.json()["accepted"]
    assert accepted.json()["accepted_by"] == "ada"
    schedule = [row for row in made["price_schedule"] if row["sku"] == "TEA-1"]
    assert schedule[0]["from"] == BEGAN.isoformat()
    assert schedule[-1]["until"] == (BEGAN + timedelta(weeks=5)).isoformat()
    for name in made["promotions"]:
        draft = plans.get(f"/v1/promotions/{name}").json()
        assert draft["phase"] == "draft"
        assert draft["terms"]["promotion"]["type"] == "special_price"
    again = plans.post(f"/v1/plans/{second['plan']}/accept", json={})
    assert again.status_code == 409

    nothing_yet = plans.post(f"/v1/plans/{second['plan']}/replan", json={})
    assert nothing_yet.status_code == 409
    for week in range(2):
        asked_price = second["result"]["items"][0]["weeks"][week]["price"]
        paid = round(float(asked_price) * 100)
        sell(shop, "TEA-1", BEGAN + timedelta(days=7 * week + 2), 5.0, paid)
    seen = plans.get(f"/v1/plans/{second['plan']}/tracking").json()
    assert seen["weeks"] == 2
    assert [week["units"] for week in seen["totals"]] == [5.0, 5.0]
    assert len(seen["rows"]) == 4
    assert {row["price"] for row in seen["rows"] if row["sku"] == "TEA-2"} == {None}
    answer = plans.post(f"/v1/plans/{second['plan']}/replan", json={"note": "slow"})
    assert answer.status_code == 202, answer.text
    third = ended(plans, answer.json()["plan"])
    assert third["status"] == "finished", third["error"]
    assert third["result"]["first_week"] == 3
    assert third["result"]["learned"]["items"][0]["demand_factor"] < 0.8
    left = third["result"]["items"][0]["weeks"][0]
    assert left["week"] == 3
    document = plans.get(f"/v1/plans/{third['plan']}/document").json()["document"]
    assert len(document["history"]) == 4


def test_a_calendar_becomes_drafts_of_promotions_at_one_click(plans: httpx.Client) -> None:
    found = ended(plans, asked(plans, "promotions", calendar()))
    assert found["status"] == "finished", found["error"]
    week = found["result"]["calendar"][0]["week"]
    made = plans.post(f"/v1/plans/{found['plan']}/accept").json()["accepted"]["promotions"]
    assert len(made) == len(found["result"]["promotion_drafts"]["promotions"])
    draft = plans.get(f"/v1/promotions/{made[0]}").json()
    assert draft["phase"] == "draft"
    begins = date(2027, 1, 4) + timedelta(weeks=week - 1)
    assert draft["starts_at"] == f"{begins - timedelta(days=1)}T23:00:00Z"
    assert draft["terms"]["promotion"]["products"]["skus"] == ["TEA-1"]
    pins = [{"sku": "TEA-2", "week": 1, "mechanic": "flyer"}]
    amended = plans.post(f"/v1/plans/{found['plan']}/amend", json={"pins": pins})
    failed = ended(plans, amended.json()["plan"])
    assert failed["status"] == "failed"
    assert "'TEA-2'" in failed["error"]["message"]


def test_a_plan_in_the_making_shows_its_best_and_stops_when_cancelled(
    plans: httpx.Client,
) -> None:
    number = asked(plans, "markdown", clearance(search={"draws": 100_000}))
    assert eventually(lambda: plans.get(f"/v1/plans/{number}").json()["best"] is not None, 60.0)
    running = plans.get(f"/v1/plans/{number}").json()
    assert running["status"] == "running"
    assert running["best"]["plan"][0]["prices"][0] in ("4.99", "3.99", "2.99")
    answer = plans.post(f"/v1/plans/{number}/cancel")
    assert answer.json()["cancel_wanted"]
    stopped = ended(plans, number)
    assert stopped["status"] == "cancelled"
    assert stopped["best"] == running["best"]
    assert plans.post(f"/v1/plans/{number}/cancel").status_code == 409


def test_a_stopped_service_hands_a_plan_back_and_the_next_one_goes_on(shop: Engine) -> None:
    with operating(shop) as client:
        number = asked(client, "markdown", clearance(search={"draws": 100_000}))
        assert eventually(
            lambda: client.get(f"/v1/plans/{number}").json()["best"] is not None, 60.0
        )
    with operating(shop) as client:
        found = client.get(f"/v1/plans/{number}").json()
        assert found["status"] in ("queued", "running")
        assert (found["best"] is not None, found["error"]) == (True, None)
        assert eventually(
            lambda: client.get(f"/v1/plans/{number}").json()["status"] == "running", 60.0
        )
        client.post(f"/v1/plans/{number}/cancel")
        assert ended(client, number)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "weather", "document": {}}, "body.document.kind"),
        ({"kind": "markdown", "document": {}}, "body.document.currency"),
        ({"kind": "markdown", "document": clearance(weeks=0)}, "body.document.weeks"),
        ({"kind": "promotions", "document": {"currency": "EUR"}}, "body.document.starts_on"),
        (one_item(demand=[5, 5]), "body.document.items[0].demand"),
        (one_item(demand=[5, 5, 5, 5, "many"]), "body.document.items[0].demand[4]"),
        (one_item(demnad=5), "body.document.items[0].demnad"),
        (one_item(ladder=["2", "1.001"]), "body.document.items[0].ladder[1]"),
        ({"kind": "markdown"}, "body.document"),
        ({"kind": "markdown", "document": clearance(), "note": "\0"}, "body"),
        (
            {"kind": "markdown", "document": clearance(limits={"budget": "1e30"})},
            "body.document.limits.budget",
        ),
        (
            {
                "kind": "markdown",
                "document": clearance(
                    items=[
                        {
                            "sku": str(k),
                            "ladder": ["1"] * (20_000 if k == 0 else 1),
                            "demand": 1,
                            "elasticity": -2,
                            "stock": 1,
                        }
                        for k in range(1_100)
                    ]
                ),
            },
            "body.document.items",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused_at_once_naming_the_field(
    plans: httpx.Client, body: dict[str, Any], field: str
) -> None:
    before = plans.get("/v1/plans").json()["plans"]
    nobody = {"Authorization": ""}
    assert plans.post("/v1/plans", json=body, headers=nobody).status_code == 401
    answer = plans.post("/v1/plans", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert plans.get("/v1/plans").json()["plans"] == before


@pytest.mark.parametrize("query", ["kind=%00", "status=%00", "before=9223372036854775808"])
def test_a_list_that_no_database_can_give_is_refused(plans: httpx.Client, query: str) -> None:
    answer = plans.get(f"/v1/plans?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


def test_an_escaped_backslash_before_a_number_is_no_forbidden_character(
    plans: httpx.Client,
) -> None:
    answer = plans.post(
        "/v1/plans", json={"kind": "markdown", "document": clearance(), "note": "a \\u0000 b"}
    )
    assert answer.json()["note"] == "a \\u0000 b"


def test_waiting_plans_are_listed_and_cancelled_at_once(shop: Engine) -> None:
    with operating(shop, work_processes=0) as client:
        one, two = (asked(client, "markdown", clearance()) for _ in range(2))
        assert client.post(f"/v1/plans/{one}/cancel").json()["status"] == "cancelled"
        waiting = client.get("/v1/plans", params={"status": "queued"}).json()["plans"]
        assert [plan["plan"] for plan in waiting] == [two]
        assert client.post(f"/v1/plans/{two}/accept").status_code == 409
        assert client.get("/v1/plans/99").status_code == 404
        assert client.get(f"/v1/plans/{two}/tracking").status_code == 409
