"""A draft as those see it who decide on it: what it changes, why, and what they make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.engine import Connection, Engine

from api.jobs.release import takes_a_second_person
from models.refusals import Invalid
from pricing.money import Money
from pricing.price_book import PUBLIC
from pricing.releases.change_budget import ChangeBudget, measure
from storage.access.identities import identities_behind
from storage.access.people import identity_of, names_of
from storage.database import reading, writing
from storage.errors import DecisionNotFound, DraftNotReady
from storage.law.rule_packs import RulePacks
from storage.prices.decisions import StoredDecision, decision_of, newest_run
from storage.prices.price_books import (
    PublishedBook,
    list_price_books,
    live_version,
    price_history,
)
from storage.products.markets import list_markets
from storage.releases.amendments import (
    Amendment,
    Comment,
    add_comment,
    amendments_of,
    comments_of,
    save_amendment,
    withdraw_amendment,
)
from storage.releases.book_diff import BookDiff, diff_draft
from storage.releases.drafts import Draft, list_drafts, read_draft
from storage.releases.freezes import Freeze, freezes_in_force
from storage.releases.proposed_prices import proposed_prices
from storage.releases.publish_checks import require_price_allowed


@dataclass(frozen=True, slots=True)
class DraftBoard:
    """All drafts and price books at a glance.

    Attributes:
        drafts: the newest, the newest first.
        books: the newest price books.
        freezes: what is frozen.
        markets: codes of the markets.
        newest_run: the newest decision run; None before the first.
        names: of who is told of, by what the records call them.
    """

    drafts: tuple[Draft, ...]
    books: tuple[PublishedBook, ...]
    freezes: tuple[Freeze, ...]
    markets: tuple[str, ...]
    newest_run: int | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DraftReview:
    """A draft with all that was said of it.

    Attributes:
        draft: as it stands.
        diff: what it would change of the live book, in sums; None of one that waits no more.
        amendments: single prices that were changed.
        comments: what was said, the oldest first.
        freezes: what is frozen.
        markets: codes of the markets.
        live: the price book in force; None before the first.
        names: of who is told of, by what the records call them.
    """

    draft: Draft
    diff: BookDiff | None
    amendments: tuple[Amendment, ...]
    comments: tuple[Comment, ...]
    freezes: tuple[Freeze, ...]
    markets: tuple[str, ...]
    live: int | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PriceReview:
    """One public price of a draft.

    Attributes:
        draft: as it stands.
        stored: the decision on it, with its reasons.
        in_force: the price that is asked now; None for none.
        amendment: what somebody made of it; None where nobody did.
        comments: what was said of this price, the oldest first.
        names: of who is told of, by what the records call them.
    """

    draft: Draft
    stored: StoredDecision
    in_force: Money | None
    amendment: Amendment | None
    comments: tuple[Comment, ...]
    names: Mapping[str, str]


def read_board(engine: Engine, *, limit: int = 100) -> DraftBoard:
    """The newest drafts and price books, what is frozen, and what may be proposed."""
    with reading(engine) as conn:
        drafts, freezes = list_drafts(conn, limit=limit), freezes_in_force(conn)
        actors = {draft.created_by for draft in drafts} | {item.frozen_by for item in freezes}
        return DraftBoard(
            drafts=drafts,
            books=list_price_books(conn, limit=limit),
            freezes=freezes,
            markets=tuple(market.code for market in list_markets(conn)),
            newest_run=newest_run(conn),
            names=_names(conn, actors),
        )


def review_draft(engine: Engine, draft_id: int) -> DraftReview:
    """A draft with all that was said of it.

    Raises:
        DraftNotFound: there is no such draft.
    """
    with reading(engine) as conn:
        draft = read_draft(conn, draft_id)
        waits = draft.status in ("draft", "approved", "releasing")
        amendments, comments = amendments_of(conn, draft_id), comments_of(conn, draft_id)
        return DraftReview(
            draft=draft,
            diff=diff_draft(conn, draft, limit=0) if waits else None,
            amendments=amendments,
            comments=comments,
            freezes=freezes_in_force(conn),
            markets=tuple(market.code for market in list_markets(conn)),
            live=live_version(conn),
            names=_names(conn, _actors(draft, amendments, comments)),
        )


def review_price(engine: Engine, draft_id: int, sku: str, market: str) -> PriceReview:
    """One public price of a draft, with why it is proposed.

    Raises:
        DraftNotFound: there is no such draft.
        UnknownProduct, UnknownMarket, DecisionNotFound: its run decided nothing there.
    """
    with reading(engine) as conn:
        draft = read_draft(conn, draft_id)
        stored = decision_of(conn, sku, market, PUBLIC, draft.run_id)
        mine = [item for item in amendments_of(conn, draft_id) if _about(item, sku, market)]
        said = [item for item in comments_of(conn, draft_id) if _about(item, sku, market)]
        history = price_history(conn, sku, market)
        return PriceReview(
            draft=draft,
            stored=stored,
            in_force=history[-1].price if history else None,
            amendment=mine[0] if mine else None,
            comments=tuple(said),
            names=_names(conn, _actors(draft, mine, said)),
        )


def second_person(engine: Engine, draft: DraftReview, by: str, *, four_eyes: bool) -> bool:
    """Whether somebody other than `by` must approve: they proposed the draft, or changed prices."""
    authors = {draft.draft.created_by, *(item.amended_by for item in draft.amendments)}
    with reading(engine) as conn:
        if not four_eyes and not takes_a_second_person(conn, draft.draft):
            return False
        who = identities_behind(conn, by)
        return any(not who.isdisjoint(identities_behind(conn, author)) for author in authors)


def _actors(draft: Draft, amendments: Sequence[Amendment], comments: Sequence[Comment]) -> set[str]:
    return {
        draft.created_by,
        *(approval.approved_by for approval in draft.approvals),
        *(item.amended_by for item in amendments),
        *(item.said_by for item in comments),
    }


def _names(conn: Connection, actors: set[str]) -> Mapping[str, str]:
    """What people are called; of a key that a person made, the person's name."""
    whose = {actor: identity_of(actor) for actor in actors}
    known = names_of(conn, set(whose.values()))
    return {actor: known.get(identity, identity) for actor, identity in whose.items()}


