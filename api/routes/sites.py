"""The competitor shops: described, tried, crawled."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query, Response, status
from fastapi import Path as InPath
from sqlalchemy import Connection

from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, encoded, gives, takes
from api.jobs.crawls import CrawlAsked, ask_for_crawl
from api.routes.dependencies import Operator, Reading, Running, Service
from api.routes.site_documents import (
    CrawlBody,
    CrawlDocument,
    CrawlsDocument,
    DetectBody,
    DetectedDocument,
    SampleDocument,
    SiteBody,
    SiteDocument,
    SitesDocument,
)
from models.refusals import Conflict, Defect, Invalid, Missing, named_at, within
from scrapers.crawling.crawl import lease_name
from scrapers.crawling.timetable import stored_sites, timetable
from scrapers.detect import detect_site
from scrapers.errors import CrawlFailed, InvalidSites
from scrapers.sites import Site, site_fields, site_from, store_site
from storage.competitors.sites import crawls_of, find_crawl, remove_site
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, UnknownMarket
from storage.jobs.leases import Lease, held_leases
from storage.jobs.queue import job_request

router = APIRouter(prefix="/v1/sites", tags=["sites"])

_PATIENCE: Final = timedelta(minutes=3)
_trying: Final = threading.BoundedSemaphore(2)
"""Shops that may be tried at a time: each try keeps a thread of the service busy."""


Name = Annotated[str, InPath(min_length=1, max_length=63, examples=["pennywise"])]
_SITE: Final = {
    "name": "pennywise",
    "start_url": "https://shop.example/sitemap.xml",
    "market": "online",
    "currency": "EUR",
    "schedule": "daily at 03:00",
}
_READS = (Invalid, DatabaseUnavailable, Defect)
_WRITES = (NotAnOperator, *_READS)


@router.get(
    "",
    operation_id="list_sites",
    summary="Competitor shops",
    responses={**gives(SitesDocument, "The shops"), **problem_responses(*_READS)},
)
def list_sites(conn: Reading) -> Response:
    """Those of the database: what was sent here, brought in from `sites.yaml`, or crawled."""
    now = datetime.now(UTC)
    plans = timetable(conn, stored_sites(conn).values(), now)
    return encoded(SitesDocument([SiteDocument.of(plan) for plan in plans]))


@router.post(
    "",
    operation_id="add_site",
    summary="Add a shop",
    status_code=status.HTTP_201_CREATED,
    responses={
        **gives(SiteDocument, "It is added", 201),
        **problem_responses(*_WRITES, Conflict),
    },
    openapi_extra=takes(SiteBody, _SITE),
)
def add_site(service: Running, _operator: Operator, raw: Raw) -> Response:
    """The checks are those of `sites.yaml`; try the shop first with `POST /v1/sites/detect`."""
    site = _site(decoded(raw, SiteBody))
    _refuse_private(service, site, None)
    with service.write_turn, writing(service.engine) as conn:
        if site.name in stored_sites(conn):
            raise Conflict(f"there is a site {site.name!r} already; change it with PUT")
        _save(conn, site)
        return encoded(_document(conn, site), 201, location=f"/v1/sites/{site.name}")


@router.post(
    "/detect",
    operation_id="detect_site",
    summary="Find out how a shop is best read",
    responses={
        **gives(DetectedDocument, "What was found"),
        **problem_responses(*_WRITES, Conflict, CrawlFailed),
    },
    openapi_extra=takes(
        DetectBody,
        {
            "url": "https://shop.example/",
            "market": "online",
            "currency": "EUR",
            "name": "pennywise",
        },
    ),
)
def detect(service: Running, _operator: Operator, raw: Raw) -> Response:
    """Try each way in, politely, and read a few products. Takes up to some minutes."""
    body = decoded(raw, DetectBody)
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
    document = DetectedDocument(
        site=SiteBody(**site_fields(found.site)),
        offers=[SampleDocument.of(offer) for offer in found.offers],
        tried=list(found.tried),
    )
    return encoded(document)


@router.get(
    "/{name}",
    operation_id="read_site",
    summary="One shop",
    responses={
        **gives(SiteDocument, "The shop"),
        **problem_responses(*_READS, Missing),
    },
)
def read_site(name: Name, conn: Reading) -> Response:
    """How it is crawled, and where its crawls stand."""
    return encoded(_document(conn, _known(conn, name)))


@router.put(
    "/{name}",
    operation_id="change_site",
    summary="Describe a shop anew",
    responses={
        **gives(SiteDocument, "As it is now"),
        **problem_responses(*_WRITES, Missing),
    },
    openapi_extra=takes(SiteBody, _SITE),
)
def change_site(name: Name, service: Running, _operator: Operator, raw: Raw) -> Response:
    """All of it is replaced; a crawl under way goes on as it began."""
    site = _site(decoded(raw, SiteBody))
    if site.name != name:
        raise Invalid(f"is {site.name!r}, not {name!r} as in the path", ("body", "name"))
    with service.write_turn, writing(service.engine) as conn:
        _refuse_private(service, site, _known(conn, name))
        _save(conn, site)
        return encoded(_document(conn, site))


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
    responses={
        **gives(CrawlDocument, "It is begun", 202),
        **problem_responses(*_WRITES, Missing, Conflict),
    },
    openapi_extra=takes(CrawlBody, {"limit": 500}, required=False),
)
def start_crawl(name: Name, service: Running, operator: Operator, raw: Raw) -> Response:
    """It goes on beside the service; read how far it is where `Location` says."""
    asked = decoded(raw or b"{}", CrawlBody)
    with reading(service.engine) as conn:
        site = _known(conn, name)
    with writing(service.engine) as conn:
        request = CrawlAsked(site.name, asked.limit, asked.since, asked.resume)
        job = ask_for_crawl(conn, request, at=datetime.now(UTC), by=operator)
        number = job_request(conn, job)["ticket"]["crawl"]
    service.work.wake()
    with reading(service.engine) as conn:
        document = CrawlDocument.of(find_crawl(conn, name, number), _lease(conn, name))
    return encoded(document, 202, location=f"/v1/sites/{name}/crawls/{number}")


@router.get(
    "/{name}/crawls",
    operation_id="list_crawls",
    summary="Crawls of a shop",
    responses={**gives(CrawlsDocument, "The newest first"), **problem_responses(*_READS)},
)
def list_crawls(
    name: Name, conn: Reading, limit: Annotated[int, Query(ge=1, le=1_000)] = 20
) -> Response:
    """The newest first; of a shop that was forgotten, too."""
    found = crawls_of(conn, name, limit=limit, visits=True)
    lease = _lease(conn, name)
    return encoded(CrawlsDocument([CrawlDocument.of(crawl, lease) for crawl in found]))


@router.get(
    "/{name}/crawls/{crawl_id}",
    operation_id="read_crawl",
    summary="How far a crawl is, or how it ended",
    responses={
        **gives(CrawlDocument, "The crawl"),
        **problem_responses(*_READS, Missing),
    },
)
def read_crawl(
    name: Name, crawl_id: Annotated[int, InPath(ge=1, le=2**62)], conn: Reading
) -> Response:
    """While it runs, its numbers are some seconds old."""
    return encoded(CrawlDocument.of(find_crawl(conn, name, crawl_id), _lease(conn, name)))


def _site(body: SiteBody) -> Site:
    return _checked(msgspec.to_builtins(body), rename={})


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
                "can not be set over HTTP; write it into sites.yaml and run `pricewright sites "
                "load`, or set PRICEWRIGHT_PRIVATE_SITES=true",
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
