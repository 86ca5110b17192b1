"""The whole service on PostgreSQL: the same answers, and a server that really goes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from api.demo.receiver import WebhookReceiver
from api.server import serving
from pricing.money import Money
from storage.database import reading, writing
from storage.events.store import record
from storage.jobs.outbox import messages
from tests.api.conftest import BEARER, eventually, quick_settings
from tests.api.shop import observe_offer, open_shop, publish_prices
from tests.databases import postgres_engine
from tests.pricing.events.samples import group_settled

pytestmark = pytest.mark.xdist_group("api on postgres")
SECRET = "whsec_" + "a" * 32


@pytest.fixture
def shop() -> Iterator[Engine]:
    with postgres_engine() as engine:
        open_shop(engine)
        yield engine


@contextmanager
def server_gone(engine: Engine) -> Iterator[None]:
    """The server cuts every connection to this database and takes no new one."""
    name = engine.url.database
    outside = sa.create_engine(
        engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with outside.connect() as conn:
        conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        conn.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        try:
            yield
        finally:
            conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_every_route_answers_from_postgres(shop: Engine) -> None:
    now = datetime.now(UTC)
    observe_offer(shop, "TEA-1", Money(449, "EUR"), at=now, site="north")
    with (
        serving(quick_settings(shop)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        price = client.get("/v1/prices/TEA-1?market=online").json()
        assert price["price"] == {"amount": "4.99", "currency": "EUR"}
        assert price["published_at"] == "2026-03-01T12:00:00Z"
        (offer,) = client.get("/v1/offers/TEA-1?market=online").json()["offers"]
        assert offer["fresh"]
        assert datetime.fromisoformat(offer["observed_at"]) == now
        decision = client.get("/v1/decisions/TEA-1?market=online").json()
        assert decision["decided_at"] == "2026-03-01T12:00:00Z"
        assert decision["reasons"][0]["code"] == "expected_gain"
        publish_prices(shop, {("TEA-1", "online"): 529})
        assert eventually(lambda: client.get("/v1/price-books/live").json()["version"] == 2)
        assert len(client.get("/v1/price-books").json()["price_books"]) == 2
        assert client.get("/readyz").status_code == 200


def test_a_character_that_postgres_does_not_keep_is_refused(shop: Engine) -> None:
    settings = quick_settings(shop, operators=f"ada:{'a' * 20}", crawl_schedule=False)
    bearer = {"Authorization": f"Bearer {'a' * 20}"}
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=bearer, timeout=60) as client,
    ):
        site = {"name": "rival", "start_url": "https://shop.example.com/", "market": "online",
                "currency": "EUR", "notes": "a\x00b"}  # fmt: skip
        for answer in (
            client.get("/v1/quotes/a%00b"),
            client.get("/v1/market-analysis?market=online&category=a%00b"),
            client.post("/v1/sites", json=site),
        ):
            assert answer.status_code == 422
            assert "U+0000" in answer.json()["detail"]


def test_while_postgres_is_gone_prices_are_served_stale_and_the_rest_says_so(shop: Engine) -> None:
    with (
        serving(quick_settings(shop)) as url,
        httpx.Client(base_url=url, headers=BEARER, timeout=60) as client,
    ):
        path = "/v1/prices/TEA-1?market=online"
        with server_gone(shop):
            assert eventually(lambda: bool(client.get(path).json()["stale"]))
            assert client.get(path).json()["price"]["amount"] == "4.99"
            away = client.get("/v1/price-books")
            assert (away.status_code, away.json()["type"]) == (503, "/problems/database-away")
            assert client.get("/readyz").status_code == 503
        assert eventually(lambda: not client.get(path).json()["stale"])
        assert client.get("/v1/price-books").status_code == 200


def test_two_services_on_postgres_deliver_each_alert_once(shop: Engine) -> None:
    with WebhookReceiver(SECRET) as receiver:
        settings = quick_settings(shop, webhook_url=receiver.url, webhook_secret=SECRET)
        with serving(settings), serving(settings):
            for _ in range(5):
                with writing(shop) as conn:
                    for number in range(20):
                        record(conn, group_settled(str(number)), at=datetime.now(UTC))
            assert receiver.wait_for(100)

            def all_marked() -> bool:
                with reading(shop) as conn:
                    return not messages(conn, status="pending")

            assert eventually(all_marked)
        assert len(receiver.tries) == 100


def test_a_server_that_becomes_read_only_is_not_ready_and_is_again_afterwards(shop: Engine) -> None:
    with (
        serving(quick_settings(shop, crawl_schedule=False, work_processes=0)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):

        def detail() -> str:
            """Why it is not ready; blank where it is."""
            told: str = client.get("/readyz").json().get("detail", "")
            return told

        assert detail() == ""
        set_read_only(shop, "on")
        assert eventually(lambda: "default_transaction_read_only is on; set it off" in detail())
        assert client.get("/readyz").json()["checks"]["writes"]["ok"] is False
        assert client.get("/v1/prices/TEA-1?market=online").status_code == 200
        set_read_only(shop, "off")
        assert eventually(lambda: detail() == "")
        assert client.get("/readyz").json()["checks"]["writes"] == {"ok": True, "why": None}


def set_read_only(engine: Engine, value: str) -> None:
    """Whether transactions of this database may write, from the next connections on."""
    name = engine.url.database
    with engine.connect() as conn:
        conn.exec_driver_sql("SET default_transaction_read_only = off")
        conn.commit()
        conn.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        conn.commit()
    with server_gone(engine):
        pass
