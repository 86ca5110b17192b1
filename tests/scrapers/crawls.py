"""What the tests of whole crawls share: a site on loopback, and what the database says after."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.engine import Engine

from scrapers.sites import Site
from storage.competitors.offers import ObservedOffer, latest_offers
from storage.competitors.sites import Crawl, crawls_of
from storage.database import reading


def site_at(start_url: str, **changes: object) -> Site:
    """A site that may stand on loopback and is asked without delay."""
    site = Site("rival", start_url, "online", "EUR", allow_private=True, delay=0.0)
    return replace(site, **changes)  # type: ignore[arg-type]


def offers_in(engine: Engine) -> dict[str, ObservedOffer]:
    """The newest offer of each path."""
    with reading(engine) as conn:
        found = latest_offers(conn, "rival")
    return {"/" + url.split("/", 3)[3]: stored.offer for url, stored in found.items()}


def last_crawl(engine: Engine) -> Crawl:
    """The newest crawl's record."""
    with reading(engine) as conn:
        return crawls_of(conn)[0]
