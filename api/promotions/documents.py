"""JSON forms of promotions, their codes and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from api.http.wire import MoneyDocument, utc_text
from api.promotions.conflicts import Conflict
from api.promotions.watch import ahead_of
from pricing.money import Money
from pricing.promotions.promotion import Record
from storage.promotions.codes import CodeBatch
from storage.promotions.monitor import PromotionFigures
from storage.promotions.versions import AuditRow, PromotionVersion, StoredPromotion


class ConflictDocument(msgspec.Struct, frozen=True):
    """What would go wrong, where it is worst; `bound` is the cost or the reference price."""

    kind: str
    promotions: list[str]
    market: str
    sku: str
    quantity: int
    at: str
    paid: MoneyDocument
    bound: MoneyDocument
    text: str


class PromotionDocument(msgspec.Struct, frozen=True):
    """A promotion at its newest version.

    Attributes:
        phase: `draft`, `scheduled`, `live` or `ended`.
        terms: what it says; send them back, changed, to revise it.
        conflicts: what would go wrong; only in the answer to a change.
    """

    id: str
    phase: str
    version: int
    starts_at: str | None
    ends_at: str | None
    created_at: str
    updated_at: str
    terms: dict[str, Any]
    conflicts: list[ConflictDocument] | None = None


class PromotionsDocument(msgspec.Struct, frozen=True):
    """Promotions by id; ask on with `after` set to the last one."""

    promotions: list[PromotionDocument]


class VersionDocument(msgspec.Struct, frozen=True):
    """One version of the terms."""

    version: int
    created_at: str
    author: str
    note: str
    terms: dict[str, Any]


class AuditDocument(msgspec.Struct, frozen=True):
    """One thing that was done."""

    at: str
    actor: str
    action: str
    version: int
    detail: dict[str, Any]


class HistoryDocument(msgspec.Struct, frozen=True):
    """Every version and every step, the oldest first."""

    id: str
    versions: list[VersionDocument]
    audit: list[AuditDocument]


class CodeBatchDocument(msgspec.Struct, frozen=True):
    """Codes that were made or brought in together; `source` is the pattern or the file."""

    batch: int
    created_at: str
    author: str
    source: str
    codes: int


class CodeBatchesDocument(msgspec.Struct, frozen=True):
    """The batches of a promotion, the oldest first."""

    batches: list[CodeBatchDocument]


class MonitorDocument(msgspec.Struct, frozen=True):
    """How a promotion runs.

    Attributes:
        offered: quotes that it was part of; `committed` of them were redeemed; `held` are open.
        conversion: committed / offered.
        average_order: mean total of the orders.
        margin: what their goods brought without tax and cost, plus what other funders pay.
        budget_share, units_share: taken of the limits; `planned_share` should be by now.
        stock_units: in stock of what it sells; at this pace `scarcest_sku` lasts to `runs_out_at`.
        ahead_of: of what it runs ahead: `budget`, `units`, `stock`.
    """

    id: str
    phase: str
    at: str
    offered: int
    committed: int
    held: int
    conversion: float | None
    given_away: MoneyDocument
    by_funder: dict[str, MoneyDocument]
    average_order: MoneyDocument | None
    margin: MoneyDocument
    margin_orders: int
    budget_share: float | None
    units_share: float | None
    planned_share: float | None
    stock_units: float | None
    scarcest_sku: str | None
    runs_out_at: str | None
    ends_at: str | None
    ahead_of: list[str]


class CodesRequest(Record, frozen=True, kw_only=True):
    """Codes to make: `#` is any letter or digit, `@` a letter, `*` a digit."""

    pattern: str
    count: int


def promotion_document(
    stored: StoredPromotion, now: datetime, conflicts: Sequence[Conflict] | None = None
) -> PromotionDocument:
    """The wire form of a promotion."""
    return PromotionDocument(
        id=stored.name,
        phase=stored.phase(now),
        version=stored.version,
        starts_at=_time(stored.starts_at),
        ends_at=_time(stored.ends_at),
        created_at=utc_text(stored.created_at),
        updated_at=utc_text(stored.updated_at),
        terms=stored.terms.document(),
        conflicts=None if conflicts is None else conflict_documents(conflicts),
    )


def conflict_documents(conflicts: Sequence[Conflict]) -> list[ConflictDocument]:
    """The wire form of conflicts."""
    return [
        ConflictDocument(
            kind=each.kind,
            promotions=list(each.promotions),
            market=each.market,
            sku=each.sku,
            quantity=each.quantity,
            at=utc_text(each.at),
            paid=MoneyDocument.of(each.paid),
            bound=MoneyDocument.of(each.bound),
            text=str(each),
        )
        for each in conflicts
    ]


def history_document(
    name: str, versions: Sequence[PromotionVersion], audit: Sequence[AuditRow]
) -> HistoryDocument:
    """The wire form of a promotion's history."""
    return HistoryDocument(
        id=name,
        versions=[
            VersionDocument(v.version, utc_text(v.created_at), v.author, v.note, v.terms.document())
            for v in versions
        ],
        audit=[
            AuditDocument(utc_text(a.at), a.actor, a.action, a.version, dict(a.detail))
            for a in audit
        ],
    )


def batch_document(batch: CodeBatch) -> CodeBatchDocument:
    """The wire form of a batch of codes."""
    created_at = utc_text(batch.created_at)
    return CodeBatchDocument(batch.batch_id, created_at, batch.author, batch.source, batch.codes)


def monitor_document(stored: StoredPromotion, figures: PromotionFigures) -> MonitorDocument:
    """The wire form of a promotion's figures."""

    def money(minor: int) -> MoneyDocument:
        return MoneyDocument.of(Money(minor, stored.terms.currency))

    by_funder: Mapping[str, int] = figures.by_funder
    mean = figures.order_minor
    return MonitorDocument(
        id=stored.name,
        phase=stored.phase(figures.at),
        at=utc_text(figures.at),
        offered=figures.offered,
        committed=figures.committed,
        held=figures.held,
        conversion=figures.conversion,
        given_away=money(figures.given_minor),
        by_funder={funder: money(minor) for funder, minor in by_funder.items()},
        average_order=None if mean is None else money(round(mean)),
        margin=money(figures.margin_minor),
        margin_orders=figures.margin_orders,
        budget_share=figures.budget_share,
        units_share=figures.units_share,
        planned_share=figures.planned_share,
        stock_units=figures.stock_units,
        scarcest_sku=figures.scarcest_sku,
        runs_out_at=_time(figures.runs_out_at),
        ends_at=_time(figures.ends_at),
        ahead_of=list(ahead_of(figures)),
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
