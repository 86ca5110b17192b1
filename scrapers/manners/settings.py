"""Scrapy settings, every one that matters written out: polite to the shop, safe for ourselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from scrapy.settings import default_settings

from scrapers.browser import rendered_settings
from scrapers.guard import PRIVATE_ORIGIN, SITE_HOST
from scrapers.manners.robots import AGENT
from scrapers.sites import Site

USER_AGENT: Final = f"Pricewright/{version('pricewright')} (price comparison; obeys robots.txt)"
"""Who we say we are. Sites that want us gone can name `Pricewright` in robots.txt."""

_RESOLVER: Final = next(
    name for name in ("TWISTED_DNS_RESOLVER", "DNS_RESOLVER") if hasattr(default_settings, name)
)
"""Scrapy's setting for who resolves names: called otherwise before version 2.19."""

LARGEST_RESPONSE: Final = 8 * 1024 * 1024
"""Bytes, before and after decompression; a gzip bomb ends here."""

LARGEST_SITEMAP: Final = 50 * 1024 * 1024
"""Bytes of a sitemap file after gunzip, as sitemaps.org allows."""


def crawl_settings(
    site: Site, *, browser: str | None = None, log_level: str = "WARNING"
) -> dict[str, object]:
    """The settings under which this site is crawled.

    Args:
        site: gives delay, concurrency, page limit and whether its address may be private.
        browser: the Chromium that shows its pages, empty for Playwright's own; None for a site
            whose pages are read as they come.
        log_level: least level of Scrapy's log, which goes to standard error.
    """
    settings = _plain_settings(site, log_level)
    if browser is None:
        return settings
    rendered = rendered_settings(site, browser)
    off = settings["DOWNLOAD_HANDLERS"]
    handlers = rendered["DOWNLOAD_HANDLERS"]
    if not isinstance(off, dict) or not isinstance(handlers, dict):
        raise TypeError("download handlers come by scheme")
    return {**settings, **rendered, "DOWNLOAD_HANDLERS": {**off, **handlers}}


def _plain_settings(site: Site, log_level: str) -> dict[str, object]:
    return {
        "BOT_NAME": "pricewright",
        # Politeness.
        "USER_AGENT": USER_AGENT,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": AGENT,
        "CONCURRENT_REQUESTS": site.concurrency,
        # Scrapy starts so many tasks for every page; our pipeline does its work without waiting.
        "CONCURRENT_ITEMS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": site.concurrency,
        "DOWNLOAD_DELAY": site.delay,
        "AUTOTHROTTLE_ENABLED": site.delay > 0,
        "AUTOTHROTTLE_START_DELAY": site.delay,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(site.concurrency),
        "RETRY_ENABLED": True,
        "RETRY_TIMES": 3,
        "RETRY_HTTP_CODES": [408, 429, 500, 502, 503, 504, 520, 521, 522, 524],
        "RETRY_GIVE_UP_LOG_LEVEL": "INFO",
        # Bounds: one page, one site or one endless calendar cannot take us down.
        "DOWNLOAD_TIMEOUT": 30,
        "DOWNLOAD_MAXSIZE": LARGEST_RESPONSE,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_FAIL_ON_DATALOSS": True,
        "DEPTH_LIMIT": 1000,
        "URLLENGTH_LIMIT": 2083,
        "CLOSESPIDER_PAGECOUNT": site.max_pages + 1,  # robots.txt is counted, but no page
        "REDIRECT_MAX_TIMES": 5,
        "METAREFRESH_ENABLED": True,
        "METAREFRESH_MAXDELAY": 5,
        "SCRAPER_SLOT_MAX_ACTIVE_SIZE": 32 * 1024 * 1024,
        # Safety: no private addresses, no proxy that would resolve names in our stead, no state
        # carried between pages, no doors left open into this process.
        PRIVATE_ORIGIN: site.private_origin,
        SITE_HOST: site.host,
        _RESOLVER: "scrapers.guard.GuardedResolver",
        "HTTPPROXY_ENABLED": False,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "HTTPCACHE_ENABLED": False,
        "REFERER_ENABLED": True,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        # Prices come over http and https and nothing else.
        "DOWNLOAD_HANDLERS": {"data": None, "file": None, "ftp": None, "s3": None},
        "DOWNLOADER_MIDDLEWARES": {
            "scrapers.guard.AddressGuard": 50,
            # It drops redirects without a word; the guard refuses them with one.
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapers.manners.robots.RobotsGate": 100,
            # Nearer to the wire than retries (550): it must see the answers that they repeat.
            "scrapers.manners.pauses.Manners": 560,
        },
        "ITEM_PIPELINES": {"scrapers.crawling.pipelines.StoreOffers": 300},
        # The spider looks at every status itself: 404 is news, not an error.
        "HTTPERROR_ALLOW_ALL": True,
        # What is switched off is not even imported: that would take a tenth of a short crawl.
        "EXTENSIONS": {
            f"scrapy.extensions.{name}": None
            for name in (
                "logstats.LogStats",
                "telnet.TelnetConsole",
                "remote_control.RemoteControl",
                "feedexport.FeedExporter",
                "memdebug.MemoryDebugger",
                "spiderstate.SpiderState",
            )
        },
        "LOG_LEVEL": log_level,
        "STATS_DUMP": False,
    }
