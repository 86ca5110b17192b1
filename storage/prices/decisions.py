"""Decision runs: what each run knew, decided, and why. Never changed afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.deciding.decisions import Decisions, PriceDecision
from pricing.deciding.guardrails import Limit
from pricing.law.emergency_cap import NO_CAP
from pricing.law.legal_bounds import NO_FLOOR, LegalBounds
from pricing.price_book import PUBLIC
from pricing.solving.certificate import SolveReport, recorded
from storage.arrow_rows import append, constant_in, floats_in, money_in
from storage.bulk import Kind, read_columns, refresh_statistics
from storage.database import require_writer
from storage.demand.fits import doubts_of_fit
from storage.errors import DecisionNotFound, RunNotFound
from storage.products.keys import key_ids, market_codes_of
from storage.products.markets import list_markets, market_id
from storage.products.products import product_id
from storage.tables import decision_runs, decisions, products

# Columns of the table by what they hold; those of `Decisions` have its names.
_CODES: Final = ("action", "held_by", "broken_before", "lower_limit", "upper_limit")
_FLAGS: Final = ("at_lower", "at_upper")
_FLOATS: Final = (
    "units",
    "units_low",
    "units_high",
    "revenue",
    "profit",
    "revenue_before",
    "profit_before",
    "elasticity",
    "elasticity_std_error",
)
_COLUMNS: Final[dict[str, Kind]] = {
    "product_id": "int",
    "market_id": "int",
    "previous_minor": "money",
    "cost_minor": "money",
    "stock": "float",
    "competitor_minor": "money",
    "competitor_offers": "int",
    "price_minor": "money",
    "lower_minor": "int",
    "upper_minor": "int",
    **dict.fromkeys(_CODES, "int"),
    **dict.fromkeys(_FLAGS, "bool"),
    **dict.fromkeys(_FLOATS, "float"),
    "path": "str",
    "law_lower_minor": "money",
    "law_upper_minor": "money",
    "law_article": "str",
    "trusted_cost_minor": "money",
}


@dataclass(frozen=True, slots=True, eq=False)
class StoredRun:
    """A decision run with its place in the history.

    Attributes:
        run_id: grows with time.
        created_at: when it was stored, UTC.
        fit_id: the demand fit that it used.
        policy: the limits and the objective that it was given.
        report: what the run said of itself.
        decisions: all of its decisions, sorted by (sku, market). Category and brand are those
            that the products have now.
    """

    run_id: int
    created_at: datetime
    fit_id: int | None
    policy: Mapping[str, Any]
    report: Mapping[str, Any]
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """One decision with the run that it belongs to.

    Attributes:
        run_id: the run.
        fit_id: the demand fit that it used.
        tier: whose price.
        decision: what, why, and what it should bring.
        row: the same as columns of one row, with the bounds and the inputs.
        policy: the limits and the objective that the run was given.
    """

    run_id: int
    fit_id: int | None
    tier: str
    decision: PriceDecision
    row: Decisions
    policy: Mapping[str, Any]


def save_run(
    conn: Connection,
    run: Decisions,
    *,
    policy: Mapping[str, Any],
    fit_id: int | None,
    created_at: datetime,
    report: Mapping[str, Any] | None = None,
    tier: str = PUBLIC,
) -> int:
    """Store a run and all of its decisions; returns its number.

    Raises:
        UnknownProduct, UnknownMarket: a decision on something that is not stored.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    statement = decision_runs.insert().values(
        created_at=created_at,
        decided_at=run.decided_at,
        fit_id=fit_id,
        policy=dict(policy),
        report=dict(report or {}),
        solve_status=run.solve.status,
        solve_method=run.solve.method,
        solve_objective=run.solve.objective,
        solve_bound=run.solve.bound,
        solve_gap=run.solve.gap,
        solve_seconds=run.solve.seconds,
    )
    run_id: int = conn.execute(statement.returning(decision_runs.c.run_id)).scalar_one()
    save_tier(conn, run_id, run, tier)
    return run_id


