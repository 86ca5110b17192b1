"""A test key sees the prices of the draft that it names, and redeems nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import Role
from api.server import serving
from storage.database import reading, writing
from storage.errors import InvalidRecord
from storage.prices.decisions import save_run
from storage.releases.draft_prices import draft_book
from storage.releases.drafts import propose
from storage.releases.freezes import freeze
from tests.api.access.let_in import key, known_soon
from tests.api.conftest import BEARER, quick_settings
from tests.api.promotions_at_hand import open_promotion, used
from tests.api.shop import EURO_SHOP, PRICES, YEN_STORE, decided, open_shop, publish_prices
from tests.databases import postgres_engine, sqlite_engine

COUPON = {
    "id": "five", "type": "spend_and_save", "amount": "1", "code": "FIVE", "limits": {"uses": 3},
}  # fmt: skip
CART = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 2}], "codes": ["FIVE"]}
PRICE = "/v1/prices/TEA-1?market=online"


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        open_promotion(engine, COUPON)
        yield engine


def draft_of(engine: Engine, prices: dict[tuple[str, str], int]) -> int:
    now = datetime.now(UTC)
    run = decided(prices, markets=(EURO_SHOP, YEN_STORE), at=now)
    with writing(engine) as conn:
        number = save_run(conn, run, policy={}, fit_id=None, created_at=now)
        return propose(conn, number, at=now, by="tess", review={}, approvals_needed=1)


def served(engine: Engine, number: int) -> dict[tuple[str, str, str], int]:
    with reading(engine) as conn:
        book = draft_book(conn, number, at=datetime.now(UTC))
    rows = zip(
        book.sku.tolist(), book.market.values().tolist(), book.tier.values().tolist(),
        book.price.tolist(), strict=True,
    )  # fmt: skip
    return {(sku, market, tier): price for sku, market, tier, price in rows}


def test_the_book_of_a_draft_is_the_live_one_with_what_the_draft_changes(shop: Engine) -> None:
    number = draft_of(shop, {("TEA-1", "online"): 555, ("TEA-1", "store-01"): 800})
    live = {(sku, market, "public"): price for (sku, market), price in PRICES.items()}
    changed = {("TEA-1", "online", "public"): 555, ("TEA-1", "store-01", "public"): 800}
    assert served(shop, number) == {**live, **changed}
    publish_prices(shop, {("TEA-1", "online"): 450}, tier="gold", at=datetime.now(UTC))
    cheaper = draft_of(shop, {("TEA-1", "online"): 400})
    assert served(shop, number)["TEA-1", "online", "gold"] == 450
    assert served(shop, cheaper)["TEA-1", "online", "gold"] == 400  # never above the public price
    with writing(shop) as conn:
        freeze(conn, at=datetime.now(UTC), by="tess", reason="x", market="store-01")
    assert served(shop, number)["TEA-1", "store-01", "public"] == 780


def test_a_test_key_sees_the_draft_and_everybody_else_the_live_prices(shop: Engine) -> None:
    number = draft_of(shop, {("TEA-1", "online"): 555})
    _, page = key(shop, test=True, draft_id=number)
    _, live = key(shop, Role.STOREFRONT, test=True)
    with (
        serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for headers in (page, live):
            known_soon(client, headers)
        seen = client.get(PRICE, headers=page)
        assert (seen.json()["price"]["amount"], seen.json()["draft"]) == ("5.55", number)
        assert seen.headers["cache-control"] == "no-store"
        batch = {"skus": ["TEA-1", "TEA-2"], "market": "online"}
        both = client.post("/v1/prices:batch", json=batch, headers=page).json()
        assert [p["price"]["amount"] for p in both["prices"]] == ["5.55", "12.50"]
        assert both["draft"] == number
        for headers in ({}, live, BEARER):
            told = client.get(PRICE, headers=headers)
            assert told.json()["price"]["amount"] == "4.99"
            assert "draft" not in told.json()
            assert told.headers["etag"] != seen.headers["etag"]
        cart = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 2}]}
        quote = client.post("/v1/quotes", json=cart, headers=page).json()
        assert (quote["cart"]["total"]["amount"], quote["test"]) == ("11.10", True)


def test_a_test_redeems_nothing_and_is_marked_and_kept_apart(shop: Engine) -> None:
    _, test = key(shop, Role.STOREFRONT, test=True)
    _, real = key(shop, Role.STOREFRONT)

    def ask(step: str, document: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        body = {"lines": {"1": 1}} if step == "returns" else {}
        return client.post(
            f"/v1/quotes/{document['id']}/{step}",
            json=body,
            headers={**headers, "idempotency-key": f"{step} {document['id']} {len(headers)}"},
        )

    with (
        serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for headers in (test, real):
            known_soon(client, headers)
        for _ in range(5):  # more than there are uses
            quote = client.post("/v1/quotes", json=CART, headers=test).json()
            assert (quote["cart"]["discount"]["amount"], quote["test"]) == ("1.00", True)
            assert (quote["reserved"], quote["notice"][:14]) == (False, "This is a test")
            again = client.get(f"/v1/quotes/{quote['id']}", headers=test).json()
            assert again == quote
            done = ask("commit", quote, test).json()
            assert (done["status"], done["test"]) == ("committed", True)
        assert used(shop, "five").uses == 0
        assert ask("returns", quote, test).status_code == 201
        own = client.post("/v1/quotes", json=CART, headers=real).json()
        assert (own["test"], used(shop, "five").uses) == (False, 1)
        for step in ("commit", "returns", "cancel"):
            for document, headers in ((own, test), (quote, real)):
                refused = ask(step, document, headers)
                assert (refused.status_code, step) == (403, step), refused.text
                assert "test key" in refused.json()["detail"]
        reading_of = {"figure": "conversion", "value": 0.1}
        told = client.post("/v1/figure-readings", json=reading_of, headers=test)
        assert (told.status_code, "a test changes nothing" in told.text) == (403, True)
        assert ask("commit", own, real).json()["status"] == "committed"
    assert used(shop, "five").uses == 1


def test_a_test_key_is_a_storefronts(shop: Engine) -> None:
    for role in set(Role) - {Role.STOREFRONT}:
        with pytest.raises(InvalidRecord, match="a test key has the role storefront"):
            key(shop, role, test=True)
