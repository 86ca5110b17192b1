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

from models.refusals import Conflict, Forbidden, Invalid, Kind, Missing, Refusal


class ScraperError(Refusal):
    """Anything that `scrapers` refuses."""


class InvalidSites(ScraperError, Invalid):
    """A field of a site holds what it can not hold; the message names site, field and fix."""

    names_place = True


class InvalidSchedule(ScraperError, Invalid):
    """A schedule that can not be read; the message shows those that can."""


class UnknownSite(ScraperError, Missing):
    """No site of that name is known; the message lists the names that are."""


class InvalidManifest(ScraperError, Invalid):
    """A list of saved pages, or a page of it, can not be read; the message names the line."""

    names_place = True


class InvalidListings(ScraperError, Invalid):
    """A file of listings or of known pairs can not be used; the message names line and column."""


class InvalidObservation(ScraperError, Invalid):
    """A reported price that can not be right; the message names the entry and the field."""


class ForbiddenAddress(ScraperError, Forbidden):
    """The request would leave the public web: a private address, another scheme, an odd port."""


class CrawlRunning(ScraperError, Conflict):
    """Another process is crawling this site; two at once would ask the shop twice."""


class CrawlFailed(ScraperError):
    """No way of reading the shop brought an offer; the detail says what was tried and why not."""

    kind = Kind.INVALID
    slug = "shop-not-readable"
    title = "Shop not readable"
    example = "site 'pennywise': nothing worked: shopify at https://shop.example/: HTTP 404"
    names_place = True
