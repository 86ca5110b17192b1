"""Prices over real HTTP, from a real database, through the whole service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import Engine

from api.http.body_limits import DEFAULT
from api.live.serving import MAX_SKUS
from api.server import serving
from api.settings import Settings
from storage.database import writing
from storage.tables import decision_runs, decisions, price_book_entries, price_books
from tests.api.conftest import database_away, eventually, quick_settings
from tests.api.shop import EURO_SHOP, OPENED, PRICES, open_shop, publish_prices


def test_a_price_is_money_with_the_book_that_it_is_from(client: httpx.Client) -> None:
    answer = client.get("/v1/prices/TEA-1", params={"market": "online"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "sku": "TEA-1",
        "market": "online",
        "tier": "public",
        "price": {"amount": "4.99", "currency": "EUR"},
        "price_book": 1,
        "published_at": "2026-03-01T12:00:00Z",
        "stale": False,
    }


def test_a_currency_without_decimals_has_none(client: httpx.Client) -> None:
    answer = client.get("/v1/prices/TEA-1", params={"market": "store-01"})
    assert answer.json()["price"] == {"amount": "780", "currency": "JPY"}


def test_a_sku_with_a_slash_a_blank_and_an_umlaut_is_found(client: httpx.Client) -> None:
    for spelling in (quote("TEA/3 ü", safe=""), "TEA/3%20%C3%BC"):
        answer = client.get(f"/v1/prices/{spelling}?market=online")
        assert answer.json()["sku"] == "TEA/3 ü"


def test_the_only_market_need_not_be_named(engine: Engine, settings: Settings) -> None:
    open_shop(engine, {("TEA-1", "online"): 499}, markets=(EURO_SHOP,))
    with serving(settings) as url:
        answer = httpx.get(f"{url}/v1/prices/TEA-1", timeout=60)
    assert answer.json()["market"] == "online"


def test_an_unchanged_price_is_not_sent_again(client: httpx.Client) -> None:
    path = "/v1/prices/TEA-1?market=online"
    first = client.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=5"
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get(path, headers={"if-none-match": known})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == "public, max-age=5"
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_head_gives_the_headers_of_get(client: httpx.Client) -> None:
    path = "/v1/prices/TEA-1?market=online"
    got, headed = client.get(path), client.head(path)
    assert headed.content == b""
    for name in ("content-length", "etag", "content-type"):
        assert headed.headers[name] == got.headers[name]
    assert client.head("/v1/prices/NONE?market=online").status_code == 404


def test_a_member_price_is_not_for_shared_caches(shop: Engine, settings: Settings) -> None:
    publish_prices(shop, {("TEA-1", "online"): 449}, tier="gold")
    with serving(settings) as url:
        member = httpx.get(f"{url}/v1/prices/TEA-1?market=online&tier=gold", timeout=60)
        public = httpx.get(f"{url}/v1/prices/TEA-1?market=online", timeout=60)
        other = httpx.get(f"{url}/v1/prices/TEA-2?market=online&tier=gold", timeout=60)
    assert member.json()["price"]["amount"] == "4.49"
    assert member.headers["cache-control"].startswith("private")
    assert public.json()["price"]["amount"] == "4.99"
    assert (other.status_code, other.json()["type"]) == (404, "/problems/no-price-for-market")


# path and query, status, problem, part of the detail
REFUSED = [
    ("TEA-1", 422, "market-required", "online, store-01"),
    ("TEA-9?market=online", 404, "unknown-sku", "'TEA-9'"),
    ("tea-1?market=online", 404, "unknown-sku", "case-sensitive"),
    ("TEA-2?market=store-01", 404, "no-price-for-market", "'store-01'"),
    ("TEA-1?market=moon", 404, "no-price-for-market", "'moon'"),
    ("TEA-1?market=online&tier=gold", 404, "no-price-for-market", "'gold'"),
    ("TEA-1?market=online&market=online", 422, "invalid-request", "query.market: is given twice"),
    ("TEA-1?market=", 422, "invalid-request", "query.market: is empty"),
    ("TEA-1?market=%ff", 422, "invalid-request", "UTF-8"),
    ("TEA-1%00?market=online", 404, "unknown-sku", "TEA-1"),
    ("x" * 60_000 + "?market=online", 404, "unknown-sku", "xxx"),
    ("", 404, "unknown-resource", "name a SKU"),
]


@pytest.mark.parametrize(("path", "status", "problem", "says"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_names_the_fault(
    client: httpx.Client, path: str, status: int, problem: str, says: str
) -> None:
    answer = client.get(f"/v1/prices/{path}")
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"/problems/{problem}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]


def test_a_refusal_lists_the_markets_that_could_be_named(client: httpx.Client) -> None:
    assert client.get("/v1/prices/TEA-1").json()["markets"] == ["online", "store-01"]
    missing = client.get("/v1/prices/TEA-2?market=store-01").json()
    assert missing["markets"] == ["online"]


def test_other_methods_are_refused_with_those_allowed(client: httpx.Client) -> None:
    answer = client.delete("/v1/prices/TEA-1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = client.get("/v1/prices:batch")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_batch_keeps_the_order_and_lists_what_is_missing(client: httpx.Client) -> None:
    skus = ["TEA-2", "NONE", "TEA-1", "TEA-2"]
    answer = client.post("/v1/prices:batch", json={"skus": skus, "market": "online"})
    assert answer.status_code == 200
    assert answer.json() == {
        "market": "online",
        "tier": "public",
        "price_book": 1,
        "published_at": "2026-03-01T12:00:00Z",
        "stale": False,
        "prices": [
            {"sku": "TEA-2", "price": {"amount": "12.50", "currency": "EUR"}},
            {"sku": "TEA-1", "price": {"amount": "4.99", "currency": "EUR"}},
            {"sku": "TEA-2", "price": {"amount": "12.50", "currency": "EUR"}},
        ],
        "missing": ["NONE"],
    }


# body, status, problem, the field at fault
REFUSED_BATCHES = [
    (b"", 422, "invalid-request", "body"),
    (b"[1", 422, "invalid-request", "body"),
    (b"\xff", 422, "invalid-request", "body"),
    (b"[]", 422, "invalid-request", "body"),
    (b'{"skus": ["TEA-1\\u0000"], "market": "online"}', 422, "invalid-request", "body.skus[0]"),
    (b"{}", 422, "invalid-request", "body"),
    (b'{"skus":[]}', 422, "invalid-request", "body.skus"),
    (b'{"skus":["A",7]}', 422, "invalid-request", "body.skus[1]"),
    (b'{"skus":[""]}', 422, "invalid-request", "body.skus[0]"),
    (b'{"skus":["A"],"markt":"online"}', 422, "invalid-request", "body"),
    (b'{"skus":["%s"]}' % (b"x" * 257), 422, "invalid-request", "body.skus[0]"),
    (b'{"skus":[%s"A"]}' % (b'"A",' * MAX_SKUS), 422, "invalid-request", "body.skus"),
    (b'{"skus":["A"]}', 422, "market-required", None),
    (b'{"skus":["A"],"market":"moon"}', 404, "no-price-for-market", None),
    (b" " * (DEFAULT.most + 1), 413, "body-too-large", None),
]


@pytest.mark.parametrize(
    ("body", "status", "problem", "field"), REFUSED_BATCHES, ids=range(len(REFUSED_BATCHES))
)
def test_a_batch_that_cannot_be_read_is_refused_with_the_place(
    client: httpx.Client, body: bytes, status: int, problem: str, field: str | None
) -> None:
    answer = client.post("/v1/prices:batch", content=body)
    document = answer.json()
    assert (answer.status_code, document["type"]) == (status, f"/problems/{problem}")
    if field is not None:
        assert [fault["field"] for fault in document["errors"]] == [field]


def test_a_published_book_is_served_soon_after(client: httpx.Client, shop: Engine) -> None:
    path = "/v1/prices/TEA-1?market=online"
    before = client.get(path)
    publish_prices(shop, {("TEA-1", "online"): 529})
    assert eventually(lambda: client.get(path).json()["price_book"] == 2)
    after = client.get(path, headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["price"]["amount"] == "5.29"
    other = client.get("/v1/prices/TEA-2?market=online").json()
    assert (other["price"]["amount"], other["price_book"]) == ("12.50", 2)


def test_without_a_price_book_the_answer_is_503_until_one_is_published(
    engine: Engine, settings: Settings
) -> None:
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        answer = client.get("/v1/prices/TEA-1")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no-price-book")
        assert "pricewright publish" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        open_shop(engine)
        path = "/v1/prices/TEA-1?market=online"
        assert eventually(lambda: client.get(path).status_code == 200)


def test_while_the_database_is_away_prices_are_served_and_marked_stale(
    client: httpx.Client, shop: Engine
) -> None:
    path = "/v1/prices/TEA-1?market=online"
    fresh = client.get(path)
    with database_away(shop):
        assert eventually(lambda: bool(client.get(path).json()["stale"]))
        stale = client.get(path, headers={"if-none-match": fresh.headers["etag"]})
        assert (
            stale.status_code == 200
        )  # a client that knows the fresh answer is told of the change
        assert stale.json()["price"] == fresh.json()["price"]
        batch = client.post("/v1/prices:batch", json={"skus": ["TEA-1"], "market": "online"})
        assert batch.json()["stale"] is True
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"]["ok"] is False
        assert ready.json()["checks"]["price_book"]["ok"] is True
    assert eventually(lambda: not client.get(path).json()["stale"])
    assert client.get(path).headers["etag"] == fresh.headers["etag"]
    assert client.get("/readyz").status_code == 200


def test_when_no_book_is_live_any_more_no_price_is_served(
    client: httpx.Client, shop: Engine
) -> None:
    path = "/v1/prices/TEA-1?market=online"
    assert client.get(path).status_code == 200
    with writing(shop) as conn:
        for table in (price_book_entries, price_books, decisions, decision_runs):
            conn.execute(table.delete())
    assert eventually(lambda: client.get(path).status_code == 503)


def test_readers_see_whole_books_while_others_are_published(
    client: httpx.Client, shop: Engine
) -> None:
    """Prices of version v all end in v; a mixture of two books would show."""
    keys = [key for key in PRICES if key[1] == "online"]
    skus = [sku for sku, _ in keys]

    def publish_all() -> None:
        for version in range(2, 12):
            prices = {key: 1000 + 100 * place + version for place, key in enumerate(keys)}
            publish_prices(shop, prices)

    def read() -> int:
        seen = 1
        while seen < 11:
            batch = client.post("/v1/prices:batch", json={"skus": skus, "market": "online"}).json()
            assert batch["price_book"] >= seen
            seen = batch["price_book"]
            if seen > 1:
                cents = {int(row["price"]["amount"][-2:]) for row in batch["prices"]}
                assert cents == {seen}
        return seen

    with ThreadPoolExecutor(3) as pool:
        writer = pool.submit(publish_all)
        readers = [pool.submit(read) for _ in range(2)]
        writer.result(30)
        assert [reader.result(30) for reader in readers] == [11, 11]


def test_a_cache_time_of_the_settings_is_told(shop: Engine) -> None:
    with serving(quick_settings(shop, price_max_age_seconds=60)) as url:
        answer = httpx.get(f"{url}/v1/prices/TEA-1?market=online", timeout=60)
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.json()["published_at"] == OPENED.isoformat().replace("+00:00", "Z")
