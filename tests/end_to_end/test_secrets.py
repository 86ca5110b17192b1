"""Whatever goes wrong, no secret stands in the log, in an answer, or on a terminal."""

from __future__ import annotations

import base64
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from storage.database import open_engine, reading, writing
from storage.events.store import record
from storage.jobs.outbox import messages
from tests.api.conftest import eventually
from tests.api.shop import open_shop
from tests.databases import sqlite_engine, url_of
from tests.pricing.events.samples import price_changed
from tests.run_guard import guarded

TOKEN = "token-of-tess-7c1f9a2e44"
WRONG = "token-that-somebody-guesses-91b3"
SIGNING = "signing-key-6e0b2f77d1a94c3fb58e-and-more"
WEBHOOK = "whsec_" + base64.b64encode(b"webhook-secret-9d1c7be2f0aa").decode()
PASSWORD = "password-of-the-receiver-5b8e"
SECRETS = (TOKEN, WRONG, SIGNING, WEBHOOK, WEBHOOK.removeprefix("whsec_"), PASSWORD)


def _environment(url: str, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PRICEWRIGHT_", "COV_"))}
    return {
        **kept,
        "DATABASE_URL": url,
        "PRICEWRIGHT_OPERATORS": f"tess:{TOKEN}",
        "PRICEWRIGHT_QUOTE_SIGNING_KEY": SIGNING,
        "PRICEWRIGHT_WEBHOOK_SECRET": WEBHOOK,
        "PRICEWRIGHT_WEBHOOK_URL": f"http://shop:{PASSWORD}@127.0.0.1:9/alerts",
        "PRICEWRIGHT_PRIVATE_ADDRESSES": '["127.0.0.1"]',
        "PRICEWRIGHT_LOG_LEVEL": "debug",
        **more,
    }


def _provoke(client: httpx.Client, answers: list[str]) -> None:
    """Everything that is refused or fails with a secret at hand."""
    good, wrong = ({"authorization": f"Bearer {token}"} for token in (TOKEN, WRONG))
    cart = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 1}]}
    quote = client.post("/v1/quotes", json=cart, headers=good).json()
    signed = str(quote.get("token", ""))
    assert signed, quote
    requests: tuple[Callable[[], httpx.Response], ...] = (
        lambda: client.get("/v1/price-book-drafts", headers=wrong),
        lambda: client.get("/v1/price-book-drafts", headers={"authorization": f"Basic {TOKEN}"}),
        lambda: client.post("/v1/freezes", json={"token": TOKEN}, headers=good),
        lambda: client.post("/v1/freezes", content=b"{" + TOKEN.encode(), headers=good),
        lambda: client.post("/v1/freezes", json={"reason": "a rumour"}, headers=good),
        lambda: client.post("/v1/jobs", json={"kind": "fit", "request": {}}, headers=good),
        lambda: client.post(f"/v1/quotes/{quote['id']}/commit", json={"token": signed[:-2]}),
        lambda: client.post(f"/v1/quotes/{quote['id']}/commit", json={"token": signed}),
        lambda: client.get("/v1/nowhere", headers=good),
    )
    answers.extend(request().text for request in requests)


def test_no_secret_is_logged_or_answered_whatever_fails(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    answers: list[str] = []
    port = _free_port()
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        with writing(engine) as conn:
            record(conn, price_changed(), at=datetime.now(UTC))
        url = url_of(engine)
        with log.open("w") as stream:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from api.cli import main; main()",
                    "serve",
                    "--port",
                    f"{port}",
                ],
                cwd=tmp_path,
                env=_environment(url),
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
            with guarded(process):
                try:
                    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                        assert eventually(lambda: _answers(client), 120)
                        _provoke(client, answers)
                        assert eventually(lambda: _delivery_failed(engine))
                        with engine.begin() as conn:
                            conn.exec_driver_sql("ALTER TABLE quotes RENAME TO gone")
                        good = {"authorization": f"Bearer {TOKEN}"}
                        cart = {"market": "online", "lines": [{"sku": "TEA-1", "quantity": 1}]}
                        failed = client.post("/v1/quotes", json=cart, headers=good)
                        assert failed.status_code >= 500
                        answers.append(failed.text)
                finally:
                    process.send_signal(signal.SIGTERM)
                    process.wait(60)
        with reading(engine) as conn:
            kept = str(messages(conn))
    said = log.read_text()
    assert '"status": 503' in said
    assert said.count("\n") > 20
    for secret in SECRETS:
        for where, text in (("log", said), ("answers", "".join(answers)), ("outbox", kept)):
            assert secret not in text, f"{secret} stands in the {where}"
    stray = [path for path in tmp_path.rglob("*") if path.is_file() and path != log]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in stray}
    assert not [name for name, mode in modes.items() if mode & 0o077 and "db" not in name]


def _delivery_failed(engine: Engine) -> bool:
    with reading(engine) as conn:
        return any(message.last_error for message in messages(conn))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx.codes.OK
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PRICEWRIGHT_OPERATORS", f"tess:{TOKEN},tess:{WRONG}"),
        ("PRICEWRIGHT_QUOTE_SIGNING_KEY", SIGNING[:20]),
        ("PRICEWRIGHT_WEBHOOK_SECRET", "whsec_" + PASSWORD),
        ("DATABASE_URL", f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop"),
        ("DATABASE_URL", f"mysql://shop:{PASSWORD}@127.0.0.1/shop"),
        ("DATABASE_URL", f"shop:{PASSWORD}@127.0.0.1/shop"),
    ],
)
def test_a_setting_that_is_refused_is_not_repeated(
    variable: str, value: str, tmp_path: Path
) -> None:
    environment = _environment(f"sqlite:///{tmp_path}/shop.db", **{variable: value})
    told = subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", "price-books", "list"],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert told.returncode != 0
    for secret in (*SECRETS, SIGNING[:20]):
        assert secret not in told.stdout + told.stderr


def test_a_database_that_fails_is_named_without_its_password(tmp_path: Path) -> None:
    engine = open_engine(f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop")
    assert PASSWORD not in repr(engine)
