"""Promotions from a file into the database, with the checks and the record of the HTTP routes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from api.promotions.conflicts import Conflict, conflicts_of
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.file_format import parse_promotions
from storage.database import writing
from storage.law.rule_packs import RulePacks
from storage.promotion_terms import Terms, terms_from
from storage.promotions.versions import (
    StoredPromotion,
    create_promotion,
    list_promotions,
    revise_promotion,
    schedule_promotion,
    scheduled_promotions,
)


def terms_of_file(data: object) -> tuple[Terms, ...]:
    """Terms of all promotions in a parsed file.

    Args:
        data: a file of promotions as `promo evaluate` reads it, or one promotion with its terms,
            as it is sent to `POST /v1/promotions`.

    Raises:
        InvalidPromotion: naming the field.
    """
    if isinstance(data, dict) and "promotion" in data:
        return (terms_from(data),)
    _, file = parse_promotions(data)
    return tuple(
        Terms(promotion=promotion, currency=file.currency, time_zone=file.time_zone)
        for promotion in file.promotions
    )


def add_promotions(
    engine: Engine,
    found: Sequence[Terms],
    *,
    actor: str,
    at: datetime,
    revise: bool = False,
    note: str = "",
    activate: bool = False,
) -> tuple[StoredPromotion, ...]:
    """Store promotions as drafts, all or none.

    Args:
        engine: the database.
        found: their terms; they may name each other.
        actor: who does it.
        at: now.
        revise: add a version where there is a promotion with such an id already.
        note: why, for the versions.
        activate: schedule those whose window has not ended, too.

    Raises:
        InvalidPromotion: naming the field.
        PromotionRefused: one is there already, or has ended.
    """
    with writing(engine, durable=True) as conn:
        known = {stored.name for stored in list_promotions(conn)} if revise else set()
        added = []
        for terms in _named_first(found):
            if terms.name in known:
                added.append(revise_promotion(conn, terms, actor=actor, at=at, note=note))
            else:
                added.append(create_promotion(conn, terms, actor=actor, at=at))
        if activate:
            added = [
                schedule_promotion(conn, stored.name, actor=actor, at=at)
                if stored.status == "draft" and (stored.ends_at is None or stored.ends_at > at)
                else stored
                for stored in added
            ]
    order = {terms.name: place for place, terms in enumerate(found)}
    return tuple(sorted(added, key=lambda stored: order[stored.name]))


def conflicts_beside(
    conn: Connection,
    packs: RulePacks,
    terms: Terms,
    at: datetime,
    map_floor_in: Collection[str],
) -> tuple[Conflict, ...]:
    """What is wrong with a promotion beside those that run or will; see `conflicts_of`."""
    others = [p for p in scheduled_promotions(conn) if p.phase(at) != "ended"]
    beside = (other.terms for other in others if other.name != terms.name)
    return conflicts_of(conn, packs, terms, beside, now=at, map_floor_in=map_floor_in)


def _named_first(found: Sequence[Terms]) -> list[Terms]:
    """In an order in which each names only promotions that come before it.

    Raises:
        InvalidPromotion: some name each other in a circle.
    """
    waiting = {terms.name: terms for terms in found}
    if len(waiting) < len(found):
        raise InvalidPromotion("promotions", "an id is used twice")
    ordered: list[Terms] = []
    while waiting:
        free = [t for t in waiting.values() if not _names(t, found) & waiting.keys()]
        if not free:
            raise InvalidPromotion(
                "promotions",
                f"{', '.join(sorted(waiting))} name each other; it is enough that one of them "
                "names the others",
            )
        for terms in free:
            ordered.append(terms)
            del waiting[terms.name]
    return ordered


def _names(terms: Terms, found: Sequence[Terms]) -> set[str]:
    """The promotions of a file that one of them names, by id or by group."""
    promotion = terms.promotion
    named = {*promotion.combines_with, *promotion.not_with, *promotion.requires}
    by_group = {t.name for t in found if f"group:{t.promotion.group}" in named}
    return (named | by_group) - {terms.name}
