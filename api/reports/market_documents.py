"""JSON forms of price records and market analyses, for the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Self

import numpy as np
from pydantic import Field

from api.http.documents import Amount, Document, UtcTime
from api.jobs.market_analysis import MarketReport, PriceRecord
from models.arrays import FloatArray
from models.competitors.figures import Figure
from models.competitors.habits import Endings, Stock
from models.competitors.index import Standing
from models.competitors.lead_lag import Following
from models.competitors.promotions import Promotions
from pricing.currencies import decimals
from pricing.money import Money


class SpanDocument(Document):
    """A time in which a competitor's page said one thing, or nothing."""

    competitor: str
    url: str
    state: str = Field(
        description="`observed` has a price. `missing`, `blocked`, `failed`, `gone`, `held` (in "
        "quarantine) and `unseen` (nobody looked) are gaps, and no price",
        examples=["observed"],
    )
    start: UtcTime
    end: UtcTime
    price: Amount | None
    list_price: Amount | None
    availability: str | None
    sightings: int = Field(description="Looks that this rests on")


class PriceRecordDocument(Document):
    """The record of one product's price at the competitors of a market, gaps as gaps."""

    sku: str
    market: str
    since: UtcTime
    until: UtcTime
    hours_between_looks: dict[str, float] = Field(
        description="By competitor. A sighting speaks for one and a half of these"
    )
    spans: list[SpanDocument]

    @classmethod
    def of(cls, record: PriceRecord) -> Self:
        """The wire form."""

        def amount(major: float) -> Amount | None:
            if np.isnan(major):
                return None
            minor = round(major * 10 ** decimals(record.currency))
            return Amount.of(Money(minor, record.currency))

        return cls(
            sku=record.sku,
            market=record.market,
            since=record.since,
            until=record.until,
            hours_between_looks=_hours(record.cadence),
            spans=[
                SpanDocument(
                    competitor=span["site"],
                    url=span["url"],
                    state=span["state"],
                    start=span["start"].tz_localize("UTC").to_pydatetime(),
                    end=span["end"].tz_localize("UTC").to_pydatetime(),
                    price=amount(span["price"]),
                    list_price=amount(span["list_price"]),
                    availability=span["availability"] or None,
                    sightings=span["sightings"],
                )
                for span in record.spans.to_dict("records")
            ],
        )


class FigureDocument(Document):
    """A number with its 95 % interval and what it rests on, or why there is no number."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = Field(description="Why there is no value; empty where there is one")

    @classmethod
    def of(cls, figure: Figure) -> Self:
        """The wire form."""
        return cls(value=figure.value, low=figure.low, high=figure.high, n=figure.n, why=figure.why)


class WeekDocument(Document):
    """The price index of one week."""

    until: date
    direct: float | None = Field(description="Over this week's products in common")
    chained: float | None = Field(description="Carried on by products that two weeks share")
    products: int


class StandingDocument(Document):
    """One competitor's prices against ours."""

    competitor: str
    category: str | None = Field(description="Null for all")
    index: FigureDocument = Field(description="Ours is 100; above that they are dearer")
    coverage: FigureDocument
    we_are_cheaper: FigureDocument
    we_are_equal: FigureDocument
    we_are_dearer: FigureDocument
    weeks: list[WeekDocument]

    @classmethod
    def of(cls, found: Standing) -> Self:
        """The wire form."""
        weeks = zip(
            found.weeks.tolist(),
            _numbers(found.direct),
            _numbers(found.chained),
            found.common.tolist(),
            strict=True,
        )
        return cls(
            competitor=found.seller,
            category=found.category,
            index=FigureDocument.of(found.index),
            coverage=FigureDocument.of(found.coverage),
            we_are_cheaper=FigureDocument.of(found.cheaper),
            we_are_equal=FigureDocument.of(found.equal),
            we_are_dearer=FigureDocument.of(found.dearer),
            weeks=[
                WeekDocument(until=day, direct=direct, chained=chained, products=count)
                for day, direct, chained, count in weeks
            ],
        )


class FollowingDocument(Document):
    """How often one seller's price changes are followed by another's."""

    leader: str = Field(description="`(we)` is our own shop")
    follower: str
    followed: FigureDocument = Field(description="Share of the leader's changes repeated")
    by_chance: FigureDocument = Field(description="The same of shuffled calendars")
    first_day: int
    last_day: int
    p_value: float | None
    q_value: float | None = Field(description="With the false discovery rate over all pairs")
    leads: bool
    lags: list[float] = Field(description="Share followed after each day of the window")
    lags_by_chance: list[float]

    @classmethod
    def of(cls, pair: Following) -> Self:
        """The wire form."""
        return cls(
            leader=pair.leader,
            follower=pair.follower,
            followed=FigureDocument.of(pair.followed),
            by_chance=FigureDocument.of(pair.by_chance),
            first_day=pair.window[0],
            last_day=pair.window[1],
            p_value=pair.p_value,
            q_value=pair.q_value,
            leads=pair.leads,
            lags=list(pair.lags),
            lags_by_chance=list(pair.lags_by_chance),
        )