def _about(item: Amendment | Comment, sku: str, market: str) -> bool:
    return (item.sku, item.market) == (sku, market)


def amend_price(
    engine: Engine,
    draft_id: int,
    sku: str,
    market: str,
    price: str | None,
    *,
    budget: ChangeBudget,
    now: datetime,
    by: str,
    note: str = "",
    packs: RulePacks | None = None,
) -> Draft:
    """Put a price of a draft in the place of the decided one, or leave that one out.

    The draft is measured anew against the change budget, and what was consented to before counts
    no more.

    Args:
        engine: the database.
        draft_id: a draft that waits for approval.
        sku: the product.
        market: the market.
        price: an amount in the market's currency; None to leave the price in force as it is.
        budget: the change budget.
        now: the time, UTC.
        by: who wants it; under four eyes somebody else approves.
        note: why.
        packs: the rules of law; those that are shipped where None.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it waits for nobody, was overtaken, or somebody else changed it meanwhile.
        DecisionNotFound: its run decided nothing on this product there.
        PricesNotAllowed: the law or a limit forbids the price; the message says which.
        InvalidMoney: the price is no amount of the market's currency.
    """
    with reading(engine) as conn:
        draft = _amendable(conn, draft_id)
        decision_of(conn, sku, market, PUBLIC, draft.run_id)
        money = None if price is None else _money(conn, market, price)
        if money is not None:
            require_price_allowed(conn, draft.run_id, sku, market, money, at=now, packs=packs)
        before = amendments_of(conn, draft_id)
        wanted = {(item.sku, item.market): item.price for item in before}
        review = _measured(conn, draft, {**wanted, (sku, market): money}, budget)
    with writing(engine) as conn:
        _unchanged(conn, draft_id, before)
        new = Amendment(sku, market, money, now, by, note)
        save_amendment(conn, draft_id, new, review=review)
        return read_draft(conn, draft_id)


def restore_price(
    engine: Engine,
    draft_id: int,
    sku: str,
    market: str,
    *,
    budget: ChangeBudget,
    now: datetime,
    by: str,
    note: str = "",
) -> Draft:
    """Let a price of a draft be as it was decided again.

    Raises:
        DraftNotFound: there is no such draft.
        DraftNotReady: it waits for nobody, was overtaken, or somebody else changed it meanwhile.
        DecisionNotFound: nobody amended this price.
    """
    with reading(engine) as conn:
        draft = _amendable(conn, draft_id)
        before = amendments_of(conn, draft_id)
        wanted = {(item.sku, item.market): item.price for item in before}
        if (sku, market) not in wanted:
            raise DecisionNotFound(
                f"nobody changed the price of {sku!r} in {market!r} in draft {draft_id}"
            )
        del wanted[sku, market]
        review = _measured(conn, draft, wanted, budget)
    with writing(engine) as conn:
        _unchanged(conn, draft_id, before)
        gone = Amendment(sku, market, None, now, by, note)
        withdraw_amendment(conn, draft_id, gone, review=review)
        return read_draft(conn, draft_id)


def comment_on(
    engine: Engine,
    draft_id: int,
    text: str,
    *,
    now: datetime,
    by: str,
    sku: str | None = None,
    market: str | None = None,
) -> tuple[Comment, ...]:
    """Say something of a draft, or of one price of it; returns all that was said.

    Raises:
        DraftNotFound: there is no such draft.
        UnknownProduct, UnknownMarket: no such product or market.
        InvalidRequest: nothing was said, or a product without a market.
    """
    if not text.strip():
        raise Invalid("say something", ("text",))
    if (sku is None) is not (market is None):
        raise Invalid("a comment on one price names its product and its market", ("market",))
    with writing(engine) as conn:
        add_comment(conn, draft_id, Comment(sku, market, now, by, text.strip()))
        return comments_of(conn, draft_id)


def _amendable(conn: Connection, draft_id: int) -> Draft:
    draft = read_draft(conn, draft_id)
    if draft.status != "draft":
        raise DraftNotReady(
            f"draft {draft_id} is {draft.status}; prices are changed while it waits for approval"
        )
    live = live_version(conn)
    if live != draft.measured_against:
        raise DraftNotReady(
            f"price book {live} went live after draft {draft_id} was proposed; propose it again"
        )
    return draft


def _unchanged(conn: Connection, draft_id: int, before: tuple[Amendment, ...]) -> None:
    _amendable(conn, draft_id)
    if amendments_of(conn, draft_id) != before:
        raise DraftNotReady(f"somebody else changed draft {draft_id} meanwhile; look at it again")


def _money(conn: Connection, market: str, price: str) -> Money:
    currency = next(item.currency for item in list_markets(conn) if item.code == market)
    money = Money.parse(price, currency)
    if money.minor <= 0:
        raise Invalid("a price is above 0", ("price",))
    return money


def _measured(
    conn: Connection,
    draft: Draft,
    changes: Mapping[tuple[str, str], Money | None],
    budget: ChangeBudget,
) -> dict[str, object]:
    proposed = proposed_prices(conn, draft.run_id, draft.measured_against, changes)
    report = measure(proposed, budget)
    return {**draft.review, "report": asdict(report)}
