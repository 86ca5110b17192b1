"""Competitor shops over HTTP: described, tried, crawled, forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import Engine

from api.demo.shops import CompetitorShop, ShopProduct
from api.server import serving
from pricing.money import Money
from scrapers.sites import Site, site_fields
from storage.competitors.offers import latest_offers
from storage.competitors.sites import save_site
from storage.database import reading, writing
from tests.api.conftest import eventually, quick_settings

TOKEN = "a-token-of-ada-long-enough-1234"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SITE = {
    "name": "rival", "start_url": "https://shop.example.com/sitemap.xml", "market": "online",
    "currency": "EUR", "product_pattern": "/p/", "schedule": "every 6h",
}  # fmt: skip


@pytest.fixture
def operator(shop: Engine) -> Iterator[httpx.Client]:
    settings = quick_settings(shop, operators=f"ada:{TOKEN}", crawl_schedule=False)
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        yield client


@pytest.fixture
def trusting(shop: Engine) -> Iterator[httpx.Client]:
    """A service whose owner lets sites at private addresses be set over HTTP."""
    settings = quick_settings(shop, operators=f"ada:{TOKEN}", private_sites=True)
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        yield client


def put_private_site(engine: Engine, name: str = "inside") -> Site:
    site = Site(name, "http://127.0.0.1:8123/", "online", "EUR", allow_private=True)
    with writing(engine) as conn:
        save_site(conn, name, start_url=site.start_url, kind="storefront", market="online",
                  currency="EUR", definition=site_fields(site))  # fmt: skip
    return site


def test_a_site_is_added_read_changed_and_forgotten(operator: httpx.Client) -> None:
    added = operator.post("/v1/sites", json=SITE)
    assert (added.status_code, added.headers["location"]) == (201, "/v1/sites/rival")
    assert added.json()["schedule"] == "every 6h"
    assert added.json()["due_at"], "it was never crawled, so it is due"
    assert operator.post("/v1/sites", json=SITE).status_code == 409
    changed = operator.put("/v1/sites/rival", json={**SITE, "schedule": None, "delay": 2.0})
    assert (changed.json()["delay"], changed.json()["due_at"]) == (2.0, None)
    (listed,) = operator.get("/v1/sites").json()["sites"]
    assert (listed["name"], listed["last_crawl"]) == ("rival", None)
    assert operator.get(f"/v1/sites/rival/crawls/{10**30}").status_code == 422
    assert operator.delete("/v1/sites/rival").status_code == 204
    for gone in (
        operator.get("/v1/sites/rival"),
        operator.delete("/v1/sites/rival"),
        operator.put("/v1/sites/rival", json=SITE),
        operator.post("/v1/sites/rival/crawls"),
        operator.get("/v1/sites/rival/crawls/1"),
    ):
        assert gone.status_code == 404
    assert operator.post("/v1/sites", json=SITE).status_code == 201, "its name can come back"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"delay": -1}, "body.delay"),
        ({"delay": "slow"}, "body.delay"),
        ({"schedule": "now and then"}, "body.schedule"),
        ({"start_url": "http://127.0.0.1:8000/"}, "body.start_url"),
        ({"start_url": "http://169.254.169.254/"}, "body.start_url"),
        ({"start_url": "ftp://shop.example.com/"}, "body.start_url"),
        ({"urls": ["http://10.0.0.1/"]}, "body.urls"),
        ({"allow_private": True}, "body.allow_private"),
        ({"feed_file": "/etc/passwd"}, "body.feed_file"),
        ({"market": "moon"}, "body.market"),
        ({"kind": "magic"}, "body.kind"),
        ({"render": True, "kind": "shopify"}, "body.render"),
        ({"selectors": {"colour": "p"}}, "body.selectors"),
        ({"colour": "red"}, "body.colour"),
        ({"name": "Big Shop"}, "body.name"),
    ],
)
def test_what_sites_yaml_would_refuse_is_refused_and_the_field_is_named(
    operator: httpx.Client, change: dict[str, object], field: str
) -> None:
    answer = operator.post("/v1/sites", json=SITE | change)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert operator.get("/v1/sites").json() == {"sites": []}


def test_a_private_site_is_kept_as_it_is_but_leads_nowhere_else(
    operator: httpx.Client, shop: Engine
) -> None:
    site = site_fields(put_private_site(shop))
    kept = operator.put("/v1/sites/inside", json={**site, "schedule": "daily at 03:00"})
    assert kept.status_code == 200, kept.text
    moved = operator.put("/v1/sites/inside", json={**site, "start_url": "http://127.0.0.1:22/"})
    assert moved.json()["errors"][0]["field"] == "body.allow_private"
    renamed = operator.put("/v1/sites/inside", json={**site, "name": "other"})
    assert renamed.json()["errors"][0]["field"] == "body.name"


def test_only_an_operator_changes_or_crawls_a_site(operator: httpx.Client) -> None:
    operator.headers.clear()
    anybody = {"url": "https://shop.example.com", "market": "online", "currency": "EUR",
               "name": "x"}  # fmt: skip
    for answer in (
        operator.post("/v1/sites", json=SITE),
        operator.put("/v1/sites/rival", json=SITE),
        operator.delete("/v1/sites/rival"),
        operator.post("/v1/sites/rival/crawls"),
        operator.post("/v1/sites/detect", json=anybody),
    ):
        assert answer.status_code == 401
    assert operator.get("/v1/sites").status_code == 401


def test_a_shop_at_a_private_address_is_not_even_tried(operator: httpx.Client) -> None:
    asked = {"url": "http://127.0.0.1:22/", "market": "online", "currency": "EUR", "name": "x"}
    answer = operator.post("/v1/sites/detect", json=asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.url")


def goods(count: int) -> list[ShopProduct]:
    return [ShopProduct(f"A-{n}", f"Lamp {n}", "Light", Money(1000 + n, "EUR"))
            for n in range(count)]  # fmt: skip


def test_a_crawl_is_begun_watched_refused_while_it_runs_and_survives_its_site(
    trusting: httpx.Client, shop: Engine
) -> None:
    with CompetitorShop("Rival", goods(3)) as rival:
        site = {**SITE, "start_url": rival.sitemap_url, "allow_private": True, "delay": 0.4,
                "concurrency": 1, "product_pattern": "/product/", "schedule": None}  # fmt: skip
        assert trusting.post("/v1/sites", json=site).status_code == 201
        begun = trusting.post("/v1/sites/rival/crawls", json={"resume": False})
        assert (begun.status_code, begun.json()["status"]) == (202, "running")
        place = begun.headers["location"]
        refused = trusting.post("/v1/sites/rival/crawls")
        assert (refused.status_code, "is being crawled" in refused.text) == (409, True)
        assert trusting.get("/v1/sites/rival").json()["running_since"]
        assert trusting.delete("/v1/sites/rival").status_code == 409
        assert eventually(lambda: trusting.get(place).json()["status"] != "running", 60.0)
    ended = trusting.get(place).json()
    assert (ended["status"], ended["offers"]) == ("finished", 3)
    assert trusting.get("/v1/sites/rival").json()["running_since"] is None
    assert trusting.delete("/v1/sites/rival").status_code == 204
    assert trusting.get("/v1/sites/rival/crawls").json()["crawls"][0]["id"] == ended["id"]
    with reading(shop) as conn:
        assert len(latest_offers(conn, "rival")) == 3


def test_the_schedule_crawls_what_is_due_and_a_stopped_service_leaves_a_crawl_to_go_on(
    shop: Engine,
) -> None:
    settings = quick_settings(shop, operators=f"ada:{TOKEN}", crawl_poll_seconds=0.2)
    with CompetitorShop("Rival", goods(200)) as rival:
        site = Site("rival", rival.sitemap_url, "online", "EUR", allow_private=True, delay=0.1,
                    product_pattern="/product/", schedule="every 6h")  # fmt: skip
        with writing(shop) as conn:
            save_site(conn, "rival", start_url=site.start_url, kind="storefront", market="online",
                      currency="EUR", definition=site_fields(site))  # fmt: skip
        with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            assert eventually(lambda: len(rival.requests) > 5, 60.0)
        asked = len(rival.requests)
    with (
        serving(quick_settings(shop, operators=f"ada:{TOKEN}", crawl_schedule=False)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        last = client.get("/v1/sites/rival").json()
    assert 5 < asked < 190
    assert (last["last_crawl"]["status"], last["running_since"]) == ("cut_off", None)
    assert last["last_crawl"]["error"] == "the crawl was stopped before its end"
    due = datetime.fromisoformat(last["due_at"])
    assert due <= datetime.now(UTC), "it goes on at once, not in six hours"
