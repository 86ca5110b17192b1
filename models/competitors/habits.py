"""What competitors' prices end in, and how often they have nothing to sell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from models.arrays import BoolArray, FloatArray, IntArray
from models.competitors.figures import Figure, mean, median_time, share
from models.competitors.panel import RivalPanel

LEAST_PRICES: Final = 50
LEAST_PRODUCTS: Final = 5
LEAST_DAYS: Final = 14
"""Days with a known stock below which a product says nothing about it."""

LEAST_SPELLS: Final = 8
_EXPECTED: Final = 5  # prices in a cell of the chi-square test
_MOST_LISTED: Final = 10


@dataclass(frozen=True, slots=True)
class Endings:
    """What the prices of one competitor end in, one price a product: the newest known.

    Attributes:
        category: None for all.
        common: the commonest last two digits with their shares, such as `("99", ...)`; in a
            currency without decimals the last two digits of the amount.
        nines: share that ends in 99; `fives` in 95; `rounds` in 00.
        p_value: of a chi-square test that every ending is as likely as every other.
        digits: digits that the test looks at: two, or one where the prices are too few for two.
        why: why there is no test; empty where there is one.
    """

    seller: str
    category: str | None
    n: int
    common: tuple[tuple[str, Figure], ...]
    nines: Figure
    fives: Figure
    rounds: Figure
    p_value: float | None
    digits: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stock:
    """How often one competitor has nothing to sell, and what it does not offer.

    Attributes:
        category: None for all.
        out: mean over products of the share of known days out of stock.
        out_now: share of the products whose stock is known now that are out of stock now.
        spell: median days that a product stays out, spells still running taken into account.
        spells: how many began on record.
        listed: products of ours with a known offer now.
        lost: our products that it offered on record and that are not seen now.
        never: our products for which it has no matched offer on record: it may have them under a
            name that was not matched.
    """

    seller: str
    category: str | None
    out: Figure
    out_now: Figure
    spell: Figure
    spells: int
    listed: int
    lost: tuple[str, ...]
    never: tuple[str, ...]


def endings(panel: RivalPanel, seller: str, category: str | None = None) -> Endings:
    """The last two digits of a competitor's newest prices.

    One price a product: prices of one product are not independent of each other.

    Args:
        panel: prices by the day.
        seller: one of the panel's competitors.
        category: of our products, or None for all.
    """
    price = panel.price[panel.rows(seller, category)]
    newest = _newest(price)
    minor = np.rint(newest * 10**panel.decimals).astype(np.int64)
    last_two, n = minor % 100, len(minor)

    def of_all(ending: int) -> Figure:
        count = int((last_two == ending).sum())
        return share(count, n, least=LEAST_PRICES, things="prices")

    counts = np.bincount(last_two, minlength=100)
    listed = [int(each) for each in np.argsort(-counts, kind="stable") if counts[each] > 0]
    digits = 2 if n >= 100 * _EXPECTED else 1
    tested = counts if digits == 2 else np.bincount(minor % 10, minlength=10)
    enough = n >= LEAST_PRICES
    return Endings(
        seller=seller,
        category=category,
        n=n,
        common=tuple((f"{each:02d}", of_all(each)) for each in listed[:_MOST_LISTED] if enough),
        nines=of_all(99),
        fives=of_all(95),
        rounds=of_all(0),
        p_value=float(stats.chisquare(tested).pvalue) if enough else None,
        digits=digits if enough else None,
        why="" if enough else f"{n} prices; {LEAST_PRICES} are needed",
    )


def stock(panel: RivalPanel, seller: str, category: str | None = None) -> Stock:
    """How often a competitor is out of stock, and which of our products it does not offer.

    Args:
        panel: prices by the day.
        seller: one of the panel's competitors.
        category: of our products, or None for all.
    """
    rows = panel.rows(seller, category)
    told = panel.in_stock[rows]
    known = np.isfinite(told)
    enough = known.sum(axis=1) >= LEAST_DAYS
    out = (told[enough] == 0.0).sum(axis=1) / known[enough].sum(axis=1)
    lasted, ended = _spells(told)
    now = told[:, -1]
    products = panel.products(category)
    listed = np.isfinite(panel.price[rows, -1])
    offered = set(panel.product[rows].tolist())
    return Stock(
        seller=seller,
        category=category,
        out=mean(out, least=LEAST_PRODUCTS, things="products whose stock is known for two weeks"),
        out_now=share(
            int((now == 0.0).sum()), int(np.isfinite(now).sum()), least=LEAST_PRODUCTS,
            things="products whose stock is known now",
        ),
        spell=median_time(lasted, ended, least=LEAST_SPELLS, things="spells"),
        spells=len(lasted),
        listed=int(listed.sum()),
        lost=tuple(panel.sku[panel.product[rows[~listed]]].tolist()),
        never=tuple(panel.sku[[row for row in products.tolist() if row not in offered]].tolist()),
    )  # fmt: skip


def _newest(price: FloatArray) -> FloatArray:
    """The last known price of each row that has one."""
    known = np.isfinite(price)
    last = price.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    newest: FloatArray = price[np.arange(len(price)), last][known.any(axis=1)]
    return newest


def _spells(told: FloatArray) -> tuple[IntArray, BoolArray]:
    """Days and seen ends of spells out of stock whose begin was seen."""
    lasted: list[int] = []
    ended: list[bool] = []
    for row in told:
        out = np.r_[row == 0.0, False]
        begins = np.flatnonzero((row[1:] == 0.0) & (row[:-1] == 1.0)) + 1
        for begin in begins.tolist():
            stop = begin + int(np.argmin(out[begin:]))
            lasted.append(stop - begin)
            ended.append(stop < len(row) and bool(row[stop] == 1.0))
    return np.array(lasted, dtype=np.int64), np.array(ended, dtype=bool)
