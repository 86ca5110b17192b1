"""The competitor shops: described, tried, crawled."""

import threading
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self, get_type_hints

from fastapi import APIRouter, Query, Response, status
from fastapi import Path as InPath
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model
from sqlalchemy import Connection

from api.errors import NotAnOperator, problem_responses
from api.http.documents import Amount, Document, UtcTime
from api.jobs.crawls import CrawlAsked, ask_for_crawl
from api.routes.dependencies import Operator, Reading, Running, Service
from models.refusals import Conflict, Defect, Invalid, Missing, named_at, within
from scrapers.crawling.crawl import lease_name
from scrapers.crawling.timetable import Planned, state_of, stored_sites, timetable
from scrapers.detect import detect_site
from scrapers.errors import CrawlFailed, InvalidSites
from scrapers.extract.selectors import FIELDS
from scrapers.sites import Site, site_fields, site_from, store_site
from storage.competitors.offers import ObservedOffer
from storage.competitors.sites import Crawl, crawls_of, find_crawl, remove_site
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, UnknownMarket
from storage.jobs.leases import Lease, held_leases
from storage.jobs.queue import job_request

router = APIRouter(prefix="/v1/sites", tags=["sites"])

_PATIENCE: Final = timedelta(minutes=3)
_trying: Final = threading.BoundedSemaphore(2)
"""Shops that may be tried at a time: each try keeps a thread of the service busy."""


_AS_JSON: Final = {tuple[str, ...]: list[str], Mapping[str, str]: dict[str, str]}
_PRIVATE: Final = "Only where PRICEWRIGHT_PRIVATE_SITES allows it"
_TOLD: Final[dict[str, dict[str, Any]]] = {
    "name": {"examples": ["pennywise"]},
    "start_url": {"examples": ["https://shop.example/sitemap.xml"]},
    "market": {"examples": ["online"]},
    "currency": {"examples": ["EUR"]},
    "product_pattern": {"examples": ["/product/"]},
    "allow_private": {"description": _PRIVATE},
    "urls": {"default": [], "max_length": 10_000},
    "feed_file": {"description": _PRIVATE},
    "selectors": {"default": {}, "description": f"Of {', '.join(FIELDS)}"},
    "wait_for": {"examples": [".price"]},
    "schedule": {"examples": ["daily at 03:00"]},
}
"""What the API's description says of a field of `Site` beside its type and default."""


def _field(name: str, default: object) -> tuple[Any, Any]:
    """A field of `Site` as one of a JSON body."""
    hint = get_type_hints(Site)[name]
    told = _TOLD.get(name, {})
    given: dict[str, Any] = {} if default is MISSING else {"default": default}
    return _AS_JSON.get(hint, hint), Field(**given | told)


_FIELDS: Final[dict[str, Any]] = {f.name: _field(f.name, f.default) for f in fields(Site)}
_SiteFields: Final = create_model("_SiteFields", __config__=ConfigDict(extra="forbid"), **_FIELDS)


class SiteBody(_SiteFields):  # type: ignore[misc, valid-type]
    """A shop, as an entry of `sites.yaml` describes it."""


class CrawlDocument(Document):
    """One crawl, under way or ended."""

    id: int
    site: str
    status: Literal["running", "finished", "failed", "cut_off"] = Field(
        description="`cut_off`: it was ended early, and the next crawl goes on from there"
    )
    started_at: UtcTime
    finished_at: UtcTime | None
    pages: int = Field(description="Pages answered so far")
    offers: int = Field(description="Offers seen so far")
    failures: int = Field(description="Pages so far that should have given an offer")
    error: str | None = Field(description="Why it failed")
    report: dict[str, Any] = Field(description="What else it told at its end")

    @classmethod
    def of(cls, crawl: Crawl, lease: Lease | None) -> Self:
        """The wire form.

        Args:
            crawl: as it is stored.
            lease: of its site; None if nobody crawls that now.
        """
        return cls.model_validate(
            {
                "id": crawl.crawl_id,
                "site": crawl.site,
                "status": state_of(crawl, lease),
                "started_at": crawl.started_at,
                "finished_at": crawl.finished_at,
                "pages": crawl.pages,
                "offers": crawl.offers,
                "failures": crawl.failures,
                "error": crawl.report.get("error"),
                "report": dict(crawl.report),
            }
        )


class CrawlsDocument(Document):
    """Crawls of a site, the newest first."""

    crawls: list[CrawlDocument]


class SiteDocument(SiteBody):
    """A shop, and where its crawls stand."""

    running_since: UtcTime | None = Field(description="When the crawl under way began")
    due_at: UtcTime | None = Field(description="When its schedule begins the next crawl")
    last_crawl: CrawlDocument | None

    @classmethod
    def of(cls, plan: Planned) -> Self:
        """The wire form."""
        document: Self = cls.model_validate(
            {
                **site_fields(plan.site),
                "running_since": plan.lease.since if plan.lease is not None else None,
                "due_at": plan.due_at,
                "last_crawl": None
                if plan.last is None
                else CrawlDocument.of(plan.last, plan.lease),
            }
        )
        return document


