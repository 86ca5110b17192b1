"""The routes of promotions on PostgreSQL: the whole life of one, its codes, its figures."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from tests.api.conftest import quick_settings
from tests.api.promotions_at_hand import cart, set_cost, set_limits
from tests.api.shop import open_shop
from tests.databases import postgres_engine

pytestmark = pytest.mark.xdist_group("api on postgres")
TOKEN = "a-token-of-sixteen-letters"
TERMS = {
    "promotion": {"id": "ten", "type": "percent_off", "percent": "10", "limits": {"uses": 5}},
    "currency": "EUR",
    "unique_codes": True,
}


@pytest.fixture
def shop() -> Iterator[Engine]:
    with postgres_engine() as engine:
        open_shop(engine)
        yield engine


def test_the_life_of_a_promotion_is_the_same_on_postgres(shop: Engine) -> None:
    set_cost(shop, "TEA-1", 300)
    set_limits(shop, "TEA-1", minimum_minor=470)
    settings = quick_settings(shop, operators=f"ann:{TOKEN}")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        made = client.post("/v1/promotions", json=TERMS)
        assert (made.status_code, made.json()["phase"]) == (201, "draft")
        assert [c["kind"] for c in made.json()["conflicts"]] == ["below_minimum"]
        assert client.post("/v1/promotions", json=TERMS).status_code == 409
        refused = client.post("/v1/promotions/ten/schedule")
        assert (refused.status_code, refused.json()["title"]) == (409, "Promotions in conflict")
        codes = client.post("/v1/promotions/ten/codes", json={"pattern": "T-########", "count": 3})
        assert codes.json()["codes"] == 3
        brought = client.put("/v1/promotions/ten/codes.csv", content="code,customer\nVIP-A,kim\n")
        assert brought.json()["batch"] == codes.json()["batch"] + 1
        rows = list(csv.DictReader(StringIO(client.get("/v1/promotions/ten/codes.csv").text)))
        assert len(rows) == 4
        live = client.post("/v1/promotions/ten/schedule?accept_conflicts=true")
        assert live.json()["phase"] == "live"
        code = next(row["code"] for row in rows if not row["customer"]).lower()
        quoted = client.post("/v1/quotes", json=cart("TEA-2", codes=[code])).json()
        assert quoted["cart"]["discount"]["amount"] == "1.25"
        commit = f"/v1/quotes/{quoted['id']}/commit"
        assert client.post(commit, headers={"Idempotency-Key": "k"}).status_code == 200
        again = client.post("/v1/quotes", json=cart("TEA-2", codes=[code])).json()
        assert again["cart"]["codes"] == [{"code": code, "state": "used_up"}]
        theirs = client.post("/v1/quotes", json=cart("TEA-2", codes=["vip-a"])).json()
        assert theirs["cart"]["codes"][0]["state"] == "of_another_customer"
        tag = client.get("/v1/promotions/ten").headers["etag"]
        twenty = {**TERMS, "promotion": {**TERMS["promotion"], "percent": "20"}}  # type: ignore[dict-item]
        put = client.put("/v1/promotions/ten", json=twenty, headers={"If-Match": tag})
        assert put.json()["version"] == 2
        stale = client.put("/v1/promotions/ten", json=TERMS, headers={"If-Match": tag})
        assert stale.status_code == 409
        seen = client.get("/v1/promotions/ten/monitor").json()
        assert (seen["committed"], seen["offered"]) == (1, 1)
        assert client.get("/v1/promotions?ended=false").json()["promotions"][0]["id"] == "ten"
        assert client.delete("/v1/promotions/ten").json()["phase"] == "ended"
        history = client.get("/v1/promotions/ten/history").json()
        assert [v["version"] for v in history["versions"]] == [1, 2]
        assert history["audit"][-1]["action"] == "ended"
