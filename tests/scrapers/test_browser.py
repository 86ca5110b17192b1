"""The browser of rendered crawls, without one: where it is looked for, its settings, its door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from scrapy.settings import default_settings

from scrapers import browser
from scrapers.browser import MOST_PAGES, RENDER_SECONDS, find_browser
from scrapers.errors import CrawlFailed
from scrapers.manners.settings import crawl_settings
from scrapers.rendered.proxy import GuardedProxy
from scrapers.sites import Site
from tests.scrapers.scripted_server import Reply, ScriptedServer

SITE = Site("rival", "https://shop.example.com/", "online", "EUR", render=True, concurrency=16)


def test_a_missing_extra_or_browser_is_told_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    with pytest.raises(CrawlFailed, match="apt-get install chromium"):
        find_browser()
    with pytest.raises(CrawlFailed, match="PRICEWRIGHT_CHROMIUM='nowhere'"):
        find_browser("nowhere")
    (tmp_path / "browsers" / "chromium-1234").mkdir(parents=True)
    assert find_browser() == "", "Playwright's own"
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_browser() == str(program)
    assert find_browser(str(program)) == str(program)
    monkeypatch.setattr(browser, "find_spec", lambda _: None)
    with pytest.raises(CrawlFailed, match=r"pip install -e '\.\[rendered\]'"):
        find_browser()


def test_only_a_rendered_crawl_has_the_settings_of_a_browser() -> None:
    assert not any(name.startswith("PLAYWRIGHT") for name in crawl_settings(SITE))
    settings = crawl_settings(SITE, browser="/usr/bin/chromium")
    unknown = {name for name in settings if not hasattr(default_settings, name)}
    assert {name for name in unknown if not name.startswith("PLAYWRIGHT_")} == {
        "PRICEWRIGHT_PRIVATE_ORIGIN",
        "PRICEWRIGHT_SITE_HOST",
        RENDER_SECONDS,
    }
    handlers = settings["DOWNLOAD_HANDLERS"]
    assert isinstance(handlers, dict)
    assert handlers["https"] == handlers["http"] == "scrapers.rendered.downloads.RenderedPages"
    assert handlers["file"] is None
    assert settings["CONCURRENT_REQUESTS"] == settings["PLAYWRIGHT_MAX_CONTEXTS"] == MOST_PAGES
    assert settings["ROBOTSTXT_OBEY"]


@pytest.mark.parametrize(("user", "sandboxed"), [(0, False), (1000, True)])
def test_the_browsers_own_sandbox_is_off_for_root_alone(
    monkeypatch: pytest.MonkeyPatch, user: int, *, sandboxed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    launch = crawl_settings(SITE, browser="/usr/bin/chromium")["PLAYWRIGHT_LAUNCH_OPTIONS"]
    assert isinstance(launch, dict)
    assert launch["chromium_sandbox"] is sandboxed
    assert launch["executable_path"] == "/usr/bin/chromium"
    own = crawl_settings(replace(SITE, concurrency=1), browser="")["PLAYWRIGHT_LAUNCH_OPTIONS"]
    assert isinstance(own, dict)
    assert "executable_path" not in own


def through(
    proxy: GuardedProxy, ask: Callable[[httpx.AsyncClient], object]
) -> tuple[object, dict[str, str]]:
    """What a client of the proxy gets, and what the proxy refused."""

    async def run() -> object:
        port = await proxy.start()
        try:
            async with httpx.AsyncClient(proxy=f"http://127.0.0.1:{port}", trust_env=False) as c:
                return await ask(c)  # type: ignore[misc]
        finally:
            await proxy.close()

    return asyncio.run(run()), proxy.refused


def test_the_door_lets_the_sites_own_private_address_through_and_no_other() -> None:
    with ScriptedServer({"/a?b=c": Reply(b"here")}) as shop, ScriptedServer() as inside:
        origin = shop.url.removeprefix("http://")

        async def ask(client: httpx.AsyncClient) -> list[int]:
            here = await client.get(f"{shop.url}/a?b=c")
            assert here.text == "here"
            there = await client.get(f"{inside.url}/")
            with pytest.raises(httpx.ProxyError, match="403"):
                await client.get("https://10.0.0.1/")
            odd = await client.get("http://93.184.215.14:6379/")
            return [here.status_code, there.status_code, odd.status_code]

        statuses, refused = through(GuardedProxy(origin), ask)
        assert statuses == [200, 403, 403]
        assert shop.headers["/a?b=c"][0]["Host"] == origin
        assert inside.asked.total() == 0
    assert {"10.0.0.1:443", "93.184.215.14:6379"} <= set(refused)


def test_a_name_is_resolved_by_the_door_and_the_checked_address_is_the_one_asked() -> None:
    asked: list[str] = []

    async def rebound(host: str, port: int) -> list[str]:
        asked.append(f"{host}:{port}")
        return ["127.0.0.1", "::1", "10.1.2.3"]

    async def ask(client: httpx.AsyncClient) -> int:
        with pytest.raises(httpx.ProxyError, match="403"):
            await client.get("https://rebound.example.com/")
        return (await client.get("http://rebound.example.com/")).status_code

    status, refused = through(GuardedProxy(resolve=rebound), ask)
    assert status == 403
    assert asked == ["rebound.example.com:443", "rebound.example.com:80"]
    assert "resolves to private addresses only" in refused["rebound.example.com:443"]


def test_a_name_that_nobody_knows_and_an_endless_answer_end_in_an_error() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port} is not known")

    async def ask_unknown(client: httpx.AsyncClient) -> int:
        return (await client.get("http://nobody.example.com/")).status_code

    assert through(GuardedProxy(resolve=unknown), ask_unknown) == (502, {})
    with ScriptedServer({"/": Reply(bytes(300_000))}) as shop:

        async def ask(client: httpx.AsyncClient) -> bool:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"{shop.url}/")
            return True

        small = GuardedProxy(shop.url.removeprefix("http://"), largest=200_000)
        assert through(small, ask) == (True, {})