class SitesDocument(Document):
    """The shops, those first whose crawl is due first."""

    sites: list[SiteDocument]


class DetectBody(BaseModel):
    """A shop of which only an address is known."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(examples=["https://shop.example/"])
    market: str = Field(examples=["online"])
    currency: str = Field(examples=["EUR"])
    name: str = Field(examples=["pennywise"])
    pages: int = Field(default=10, ge=1, le=20)
    delay: float = 0.5


class SampleDocument(Document):
    """What one page gave."""

    url: str
    title: str
    price: Amount
    list_price: Amount | None
    availability: str
    source: str = Field(examples=["json-ld"])
    confidence: float = Field(description="How sure the price is, 0 to 1")
    gtin: str | None

    @classmethod
    def of(cls, offer: ObservedOffer) -> Self:
        """The wire form."""
        return cls(
            url=offer.url,
            title=offer.title,
            price=Amount.of(offer.price),
            list_price=Amount.of_optional(offer.list_price),
            availability=offer.availability,
            source=offer.source,
            confidence=offer.confidence,
            gtin=offer.gtin,
        )


class DetectedDocument(Document):
    """How a shop is best read; nothing of it is stored."""

    site: SiteBody = Field(description="To be sent to POST /v1/sites")
    offers: list[SampleDocument]
    tried: list[str] = Field(description="What was tried before, and why it did not work")


class CrawlBody(BaseModel):
    """How far a crawl should go."""

    model_config = ConfigDict(extra="forbid")

    limit: int | None = Field(default=None, ge=1, description="Most product pages")
    since: AwareDatetime | None = Field(
        default=None, description="Leave out pages that the sitemap says are unchanged since"
    )
    resume: bool = Field(default=True, description="Go on with a crawl that was cut off")


Name = Annotated[str, InPath(min_length=1, max_length=63, examples=["pennywise"])]
_READS = (Invalid, DatabaseUnavailable, Defect)
_WRITES = (NotAnOperator, *_READS)


@router.get(
    "", operation_id="list_sites", summary="Competitor shops", responses=problem_responses(*_READS)
)
def list_sites(conn: Reading) -> SitesDocument:
    """Those of the database: what was sent here, brought in from `sites.yaml`, or crawled."""
    now = datetime.now(UTC)
    plans = timetable(conn, stored_sites(conn).values(), now)
    return SitesDocument(sites=[SiteDocument.of(plan) for plan in plans])


@router.post(
    "",
    operation_id="add_site",
    summary="Add a shop",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(*_WRITES, Conflict),
)
def add_site(
    body: SiteBody,
    service: Running,
    operator: Operator,  # noqa: ARG001  (who may)
    response: Response,
) -> SiteDocument:
    """The checks are those of `sites.yaml`; try the shop first with `POST /v1/sites/detect`."""
    site = _site(body)
    _refuse_private(service, site, None)
    with service.write_turn, writing(service.engine) as conn:
        if site.name in stored_sites(conn):
            raise Conflict(f"there is a site {site.name!r} already; change it with PUT")
        _save(conn, site)
        response.headers["Location"] = f"/v1/sites/{site.name}"
        return _document(conn, site)


@router.post(
    "/detect",
    operation_id="detect_site",
    summary="Find out how a shop is best read",
    responses=problem_responses(*_WRITES, Conflict, CrawlFailed),
)
def detect(
    body: DetectBody,
    service: Running,
    operator: Operator,  # noqa: ARG001  (who may)
) -> DetectedDocument:
    """Try each way in, politely, and read a few products. Takes up to some minutes."""
    fields = {"name": body.name, "start_url": body.url, "market": body.market,
              "currency": body.currency, "delay": body.delay}  # fmt: skip
    site = _checked(fields, rename={"start_url": "url"})
    if not _trying.acquire(blocking=False):
        raise Conflict("two shops are being tried at this moment; ask again in a minute")
    try:
        found = detect_site(
            site, pages=body.pages, patience=_PATIENCE, browser=service.settings.chromium
        )
    finally:
        _trying.release()
    return DetectedDocument(
        site=SiteBody.model_validate(site_fields(found.site)),
        offers=[SampleDocument.of(offer) for offer in found.offers],
        tried=list(found.tried),
    )


@router.get(
    "/{name}",
    operation_id="read_site",
    summary="One shop",
    responses=problem_responses(*_READS, Missing),
)
def read_site(name: Name, conn: Reading) -> SiteDocument:
    """How it is crawled, and where its crawls stand."""
    return _document(conn, _known(conn, name))


@router.put(
    "/{name}",
    operation_id="change_site",
    summary="Describe a shop anew",
    responses=problem_responses(*_WRITES, Missing),
)
def change_site(
    name: Name,
    body: SiteBody,
    service: Running,
    operator: Operator,  # noqa: ARG001  (who may)
) -> SiteDocument:
    """All of it is replaced; a crawl under way goes on as it began."""
    site = _site(body)
    if site.name != name:
        raise Invalid(f"is {site.name!r}, not {name!r} as in the path", ("body", "name"))
    with service.write_turn, writing(service.engine) as conn:
        _refuse_private(service, site, _known(conn, name))
        _save(conn, site)
        return _document(conn, site)


@router.delete(
    "/{name}",
    operation_id="remove_site",
    summary="Forget a shop",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def remove(
    name: Name,
    service: Running,
    operator: Operator,  # noqa: ARG001  (who may)
) -> None:
    """It is crawled no more. Its offers and crawls stay on record."""
    with service.write_turn, writing(service.engine) as conn:
        if (lease := _lease(conn, name)) is not None:
            raise Conflict(
                f"site {name!r} is being crawled since {lease.since:%Y-%m-%d %H:%M} UTC; "
                "wait for that crawl"
            )
        remove_site(conn, name)


@router.post(
    "/{name}/crawls",
    operation_id="start_crawl",
    summary="Crawl a shop now",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(*_WRITES, Missing, Conflict),
)
def start_crawl(
    name: Name,
    service: Running,
    operator: Operator,
    response: Response,
    body: CrawlBody | None = None,
) -> CrawlDocument:
    """It goes on beside the service; read how far it is where `Location` says."""
    asked = body or CrawlBody()
    with reading(service.engine) as conn:
        site = _known(conn, name)
    with writing(service.engine) as conn:
        request = CrawlAsked(site.name, asked.limit, asked.since, asked.resume)
        job = ask_for_crawl(conn, request, at=datetime.now(UTC), by=operator)
        number = job_request(conn, job)["ticket"]["crawl"]
    service.work.wake()
    response.headers["Location"] = f"/v1/sites/{name}/crawls/{number}"
    with reading(service.engine) as conn:
        return CrawlDocument.of(find_crawl(conn, name, number), _lease(conn, name))


@router.get(
    "/{name}/crawls",
    operation_id="list_crawls",
    summary="Crawls of a shop",
    responses=problem_responses(*_READS),
)
def list_crawls(
    name: Name, conn: Reading, limit: Annotated[int, Query(ge=1, le=1_000)] = 20
) -> CrawlsDocument:
    """The newest first; of a shop that was forgotten, too."""
    found = crawls_of(conn, name, limit=limit, visits=True)
    lease = _lease(conn, name)
    return CrawlsDocument(crawls=[CrawlDocument.of(crawl, lease) for crawl in found])


@router.get(
    "/{name}/crawls/{crawl_id}",
    operation_id="read_crawl",
    summary="How far a crawl is, or how it ended",
    responses=problem_responses(*_READS, Missing),
)
def read_crawl(
    name: Name, crawl_id: Annotated[int, InPath(ge=1, le=2**62)], conn: Reading
) -> CrawlDocument:
    """While it runs, its numbers are some seconds old."""
    return CrawlDocument.of(find_crawl(conn, name, crawl_id), _lease(conn, name))


def _site(body: SiteBody) -> Site:
    return _checked(body.model_dump(mode="json", exclude_unset=True), rename={})


def _checked(fields: dict[str, object], *, rename: dict[str, str]) -> Site:
    """The site, checked as one of `sites.yaml` is; the problem names the field of the body."""
    with within("body"):
        try:
            return site_from(fields, "the request")
        except InvalidSites as error:
            error.place = tuple(rename.get(str(step), step) for step in error.place)
            raise


def _refuse_private(service: Service, site: Site, before: Site | None) -> None:
    """What reaches into our own network or disk is said on the machine itself, not over HTTP."""
    if service.settings.private_sites:
        return
    for field, now, was in (
        ("allow_private", site.private_origin, "" if before is None else before.private_origin),
        ("feed_file", site.feed_file, None if before is None else before.feed_file),
    ):
        if now and now != was:
            raise Invalid(
                "can not be set over HTTP; write it into sites.yaml and run "
                "`pricewright sites load`, or set PRICEWRIGHT_PRIVATE_SITES=true",
                ("body", field),
            )


def _save(conn: Connection, site: Site) -> None:
    with named_at("body", "market", missing=UnknownMarket):
        store_site(conn, site)


def _known(conn: Connection, name: str) -> Site:
    site = stored_sites(conn).get(name)
    if site is None:
        raise Missing(f"there is no site {name!r}; GET /v1/sites lists them")
    return site


def _document(conn: Connection, site: Site) -> SiteDocument:
    (plan,) = timetable(conn, [site], datetime.now(UTC))
    return SiteDocument.of(plan)


def _lease(conn: Connection, name: str) -> Lease | None:
    """The lease of who crawls the site now."""
    return held_leases(conn, at=datetime.now(UTC)).get(lease_name(name))
