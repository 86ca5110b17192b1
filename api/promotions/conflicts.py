"""What is wrong with a promotion before it runs: sales under cost, and reductions that are none.

The engine never goes under a floor. Here it is asked what it would do without one: where it would
go under, the floor is going to cut the discount, and customers get less than was announced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from api.jobs.legal import reference_price
from api.promotions.trials import Shelf, Trial
from pricing.catalogue import Market
from pricing.errors import InvalidRulePack
from pricing.money import Money
from pricing.promotions.promotion import AmountOff, PercentOff, SpecialPrice
from storage.decision_inputs.catalogue import read_catalogue
from storage.law.rule_packs import RulePacks
from storage.products.markets import list_markets
from storage.promotion_terms import Terms


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something wrong, at the product where it is worst.

    Attributes:
        kind: `below_cost`; `below_minimum`: above cost, but under the lowest price that is allowed;
            `above_reference`: not lower than the price that the law measures a reduction from.
        promotions: one or two.
        market: where.
        sku: which product; several with ` + ` between them.
        quantity: units in the cart that shows it.
        at: when.
        paid: for all of them.
        bound: their cost with tax, their lowest prices, or the reference price.
    """

    kind: str
    promotions: tuple[str, ...]
    market: str
    sku: str
    quantity: int
    at: datetime
    paid: Money
    bound: Money

    def __str__(self) -> str:
        names = " and ".join(repr(name) for name in self.promotions)
        if self.kind != "above_reference":
            under = "cost" if self.kind == "below_cost" else "lowest allowed price"
            return (
                f"{names} would sell {self.quantity} x {self.sku!r} in {self.market!r} for "
                f"{self.paid}, under their {under} of {self.bound}"
            )
        return (
            f"{names} sells {self.sku!r} in {self.market!r} for {self.paid}, which is no "
            f"reduction: its reference price is {self.bound}"
        )


def conflicts_of(
    conn: Connection,
    packs: RulePacks,
    terms: Terms,
    others: Iterable[Terms],
    *,
    now: datetime,
    map_floor_in: Collection[str] = (),
) -> tuple[Conflict, ...]:
    """What is wrong with a promotion, alone or with one other.

    Tried are carts of one product, and carts of several where the promotions want several, with as
    many units as they want, in every market of their currency and for a customer whom both admit.
    Three promotions at once are not tried.

    Args:
        conn: an open transaction.
        packs: the rules of law.
        terms: the promotion.
        others: those that may run beside it.
        now: the time; what runs later is tried at its first moment.
        map_floor_in: markets in which a minimum advertised price binds.
    """
    beside = [other for other in others if other.currency == terms.currency]
    found = []
    for market in list_markets(conn):
        if market.currency != terms.currency:
            continue
        binds = market.code in map_floor_in
        shelf = Shelf(read_catalogue(conn, at=now, market=market.code), market, map_binds=binds)
        found += list(_in_market(conn, packs, shelf, terms, beside, now))
    return tuple(found)


def _in_market(
    conn: Connection,
    packs: RulePacks,
    shelf: Shelf,
    terms: Terms,
    beside: Sequence[Terms],
    now: datetime,
) -> Iterator[Conflict]:
    market = shelf.market
    alone = _moment([terms], now)
    guilty: list[frozenset[str]] = []
    if alone is not None:
        trials = [*shelf.singles([terms], alone), *shelf.sets([terms], alone)]
        guilty = [trial.skus for trial in trials if trial.paid < trial.floor]
        yield from _worst(trials, (terms.name,), market, alone)
        yield from _no_reduction(conn, packs, terms, shelf, alone)
    for other in beside:
        both = _moment([terms, other], now)
        if both is not None:
            together = [terms, other]
            trials = [*shelf.singles(together, both), *shelf.sets(together, both)]
            new = [trial for trial in trials if not any(trial.skus >= own for own in guilty)]
            yield from _worst(new, (terms.name, other.name), market, both)


def _worst(
    trials: Sequence[Trial], names: tuple[str, ...], market: Market, at: datetime
) -> Iterator[Conflict]:
    """The cart that goes farthest under cost, or else under what is allowed."""
    for kind in ("below_cost", "below_minimum"):
        bounds = [(t.cost if kind == "below_cost" else t.floor, t) for t in trials]
        under = [(trial.paid - bound, trial.name, bound, trial) for bound, trial in bounds
                 if trial.paid < bound]  # fmt: skip
        if under:
            _, _, bound, worst = min(under, key=lambda each: each[:2])
            yield Conflict(
                kind,
                names,
                market.code,
                worst.name,
                worst.quantity,
                at,
                Money(worst.paid, market.currency),
                Money(bound, market.currency),
            )
            return


def _no_reduction(
    conn: Connection,
    packs: RulePacks,
    terms: Terms,
    shelf: Shelf,
    at: datetime,
) -> Iterator[Conflict]:
    """The product with the most wrong announcement, if the promotion announces reduced prices."""
    promotion, market = terms.promotion, shelf.market
    shown_to_all = not (promotion.code or promotion.codes or terms.unique_codes)
    if not (shown_to_all and isinstance(promotion, SpecialPrice | PercentOff | AmountOff)):
        return
    found = []
    for trial in shelf.least_reduced(terms, at):
        unit = trial.paid // trial.quantity
        try:
            reference = reference_price(conn, packs, trial.name, market.code, at, reduced_to=unit)
        except InvalidRulePack:
            return
        prior = reference.prior
        if prior is not None and unit >= prior.minor:
            found.append((prior.minor - unit, trial.name, unit, prior))
    if found:
        _, sku, unit, prior = min(found, key=lambda each: each[:2])
        paid = Money(unit, market.currency)
        yield Conflict("above_reference", (terms.name,), market.code, sku, 1, at, paid, prior)


def _moment(together: Sequence[Terms], now: datetime) -> datetime | None:
    """The first moment from now on at which all of them run; None if there is none soon."""
    windows = [terms.window() for terms in together]
    at = now
    for _ in range(100):
        phases = [window.phase(at) for window in windows]
        if all(phase == "live" for phase, _, _ in phases):
            return at
        if any(phase == "expired" for phase, _, _ in phases):
            return None
        at = max(until for phase, _, until in phases if phase != "live")
    return None
