"""Errors of the `scrapers` package.

    ScraperError
    ├── InvalidSites        sites.yaml can not be read as a list of sites: names the site and field
    ├── InvalidSchedule     words that say no time: shows those that do
    ├── UnknownSite         no site of that name
    ├── InvalidManifest     a list of saved pages, or one of the pages, can not be read
    ├── InvalidListings     a file of listings or of known pairs can not be used
    ├── InvalidObservation  a reported price that can not be right
    ├── ForbiddenAddress    a request to an address that a crawler may not touch
    ├── CrawlRunning        another process is crawling this site
    └── CrawlFailed         the shop could not be crawled; nothing but the crawl's record changed

A page that yields no price is no error: extraction answers with a `Refusal` that says why.
"""

from __future__ import annotations


class ScraperError(Exception):
    """Anything that `scrapers` refuses."""


class InvalidSites(ScraperError, ValueError):
    """A field of a site holds what it can not hold; the message names site, field and fix.

    Attributes:
        field: the field's name; empty where it is not one field.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidSchedule(ScraperError, ValueError):
    """A schedule that can not be read; the message shows those that can."""


class UnknownSite(ScraperError, LookupError):
    """No site of that name is known; the message lists the names that are."""


class InvalidManifest(ScraperError, ValueError):
    """A list of saved pages, or a page of it, can not be read; the message names the line."""


class InvalidListings(ScraperError, ValueError):
    """A file of listings or of known pairs can not be used; the message names line and column."""


class InvalidObservation(ScraperError, ValueError):
    """A reported price that can not be right; the message names the entry and the field."""


class ForbiddenAddress(ScraperError):
    """The request would leave the public web: a private address, another scheme, an odd port."""


class CrawlRunning(ScraperError):
    """Another process is crawling this site; two at once would ask the shop twice."""


class CrawlFailed(ScraperError):
    """The crawl brought nothing: the shop is away, forbids us, or the worker died."""
