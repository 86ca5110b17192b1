"""Which sites should be crawled when, and which are: schedules against what has been done."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from scrapers.crawling.crawl import RESUMED, lease_name, was_cut_off
from scrapers.errors import InvalidSites
from scrapers.schedule import next_crawl
from scrapers.sites import Site, site_from
from storage.competitors.sites import Crawl, crawls_of, site_definitions
from storage.jobs.leases import Lease, held_leases
from storage.products.markets import list_markets

_log = logging.getLogger(__name__)

MOST_RESUMED: Final = 3
"""A crawl that was cut off so often waits for its schedule: something ends it again and again."""

_PAUSE: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Planned:
    """A site and where it stands.

    Attributes:
        site: the shop.
        last: its newest crawl; None if it was never crawled.
        lease: of the process that crawls it now; None if nobody does.
        due_at: when the worker begins its next crawl, UTC; None for a site without schedule.
    """

    site: Site
    last: Crawl | None
    lease: Lease | None
    due_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether a crawl should begin now."""
        return self.lease is None and self.due_at is not None and self.due_at <= now


def state_of(crawl: Crawl, lease: Lease | None) -> str:
    """How a crawl stands: `running`, `finished`, `failed`, or `cut_off` if it can go on.

    Args:
        crawl: as it is stored; one whose process was killed still says that it runs.
        lease: of its site; None if nobody crawls that now.
    """
    if lease is None and was_cut_off(crawl):
        return "cut_off"
    return crawl.status


def stored_sites(conn: Connection) -> dict[str, Site]:
    """The sites of the database by name; one that this program can not read is logged, and left."""
    found: dict[str, Site] = {}
    for name, definition in site_definitions(conn).items():
        try:
            found[name] = site_from(definition, f"site {name!r} of the database")
        except InvalidSites as error:
            _log.warning("left out: %s", error)
    return found


def timetable(conn: Connection, sites: Iterable[Site], now: datetime) -> list[Planned]:
    """Where each site stands, those first that have waited longest.

    Args:
        conn: any transaction.
        sites: the sites, of the database or of a file.
        now: the time, UTC.
    """
    zones = {market.code: market.time_zone for market in list_markets(conn)}
    leases = held_leases(conn, at=now)
    plans = []
    for site in sites:
        last = next(iter(crawls_of(conn, site.name, limit=1, visits=True)), None)
        zone = ZoneInfo(zones.get(site.market, "UTC"))
        lease = leases.get(lease_name(site.name))
        plans.append(Planned(site, last, lease, due_at(site, last, now=now, zone=zone)))
    return sorted(plans, key=lambda plan: plan.due_at or datetime.max.replace(tzinfo=UTC))


def due_at(site: Site, last: Crawl | None, *, now: datetime, zone: tzinfo) -> datetime | None:
    """When the worker begins a site's next crawl, UTC; None for a site without schedule.

    A crawl that was cut off goes on soon, however it was; later each time.

    Args:
        site: the shop.
        last: its newest crawl, or None.
        now: the time, UTC.
        zone: of the site's market.
    """
    times = site.times
    if times is None:
        return None
    regular = next_crawl(times, None if last is None else last.started_at, now=now, zone=zone)
    if last is None or not was_cut_off(last) or now - last.started_at >= RESUMED:
        return regular
    resumed = int(last.report.get("resumed", 0))
    if resumed >= MOST_RESUMED:
        return regular
    pause = timedelta(0) if resumed == 0 else _PAUSE * 2**resumed
    return min(regular, (last.finished_at or last.started_at) + pause)
