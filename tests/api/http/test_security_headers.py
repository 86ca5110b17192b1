"""What every answer tells a browser."""

from __future__ import annotations

import httpx
import pytest

from api.server import serving
from api.settings import Settings
from tests.api.conftest import BEARER

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/prices/TEA-2?market=online", 200),
        ("/v1/prices/none?market=online", 404),
        ("/healthz", 200),
        ("/console/login", 200),
        ("/nothing", 404),
        ("/docs/files/swagger-ui.css", 200),
    ],
)
def test_every_answer_has_the_headers(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers.get_list("content-security-policy") == [POLICY]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "strict-transport-security" not in answer.headers


def test_who_is_turned_away_is_told_too(stranger: httpx.Client) -> None:
    answer = stranger.get("/v1/price-book-drafts")
    assert answer.status_code == 401
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_of_the_documentation_has_a_policy_of_its_own(client: httpx.Client) -> None:
    (policy,) = client.get("/docs").headers.get_list("content-security-policy")
    assert "script-src 'self' 'sha256-" in policy
    assert "default-src 'none'" in policy


def test_https_is_held_to_where_a_setting_says_so(shop: object, settings: Settings) -> None:
    held = settings.model_copy(update={"hsts_seconds": 3600, "trusted_proxies": ("127.0.0.1",)})
    with serving(held) as url, httpx.Client(base_url=url, headers=BEARER) as client:
        by_https = client.get("/healthz", headers={"x-forwarded-proto": "https"})
        assert by_https.headers["strict-transport-security"] == "max-age=3600"
        assert "strict-transport-security" not in client.get("/healthz").headers
