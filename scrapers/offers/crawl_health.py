"""How a crawl went against the site's own history: a drop is news of the crawl, not of prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from models.competitors.cadence import GRACE
from pricing.events.competitors import CrawlFinding

_HISTORY: Final = 10  # crawls
_LESS: Final = 0.25  # share of the usual value that may be missing
_BLOCKED: Final = 0.05
_SHIFT: Final = 0.5  # share of the offers that come from other sources than usual
_LEAST_PAGES: Final = 3  # product pages under which shares say nothing


@dataclass(frozen=True, slots=True)
class Vitals:
    """The figures of one crawl that tell how well it went.

    Attributes:
        looked_at: product pages that answered or should have.
        observed: of these, pages that gave an offer.
        blocked: of these, pages that turned us away.
        matched: offers tied to one of our products.
        sources: number of offers by the source of their price.
        known: products of ours that were seen at this site lately.
        fresh: of these, products whose newest sighting still speaks.
    """

    looked_at: int
    observed: int
    blocked: int
    matched: int
    sources: Mapping[str, int] = field(default_factory=dict)
    known: int = 0
    fresh: int = 0

    @classmethod
    def of_report(cls, report: Mapping[str, Any]) -> Vitals:
        """From the report that is stored with a crawl."""
        outcomes: Mapping[str, int] = report.get("outcomes", {})
        freshness: Mapping[str, Any] = report.get("freshness", {})
        counted = ("observed", "missing", "blocked", "failed", "gone")
        return cls(
            looked_at=sum(outcomes.get(name, 0) for name in counted),
            observed=outcomes.get("observed", 0),
            blocked=outcomes.get("blocked", 0),
            matched=int(report.get("matched", 0)),
            sources=dict(report.get("sources", {})),
            known=int(freshness.get("known", 0)),
            fresh=int(freshness.get("fresh", 0)),
        )

    @property
    def yield_share(self) -> float:
        """Share of the pages that gave an offer."""
        return self.observed / self.looked_at if self.looked_at else 0.0

    @property
    def blocked_share(self) -> float:
        """Share of the pages that turned us away."""
        return self.blocked / self.looked_at if self.looked_at else 0.0

    @property
    def fresh_share(self) -> float:
        """Share of the products seen here lately whose price is still known."""
        return self.fresh / self.known if self.known else 0.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest sightings of our products at a site are.

    Attributes:
        known: products seen there within the time that counts.
        fresh: of these, products whose newest sighting still speaks.
        median_age_hours: of the newest sightings; 0 where there are none.
        cadence_hours: time between two looks at the site.
    """

    known: int
    fresh: int
    median_age_hours: float
    cadence_hours: float


def freshness(newest: Collection[datetime], cadence: timedelta, *, now: datetime) -> Freshness:
    """The ages of the newest sightings against the site's cadence.

    Args:
        newest: of each product, when it was last seen.
        cadence: time between two looks; a sighting speaks for one and a half of them.
        now: aware.
    """
    ages = [now - at for at in newest]
    hour = timedelta(hours=1)
    return Freshness(
        known=len(ages),
        fresh=sum(age <= GRACE * cadence for age in ages),
        median_age_hours=round(median(age / hour for age in ages), 2) if ages else 0.0,
        cadence_hours=round(cadence / hour, 2),
    )


def findings(now: Vitals, before: Sequence[Vitals]) -> tuple[CrawlFinding, ...]:
    """What is worse than the median of the site's own crawls.

    Args:
        now: this crawl, complete.
        before: the site's complete crawls, the newest first; the first ten count.
    """
    past = [vitals for vitals in before[:_HISTORY] if vitals.looked_at >= _LEAST_PAGES]
    found = []
    usual_blocked = median([v.blocked_share for v in past]) if past else 0.0
    if now.looked_at >= _LEAST_PAGES and now.blocked_share > max(_BLOCKED, 3 * usual_blocked):
        says = f"{now.blocked} of {now.looked_at} pages turned us away"
        found.append(CrawlFinding("blocked", usual_blocked, now.blocked_share, says))
    if not past:
        return tuple(found)
    for what, usual, value, says in (
        ("yield", median([v.yield_share for v in past]), now.yield_share,
         f"{now.observed} of {now.looked_at} pages gave a price"),
        ("size", median([v.looked_at for v in past]), now.looked_at,
         f"{now.looked_at} product pages were found"),
        ("coverage", median([v.matched for v in past]), now.matched,
         f"{now.matched} offers were matched to our products"),
    ):  # fmt: skip
        if value < (1.0 - _LESS) * usual:
            found.append(
                CrawlFinding(what, float(usual), float(value), f"{says}; usual: {usual:.3g}")
            )
    counted = [vitals.fresh_share for vitals in past if vitals.known]
    if counted and now.known and now.fresh_share < (1.0 - _LESS) * median(counted):
        says = f"the price of {now.fresh} of {now.known} of our products is fresh"
        usual = median(counted)
        found.append(
            CrawlFinding("freshness", usual, now.fresh_share, f"{says}; usual: {usual:.0%}")
        )
    shifted = _shift(past[0].sources, now.sources)
    if shifted > _SHIFT:
        says = f"{shifted:.0%} of the prices come from other places on the page than last time"
        found.append(CrawlFinding("extraction", 0.0, shifted, says))
    return tuple(found)


def _shift(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Half the summed difference of two mixes: 0 for the same, 1 for disjoint ones."""
    if not sum(before.values()) or not sum(now.values()):
        return 0.0
    return 0.5 * sum(
        abs(now.get(name, 0) / sum(now.values()) - before.get(name, 0) / sum(before.values()))
        for name in before.keys() | now.keys()
    )
