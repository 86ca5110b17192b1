"""What people make of the single prices of a draft that waits: other prices, none, and comments.

An amendment stands beside the decision that it replaces; the run stays what it was. It is of the
public price; a price that is left out leaves those of members out, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray
from pricing.deciding.actions import Action
from pricing.events.price_books import DraftAmended, DraftCommented
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.database import take_turns
from storage.errors import DraftNotFound
from storage.events.store import record
from storage.products.markets import market_id
from storage.products.products import product_id
from storage.releases.tables import draft_amendments as amendments
from storage.releases.tables import draft_approvals, price_book_drafts
from storage.releases.tables import draft_comments as comments
from storage.tables import decisions, markets, products


@dataclass(frozen=True, slots=True)
class Amendment:
    """One price of a draft as somebody wants it.

    Attributes:
        sku: the product.
        market: the market.
        price: instead of the one decided; None to leave the price in force as it is.
        amended_at: when, UTC.
        amended_by: by whom.
        note: why.
    """

    sku: str
    market: str
    price: Money | None
    amended_at: datetime
    amended_by: str
    note: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said of a draft.

    Attributes:
        sku: the product that it is about; None for the whole draft.
        market: the market; None for the whole draft.
        said_at: when, UTC.
        said_by: who.
        text: what.
    """

    sku: str | None
    market: str | None
    said_at: datetime
    said_by: str
    text: str


def amendments_of(conn: Connection, draft_id: int) -> tuple[Amendment, ...]:
    """The amendments of a draft, by SKU and market."""
    query = (
        sa.select(amendments, products.c.sku, markets.c.code, markets.c.currency)
        .join_from(amendments, products)
        .join(markets, markets.c.market_id == amendments.c.market_id)
        .where(amendments.c.draft_id == draft_id)
        .order_by(products.c.sku, markets.c.code)
    )
    return tuple(
        Amendment(
            sku=row.sku,
            market=row.code,
            price=None if row.price_minor is None else Money(row.price_minor, row.currency),
            amended_at=row.amended_at,
            amended_by=row.amended_by,
            note=row.note,
        )
        for row in conn.execute(query)
    )


def save_amendment(
    conn: Connection, draft_id: int, amendment: Amendment, *, review: Mapping[str, Any]
) -> None:
    """Put an amendment in the place of the one before; what was consented to counts no more.

    Whether the price may be asked is the caller's to check.

    Args:
        conn: a transaction that may write.
        draft_id: a draft that waits.
        amendment: what is wanted, by whom.
        review: what the draft changes with it, for those who approve.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
        NotWriting: the transaction was opened to read.
    """
    _remove(conn, draft_id, amendment.sku, amendment.market)
    conn.execute(
        amendments.insert().values(
            draft_id=draft_id,
            product_id=product_id(conn, amendment.sku),
            market_id=market_id(conn, amendment.market),
            price_minor=None if amendment.price is None else amendment.price.minor,
            amended_at=amendment.amended_at,
            amended_by=amendment.amended_by,
            note=amendment.note,
        )
    )
    told = "left out" if amendment.price is None else str(amendment.price)
    _changed(conn, draft_id, amendment, told, review)


def withdraw_amendment(
    conn: Connection, draft_id: int, withdrawn: Amendment, *, review: Mapping[str, Any]
) -> None:
    """Let a price be as it was decided again. `withdrawn` says when, by whom and why.

    Args, errors: those of `save_amendment`.
    """
    _remove(conn, draft_id, withdrawn.sku, withdrawn.market)
    _changed(conn, draft_id, withdrawn, "as decided", review)


