"""What the spiders of all kinds of sites share: counting answers, noting outcomes, failing well."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

import scrapy
from scrapy import Request, signals
from scrapy.exceptions import CloseSpider, IgnoreRequest

from scrapers.extract import PageHints
from scrapers.guard import ForbiddenRequest
from scrapers.manners.pauses import AskedToWait, NotAsked
from scrapers.outcomes import CrawlProgress, Ledger, Observation, Outcome, PageDone, Unchanged
from scrapers.sites import Site

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from scrapers.offers.store import OfferStore

_log = logging.getLogger(__name__)

_GONE: Final = frozenset({404, 410})
_BLOCKED: Final = frozenset({401, 403, 407, 429, 451})
_WALL: Final = re.compile(
    rb"captcha|cf-challenge|challenge-platform|are you a (?:robot|human)|"
    rb"verify you are (?:a )?human|access denied|unusual traffic|px-captcha|bot detection",
    re.IGNORECASE,
)
_LOGIN: Final = re.compile(
    r"/(?:log-?in|sign-?in|account/auth|anmelden|connexion|accedi|inloggen|logowanie|zaloguj|"
    r"prihlaseni|iniciar-sesion)\b",
    re.IGNORECASE,
)
_TEST: Final = re.compile(r"/(?:validate)?captcha\b|/(?:bot|robot)-?check\b", re.IGNORECASE)
_NOT_THERE: Final = re.compile(
    r"/(?:error[-_/]?)?(?:404|not-?found|page-?not-?found)(?:\.\w{2,5})?/?$", re.IGNORECASE
)
_FRONT: Final = re.compile(
    r"/?(?:[a-z]{2}(?:[-_][a-z]{2})?/?)?(?:(?:index|home|default)(?:\.\w{2,5})?/?)?", re.IGNORECASE
)
_TRACKING: Final = re.compile(
    r"utm_\w+|gclid|fbclid|ref|source|src|from|lang|language|locale|currency|country|error|status|"
    r"redirect(?:ed)?|notfound|not_found",
    re.IGNORECASE,
)
"""Names in a query that choose no product: `/?product=tea` may be a product's page."""

Found = Request | Observation | Unchanged | PageDone


