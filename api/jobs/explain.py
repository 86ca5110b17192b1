"""Why a price was what it was: who set it, from what, and what else it could have been."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import numpy as np
from sqlalchemy.engine import Connection

from api.jobs.reprice import believable
from models.errors import ModelError
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.replay import Replay, replay
from pricing.errors import PricingError
from pricing.price_book import PUBLIC
from storage.competitors.offers import competitor_prices
from storage.decision_inputs.catalogue import with_inputs
from storage.demand.cross_effects import cross_effects_of
from storage.demand.fits import load_fit
from storage.errors import DecisionNotFound, FitNotFound, PriceBookNotFound
from storage.prices.decisions import StoredDecision, decision_of, read_run
from storage.prices.price_books import PriceChange, price_history
from storage.releases.drafts import Draft, list_drafts


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a price was what it was.

    Attributes:
        change: the price book entry that set it.
        stored: the decision behind it, with its reasons; None where no run set it.
        replayed: the decision made again; None where that is not possible.
        why_not: why it could not be made again; blank where it could.
        draft: the proposal by which it went live; None where there was none.
    """

    change: PriceChange
    stored: StoredDecision | None
    replayed: Replay | None
    why_not: str
    draft: Draft | None


def explain_at(conn: Connection, sku: str, market: str, at: datetime) -> Explanation:
    """Explain the public price that was in force at a time.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        PriceBookNotFound: no price book had set a price for it by then.
    """
    changes = [
        change for change in price_history(conn, sku, market, PUBLIC) if change.published_at <= at
    ]
    if not changes:
        raise PriceBookNotFound(
            f"no price book had set a price of {sku!r} in {market!r} by {at:%Y-%m-%d %H:%M} UTC"
        )
    change = changes[-1]
    draft = next(
        (item for item in list_drafts(conn, limit=1000) if item.run_id == change.run_id), None
    )
    if change.run_id is None:
        return Explanation(change, None, None, "no decision run set this price", draft)
    try:
        stored = decision_of(conn, sku, market, PUBLIC, change.run_id)
    except DecisionNotFound as error:
        return Explanation(change, None, None, str(error), draft)
    try:
        again = _again(conn, sku, market, change.run_id)
    except (
        DecisionNotFound,
        FitNotFound,
        ModelError,
        PricingError,
        msgspec.ValidationError,
    ) as error:
        return Explanation(change, stored, None, str(error), draft)
    return Explanation(change, stored, again, "", draft)


def _again(conn: Connection, sku: str, market: str, run_id: int) -> Replay:
    run = read_run(conn, run_id)
    policy = msgspec.convert(dict(run.policy), PricingPolicy)
    if run.fit_id is None:
        raise FitNotFound("the run names no demand fit")
    decisions = run.decisions
    row = int(decisions.catalogue.where(skus=[sku], market=market)[0])
    cross = None
    if run.report.get("cross_effects"):
        found = cross_effects_of(conn, run.fit_id, decisions.catalogue)
        cross = found and believable(found, policy)
    if not policy.couples_rows and cross is None:
        decisions, row = decisions.take(np.array([row])), 0
    known = with_inputs(conn, decisions.catalogue, at=decisions.decided_at)
    named = {rule.competitor for rule in policy.strategies if rule.competitor}
    offers = decisions.competitors
    if named and (age := run.report.get("offer_max_age_seconds")):
        seen = competitor_prices(
            conn, known, at=decisions.decided_at, max_age=timedelta(seconds=age), named=named
        )
        offers = replace(offers, named=seen.named)
    curves = load_fit(conn, run.fit_id).curves.align(known.sku, known.market.values())
    return replay(
        replace(decisions, catalogue=known, competitors=offers), row, curves, policy, cross
    )
