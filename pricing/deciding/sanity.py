"""Inputs that cannot be believed, and times at which nothing may change: the price stays as it is.

A wrong input seldom looks missing. A cost file in cents, a scrape that lost its decimal point, a
clock that went back: each has a mark by which it is told, and none may move a price.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.deciding.guardrails import GuardrailLimits, Limit

_FAR: Final = 2
"""A cost more than so many times the trusted one, or less than its share, needs a confirmation."""


def reasons_to_hold(
    catalogue: Catalogue, limits: GuardrailLimits, elasticity: FloatArray, *, at: datetime
) -> IntArray:
    """(n,) `Limit` bits that forbid any change of a row now; 0 where it may change.

    Args:
        catalogue: n rows.
        limits: what is plausible, how old inputs may be, when prices are frozen.
        elasticity: (n,) own-price elasticity at the price in force; NaN where there is no curve.
        at: time of the decision, aware.
    """
    hold = np.zeros(len(catalogue), dtype=np.int64)

    def add(limit: Limit, where: BoolArray) -> None:
        hold[where] |= int(limit)

    now = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")
    add(Limit.MISSING_DEMAND, np.isnan(elasticity) & (catalogue.price != UNKNOWN))
    weakest, strongest = limits.plausible_elasticity
    add(Limit.IMPLAUSIBLE_DEMAND, (elasticity > -weakest) | (elasticity < -strongest))
    add(Limit.CURRENCY_MISMATCH, _other_currency(catalogue))
    known = (catalogue.cost != UNKNOWN) & (catalogue.price != UNKNOWN)
    share = catalogue.cost * (1.0 + catalogue.tax_rate) / catalogue.price
    low, high = limits.plausible_cost
    implausible = known & ((share < low) | (share > high))
    add(Limit.IMPLAUSIBLE_COST, implausible)
    add(Limit.UNCONFIRMED_COST, unconfirmed_costs(catalogue) & ~implausible)
    if limits.require_minimum:
        add(Limit.BLANK_MINIMUM, catalogue.minimum_price == UNKNOWN)

    oldest = np.timedelta64(timedelta(days=limits.inputs_older_than_days), "s")
    shortest = np.timedelta64(timedelta(hours=limits.hours_between_changes), "s")
    add(Limit.STALE_INPUTS, now - catalogue.inputs_at > oldest)
    # A price or an input from the future: the clock that made it, or this one, is wrong.
    add(Limit.CLOCK_BEHIND, (catalogue.changed_at > now) | (catalogue.inputs_at > now))
    add(Limit.CADENCE, now - catalogue.changed_at < shortest)
    for window in limits.frozen_windows:
        if window.start <= at < window.end:
            here = np.ones(len(catalogue), dtype=np.bool_)
            add(
                Limit.FROZEN_WINDOW,
                here if not window.market else catalogue.market.equal(window.market),
            )
    return hold


def unconfirmed_costs(catalogue: Catalogue) -> BoolArray:
    """(n,) costs that are too far from the trusted one to move a price before a person says yes."""
    cost, trusted = catalogue.cost, catalogue.trusted_cost
    both = (cost != UNKNOWN) & (trusted != UNKNOWN)
    # Half of an odd amount is rounded: a unit more or less is no difference.
    far: BoolArray = both & ((cost > _FAR * trusted + 1) | (cost * _FAR + 1 < trusted))
    return far


def plausible_offers(
    catalogue: Catalogue, competitors: CompetitorPrices, limits: GuardrailLimits
) -> CompetitorPrices:
    """The offers without those too far from the price in force to be of the same product."""

    def strange(offer: IntArray) -> BoolArray:
        low, high = limits.plausible_offer
        known = (offer != UNKNOWN) & (catalogue.price != UNKNOWN)
        ratio = offer / np.where(catalogue.price > 0, catalogue.price, 1)
        return np.asarray(known & ((ratio < low) | (ratio > high)))

    lowest = strange(competitors.lowest)
    if not competitors.named and not lowest.any():
        return competitors
    named = {
        name: np.where(strange(offer), UNKNOWN, offer) for name, offer in competitors.named.items()
    }
    return CompetitorPrices(
        np.where(lowest, UNKNOWN, competitors.lowest),
        np.where(lowest, 0, competitors.offers),
        named,
    )


def _other_currency(catalogue: Catalogue) -> BoolArray:
    """(n,) True where cost and price were stated in another currency than the market's."""
    if not (catalogue.money_currency != "").any():
        return np.zeros(len(catalogue), dtype=np.bool_)
    ours = np.array([market.currency for market in catalogue.markets], dtype=np.str_)
    stated = catalogue.money_currency
    other: BoolArray = (stated != "") & (stated != ours[catalogue.market.codes])
    return other