class SiteSpider(scrapy.Spider):
    """A spider of one site.

    Args:
        site: the shop.
        ledger: where every page's outcome is noted.
        store: where the pipeline puts offers.
        report: called after each page with the progress so far.
        limit: most pages to read as products, or None.
        since: pages that the site says have not changed since then are left out.
    """

    name = "site"

    def __init__(
        self,
        *,
        site: Site,
        ledger: Ledger,
        store: OfferStore,
        report: Callable[[CrawlProgress], None],
        limit: int | None = None,
        since: datetime | None = None,
    ) -> None:
        super().__init__()
        self.site = site
        self.ledger = ledger
        self.store = store
        self.since = since
        self._report = report
        self._left = limit

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: object, **kwargs: object) -> SiteSpider:
        """Built by Scrapy; an exception on one page is that page's failure."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.page_raised, signal=signals.spider_error)
        return spider

    def first_request(
        self,
        url: str,
        callback: Callable[..., Iterator[Found]],
        **kwargs: Any,  # noqa: ANN401
    ) -> Request:
        """The request without which there is no crawl."""
        self.ledger.expected += 1
        return Request(
            url, callback=callback, errback=self.start_failed, dont_filter=True, **kwargs
        )

    def started(self, response: Response) -> bool:
        """Count the first answer; without it the crawl has failed."""
        self.count(response)
        if response.status < 400:
            return True
        self.note(response.url, outcome_of(response.status), f"HTTP {response.status}")
        self.ledger.fail(f"{response.url} answered HTTP {response.status}")
        return False

    def answered(self, response: Response) -> bool:
        """Count the answer; whether it is a page rather than a refusal."""
        if self.ledger.fatal:
            raise CloseSpider("failed")
        self.count(response)
        return response.status < 400

    def count(self, response: Response) -> None:
        """One more page answered."""
        self.ledger.pages += 1
        _log.debug("%s %s", response.status, response.url)

    def note(self, url: str, outcome: Outcome, detail: str = "") -> None:
        """One page is done."""
        self.ledger.note(url, outcome, detail)
        self._report(self.ledger.progress())

    def done(self, response: Response, outcome: Outcome, detail: str) -> PageDone:
        """A product page is done without an offer."""
        self.note(response.url, outcome, detail)
        return PageDone(asked_url(response.request), outcome, detail[:500], datetime.now(UTC))

    def takes_one_more(self) -> bool:
        """Whether the limit lets one more product page be asked for; counts it."""
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0

    def start_failed(self, failure: Failure) -> None:
        """The entry could not be fetched at all."""
        if isinstance(failure.value, NotAsked):
            return
        outcome, detail = outcome_of_failure(failure)
        url = failure.request.url  # type: ignore[attr-defined]  # Scrapy puts it there
        self.note(url, outcome, detail)
        self.ledger.fail(f"{url} can not be crawled: {detail}")

    def page_failed(self, failure: Failure) -> Iterator[PageDone]:
        """A page could not be fetched; the others go on, unless none can be."""
        if isinstance(failure.value, NotAsked):
            return  # the crawl goes on with this page
        request: Request = failure.request  # type: ignore[attr-defined]  # Scrapy puts it there
        outcome, detail = outcome_of_failure(failure)
        asked = asked_url(request)
        self.note(asked, outcome, detail)
        if self.ledger.fatal:
            raise CloseSpider("failed")
        yield PageDone(asked, outcome, detail[:500], datetime.now(UTC))

    def page_raised(self, failure: Failure, response: Response) -> None:
        """Our own code failed on a page."""
        self.note(response.url, Outcome.FAILED, repr(failure.value))

    def hints(self, response: Response) -> PageHints:
        """What is known of a page before it is read."""
        return PageHints(
            currency=self.site.currency,
            content_type=content_type(response),
            selectors=self.site.selectors,
        )


def asked_url(request: Request | None) -> str:
    """The address that was asked for first, before any redirect."""
    if request is None:
        return ""
    asked: str = request.meta.get("redirect_urls", [request.url])[0]
    return asked


def content_type(response: Response) -> str:
    """The header, empty if there is none."""
    return header(response, "Content-Type") or ""


def header(response: Response, name: str) -> str | None:
    """A header's text, or None."""
    value = response.headers.get(name)
    return None if value is None else value.decode("latin-1").strip() or None


def outcome_of(status: int) -> Outcome:
    """What an HTTP status from 400 on means."""
    if status in _GONE:
        return Outcome.GONE
    return Outcome.BLOCKED if status in _BLOCKED else Outcome.FAILED


def turned_away(response: Response) -> tuple[Outcome, str] | None:
    """Where a product page led somewhere else than to a product: what that means, in words."""
    asked, led_to = asked_url(response.request), response.url
    if asked == led_to:
        return None
    if _LOGIN.search(led_to) and not _LOGIN.search(asked):
        return Outcome.BLOCKED, "the page asks to log in"
    if _TEST.search(led_to) and not _TEST.search(asked):
        return Outcome.BLOCKED, "the page leads to a test for robots"
    if _NOT_THERE.search(urlsplit(led_to).path) and not _NOT_THERE.search(urlsplit(asked).path):
        return Outcome.GONE, f"the page leads to {led_to}"
    if _is_front(led_to) and not _is_front(asked):
        return Outcome.GONE, "the page leads to the shop's front page"
    return None


def _is_front(url: str) -> bool:
    parts = urlsplit(url)
    names = (name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return bool(_FRONT.fullmatch(parts.path)) and all(map(_TRACKING.fullmatch, names))


def is_wall(response: Response) -> str:
    """Why a page without an offer is a wall against us rather than a page; empty if it is none."""
    found = _WALL.search(response.body[:100_000])
    return f"the page says {found[0].decode('latin-1')!r}" if found else ""


def outcome_of_failure(failure: Failure) -> tuple[Outcome, str]:
    """What a failed request means, in words."""
    error = failure.value
    if isinstance(error, ForbiddenRequest):
        return Outcome.FORBIDDEN, str(error)
    if isinstance(error, AskedToWait):
        return Outcome.BLOCKED, str(error)
    if isinstance(error, IgnoreRequest) and "robots.txt" in str(error):
        return Outcome.DISALLOWED, "robots.txt forbids this address"
    said = str(error).strip() or type(error).__name__
    return Outcome.FAILED, f"{type(error).__name__}: {said}"
