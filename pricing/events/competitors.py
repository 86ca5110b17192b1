"""What happens at competitors, and to the crawls that look at them."""

from __future__ import annotations

import msgspec

from pricing.events.event import Amount, Event, Fact, Moment


class CompetitorPriceChanged(Event, frozen=True, kw_only=True):
    """A competitor asks another price for a matched product.

    Attributes:
        sku: our product.
        market: our market that the competitor is in.
        competitor: name of the site.
        url: the page.
        title: what the page calls the product.
        old: the price that was believed before.
        new: the price that is believed now, in the same currency.
        change_pct: of the old price, in percent.
        observed_at: when the new price was seen.
    """

    type_name = "competitor.price_changed"
    keyed_by = ("sku", "market", "competitor")
    told = True

    sku: str
    market: str
    competitor: str
    url: str
    title: str
    old: Amount
    new: Amount
    change_pct: float
    observed_at: Moment


class CrawlFinding(Fact, frozen=True):
    """One thing that is worse than usual.

    Attributes:
        what: `yield`, `coverage`, `size`, `freshness`, `extraction` or `blocked`.
        usual: the figure before.
        now: the figure in this crawl.
        says: for a person.
    """

    what: str
    usual: float
    now: float
    says: str


class CrawlDegraded(Event, frozen=True, kw_only=True):
    """A crawl failed or brought markedly less than the site's crawls before.

    Attributes:
        competitor: name of the site.
        market: our market that it is in.
        crawl: number of the crawl.
        at: when it ended.
        failed: why it failed; empty if it did not.
        findings: what was worse than usual.
        moved_in: pages on which another product stands than before; absent of a crawl that failed.
    """

    type_name = "crawl.degraded"
    keyed_by = ("competitor",)
    told = True

    competitor: str
    market: str
    crawl: int
    at: Moment
    failed: str
    findings: tuple[CrawlFinding, ...]
    moved_in: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
