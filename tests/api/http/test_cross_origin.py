"""Pages of other origins, by setting: they read prices and quotes, with nothing secret."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import Role
from api.errors import SettingsInvalid
from api.server import serving
from tests.api.access.let_in import key
from tests.api.conftest import quick_settings
from tests.api.promotions_at_hand import cart

ORIGIN = "https://shop.example"
PRICE = "/v1/prices/TEA-1?market=online"
SHOWN = "access-control-allow-origin"


@pytest.fixture
def keys(shop: Engine) -> dict[str, dict[str, str]]:
    """Headers of who has a key, by kind."""
    return {"publishable": key(shop)[1], "secret": key(shop, Role.STOREFRONT)[1], "none": {}}


@pytest.fixture
def page(shop: Engine, keys: dict[str, dict[str, str]]) -> Iterator[httpx.Client]:
    """What a script of the shop's page asks; the keys are there before the service is."""
    settings = quick_settings(shop, cors_origins=(ORIGIN,))
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers["origin"] = ORIGIN
        yield client


def asks_first(client: httpx.Client, path: str, method: str) -> httpx.Response:
    asked = {
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
    }
    return client.options(path, headers=asked)


@pytest.mark.parametrize("kind", ["publishable", "none"])
def test_a_page_reads_prices_and_quotes(
    page: httpx.Client, keys: dict[str, dict[str, str]], kind: str
) -> None:
    for path, method in ((PRICE, "GET"), ("/v1/prices:batch", "POST"), ("/v1/quotes", "POST")):
        first = asks_first(page, path, method)
        assert (first.status_code, first.headers[SHOWN]) == (200, ORIGIN)
        assert "access-control-allow-credentials" not in first.headers
    price = page.get(PRICE, headers=keys[kind])
    assert (price.status_code, price.headers[SHOWN]) == (200, ORIGIN)
    assert "Origin" in price.headers["vary"]
    quote = page.post("/v1/quotes", json=cart("TEA-1"), headers=keys[kind])
    assert (quote.status_code, quote.headers[SHOWN]) == (201, ORIGIN)
    # A refusal is readable, too: a script that cannot see a 429 asks again and again.
    assert page.get("/v1/prices/NONE?market=online").headers[SHOWN] == ORIGIN


def test_nothing_else_is_shown_to_a_page(
    page: httpx.Client, keys: dict[str, dict[str, str]]
) -> None:
    assert SHOWN not in page.get(PRICE, headers=keys["secret"]).headers
    quote = page.post("/v1/quotes", json=cart("TEA-1"), headers=keys["secret"])
    assert SHOWN not in quote.headers
    for path in ("/v1/session", f"/v1/quotes/{quote.json()['id']}", "/v1/promotions", "/console"):
        assert SHOWN not in page.get(path).headers
        assert asks_first(page, path, "GET").status_code in (401, 404, 405)
    page.headers["origin"] = "https://elsewhere.example"
    assert SHOWN not in page.get(PRICE).headers
    assert asks_first(page, PRICE, "GET").status_code == 400


def test_without_the_setting_no_page_is_shown_anything(client: httpx.Client) -> None:
    assert SHOWN not in client.get(PRICE, headers={"origin": ORIGIN}).headers
    assert SHOWN not in asks_first(client, PRICE, "GET").headers


@pytest.mark.parametrize(
    "origin", ["*", "shop.example", "https://shop.example/", "https://Shop.example", "null"]
)
def test_an_origin_that_no_browser_sends_is_refused(engine: Engine, origin: str) -> None:
    with pytest.raises(SettingsInvalid, match="as a browser does"):
        quick_settings(engine, cors_origins=(origin,))


def test_a_proxy_that_is_no_address_is_refused(engine: Engine) -> None:
    with pytest.raises(SettingsInvalid, match="neither an address nor a network"):
        quick_settings(engine, trusted_proxies=("*",))
