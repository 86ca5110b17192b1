"""Members' prices over HTTP: the notice that the law wants, and the log of what they rest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from api.settings import Settings
from storage.database import writing
from storage.law.market_rules import set_market_rules
from tests.api.conftest import BEARER, eventually
from tests.api.promotions_at_hand import cart, open_promotion
from tests.api.shop import OPENED, publish_prices
from tests.databases import url_of
from tests.end_to_end.command_line import CommandLine

TEXT = "THIS PRICE WAS SET BY AN ALGORITHM USING YOUR PERSONAL DATA"
FORBIDS = """jurisdiction: ZZ
name: A place without members' prices
in_force_from: 2020-01-01
checked_on: 2026-01-01
personal_price: {article: Article 1, source: https://example.org/1, tiers: forbidden}
"""


@pytest.fixture
def members(shop: Engine) -> Engine:
    """A gold price of one tea, and a promotion for those whom the shop calls friends."""
    publish_prices(shop, {("TEA-1", "online"): 449}, tier="gold")
    open_promotion(
        shop,
        {
            "id": "friends",
            "type": "percent_off",
            "percent": "10",
            "products": {"skus": ["TEA-2"]},
            "for": {"segments": ["friends"]},
        },
    )
    return shop


def under(engine: Engine, jurisdiction: str) -> None:
    with writing(engine) as conn:
        set_market_rules(conn, "online", jurisdiction, at=OPENED, by="counsel")


@pytest.fixture
def client(members: Engine, settings: Settings, tmp_path: Path) -> Iterator[httpx.Client]:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "zz.yaml").write_text(FORBIDS)
    chosen = settings.model_copy(update={"rule_packs": folder})
    with serving(chosen) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        yield client


def quote(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/quotes", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def price(client: httpx.Client, tier: str) -> httpx.Response:
    return client.get("/v1/prices/TEA-1", params={"market": "online", "tier": tier})


def logged(client: httpx.Client, sku: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/price-inputs/{sku}", params={"market": "online"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["prices"]
    return found


class TestWhereTheLawWantsANotice:
    @pytest.fixture(autouse=True)
    def new_york(self, members: Engine) -> None:
        under(members, "US-NY")

    def test_a_members_price_carries_it_word_for_word_and_a_public_one_does_not(
        self, client: httpx.Client
    ) -> None:
        answer = price(client, "gold")
        assert answer.json()["notice"] == TEXT
        assert "notice" not in price(client, "public").json()
        body = {"skus": ["TEA-1"], "market": "online", "tier": "gold"}
        assert client.post("/v1/prices:batch", json=body).json()["notice"] == TEXT
        again = client.get(
            "/v1/prices/TEA-1?market=online&tier=gold",
            headers={"if-none-match": answer.headers["etag"]},
        )
        assert again.status_code == 304

    def test_a_quote_carries_it_and_the_log_proves_what_the_price_rests_on(
        self, client: httpx.Client
    ) -> None:
        made = quote(client, cart("TEA-1", tier="gold"))
        assert made["cart"]["notice"] == TEXT
        assert client.get(f"/v1/quotes/{made['id']}").json()["cart"]["notice"] == TEXT
        (entry,) = logged(client, "TEA-1")
        assert (entry["tier"], entry["lawful"], entry["quote"]) == ("gold", True, made["id"])
        assert (entry["price"]["amount"], entry["public_price"]["amount"]) == ("4.49", "4.99")
        assert entry["inputs"] == ["channel", "market", "price_book", "sku", "tier", "time"]
        assert entry["article"].startswith("General Business Law § 349-a")
        assert entry["confirmed"] is False

    def test_a_public_quote_carries_no_notice_and_leaves_no_entry(
        self, client: httpx.Client
    ) -> None:
        assert quote(client, cart("TEA-1"))["cart"]["notice"] == ""
        assert logged(client, "TEA-1") == []

    def test_a_price_lowered_by_what_is_known_of_the_customer_is_a_personal_one(
        self, client: httpx.Client
    ) -> None:
        body = cart("TEA-1", "TEA-2", customer={"id": "c", "segments": ["friends"]})
        assert quote(client, body)["cart"]["notice"] == TEXT
        (entry,) = logged(client, "TEA-2")
        assert (entry["price"]["amount"], entry["promotions"]) == ("11.25", ["friends"])
        assert "segment" in entry["inputs"]
        assert entry["findings"] == ["personal_input"]
        assert logged(client, "TEA-1") == []

    def test_a_promotion_for_members_makes_a_price_a_personal_one(
        self, client: httpx.Client, members: Engine
    ) -> None:
        open_promotion(
            members,
            {
                "id": "golden",
                "type": "percent_off",
                "percent": "20",
                "products": {"skus": ["TEA-2"]},
                "for": {"tiers": ["gold"]},
            },
        )
        body = cart("TEA-2", tier="gold")
        assert eventually(lambda: quote(client, body)["cart"]["total"]["amount"] == "10.00")
        assert quote(client, body)["cart"]["notice"] == TEXT
        assert logged(client, "TEA-2")[0]["promotions"] == ["golden"]
        assert quote(client, cart("TEA-2"))["cart"]["notice"] == ""


def test_where_the_law_says_nothing_there_is_no_notice_but_still_a_log(
    client: httpx.Client, members: Engine, tmp_path: Path
) -> None:
    assert "notice" not in price(client, "gold").json()
    made = quote(client, cart("TEA-1", tier="gold"))
    assert made["cart"]["notice"] == ""
    told = CommandLine(tmp_path, {"DATABASE_URL": url_of(members)})(
        "legal", "inputs", "TEA-1", "--market", "online"
    )
    assert told.status == 0
    assert "4.49 EUR" in told.out
    assert client.get("/v1/price-inputs/NONE?market=online").status_code == 404


def test_where_the_law_forbids_members_prices_everybody_pays_the_public_one(
    members: Engine, client: httpx.Client
) -> None:
    under(members, "ZZ")
    assert eventually(lambda: price(client, "gold").status_code == 404)
    assert "forbids prices for members" in price(client, "gold").json()["detail"]
    made = quote(client, cart("TEA-1", tier="gold"))
    assert made["cart"]["total"]["amount"] == "4.99"
    assert logged(client, "TEA-1") == []