def save_tier(conn: Connection, run_id: int, run: Decisions, tier: str) -> None:
    """Store decisions for the customers of a tier beside those of their run.

    Raises:
        UnknownProduct, UnknownMarket: a decision on something that is not stored.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    known = run.catalogue
    product, market = key_ids(conn, known.sku, known.market.values())
    rows = pa.table(
        {
            "run_id": constant_in(run_id, len(run)),
            "product_id": pa.array(product),
            "market_id": pa.array(market),
            "tier": constant_in(tier, len(run)),
            "previous_minor": money_in(known.price),
            "cost_minor": money_in(known.cost),
            "stock": floats_in(known.stock),
            "competitor_minor": money_in(run.competitors.lowest),
            "competitor_offers": pa.array(run.competitors.offers),
            "price_minor": money_in(run.price),
            "lower_minor": pa.array(run.lower),
            "upper_minor": pa.array(run.upper),
            **{name: pa.array(getattr(run, name).astype(np.int64)) for name in _CODES},
            **{name: pa.array(getattr(run, name)) for name in _FLAGS},
            **{name: floats_in(getattr(run, name)) for name in _FLOATS},
            "path": constant_in("", len(run)) if run.path is None else _texts(run.path),
            **_law(run.legal),
            **_trusted(run),
        }
    )
    append(conn, decisions, rows)
    refresh_statistics(conn, decisions)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without its decisions.

    Attributes:
        run_id: its number.
        created_at: when it was stored, UTC.
        decided_at: as of when it decided, UTC.
        fit_id: the demand fit that it used.
        report: what it said of itself.
        solve: how its joint problem was solved, and how good the answer is.
        actions: public prices by `Action` code.
        tiers: the tiers that it priced, sorted.
    """

    run_id: int
    created_at: datetime
    decided_at: datetime
    fit_id: int | None
    report: Mapping[str, Any]
    solve: SolveReport
    actions: Mapping[int, int]
    tiers: tuple[str, ...]


def run_summary(conn: Connection, run_id: int) -> RunSummary:
    """What a run did, counted by the database.

    Raises:
        RunNotFound: no run has this number.
    """
    head = _head(conn, run_id)
    counts = conn.execute(
        sa.select(decisions.c.tier, decisions.c.action, sa.func.count())
        .where(decisions.c.run_id == run_id)
        .group_by(decisions.c.tier, decisions.c.action)
    ).all()
    return RunSummary(
        run_id=run_id,
        created_at=head.created_at,
        decided_at=head.decided_at,
        fit_id=head.fit_id,
        report=head.report,
        solve=_solve_of(head),
        actions={action: count for tier, action, count in counts if tier == PUBLIC},
        tiers=tuple(sorted({tier for tier, _, _ in counts})),
    )


def newest_run(conn: Connection) -> int | None:
    """Number of the newest run; None before the first."""
    run_id: int | None = conn.scalar(sa.select(sa.func.max(decision_runs.c.run_id)))
    return run_id


def read_run(conn: Connection, run_id: int, *, tier: str = PUBLIC) -> StoredRun:
    """A run with all of its decisions.

    Raises:
        RunNotFound: no run has this number.
    """
    head = _head(conn, run_id)
    return StoredRun(
        run_id=run_id,
        created_at=head.created_at,
        fit_id=head.fit_id,
        policy=head.policy,
        report=head.report,
        decisions=_read(conn, head, decisions.c.tier == tier),
    )


def decision_of(
    conn: Connection, sku: str, market: str, tier: str = PUBLIC, run_id: int | None = None
) -> StoredDecision:
    """The decision of a run for one key; of the newest run that decided it where none is named.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        RunNotFound: no run has this number.
        DecisionNotFound: the run, or any run, decided nothing for this key.
    """
    this_key = sa.and_(
        decisions.c.product_id == product_id(conn, sku),
        decisions.c.market_id == market_id(conn, market),
        decisions.c.tier == tier,
    )
    chosen = run_id
    if chosen is None:
        chosen = conn.scalar(sa.select(sa.func.max(decisions.c.run_id)).where(this_key))
    if chosen is None:
        raise DecisionNotFound(
            f"no run has decided on {sku!r} in market {market!r}, tier {tier!r}; "
            "run `pricewright reprice`"
        )
    head = _head(conn, chosen)
    found = _read(conn, head, this_key)
    if len(found) == 0:
        raise DecisionNotFound(
            f"run {chosen} decided nothing on {sku!r} in market {market!r}, tier {tier!r}"
        )
    return StoredDecision(chosen, head.fit_id, tier, found.record(0), found, head.policy)


