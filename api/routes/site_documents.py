"""JSON forms of competitor shops and their crawls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from typing import Annotated, Any, Final, Literal, cast, get_type_hints

import msgspec
from msgspec import Meta

from api.http.bodies import schemas_of
from api.http.wire import MoneyDocument, UtcText, utc_text
from pricing.promotions.promotion import Record
from scrapers.crawling.timetable import Planned, state_of
from scrapers.extract.selectors import FIELDS
from scrapers.sites import Site, site_fields
from storage.competitors.offers import ObservedOffer
from storage.competitors.sites import Crawl
from storage.jobs.leases import Lease

CrawlState = Literal["running", "finished", "failed", "cut_off"]
_AS_JSON: Final = {tuple[str, ...]: list[str], Mapping[str, str]: dict[str, str]}
_EMPTY: Final[dict[str, Any]] = {"urls": [], "selectors": {}}
_PRIVATE: Final = "Only where PRICEWRIGHT_PRIVATE_SITES allows it"
_TOLD: Final = {
    "name": Meta(examples=["pennywise"]),
    "start_url": Meta(examples=["https://shop.example/sitemap.xml"]),
    "market": Meta(examples=["online"]),
    "currency": Meta(examples=["EUR"]),
    "product_pattern": Meta(examples=["/product/"]),
    "allow_private": Meta(description=_PRIVATE),
    "urls": Meta(max_length=10_000),
    "feed_file": Meta(description=_PRIVATE),
    "selectors": Meta(description=f"Of {', '.join(FIELDS)}"),
    "wait_for": Meta(examples=[".price"]),
    "schedule": Meta(examples=["daily at 03:00"]),
}
"""What the API's description says of a field of `Site` beside its type and default."""


def _field(told: Field[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    """A field of `Site` as one of a JSON body."""
    hint: Any = get_type_hints(Site)[told.name]
    hint = _AS_JSON.get(hint, hint)
    if told.name in _TOLD:
        hint = Annotated[hint, _TOLD[told.name]]
    if told.name in _EMPTY:
        return told.name, hint, _EMPTY[told.name]
    return (told.name, hint) if told.default is MISSING else (told.name, hint, told.default)


_SiteFields: Any = msgspec.defstruct(
    "_SiteFields",
    [_field(told) for told in fields(Site)],
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
)


class SiteBody(_SiteFields, frozen=True, kw_only=True):  # type: ignore[misc, call-arg]
    """A shop, as an entry of `sites.yaml` describes it."""


class CrawlDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One crawl, under way or ended; times in UTC.

    Attributes:
        status: `cut_off`: it was ended early, and the next crawl goes on from there.
        pages: answered so far.
        offers: seen so far.
        failures: pages so far that should have given an offer.
        error: why it failed.
        report: what else it told at its end.
    """

    id: int
    site: str
    status: CrawlState
    started_at: UtcText
    finished_at: UtcText | None
    pages: int
    offers: int
    failures: int
    error: str | None
    report: dict[str, Any]

    @classmethod
    def of(cls, crawl: Crawl, lease: Lease | None) -> CrawlDocument:
        """The wire form.

        Args:
            crawl: as it is stored.
            lease: of its site; None if nobody crawls that now.
        """
        return cls(
            id=crawl.crawl_id,
            site=crawl.site,
            status=cast("CrawlState", state_of(crawl, lease)),
            started_at=utc_text(crawl.started_at),
            finished_at=_time(crawl.finished_at),
            pages=crawl.pages,
            offers=crawl.offers,
            failures=crawl.failures,
            error=crawl.report.get("error"),
            report=dict(crawl.report),
        )


class CrawlsDocument(msgspec.Struct, frozen=True):
    """Crawls of a site, the newest first."""

    crawls: list[CrawlDocument]


class SiteDocument(SiteBody, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """A shop, and where its crawls stand.

    Attributes:
        running_since: when the crawl under way began.
        due_at: when its schedule begins the next crawl.
        last_crawl: under way or ended; null where there was none.
    """

    running_since: UtcText | None
    due_at: UtcText | None
    last_crawl: CrawlDocument | None

    @classmethod
    def of(cls, plan: Planned) -> SiteDocument:
        """The wire form."""
        return cls(
            **site_fields(plan.site),
            running_since=_time(None if plan.lease is None else plan.lease.since),
            due_at=_time(plan.due_at),
            last_crawl=None if plan.last is None else CrawlDocument.of(plan.last, plan.lease),
        )


class SitesDocument(msgspec.Struct, frozen=True):
    """The shops, those first whose crawl is due first."""

    sites: list[SiteDocument]


class DetectBody(Record, frozen=True, kw_only=True):
    """A shop of which only an address is known."""

    url: Annotated[str, Meta(examples=["https://shop.example/"])]
    market: Annotated[str, Meta(examples=["online"])]
    currency: Annotated[str, Meta(examples=["EUR"])]
    name: Annotated[str, Meta(examples=["pennywise"])]
    pages: Annotated[int, Meta(ge=1, le=20)] = 10
    delay: float = 0.5


class SampleDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one page gave; `confidence`: how sure the price is, 0 to 1."""

    url: str
    title: str
    price: MoneyDocument
    list_price: MoneyDocument | None
    availability: str
    source: Annotated[str, Meta(examples=["json-ld"])]
    confidence: float
    gtin: str | None

    @classmethod
    def of(cls, offer: ObservedOffer) -> SampleDocument:
        """The wire form."""
        return cls(
            url=offer.url,
            title=offer.title,
            price=MoneyDocument.of(offer.price),
            list_price=None if offer.list_price is None else MoneyDocument.of(offer.list_price),
            availability=offer.availability,
            source=offer.source,
            confidence=offer.confidence,
            gtin=offer.gtin,
        )


class DetectedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How a shop is best read; nothing of it is stored.

    Attributes:
        site: to be sent to POST /v1/sites.
        tried: what was tried before, and why it did not work.
    """

    site: SiteBody
    offers: list[SampleDocument]
    tried: list[str]


class CrawlBody(Record, frozen=True, kw_only=True):
    """How far a crawl should go.

    Attributes:
        limit: most product pages.
        since: leave out pages that the sitemap says are unchanged since.
        resume: go on with a crawl that was cut off.
    """

    limit: Annotated[int, Meta(ge=1)] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    resume: bool = True


def site_schemas() -> dict[str, Any]:
    """Component schemas by name."""
    return schemas_of(
        [
            SiteBody,
            SiteDocument,
            SitesDocument,
            CrawlBody,
            CrawlDocument,
            CrawlsDocument,
            DetectBody,
            DetectedDocument,
        ]
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
