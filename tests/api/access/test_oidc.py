"""Logging in by a provider of identities, on real sockets: the way there and back, and lies."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import Engine

from api.access.pages import COOKIE
from api.errors import SettingsInvalid
from api.server import serving
from api.settings import load_settings
from storage.access.log import read_log
from storage.access.people import disable_person, list_people
from storage.database import reading, writing
from tests.api.access.identity_provider import CLIENT, SECRET, IdentityProvider, provider_at_hand
from tests.api.conftest import quick_settings
from tests.api.shop import OPENED, open_shop
from tests.databases import sqlite_engine

CALLBACK = "/console/login/oidc/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with provider_at_hand() as provider:
        yield provider


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with sqlite_engine(tmp_path_factory.mktemp("oidc")) as engine:
        open_shop(engine)
        yield engine


@pytest.fixture(scope="module")
def url(database: Engine, provider: IdentityProvider) -> Iterator[str]:
    settings = quick_settings(
        database,
        crawl_schedule=False,
        work_processes=0,
        public_url="http://pricewright.test",
        oidc_discovery_url=f"{provider.url}/.well-known/openid-configuration",
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles_claim="realm_access.roles",
        oidc_roles=json.dumps({"pricing": "manager", "chiefs": "approver"}),
    )
    with serving(settings) as url:
        yield url


@pytest.fixture(autouse=True)
def honest(provider: IdentityProvider) -> None:
    """It tells the truth about Mia of pricing."""
    provider.user = {"preferred_username": "mia", "realm_access": {"roles": ["pricing", "golf"]}}
    provider.lies, provider.alg, provider.signs_with, provider.described = {}, "RS256", None, {}


@pytest.fixture
def browser(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60) as browser:
        yield browser


def way_back(browser: httpx.Client, wanted: str = "/console/drafts/7") -> str:
    """Set out, let the provider say yes; the path and query that the browser comes back to."""
    out = browser.get("/console/login/oidc", params={"next": wanted})
    assert out.status_code == 303, out.text
    back = httpx.get(out.headers["location"], timeout=60)
    assert back.status_code == 302
    return back.headers["location"].removeprefix("http://pricewright.test")


def refused(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 401, answer.text
    assert why in answer.json()["detail"]
    assert COOKIE not in answer.headers.get("set-cookie", "")


def test_who_the_provider_vouches_for_is_let_in_with_the_roles_that_it_gives(
    browser: httpx.Client, database: Engine, provider: IdentityProvider
) -> None:
    done = browser.get(way_back(browser))
    assert (done.status_code, done.headers["location"]) == (303, "/console/drafts/7")
    own = browser.get("/v1/session").json()
    assert (own["name"], own["roles"]) == ("mia", ["manager"])
    provider.user["realm_access"] = {"roles": ["chiefs"]}
    browser.get(way_back(browser))
    again = browser.get("/v1/session").json()
    assert (again["id"], again["roles"]) == (own["id"], ["approver"])
    with reading(database) as conn:
        (mia,) = [who for who in list_people(conn) if who.name == "mia"]
        actions = [line.action for line in read_log(conn) if line.actor == mia.person_id]
    assert (mia.issuer, mia.has_password) == (provider.url, False)
    assert actions == ["logged_in", "roles_changed", "logged_in"]


def test_another_subject_of_the_same_name_is_somebody_else(
    browser: httpx.Client, provider: IdentityProvider
) -> None:
    browser.get(way_back(browser))
    one = browser.get("/v1/session").json()
    provider.user["sub"] = "u-18"
    browser.get(way_back(browser))
    other = browser.get("/v1/session").json()
    assert other["id"] != one["id"]
    assert other["name"].startswith("mia (")


@pytest.mark.parametrize("roles", [[], ["golf"], None, "pricing-not", {"pricing": True}])
def test_who_has_no_role_here_is_not_let_in(
    browser: httpx.Client, provider: IdentityProvider, roles: object
) -> None:
    provider.user = {"sub": "u-19", "realm_access": {"roles": roles}}
    answer = browser.get(way_back(browser))
    assert (answer.status_code, "you have no role here" in answer.text) == (403, True)
    assert browser.get("/v1/session").status_code == 401


def test_a_closed_account_stays_closed(
    browser: httpx.Client, database: Engine, provider: IdentityProvider
) -> None:
    provider.user["sub"] = "u-20"
    browser.get(way_back(browser))
    who = browser.get("/v1/session").json()["id"]
    with writing(database) as conn:
        disable_person(conn, who, by="a test", at=OPENED)
    assert browser.get("/v1/session").status_code == 401
    assert browser.get(way_back(browser)).status_code == 403


NOW = int(time.time())
LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another-service"},
    "no audience": {"aud": None},
    "one of several audiences, made for another": {"aud": [CLIENT, "b"], "azp": "b"},
    "one of several audiences, made for nobody": {"aud": [CLIENT, "b"]},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": NOW - 120, "iat": NOW - 600},
    "no end": {"exp": None},
    "not yet": {"nbf": NOW + 3600},
    "made in the future": {"iat": NOW + 3600},
    "nobody": {"sub": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_what_it_must_be_lets_nobody_in(
    browser: httpx.Client, provider: IdentityProvider, lie: str
) -> None:
    back = way_back(browser)
    provider.lies = LIES[lie]
    refused(browser.get(back), "the provider's token")


def test_a_clock_that_is_a_little_off_does_no_harm(
    browser: httpx.Client, provider: IdentityProvider
) -> None:
    provider.lies = {"exp": int(time.time()) - 30, "iat": int(time.time()) + 30}
    assert browser.get(way_back(browser)).status_code == 303


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_a_token_without_a_seal_or_sealed_with_what_everybody_knows_lets_nobody_in(
    browser: httpx.Client, provider: IdentityProvider, alg: str
) -> None:
    back = way_back(browser)
    provider.alg = alg
    refused(browser.get(back), "the provider's token")


def test_a_token_of_another_key_lets_nobody_in_and_a_new_key_of_the_provider_does(
    browser: httpx.Client, provider: IdentityProvider
) -> None:
    back = way_back(browser)
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    refused(browser.get(back), "the provider's token")
    provider.key = provider.signs_with  # rotated: it shows it now
    assert browser.get(way_back(browser)).status_code == 303


def test_a_code_and_a_state_count_once(browser: httpx.Client) -> None:
    back = way_back(browser)
    cookies = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    refused(httpx.get(f"{browser.base_url}{back}", cookies=cookies), "this log-in is over")


def test_what_comes_back_must_have_set_out_in_the_same_browser(
    browser: httpx.Client, url: str
) -> None:
    back = way_back(browser)
    with httpx.Client(base_url=url, timeout=60) as victim:
        refused(victim.get(back), "not begun in this browser")  # a log-in of the attacker's
        way_back(victim)
        refused(victim.get(back), "not begun in this browser")
    state = parse_qs(urlsplit(back).query)["state"][0]
    refused(browser.get(back.replace(state, "another")), "not begun in this browser")
    refused(browser.get(f"{CALLBACK}?code=x"), "not begun in this browser")


def test_another_code_than_the_one_that_was_given_is_of_no_use(browser: httpx.Client) -> None:
    state = parse_qs(urlsplit(way_back(browser)).query)["state"][0]
    refused(browser.get(f"{CALLBACK}?code=stolen&state={state}"), "does not take this code")


def test_a_no_of_the_provider_is_told(browser: httpx.Client) -> None:
    state = parse_qs(urlsplit(way_back(browser)).query)["state"][0]
    answer = browser.get(f"{CALLBACK}?error=access_denied&state={state}")
    refused(answer, "the provider lets nobody in: access_denied")


def test_the_way_leads_to_no_other_host(browser: httpx.Client) -> None:
    done = browser.get(way_back(browser, "https://evil.example/console"))
    assert done.headers["location"] == "/console"


def test_a_provider_at_a_private_address_is_asked_only_where_a_setting_names_it(
    database: Engine, provider: IdentityProvider
) -> None:
    settings = quick_settings(
        database,
        crawl_schedule=False,
        work_processes=0,
        public_url="http://pricewright.test",
        private_addresses=(),
        oidc_discovery_url=f"{provider.url}/.well-known/openid-configuration",
        oidc_client_id=CLIENT,
        oidc_roles='{"pricing": "manager"}',
    )
    before = provider.asked
    with serving(settings) as url:
        assert httpx.get(f"{url}/console/login/oidc", timeout=60).status_code == 502
    assert provider.asked == before


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"},
        {"issuer": 7},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": None},
        {"jwks_uri": "http://169.254.169.254/latest"},
        {"jwks_uri": "https://10.0.0.1/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_description_that_leads_astray_is_not_followed(
    database: Engine, described: dict[str, Any]
) -> None:
    with provider_at_hand() as other:
        other.described = described
        settings = quick_settings(
            database,
            crawl_schedule=False,
            work_processes=0,
            public_url="http://pricewright.test",
            oidc_discovery_url=f"{other.url}/.well-known/openid-configuration",
            oidc_client_id=CLIENT,
            oidc_roles='{"pricing": "manager"}',
        )
        with serving(settings) as url:
            answer = httpx.get(f"{url}/console/login/oidc", timeout=60)
            assert (answer.status_code, answer.json()["type"]) == (502, "/problems/provider-away")


def test_without_a_provider_there_is_no_such_way(database: Engine) -> None:
    with serving(quick_settings(database, crawl_schedule=False, work_processes=0)) as url:
        assert httpx.get(f"{url}/console/login/oidc", timeout=60).status_code == 404


def test_half_a_provider_is_refused_with_what_is_missing() -> None:
    with pytest.raises(SettingsInvalid, match="PRICEWRIGHT_PUBLIC_URL, PRICEWRIGHT_OIDC_CLIENT_ID"):
        load_settings(None, oidc_discovery_url="https://id.example/.well-known/x")
