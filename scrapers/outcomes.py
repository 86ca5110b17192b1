"""What became of each page of a crawl, and of the crawl."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from scrapers.extract import Offer
from storage.competitors.offers import ObservedOffer


class Outcome(StrEnum):
    """What became of a page. Only `OBSERVED` says anything about a price."""

    OBSERVED = "observed"
    LISTING = "listing"
    MISSING = "missing"
    GONE = "gone"
    BLOCKED = "blocked"
    DISALLOWED = "disallowed"
    FORBIDDEN = "forbidden"
    FAILED = "failed"

    @property
    def failure(self) -> bool:
        """Whether the page should have given an offer and did not."""
        return self in {Outcome.MISSING, Outcome.BLOCKED, Outcome.FORBIDDEN, Outcome.FAILED}


@dataclass(frozen=True, slots=True)
class Observation:
    """An offer as the spider hands it to the pipeline.

    Attributes:
        offer: what extraction made of the page.
        observed_at: when the page was fetched, UTC.
        asked: the address that was asked for, where it was redirected; empty otherwise.
    """

    offer: Offer
    observed_at: datetime
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A page that is as it was when its last offer was read."""

    url: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class PageDone:
    """A product page that gave no offer."""

    url: str
    outcome: Outcome
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PageFailure:
    """One page that gave no offer, and why."""

    url: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class CrawlProgress:
    """How far a crawl is.

    Attributes:
        site: the site's name.
        pages: pages answered so far, listings and sitemaps among them.
        expected: pages known so far, those answered among them; grows while listings are read.
        offers: offers seen so far.
        failures: pages so far that should have given an offer and did not.
    """

    site: str
    pages: int
    expected: int
    offers: int
    failures: int


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """What a finished crawl brought.

    Attributes:
        crawl_id: number of the crawl in the database.
        pages: pages answered.
        offers: offers stored.
        matched: of these, offers tied to one of our products.
        changes: price changes against the site's previous observations, each an outbox message.
        held: offers whose price can hardly be right, put into quarantine.
        to_review: matches that a person should look at.
        complete: False where `max_pages` of the site ended it.
        outcomes: number of pages by outcome.
        failures: the first 20 pages that should have given an offer and did not.
    """

    site: str
    crawl_id: int
    started_at: datetime
    finished_at: datetime
    pages: int
    offers: int
    matched: int
    changes: int
    held: int
    to_review: int
    complete: bool
    outcomes: Mapping[str, int]
    failures: tuple[PageFailure, ...]


_LISTED_FAILURES: Final = 20


@dataclass(slots=True)
class Ledger:
    """Book of one crawl while it runs; spider and pipeline write it, the worker reads it.

    Attributes:
        fatal: why the whole crawl failed; empty while it has not.
        complete: whether it came to its own end, not to the site's `max_pages`.
        held: offers put into quarantine.
        to_review: matches for a person to look at.
        moved_in: pages on which another product stands than before.
        sources: number of offers by the source of their price.
        freshness: ages of the newest sightings at the end, as plain data; empty before it.
    """

    site: str
    pages: int = 0
    expected: int = 0
    stored: int = 0
    matched: int = 0
    changes: int = 0
    fatal: str = ""
    complete: bool = True
    held: int = 0
    to_review: int = 0
    moved_in: list[str] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: list[PageFailure] = field(default_factory=list)
    freshness: dict[str, float] = field(default_factory=dict)

    def note(self, url: str, outcome: Outcome, detail: str = "") -> None:
        """One page is done."""
        self.outcomes[outcome] += 1
        if outcome.failure and len(self.failures) < _LISTED_FAILURES:
            self.failures.append(PageFailure(url, outcome, detail[:500]))

    def resume(self, offers: Iterable[ObservedOffer]) -> None:
        """Count what this crawl stored before it was cut off."""
        for offer in offers:
            self.stored += 1
            self.matched += offer.sku is not None
            self.sources[offer.source] += 1

    def fail(self, why: str) -> None:
        """The crawl as a whole failed; the first reason stands."""
        self.fatal = self.fatal or why

    def progress(self) -> CrawlProgress:
        """How far it is."""
        return CrawlProgress(
            site=self.site,
            pages=self.pages,
            expected=max(self.expected, self.pages),
            offers=self.outcomes[Outcome.OBSERVED],
            failures=sum(n for outcome, n in self.outcomes.items() if outcome.failure),
        )

    def summary(self) -> dict[str, object]:
        """Totals as plain data for JSON."""
        return {
            "pages": self.pages,
            "offers": self.stored,
            "matched": self.matched,
            "changes": self.changes,
            "held": self.held,
            "to_review": self.to_review,
            "moved_in": self.moved_in[:_LISTED_FAILURES],
            "sources": dict(self.sources),
            "freshness": self.freshness,
            "complete": self.complete,
            "outcomes": {outcome.value: n for outcome, n in sorted(self.outcomes.items())},
            "failures": [asdict(failure) for failure in self.failures],
        }
