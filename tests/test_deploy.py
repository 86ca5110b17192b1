"""The files of `deploy/`: what they say is taken by the programs that they are for."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.server import serving
from api.settings import load_settings
from tests.api.conftest import eventually, quick_settings
from tests.api.served import free_port
from tests.api.shop import open_shop
from tests.databases import sqlite_engine

DEPLOY = Path(__file__).parent.parent / "deploy"
NGINX = shutil.which("nginx")
PRICE = "/v1/prices/TEA-1?market=online"
SLOW = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-",
    b"POST /v1/quotes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n ",
)
"""A head and a body that never come to their ends."""

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Engine]:
    """A database with the small shop."""
    with sqlite_engine(tmp_path) as engine:
        open_shop(engine)
        yield engine


@contextmanager
def proxied(folder: Path, behind: str) -> Iterator[str]:
    """nginx with our file, but for the addresses, names and times; gives its base URL."""
    plain, secure = free_port(), free_port()
    certificate, secret = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(secret), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    written = (DEPLOY / "nginx.conf").read_text()
    written = re.sub(r"(?m)^    listen \[::\].*\n", "", written)
    for ours, here in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "server_name prices.example": "server_name localhost",
        "127.0.0.1:8000": behind.removeprefix("http://"),
        "/etc/ssl/certs/prices.example.pem": str(certificate),
        "/etc/ssl/private/prices.example.key": str(secret),
        "client_header_timeout 10s": "client_header_timeout 1s",
        "client_body_timeout 10s": "client_body_timeout 1s",
    }.items():
        assert ours in written, ours
        written = written.replace(ours, here)
    paths = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{ worker_connections 512; }}\n"
        f"http {{\n    access_log off;\n{paths}\n{written}\n}}\n"
    )
    with subprocess.Popen(
        [str(NGINX), "-e", "stderr", "-c", str(whole), "-p", str(folder)], stderr=sys.stderr
    ) as running:
        try:
            url = f"https://localhost:{secure}"
            assert eventually(lambda: _listens(secure) and running.poll() is None, 30)
            yield url
        finally:
            running.terminate()
            running.wait(30)


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    return False


def _trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


@needs_nginx
def test_behind_nginx_prices_are_answered_and_slow_clients_are_kept_away(
    shop: Engine, tmp_path: Path
) -> None:
    settings = quick_settings(
        shop, trusted_proxies=("127.0.0.1",), hsts_seconds=60, wrong_keys_a_minute=3
    )
    with serving(settings) as behind, proxied(tmp_path, behind) as url:
        trusting = _trusting(tmp_path)
        with httpx.Client(base_url=url, verify=trusting, timeout=60) as client:
            answer = client.get(PRICE)
            assert answer.json()["price"]["amount"] == "4.99"
            # The service knows that the browser came by https.
            assert answer.headers["strict-transport-security"] == "max-age=60"
            # What a client says of where it comes from is not handed on.
            for number in range(5):
                headers = {
                    "authorization": "Bearer guess",
                    "x-forwarded-for": f"203.0.113.{number}",
                }
                guessed = client.get("/v1/freezes", headers=headers)
            assert guessed.status_code == 429
            assert client.post("/v1/plans", content=b" " * ((64 << 20) + 1)).status_code == 413
            port = httpx.URL(url).port
            assert port is not None
            for sent in SLOW:
                raw = socket.create_connection(("127.0.0.1", port), timeout=60)
                with closing(trusting.wrap_socket(raw, server_hostname="localhost")) as slow:
                    slow.sendall(sent)
                    assert client.get(PRICE).status_code == 200
                    with suppress(ConnectionError, ssl.SSLError):
                        told = slow.recv(1000)
                        assert told == b"" or b" 408 " in told


def settings_named(path: Path) -> set[str]:
    return set(re.findall(r"PRICEWRIGHT_([A-Z_]+)", path.read_text()))


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_setting_that_a_file_names_is_one(path: Path) -> None:
    known = {name.upper() for name in type(load_settings(None)).model_fields}
    assert settings_named(path) <= known


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_takes_its_file() -> None:
    told = subprocess.run(
        ["caddy", "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
def test_systemd_knows_every_word_of_its_unit(tmp_path: Path) -> None:
    unit = tmp_path / "pricewright.service"
    written = (DEPLOY / "pricewright.service").read_text()
    unit.write_text(written.replace("/opt/pricewright/bin/pricewright", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    faults = [line for line in told.stderr.splitlines() if unit.name in line]
    assert faults == []