def add_comment(conn: Connection, draft_id: int, comment: Comment) -> None:
    """Keep what somebody said.

    Raises:
        DraftNotFound: there is no such draft.
        UnknownProduct, UnknownMarket: no such product or market.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, "publish")
    known = sa.select(price_book_drafts.c.draft_id).where(price_book_drafts.c.draft_id == draft_id)
    if conn.scalar(known) is None:
        raise DraftNotFound(f"there is no draft {draft_id}")
    conn.execute(
        comments.insert().values(
            draft_id=draft_id,
            product_id=None if comment.sku is None else product_id(conn, comment.sku),
            market_id=None if comment.market is None else market_id(conn, comment.market),
            said_at=comment.said_at,
            said_by=comment.said_by,
            text=comment.text,
        )
    )
    said = DraftCommented(draft=draft_id, sku=comment.sku, market=comment.market, text=comment.text)
    record(conn, said, at=comment.said_at, actor=comment.said_by)


def comments_of(conn: Connection, draft_id: int) -> tuple[Comment, ...]:
    """What was said of a draft, the oldest first."""
    query = (
        sa.select(products.c.sku, markets.c.code, comments)
        .select_from(comments.outerjoin(products).outerjoin(markets))
        .where(comments.c.draft_id == draft_id)
        .order_by(comments.c.comment_id)
    )
    return tuple(
        Comment(row.sku, row.code, row.said_at, row.said_by, row.text)
        for row in conn.execute(query)
    )


def amenders_of(conn: Connection, draft_id: int) -> frozenset[str]:
    """Who amended prices of a draft that now stand in it."""
    query = sa.select(amendments.c.amended_by).where(amendments.c.draft_id == draft_id)
    return frozenset(conn.scalars(query))


def amended_keys(conn: Connection, draft_id: int) -> list[IntArray]:
    """Numbers of the products and of the markets of which a draft's price was amended."""
    query = sa.select(amendments.c.product_id, amendments.c.market_id)
    return read_columns(conn, query.where(amendments.c.draft_id == draft_id), ("int", "int"))


def proposed_decisions(
    run_id: int, draft_id: int | None, *, amended_only: bool = False
) -> sa.Subquery:
    """What a draft proposes, as a part of a query: its run's decisions, amended.

    It has the columns of `decisions` and `amended`. A price that was amended counts as changed by
    decision; those of which the price is left out are not in it.

    Args:
        run_id: the run.
        draft_id: the draft; None for the run as it was decided.
        amended_only: only what it says of the products and markets that were amended.
    """
    if draft_id is None:
        return (
            sa.select(*decisions.c, sa.literal(False).label("amended"))  # noqa: FBT003
            .where(decisions.c.run_id == run_id)
            .subquery("proposed")
        )
    mine = sa.and_(
        amendments.c.draft_id == draft_id,
        amendments.c.product_id == decisions.c.product_id,
        amendments.c.market_id == decisions.c.market_id,
    )
    given = sa.and_(amendments.c.price_minor.is_not(None), decisions.c.tier == PUBLIC)
    instead = {
        "price_minor": sa.case((given, amendments.c.price_minor), else_=decisions.c.price_minor),
        "action": sa.case((given, int(Action.CHANGE)), else_=decisions.c.action),
    }
    left_out = sa.and_(amendments.c.draft_id.is_not(None), amendments.c.price_minor.is_(None))
    return (
        sa.select(
            *(instead.get(column.name, column).label(column.name) for column in decisions.c),
            sa.case((given, True), else_=False).label("amended"),
        )
        .select_from(decisions.join(amendments, mine, isouter=not amended_only))
        .where(decisions.c.run_id == run_id, sa.not_(left_out))
        .subquery("proposed")
    )


def _remove(conn: Connection, draft_id: int, sku: str, market: str) -> None:
    take_turns(conn, "publish")
    conn.execute(
        amendments.delete().where(
            amendments.c.draft_id == draft_id,
            amendments.c.product_id == product_id(conn, sku),
            amendments.c.market_id == market_id(conn, market),
        )
    )


def _changed(
    conn: Connection, draft_id: int, by: Amendment, price: str, review: Mapping[str, Any]
) -> None:
    conn.execute(draft_approvals.delete().where(draft_approvals.c.draft_id == draft_id))
    this = price_book_drafts.c.draft_id == draft_id
    conn.execute(price_book_drafts.update().where(this).values(review=dict(review)))
    done = DraftAmended(draft=draft_id, sku=by.sku, market=by.market, price=price, note=by.note)
    record(conn, done, at=by.amended_at, actor=by.amended_by)
