"""The browser of rendered crawls: where it is, and how it is started and reined in."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scrapers.errors import CrawlFailed

if TYPE_CHECKING:
    from scrapers.sites import Site

MOST_PAGES: Final = 4
"""Pages open at a time, whatever the site's concurrency: each is a process of some 100 MB."""

RENDER_SECONDS: Final = "PRICEWRIGHT_RENDER_SECONDS"
"""Scrapy setting: seconds that a page may take until it is still."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_ARGUMENTS: Final = (
    # No name is resolved and no address is asked but by the proxy; see `browser_proxy`.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    # One page's scripts can not take all memory.
    "--js-flags=--max-old-space-size=512",
    "--disable-gpu",
)


def find_browser(named: str = "") -> str:
    """The browser to start; empty for the one that Playwright has installed for itself.

    Args:
        named: path or name of a Chromium, as somebody has set it; empty to look for one.

    Raises:
        CrawlFailed: the extra or the browser is missing; the message names the fix.
    """
    if find_spec("scrapy_playwright") is None:
        raise CrawlFailed(
            "rendered pages need an extra that is missing: run pip install -e '.[rendered]' in the "
            "folder of Pricewright"
        )
    if named:
        found = shutil.which(named)
        if found is None:
            raise CrawlFailed(
                f"PRICEWRIGHT_CHROMIUM={named!r} is no program that can be started; "
                "set it to the path of a Chromium"
            )
        return found
    for name in _NAMES:
        if (found := shutil.which(name)) is not None:
            return found
    if any(_playwrights_own().glob("chromium*")):
        return ""
    raise CrawlFailed(
        "rendered pages need a Chromium, and none was found: install one "
        "(`apt-get install chromium` or `playwright install chromium`) or name it in "
        "PRICEWRIGHT_CHROMIUM"
    )


def rendered_settings(site: Site, executable: str) -> dict[str, object]:
    """The Scrapy settings that a site with `render` has beside those of every site.

    Args:
        site: gives the number of pages open at a time and the seconds that one may take.
        executable: what `find_browser` found.
    """
    pages = min(site.concurrency, MOST_PAGES)
    launch: dict[str, object] = {
        "headless": True,
        # Chromium's own sandbox does not work for root, and root is what a container often is.
        "chromium_sandbox": os.geteuid() != 0,
        "args": [*_ARGUMENTS],
        "timeout": 60_000,
    }
    if executable:
        launch["executable_path"] = executable
    handler = "scrapers.rendered.downloads.RenderedPages"
    return {
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
        "CONCURRENT_REQUESTS": pages,
        "CONCURRENT_REQUESTS_PER_DOMAIN": pages,
        "PLAYWRIGHT_BROWSER_TYPE": "chromium",
        "PLAYWRIGHT_LAUNCH_OPTIONS": launch,
        "PLAYWRIGHT_MAX_CONTEXTS": pages,
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": 1,
        "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": site.render_seconds * 1000.0,
        RENDER_SECONDS: site.render_seconds,
    }


def _playwrights_own() -> Path:
    """Where Playwright keeps the browsers that it has installed."""
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    return Path(named) if named else Path.home() / ".cache" / "ms-playwright"
