"""The Scrapy settings of a crawl: safe, polite, and spelled as Scrapy spells them."""

from __future__ import annotations

from dataclasses import replace

from scrapy.settings import default_settings

from scrapers.guard import PRIVATE_ORIGIN, SITE_HOST
from scrapers.manners.settings import crawl_settings
from scrapers.sites import Site

SITE = Site("rival", "https://www.shop.example.com/sitemap.xml", "online", "EUR", delay=2.0)


def test_every_setting_is_one_that_scrapy_or_the_guard_reads() -> None:
    unknown = {name for name in crawl_settings(SITE) if not hasattr(default_settings, name)}
    assert unknown == {PRIVATE_ORIGIN, SITE_HOST}


def test_every_component_that_is_replaced_exists_in_scrapy() -> None:
    settings = crawl_settings(SITE)
    for name in ("DOWNLOADER_MIDDLEWARES", "EXTENSIONS", "DOWNLOAD_HANDLERS"):
        ours = settings[name]
        assert isinstance(ours, dict)
        switched_off = {path for path, order in ours.items() if order is None}
        assert switched_off <= set(getattr(default_settings, f"{name}_BASE"))


def test_doors_into_the_process_are_shut_and_the_shop_is_respected() -> None:
    settings = crawl_settings(SITE)
    shut = ("TELNETCONSOLE_ENABLED", "REMOTE_CONTROL_ENABLED", "COOKIES_ENABLED",
            "HTTPPROXY_ENABLED", "HTTPCACHE_ENABLED")  # fmt: skip
    assert not any(settings[name] for name in shut)
    assert settings["ROBOTSTXT_OBEY"]
    assert settings["DOWNLOAD_VERIFY_CERTIFICATES"]
    resolvers = [value for name, value in settings.items() if name.endswith("DNS_RESOLVER")]
    assert resolvers == ["scrapers.guard.GuardedResolver"]


def test_a_site_sets_its_pace_its_bounds_and_its_host() -> None:
    settings = crawl_settings(replace(SITE, concurrency=2, max_pages=77))
    assert settings["DOWNLOAD_DELAY"] == 2.0
    assert settings["AUTOTHROTTLE_ENABLED"]
    assert settings["CONCURRENT_REQUESTS_PER_DOMAIN"] == 2
    assert settings["CLOSESPIDER_PAGECOUNT"] == 78, "robots.txt is counted, and is no page"
    assert settings[SITE_HOST] == "shop.example.com"
    assert settings[PRIVATE_ORIGIN] == ""
    local = Site("local", "http://127.0.0.1:9/", "online", "EUR", allow_private=True)
    assert crawl_settings(local)[PRIVATE_ORIGIN] == "127.0.0.1:9"
