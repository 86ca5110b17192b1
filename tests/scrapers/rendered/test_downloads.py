"""Pages that only a browser can read, in a real Chromium against shops on loopback."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scrapers.browser import find_browser
from scrapers.crawling.crawl import run_crawl
from scrapers.errors import CrawlFailed
from scrapers.manners.settings import USER_AGENT
from scrapers.outcomes import CrawlReport, Outcome
from scrapers.sites import SiteKind
from storage.competitors.offers import ObservedOffer
from tests.databases import sqlite_engine, url_of
from tests.scrapers.conftest import stock_shelf
from tests.scrapers.crawls import offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html, redirect

pytestmark = pytest.mark.xdist_group("rendered")  # one worker: each crawl is made once


def no_browser() -> str:
    """Why rendered pages can not be tested here; empty if they can."""
    try:
        find_browser()
    except CrawlFailed as error:
        return str(error)
    return ""


needs_browser = pytest.mark.skipif(bool(no_browser()), reason=no_browser() or "there is one")

PRICE = "document.body.innerHTML = '<h1>Thing</h1><p class=\"price\">€' + {} + '</p>';"


def scripted(script: str, body: str = "") -> Reply:
    """A page that says nothing until its script has run."""
    return html(f"<html><head><title>Thing</title></head><body>{body}<script>{script}</script>")


def fetching(url: str, otherwise: str) -> Reply:
    """A page that shows what it could fetch, or else its own price."""
    shown, own = PRICE.format("t"), PRICE.format(f"'{otherwise}'")
    return scripted(f"fetch('{url}').then(r => r.text()).then(t => {{{shown}}}, () => {{{own}}})")


@dataclass(frozen=True)
class Shown:
    """A crawl of a shop that is nothing but scripts."""

    report: CrawlReport
    offers: dict[str, ObservedOffer]
    shop: ScriptedServer
    inside: ScriptedServer
    packets: list[bytes]

    def outcome(self, path: str) -> Outcome | None:
        found = [f.outcome for f in self.report.failures if f.url == self.shop.url + path]
        return found[0] if found else None

    def detail(self, path: str) -> str:
        (found,) = [f.detail for f in self.report.failures if f.url == self.shop.url + path]
        return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with (
        ScriptedServer({"/secret": Reply(b"6.66")}) as inside,
        ScriptedServer() as shop,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun,
        sqlite_engine(tmp_path_factory.mktemp("rendered")) as engine,
    ):
        stock_shelf(engine)
        stun.bind(("127.0.0.1", 0))
        stun.settimeout(0.0)
        secret, hidden = f"{inside.url}/secret", f"{inside.url.replace('http', 'ws')}/secret"
        peer = (
            "try { const c = new RTCPeerConnection({iceServers: [{urls: "
            f"'stun:127.0.0.1:{stun.getsockname()[1]}'}}]}}); c.createDataChannel('x'); "
            "c.createOffer().then(o => c.setLocalDescription(o)) } catch (e) {} "
        )
        pages: dict[str, Reply | list[Reply]] = {
            "/late": fetching("/api/price", "0.01"),
            "/fetch-inside": fetching(secret, "2.00"),
            "/hop-inside": fetching("/hop", "3.00"),
            "/socket-inside": scripted(
                f"const s = new WebSocket('{hidden}'); s.onerror = () => {{"
                + PRICE.format("'4.00'")
                + "}"
            ),
            "/parts-inside": scripted(
                "window.open('/private/window'); " + peer + PRICE.format("'5.00'"),
                f'<img src="{secret}"><iframe src="{secret}"></iframe><script src="{secret}">'
                f'</script><link rel="prefetch" href="{secret}"><link rel="stylesheet" '
                f'href="{secret}"><img src="/picture.png">',
            ),
            "/sent-inside": redirect(secret),
            "/goes-inside": scripted(f"location = '{secret}'"),
            "/to-metadata": redirect("http://169.254.169.254/latest/meta-data/"),
            "/forbidden-part": fetching("/private/api", "8.00"),
            "/to-forbidden": redirect("/private/page"),
            "/never-still": scripted("fetch('/held');"),
            "/wobbly": [html("oops", 500), fetching("/api/price", "0.02")],
            "/blocked": html("who are you?", 403),
            "/gone": html("gone", 410),
            "/blown-up": scripted(
                "document.body.append(document.createComment('x'.repeat(9 * 1024 * 1024)))"
            ),
        }
        shop.script |= {
            "/robots.txt": Reply(b"User-agent: *\nDisallow: /private\n"),
            "/api/price": Reply(b"12.34", 200, {"Set-Cookie": "seen=1"}),
            "/private/api": Reply(b"9.99"),
            "/private/window": html("a window"),
            "/private/page": fetching("/api/price", "0.03"),
            "/hop": redirect(secret),
            # Longer than a page may take: ticks of a clock would leave gaps on a busy machine.
            "/held": Reply(b".", after=30.0),
            **pages,
        }
        urls = tuple(f"{shop.url}{path}" for path in pages)
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls, render=True,
                       render_seconds=15.0)  # fmt: skip
        report = run_crawl(site, database_url=url_of(engine))
        yield Shown(report, offers_in(engine), shop, inside, received(stun))


def received(stun: socket.socket) -> list[bytes]:
    packets = []
    try:
        while True:
            packets.append(stun.recv(2048))
    except BlockingIOError:
        return packets


@needs_browser
def test_prices_that_come_by_script_are_read(shown: Shown) -> None:
    prices = {path: offer.price.wire()["amount"] for path, offer in shown.offers.items()}
    assert prices["/late"] == "12.34"
    assert prices["/wobbly"] == "12.34", "a page that failed once is shown again"


@needs_browser
def test_nothing_that_a_page_does_reaches_another_private_address(shown: Shown) -> None:
    assert shown.inside.asked.total() == 0
    assert shown.packets == []
    prices = {path: offer.price.wire()["amount"] for path, offer in shown.offers.items()}
    blocked = {"/fetch-inside": "2.00", "/hop-inside": "3.00", "/socket-inside": "4.00",
               "/parts-inside": "5.00"}  # fmt: skip
    assert {path: prices.get(path) for path in blocked} == blocked, "the pages themselves are read"


@needs_browser
@pytest.mark.parametrize("path", ["/sent-inside", "/goes-inside", "/to-metadata"])
def test_a_page_that_leads_to_a_private_address_is_forbidden(shown: Shown, path: str) -> None:
    assert shown.outcome(path) is Outcome.FORBIDDEN


@needs_browser
def test_robots_txt_is_obeyed_by_scripts_and_where_redirects_end(shown: Shown) -> None:
    assert shown.shop.asked["/private/api"] == 0
    assert shown.shop.asked["/private/window"] == 0
    assert str(shown.offers["/forbidden-part"].price) == "8.00 EUR"
    assert "/to-forbidden" not in shown.offers
    assert "/private/page" not in shown.offers
    assert shown.report.outcomes[Outcome.DISALLOWED] == 1


@needs_browser
def test_a_page_that_is_never_still_or_blown_up_fails_alone(shown: Shown) -> None:
    assert "not still within 15 s" in shown.detail("/never-still")
    assert "characters" in shown.detail("/blown-up")
    assert shown.outcome("/blocked") is Outcome.BLOCKED
    assert shown.report.outcomes[Outcome.GONE] == 1
    assert len(shown.offers) == 7


@needs_browser
def test_the_shop_is_told_who_asks_and_is_spared_pictures_and_cookies(shown: Shown) -> None:
    assert shown.shop.agents == {USER_AGENT}
    assert shown.shop.asked["/picture.png"] == 0
    sent = [headers for asked in shown.shop.headers.values() for headers in asked]
    cookies = [headers["Cookie"] for headers in sent if "Cookie" in headers]
    # One page's own script may send back what it was given; no other page does.
    assert cookies == []


@needs_browser
@pytest.mark.slow
def test_a_selector_says_when_a_page_is_complete_and_a_script_without_end_is_cut(
    tmp_path: Path,
) -> None:
    restless = PRICE.format("'7.00'") + "setInterval(() => fetch('/tick'), 300);"
    script = {
        "/restless": scripted(f"setTimeout(() => {{{restless}}}, 200)"),
        "/endless": scripted("while (true) {}"),
        "/tick": Reply(b"."),
    }
    with ScriptedServer(script) as shop, sqlite_engine(tmp_path) as engine:
        stock_shelf(engine)
        urls = (f"{shop.url}/restless", f"{shop.url}/endless")
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=urls, render=True,
                       wait_for=".price", render_seconds=6.0)  # fmt: skip
        report = run_crawl(site, database_url=url_of(engine))
        assert {path: str(o.price) for path, o in offers_in(engine).items()} == {
            "/restless": "7.00 EUR"
        }
    assert [f.outcome for f in report.failures] == [Outcome.FAILED]


@needs_browser
def test_a_browser_that_does_not_start_fails_the_crawl_and_names_the_setting(
    tmp_path: Path,
) -> None:
    false = shutil.which("false")
    with ScriptedServer({"/a": html("x")}) as shop, sqlite_engine(tmp_path) as engine:
        stock_shelf(engine)
        site = site_at(f"{shop.url}/", kind=SiteKind.WATCH, urls=(f"{shop.url}/a",), render=True)
        with pytest.raises(CrawlFailed, match=r"did not start: .*PRICEWRIGHT_CHROMIUM"):
            run_crawl(site, database_url=url_of(engine), browser=str(false))
