"""A coupon with 1,000 uses, 64 shoppers, two services, and one of them killed on the way.

Real processes over real HTTP. A shopper who gets no answer asks again, with the same key, whichever
service is there. In the end exactly 1,000 orders have the discount, each shopper knows of exactly
those that the books know of, and nothing is held any more.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from storage.database import reading
from storage.promotions.tables import quotes, redemptions
from tests.api.promotions_at_hand import HOLDER, SHOP, cart, open_promotion, used
from tests.api.shop import open_shop
from tests.databases import postgres_engine, sqlite_engine, url_of
from tests.run_guard import ends_with_this_run, may_outlive_this_run

USES = 1_000
SHOPPERS = 64
KILL_AFTER = 300
PATIENCE = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("redemption race")]


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        open_shop(engine)
        coupon = {"id": "race", "type": "spend_and_save", "amount": "5", "code": "RACE"}
        open_promotion(engine, {**coupon, "limits": {"uses": USES}})
        yield engine


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class ServiceProcess:
    """`pricewright serve` in a process of its own that can be killed and started again."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PRICEWRIGHT_", "COV_"))},
            "DATABASE_URL": url_of(engine),
            "PRICEWRIGHT_PORT": str(self._port),
            "PRICEWRIGHT_LOG_LEVEL": "warning",
            "PRICEWRIGHT_PROMOTION_POLL_SECONDS": "0.5",
            "PRICEWRIGHT_OPERATORS": f"shop:{SHOP}",
            "PRICEWRIGHT_QUOTE_SIGNING_KEY": "a key that both of the services know",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        with (self._folder / f"service-{self._port}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from api.cli import main; main(['serve'])"],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        ends_with_this_run(self._process.pid)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, "the service ended"
            try:
                if httpx.get(f"{self.url}/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError("the service does not become ready")

    def end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(timeout=60)
        may_outlive_this_run(self._process.pid)


@contextmanager
def two_services(engine: Engine, folder: Path) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    both = ServiceProcess(engine, folder), ServiceProcess(engine, folder)
    for service in both:
        service.start()
    try:
        for service in both:
            service.wait_until_ready()
        yield both
    finally:
        for service in both:
            service.end(signal.SIGTERM)


class Shopper(threading.Thread):
    """Orders with the coupon until it is used up, asking again wherever there is no answer."""

    def __init__(self, number: int, urls: tuple[str, str], committed: Counter[str]) -> None:
        super().__init__(name=f"shopper {number}", daemon=True)
        self._number = number
        self._turn = number
        self._urls = urls
        self._committed = committed
        self.retries = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            with httpx.Client(headers=HOLDER, timeout=60) as self._client:
                order = 0
                while self._one_order(f"{self._number}-{order}"):
                    order += 1
        except BaseException as error:  # noqa: BLE001  (told by the test)
            self.failure = error

    def _one_order(self, key: str) -> bool:
        """One cart quoted and committed; False once the coupon gives nothing any more."""
        quote = self._ask("/v1/quotes", cart("TEA-2", codes=["race"], explain=False), key)
        if quote.json()["cart"]["discount"]["amount"] == "0.00":
            return False
        at = f"/v1/quotes/{quote.json()['id']}/commit"
        done = self._ask(at, {"order": key}, key, refused=httpx.codes.CONFLICT)
        if done.status_code == httpx.codes.CONFLICT:  # it held nothing, and others were first
            return True
        assert done.json()["status"] == "committed"
        self._committed[quote.json()["id"]] += 1
        return True

    def _ask(self, path: str, body: object, key: str, refused: int = 0) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            url = self._urls[self._turn % 2]
            try:
                answer = self._client.post(url + path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self._turn += 1  # this one is dead, or died while answering: try the other one
                self.retries += 1
                time.sleep(0.02)
                continue
            assert answer.status_code in (200, 201, refused), answer.text
            return answer
        raise AssertionError(f"no answer to {path}")


def test_exactly_the_uses_of_a_coupon_are_redeemed_although_a_service_is_killed(
    shop: Engine, tmp_path: Path
) -> None:
    committed: Counter[str] = Counter()
    with two_services(shop, tmp_path) as (first, second):
        urls = (first.url, second.url)
        shoppers = [Shopper(number, urls, committed) for number in range(SHOPPERS)]
        for shopper in shoppers:
            shopper.start()
        deadline = time.monotonic() + PATIENCE
        while len(committed) < KILL_AFTER and time.monotonic() < deadline:
            time.sleep(0.01)
        second.end(signal.SIGKILL)
        killed_at = len(committed)
        second.start()
        second.wait_until_ready()
        for shopper in shoppers:
            shopper.join(PATIENCE)
        assert [s.failure for s in shoppers if s.failure is not None] == []
        assert not any(shopper.is_alive() for shopper in shoppers)
    assert KILL_AFTER <= killed_at < USES, "the service was to be killed in the middle"
    assert sum(shopper.retries for shopper in shoppers) > 0
    assert len(committed) == USES
    assert set(committed.values()) == {1}
    assert used(shop, "race").uses == USES
    assert used(shop, "race").minor == USES * 500
    with reading(shop) as conn:
        known = conn.scalars(sa.select(quotes.c.quote_id).where(quotes.c.status == "committed"))
        assert set(committed) <= set(known)
        discounted = redemptions.c.event == "committed"
        events = sa.select(redemptions.c.quote_id).where(discounted)
        assert Counter(conn.scalars(events)) == committed
