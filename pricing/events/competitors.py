"""What happens at competitors, and to the crawls that look at them."""

from __future__ import annotations

import msgspec

from pricing.events.event import Amount, Deed, Event, Fact, Moment


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


class MatchAnswered(Deed, frozen=True, kw_only=True):
    """Somebody said whether a competitor's page shows one of our products.

    Attributes:
        review: number of the review.
        competitor: name of the site.
        url: the page.
        sku: our product.
        same: what was said.
    """

    type_name = "competitor.match_answered"
    keyed_by = ("review",)
    action = "match_answered"

    review: int
    competitor: str
    url: str
    sku: str
    same: bool


class MatchReopened(Deed, frozen=True, kw_only=True):
    """Somebody took an answer on a match back: it is open again.

    Attributes:
        review: number of the review.
        competitor: name of the site.
        url: the page.
        sku: our product.
        same: what had been said.
        answered_by: who had said it.
        with_it: numbers of the reviews of the page that are open again with it.
    """

    type_name = "competitor.match_reopened"
    keyed_by = ("review",)
    action = "match_reopened"

    review: int
    competitor: str
    url: str
    sku: str
    same: bool
    answered_by: str
    with_it: tuple[int, ...]


class HeldPriceSettled(Deed, frozen=True, kw_only=True):
    """Somebody let a held price count, or dropped it.

    Attributes:
        held: its number in the quarantine.
        competitor: name of the site.
        url: the page.
        price: what the page asks.
        released: whether it counts.
    """

    type_name = "competitor.held_price_settled"
    keyed_by = ("held",)
    action = "held_price_settled"

    held: int
    competitor: str
    url: str
    price: Amount
    released: bool


class HeldPriceReopened(Deed, frozen=True, kw_only=True):
    """Somebody took the word on a held price back: it is held again.

    Attributes:
        held: its number in the quarantine.
        competitor: name of the site.
        url: the page.
        price: what the page asks.
        released: what had been said: whether it counts.
        settled_by: who had said it.
    """

    type_name = "competitor.held_price_reopened"
    keyed_by = ("held",)
    action = "held_price_reopened"

    held: int
    competitor: str
    url: str
    price: Amount
    released: bool
    settled_by: str
