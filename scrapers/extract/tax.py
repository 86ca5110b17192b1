"""Pages that show a price before and after tax: which of the two a site's owner wants."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from pricing.currencies import DECIMALS
from scrapers.extract.record import Candidate, Source

_RATES: Final = tuple(
    Decimal(rate) / 100
    for rate in (
        "2.1", "2.5", "2.6", "3", "3.8", "4", "4.8", "5", "5.5", "6", "7", "7.7", "8", "8.1", "9",
        "9.5", "10", "12", "13", "13.5", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23",
        "24", "25", "25.5", "27",
    )
)  # fmt: skip
"""Rates of value-added and sales taxes in use."""

_LIKELIEST: Final = 3  # amounts of the markup that are looked at
_CONFIDENCE: Final = 0.85


class Tax(StrEnum):
    """Which of two prices counts; the words of a site's option `prices`."""

    NET = "net"
    GROSS = "gross"


def taxed_pair(a: Decimal, b: Decimal, currency: str | None) -> bool:
    """Whether the larger of two amounts is the smaller one with a tax in use, up to rounding."""
    net, gross = sorted((a, b))
    coin = Decimal(1).scaleb(-DECIMALS.get(currency or "", 2))
    return any(abs(net * (1 + rate) - gross) <= coin * Decimal("1.2") for rate in _RATES)


def chosen_by_tax(
    heard: Sequence[Candidate], wanted: Tax, currency: str | None
) -> Candidate | None:
    """The wanted one of the page's two prices; None where it does not show just one such pair.

    Args:
        heard: what the sources say, the most trusted first.
        wanted: before or after tax.
        currency: ISO 4217 of the page, if known.
    """
    stated = set(itertools.chain.from_iterable(map(_said, heard)))
    pairs = {
        (net, gross)
        for net, gross in itertools.combinations(sorted(stated), 2)
        if taxed_pair(net, gross, currency)
    }
    believed = {c.price for c in heard if c.price is not None and c.source is not Source.MARKUP}
    if len(pairs) > 1 and believed:
        pairs = {pair for pair in pairs if believed & set(pair)}
    if len(pairs) != 1:
        return None
    price = next(iter(pairs))[0 if wanted is Tax.NET else 1]
    source = next(c for c in heard if price in _said(c))
    named = source.currency or next((c.currency for c in heard if c.currency), None)
    return replace(source, price=price, currency=named, problem=None, confidence=_CONFIDENCE)


def _said(candidate: Candidate) -> Iterable[Decimal]:
    """Amounts that may be the page's own price."""
    first = () if candidate.price is None else (candidate.price,)
    most = _LIKELIEST if candidate.source is Source.MARKUP else len(candidate.prices)
    return (*first, *candidate.prices[:most])