class PromotionsDocument(Document):
    """How one competitor reduces prices."""

    competitor: str
    category: str | None
    reductions: int
    products: FigureDocument = Field(description="Share of the products with a reduction")
    days: FigureDocument = Field(description="Share of the days with one")
    interval_days: FigureDocument = Field(description="From one start to the next, median")
    duration_days: FigureDocument
    depth: FigureDocument = Field(description="Median share taken off")
    claimed: FigureDocument = Field(description="Against the price shown beside it")
    standing: FigureDocument = Field(description="Products always shown as reduced")

    @classmethod
    def of(cls, found: Promotions) -> Self:
        """The wire form."""
        return cls(
            competitor=found.seller,
            category=found.category,
            reductions=found.reductions,
            products=FigureDocument.of(found.products),
            days=FigureDocument.of(found.days),
            interval_days=FigureDocument.of(found.interval),
            duration_days=FigureDocument.of(found.duration),
            depth=FigureDocument.of(found.depth),
            claimed=FigureDocument.of(found.claimed),
            standing=FigureDocument.of(found.standing),
        )


class EndingDocument(Document):
    """One price ending and its share."""

    ending: str = Field(examples=["99"])
    share: FigureDocument


class EndingsDocument(Document):
    """What one competitor's prices end in."""

    competitor: str
    category: str | None
    prices: int
    common: list[EndingDocument]
    ends_99: FigureDocument
    ends_95: FigureDocument
    ends_00: FigureDocument
    p_even: float | None = Field(description="Chi-square test that all endings are alike")
    digits: int | None = Field(description="Last digits that the test looks at")
    why: str

    @classmethod
    def of(cls, found: Endings) -> Self:
        """The wire form."""
        return cls(
            competitor=found.seller,
            category=found.category,
            prices=found.n,
            common=[
                EndingDocument(ending=ending, share=FigureDocument.of(share))
                for ending, share in found.common
            ],
            ends_99=FigureDocument.of(found.nines),
            ends_95=FigureDocument.of(found.fives),
            ends_00=FigureDocument.of(found.rounds),
            p_even=found.p_value,
            digits=found.digits,
            why=found.why,
        )


class StockDocument(Document):
    """How often one competitor has nothing to sell, and what it does not offer."""

    competitor: str
    category: str | None
    out: FigureDocument = Field(description="Share of the time out of stock")
    out_now: FigureDocument
    spell_days: FigureDocument = Field(description="Median length of a spell")
    spells: int
    listed: int = Field(description="Products of ours that it offers now")
    lost: list[str] = Field(description="Offered once, not seen now")
    never: list[str] = Field(description="No matched offer on record")

    @classmethod
    def of(cls, found: Stock) -> Self:
        """The wire form."""
        return cls(
            competitor=found.seller,
            category=found.category,
            out=FigureDocument.of(found.out),
            out_now=FigureDocument.of(found.out_now),
            spell_days=FigureDocument.of(found.spell),
            spells=found.spells,
            listed=found.listed,
            lost=list(found.lost),
            never=list(found.never),
        )


class MarketAnalysisDocument(Document):
    """The competitors of a market: over all categories first, then by category."""

    market: str
    category: str | None
    since: date
    until: date
    looks: int = Field(description="Sightings it rests on")
    products: int = Field(description="Products of ours that can be compared")
    hours_between_looks: dict[str, float]
    notes: list[str]
    standings: list[StandingDocument]
    following: list[FollowingDocument]
    promotions: list[PromotionsDocument]
    endings: list[EndingsDocument]
    stock: list[StockDocument]

    @classmethod
    def of(cls, report: MarketReport) -> Self:
        """The wire form."""
        found = report.analysis
        return cls(
            market=report.market,
            category=report.category,
            since=found.since,
            until=found.until,
            looks=report.looks,
            products=report.products,
            hours_between_looks=_hours(report.cadence),
            notes=list(report.notes),
            standings=[StandingDocument.of(each) for each in found.standings],
            following=[FollowingDocument.of(each) for each in found.following],
            promotions=[PromotionsDocument.of(each) for each in found.promotions],
            endings=[EndingsDocument.of(each) for each in found.endings],
            stock=[StockDocument.of(each) for each in found.stock],
        )


def _hours(cadence: Mapping[str, timedelta]) -> dict[str, float]:
    return {name: each / timedelta(hours=1) for name, each in sorted(cadence.items())}


def _numbers(values: FloatArray) -> list[float | None]:
    """JSON has no NaN."""
    return [None if np.isnan(value) else float(value) for value in values]