def _texts(labels: Labels) -> pa.Array:
    """A column of repeated texts."""
    return pa.DictionaryArray.from_arrays(labels.codes, list(labels.names)).dictionary_decode()


def _law(legal: LegalBounds | None) -> dict[str, pa.Array]:
    """The columns of the law; none where it set no bound, so that they get their defaults."""
    if legal is None or not legal.any:
        return {}
    lower = np.where(legal.lower > NO_FLOOR, legal.lower, UNKNOWN)
    upper = np.where(legal.upper < NO_CAP, legal.upper, UNKNOWN)
    return {
        "law_lower_minor": money_in(lower),
        "law_upper_minor": money_in(upper),
        "law_article": _texts(legal.article),
    }


def _trusted(run: Decisions) -> dict[str, pa.Array]:
    """The cost that was trusted where another held the price; nothing where none did."""
    held = run.held_by & int(Limit.UNCONFIRMED_COST) != 0
    if not held.any():
        return {}
    return {"trusted_cost_minor": money_in(np.where(held, run.catalogue.trusted_cost, UNKNOWN))}


def _head(conn: Connection, run_id: int) -> sa.Row[Any]:
    head = conn.execute(
        sa.select(decision_runs).where(decision_runs.c.run_id == run_id)
    ).one_or_none()
    if head is None:
        raise RunNotFound(f"there is no decision run {run_id}")
    return head


def _solve_of(head: sa.Row[Any]) -> SolveReport:
    return SolveReport(
        recorded(head.solve_status, head.solve_objective, head.solve_bound),
        method=head.solve_method,
        seconds=head.solve_seconds,
        conflicts=tuple(head.report.get("conflicts", ())),
        undecided=tuple(head.report.get("undecided", ())),
    )


def _read(conn: Connection, head: sa.Row[Any], rows: sa.ColumnElement[bool]) -> Decisions:
    query = (
        sa.select(
            products.c.sku,
            products.c.category,
            sa.func.coalesce(products.c.brand, ""),
            *(decisions.c[name] for name in _COLUMNS),
        )
        .join_from(decisions, products)
        .where(decisions.c.run_id == head.run_id, rows)
    )
    kinds: tuple[Kind, ...] = ("str", "str", "str", *_COLUMNS.values())
    sku, category, brand, *rest = read_columns(conn, query, kinds)
    market = market_codes_of(conn, rest[1])
    order = np.lexsort((market, sku))
    column: dict[str, NDArray[Any]] = {
        name: values[order] for name, values in zip(_COLUMNS, rest, strict=True)
    }
    place = Labels.of(market[order])
    doubts = None
    if (column["held_by"] & int(Limit.IMPLAUSIBLE_LEVEL)).any():
        doubts = doubts_of_fit(conn, head.fit_id, sku[order], market[order])
    by_code = {item.code: item for item in list_markets(conn)}
    return Decisions(
        catalogue=Catalogue(
            sku=sku[order],
            market=place,
            markets=tuple(by_code[name] for name in place.names),
            category=Labels.of(category[order]),
            brand=Labels.of(brand[order]),
            price=column["previous_minor"],
            cost=column["cost_minor"],
            stock=column["stock"],
            trusted_cost=column["trusted_cost_minor"],
        ),
        competitors=CompetitorPrices(column["competitor_minor"], column["competitor_offers"]),
        decided_at=head.decided_at,
        price=column["price_minor"],
        lower=column["lower_minor"],
        upper=column["upper_minor"],
        solve=_solve_of(head),
        path=Labels.of(column["path"]),
        legal=_legal(column),
        doubts=doubts,
        **{name: column[name] for name in (*_CODES, *_FLAGS, *_FLOATS)},
    )


def _legal(column: Mapping[str, NDArray[Any]]) -> LegalBounds:
    lower, upper = column["law_lower_minor"], column["law_upper_minor"]
    if (lower == UNKNOWN).all() and (upper == UNKNOWN).all():
        return LegalBounds.none(len(lower))
    return LegalBounds(
        np.where(lower == UNKNOWN, NO_FLOOR, lower),
        np.where(upper == UNKNOWN, NO_CAP, upper),
        Labels.of(column["law_article"]),
    )
