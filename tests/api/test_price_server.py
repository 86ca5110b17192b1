"""The price server: what it serves, and what it does without."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.access.roles import RULES, Besides
from api.app import create_app
from api.price_server import create_price_server
from api.server import serving
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.every_route import every_route
from tests.api.served import START_SECONDS, answers, free_port, process
from tests.databases import url_of

# `twisted` itself is no evidence: structlog imports its log where it is installed, and no more.
HEAVY = (
    "ortools", "statsmodels", "matplotlib", "scrapy", "twisted.internet", "pandas", "scipy",
    "sklearn", "pyarrow", "alembic", "extruct", "lxml",
    "authlib", "joserfc", "cryptography",
)  # fmt: skip
LOADED = """
import sys
from api.cli import main
import api.cli.serve
from api.server import application
from api.settings import load_settings
app = application(load_settings())
app.openapi()
print("\\n".join(sys.modules))
"""


def loaded_modules(engine: Engine, **environment: str) -> frozenset[str]:
    """The modules of a process that made its application and described it."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        env={"DATABASE_URL": url_of(engine), "PATH": "", "PYTHONPATH": str(Path.cwd())}
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(done.stdout.split())


def test_a_price_server_imports_no_solver_no_statistics_and_no_crawler(shop: Engine) -> None:
    loaded = loaded_modules(shop, PRICEWRIGHT_SERVE_ONLY="prices")
    assert "api.price_server" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    assert "api.app" not in loaded
    whole = loaded_modules(shop)  # of which the same question has the other answer
    assert {"api.app", "pandas", "scipy", "pyarrow"} <= whole


@pytest.fixture
def prices(shop: Engine) -> Iterator[httpx.Client]:
    """A client of a price server in this process, without a token."""
    with (
        serving(quick_settings(shop, serve_only="prices")) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_storefront_needs_no_other_server(shop: Engine, workers: str) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ("--only", "prices", "--port", str(port))
    with (
        process(shop, *arguments, PRICEWRIGHT_WORKERS=workers) as (running, lines),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        assert eventually(lambda: answers(url), START_SECONDS)
        price = client.get("/v1/prices/TEA-1?market=online").json()
        assert price["price"] == {"amount": "4.99", "currency": "EUR"}
        batch = client.post(
            "/v1/prices:batch", json={"market": "online", "skus": ["TEA-2", "TEA-9"]}
        ).json()
        assert [item["price"]["amount"] for item in batch["prices"]] == ["12.50"]
        assert batch["missing"] == ["TEA-9"]

        cart = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 3}]}
        quote = client.post("/v1/quotes", json=cart).json()
        assert quote["cart"]["total"] == {"amount": "14.97", "currency": "EUR"}
        redeems = {**BEARER, "idempotency-key": "order-1"}
        at = f"/v1/quotes/{quote['id']}"
        committed = client.post(f"{at}/commit", headers=redeems, json={"order": "17"})
        assert committed.json()["status"] == "committed"
        back = client.post(f"{at}/returns", headers=redeems, json={"lines": {"1": 1}})
        assert back.json()["refund"] == {"amount": "4.99", "currency": "EUR"}
        other = client.post("/v1/quotes", json=cart).json()
        holder = {"authorization": f"Bearer {other['token']}"}
        cancelled = client.post(f"/v1/quotes/{other['id']}/cancel", headers=holder)
        assert cancelled.json()["status"] == "cancelled"

        missing = client.get("/v1/prices/TEA-9?market=online").json()
        assert missing["type"] == "/problems/unknown-sku"
        assert client.get(missing["type"]).json()["title"] == missing["title"]
        assert client.get("/healthz").json() == {"status": "alive"}
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    logged = [json.loads(line) for line in lines]
    assert not any(line["level"] in ("warning", "error") for line in logged)


def test_what_it_does_not_serve_is_not_there(prices: httpx.Client) -> None:
    for path in ("/v1/price-books", "/v1/decisions/TEA-1?market=online", "/v1/jobs", "/v1/sites"):
        assert prices.get(path).status_code == 401
        answer = prices.get(path, headers=BEARER)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-resource")


def test_its_description_is_a_part_of_the_whole_one(prices: httpx.Client, engine: Engine) -> None:
    whole = json.loads(json.dumps(create_app(quick_settings(engine)).openapi()))
    part = prices.get("/openapi.json").json()
    assert {"/v1/prices/{sku}", "/v1/prices:batch", "/v1/quotes", "/readyz"} <= set(part["paths"])
    for path, operations in part["paths"].items():
        assert operations == whole["paths"][path]
    for name, schema in part["components"]["schemas"].items():
        assert schema == whole["components"]["schemas"][name]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(part)))
    assert named <= set(part["components"]["schemas"])


def test_whatever_is_open_or_for_the_holder_of_a_quote_is_served(engine: Engine) -> None:
    """Nothing that a storefront may ask without a key needs the whole service."""
    settings = quick_settings(engine)
    whole, part = every_route(create_app(settings)), every_route(create_price_server(settings))
    assert set(part) <= set(whole)
    # Where people log in: the whole service has pages, and an address that leads to them.
    pages = {route for route in RULES if route[1] == "/" or route[1].startswith("/console")}
    left_out = set(whole) - set(part) - pages - {("POST", "/v1/session")}
    assert {RULES[route].besides for route in left_out} == {Besides.NOBODY, Besides.LOGGED_IN}
