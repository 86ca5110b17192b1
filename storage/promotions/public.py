"""Which promotions lowered the price that everybody was asked, and when: from their records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Market
from pricing.promotions.promotion import AnyPromotion
from pricing.promotions.public_price import PublicPrices, public_part
from pricing.promotions.windows import ALWAYS_FROM, Window
from storage.promotion_terms import joined, terms_from
from storage.promotions.tables import promotion_audit as audit
from storage.promotions.tables import promotion_versions as versions
from storage.promotions.tables import promotions


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which the same public promotions run.

    Attributes:
        starts, ends: first moment, and first after it.
        names: of the promotions, sorted.
        prices: what they make of list prices.
    """

    starts: datetime
    ends: datetime
    names: tuple[str, ...]
    prices: PublicPrices


@dataclass(frozen=True, slots=True)
class _Run:
    """One version of a promotion, for as long as it was let run."""

    starts: datetime
    ends: datetime
    promotion: AnyPromotion
    window: Window


def public_stretches(
    conn: Connection, market: Market, *, since: datetime | None, until: datetime
) -> tuple[Stretch, ...]:
    """The stretches of [since, until) in which promotions may lower what everybody is asked.

    A promotion runs while its window is open and it is let run: from the moment somebody scheduled
    it until somebody withdrew or ended it, each of its versions until the next one was written.
    What is scheduled now is taken to run as planned. Limits that were used up do not end it here:
    the price was asked, if not for as long.

    Args:
        conn: an open transaction.
        market: where.
        since: the first moment asked for; from ever where None.
        until: the first moment not asked for.

    Returns:
        In order, without overlap; stretches without a promotion are left out.
    """
    first = ALWAYS_FROM if since is None else since
    edges: dict[datetime, list[tuple[bool, int]]] = defaultdict(list)
    runs = list(_runs(conn, market, since, until))
    for number, run in enumerate(runs):
        for starts, ends in run.window.spans(max(run.starts, first), min(run.ends, until)):
            edges[starts].append((True, number))
            edges[ends].append((False, number))
    compiled: dict[frozenset[int], tuple[tuple[str, ...], PublicPrices] | None] = {}
    found: list[Stretch] = []
    live: frozenset[int] = frozenset()
    began = until
    for moment in sorted(edges):
        now = live - {number for starts, number in edges[moment] if not starts}
        now |= {number for starts, number in edges[moment] if starts}
        if now == live:
            continue
        if live not in compiled:
            compiled[live] = _compiled([runs[number].promotion for number in sorted(live)], market)
        told = compiled[live]
        if told is not None:
            found.append(Stretch(began, moment, *told))
        live, began = now, moment
    return tuple(found)


def _compiled(
    running: list[AnyPromotion], market: Market
) -> tuple[tuple[str, ...], PublicPrices] | None:
    """Names and prices of those that can run together; None for none."""
    able = joined(running)
    if not able:
        return None
    prices = PublicPrices(able, market.currency, market.code, market.channel)
    return tuple(sorted(each.id for each in able)), prices


def _runs(
    conn: Connection, market: Market, since: datetime | None, until: datetime
) -> Iterator[_Run]:
    """Every version of every public promotion that was let run before `until`."""
    t = promotions.c
    wanted = sa.select(t.promotion_id)
    if since is not None:  # what is over, and was not touched since, was over then
        over = sa.or_(t.status == "ended", t.ends_at <= since)
        wanted = wanted.where(
            sa.not_(sa.and_(t.updated_at <= since, sa.func.coalesce(over, False)))
        )
    steps = (
        sa.select(audit.c.promotion_id, audit.c.at, audit.c.action, audit.c.version)
        .where(
            audit.c.promotion_id.in_(wanted),
            audit.c.action.in_(("scheduled", "revised", "withdrawn", "ended")),
        )
        .order_by(audit.c.promotion_id, audit.c.audit_id)
    )
    let: dict[int, tuple[datetime, int]] = {}
    spans: list[tuple[int, int, datetime, datetime]] = []
    for number, at, action, version in conn.execute(steps):
        before = let.pop(number, None)
        if before is not None:
            spans.append((number, before[1], before[0], at))
        if action == "scheduled" or (action == "revised" and before is not None):
            let[number] = (at, version)
    spans += [(number, version, at, until) for number, (at, version) in let.items()]
    parts = _public_parts(conn, {(number, version) for number, version, _, _ in spans}, market)
    for number, version, starts, ends in spans:
        part = parts.get((number, version))
        if part is not None and starts < min(ends, until):
            yield _Run(starts, ends, *part)


def _public_parts(
    conn: Connection, wanted: set[tuple[int, int]], market: Market
) -> dict[tuple[int, int], tuple[AnyPromotion, Window]]:
    """What everybody may have of versions of promotions, by number and version."""
    if not wanted:
        return {}
    numbers = sorted({number for number, _ in wanted})
    query = sa.select(versions.c.promotion_id, versions.c.version, versions.c.document).where(
        versions.c.promotion_id.in_(numbers)
    )
    found = {}
    for number, version, document in conn.execute(query):
        if (number, version) not in wanted:
            continue
        terms = terms_from(document)
        part = None if terms.unique_codes else public_part(terms.promotion)
        if part is not None and terms.currency == market.currency:
            found[number, version] = (part, terms.window())
    return found
