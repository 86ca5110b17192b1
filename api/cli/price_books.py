"""`pricewright price-books`: versions and drafts, their differences, approval, rollback."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.jobs.draft_review import amend_price, comment_on, restore_price, review_draft
from api.jobs.release import approve_draft, keep_releases, roll_back_to
from api.jobs.release_terms import budget_of
from api.settings import load_settings
from storage.access.log import read_log
from storage.database import reading, writing
from storage.errors import PriceBookNotFound
from storage.law.rule_packs import load_rule_packs
from storage.prices.price_books import list_price_books, live_version
from storage.releases.book_diff import BookDiff, diff_books, diff_draft
from storage.releases.drafts import Draft, list_drafts, read_draft, reject
from storage.releases.publishing import kept_by_law
from storage.releases.watched_figures import add_reading

app = typer.Typer(
    add_completion=False,
    help="Versions of the prices: what changed, who approved, and the way back.",
)

_By = Annotated[str | None, typer.Option(help="Who does this; the user of this computer if none.")]
_Reason = Annotated[str, typer.Option(help="Why; kept on record.")]


@app.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
) -> None:
    """List versions and drafts, the newest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        books, drafts = list_price_books(conn, limit=limit), list_drafts(conn, limit=limit)
    table = Table("version", "live since (UTC)", "status", "changes", "run", "approved by", "note")
    made = {draft.version: draft for draft in drafts}
    for book in books:
        draft = made.get(book.version)
        table.add_row(
            str(book.version),
            f"{book.published_at:%Y-%m-%d %H:%M:%S}",
            book.status,
            f"{book.changes:,}",
            "" if book.run_id is None else str(book.run_id),
            escape(_consents(draft)) if draft else "",
            escape(book.note),
        )
    out.print(table)
    for draft in drafts:
        if draft.status in ("draft", "approved", "releasing"):
            print_draft(draft)


@app.command("diff")
def diff_command(
    older: Annotated[
        int | None, typer.Argument(help="Version compared from; the one before NEWER if none.")
    ] = None,
    newer: Annotated[
        int | None, typer.Argument(help="Version compared with; the live one if none.")
    ] = None,
    draft: Annotated[int | None, typer.Option(help="Compare this draft with the live one.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Show the largest so many.")] = 20,
    offset: Annotated[int, typer.Option(min=0, help="After so many larger ones.")] = 0,
) -> None:
    """Show what changed between two versions, why, and what it should bring."""
    with database(load_settings()) as engine, reading(engine) as conn:
        if draft is not None:
            found = diff_draft(conn, read_draft(conn, draft), limit=limit, offset=offset)
        else:
            live = live_version(conn)
            last = newer if newer is not None else live
            if last is None:
                raise PriceBookNotFound("no price book was published yet")
            first = older if older is not None else last - 1
            if first < 1:
                raise PriceBookNotFound(f"price book {last} is the first: nothing came before it")
            found = diff_books(conn, first, last, limit=limit, offset=offset)
    print_diff(found)


@app.command("approve")
def approve_command(
    draft: Annotated[int, typer.Argument(help="The draft.")],
    by: _By = None,
    note: Annotated[str, typer.Option(help="Kept with the approval.")] = "",
) -> None:
    """Approve a draft; it goes live at once unless it has a later time."""
    settings = load_settings()
    with database(settings) as engine:
        with reading(engine) as conn:
            actor = account_or_user(conn, by)
        found, version = approve_draft(
            engine,
            draft,
            now=utc_now(),
            by=actor,
            four_eyes=settings.four_eyes,
            note=note,
            packs=load_rule_packs(settings.rule_packs),
        )
    print_draft(found)
    if version is not None:
        out.print(f"price book [bold]{version}[/] is live, made of run {found.run_id}")
    if found.status == "rejected":
        raise typer.Exit(1)


@app.command("reject")
def reject_command(
    draft: Annotated[int, typer.Argument(help="The draft.")], reason: _Reason, by: _By = None
) -> None:
    """Give a draft up."""
    with database(load_settings()) as engine, writing(engine) as conn:
        actor = account_or_user(conn, by)
        found = reject(conn, draft, at=utc_now(), by=actor, reason=reason)
    print_draft(found)


@app.command("amend")
def amend_command(
    draft: Annotated[int, typer.Argument(help="The draft; it must wait for approval.")],
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: Annotated[str, typer.Argument(help="The market.")],
    price: Annotated[
        str | None, typer.Argument(help="The price in the market's currency, such as 4.79.")
    ] = None,
    leave_out: Annotated[bool, typer.Option(help="The price in force stays.")] = False,
    restore: Annotated[bool, typer.Option(help="As it was decided again.")] = False,
    by: _By = None,
    note: Annotated[str, typer.Option(help="Why; kept on record.")] = "",
) -> None:
    """Change one price of a draft within the law and the limits, leave it out, or restore it."""
    if (price is not None) + leave_out + restore != 1:
        raise typer.BadParameter("give a price, or --leave-out, or --restore")
    settings = load_settings()
    budget, now = budget_of(settings), utc_now()
    with database(settings) as engine:
        with reading(engine) as conn:
            who = account_or_user(conn, by)
        if restore:
            found = restore_price(
                engine, draft, sku, market, budget=budget, now=now, by=who, note=note
            )
        else:
            packs = load_rule_packs(settings.rule_packs)
            found = amend_price(
                engine,
                draft,
                sku,
                market,
                price,
                budget=budget,
                now=now,
                by=who,
                note=note,
                packs=packs,
            )
    print_draft(found)


@app.command("comment")
def comment_command(
    draft: Annotated[int, typer.Argument(help="The draft.")],
    text: Annotated[str, typer.Argument(help="What to say.")] = "",
    sku: Annotated[str | None, typer.Option(help="Of this product's price only.")] = None,
    market: Annotated[str | None, typer.Option(help="And of this market.")] = None,
    by: _By = None,
) -> None:
    """Say something of a draft and show what was said; without a text only show it."""
    with database(load_settings()) as engine:
        if text:
            with reading(engine) as conn:
                who = account_or_user(conn, by)
            said = comment_on(engine, draft, text, now=utc_now(), by=who, sku=sku, market=market)
        else:
            said = review_draft(engine, draft).comments
    for comment in said:
        about = f" on {comment.sku} in {comment.market}" if comment.sku else ""
        out.print(
            f"{comment.said_at:%Y-%m-%d %H:%M} {escape(comment.said_by)}{escape(about)}: "
            f"{escape(comment.text)}"
        )


@app.command("rollback")
def rollback_command(
    version: Annotated[
        int | None, typer.Argument(help="Version whose prices come back; the last one if none.")
    ] = None,
    reason: _Reason = "",
    while_frozen: Annotated[bool, typer.Option(help="Do it although prices are frozen.")] = False,
    by: _By = None,
) -> None:
    """Bring all prices back to a version, as a new version. The service takes it up in seconds."""
    settings = load_settings()
    with database(settings) as engine:
        with reading(engine) as conn:
            live, who = live_version(conn), account_or_user(conn, by)
        if live is None:
            raise PriceBookNotFound("no price book was published yet")
        to = live - 1 if version is None else version
        made = roll_back_to(
            engine,
            to,
            now=utc_now(),
            by=who,
            reason=reason,
            while_frozen=while_frozen,
            packs=load_rule_packs(settings.rule_packs),
        )
        with reading(engine) as conn:
            kept = kept_by_law(conn, made)
    out.print(f"price book [bold]{made}[/] is live with the prices of {to}")
    if kept:
        out.print(
            f"[yellow]note:[/] {kept:,} prices stay as they were: the law forbids the older ones "
            "by now; the alert price_book.law_kept names them"
        )


@app.command("advance")
def advance_command() -> None:
    """Do what is due once: scheduled books, next stages, broken bands.

    `pricewright serve` does so all the time.
    """
    settings = load_settings()
    with database(settings) as engine:
        packs = load_rule_packs(settings.rule_packs)
        work = keep_releases(engine, now=utc_now(), packs=packs)
    out.print(
        f"{len(work.versions)} went live, {len(work.rolled_back)} rolled back, "
        f"{len(work.rejected)} rejected, {len(work.frozen)} frozen"
    )


@app.command("reading")
def reading_command(
    figure: Annotated[str, typer.Argument(help="Name of the figure, such as conversion.")],
    value: Annotated[float, typer.Argument(help="Its value now.")],
) -> None:
    """Tell a watched figure's value; a broken band brings the old prices back."""
    settings = load_settings()
    with database(settings) as engine:
        now = utc_now()
        with writing(engine) as conn:
            add_reading(conn, figure, value, at=now)
        work = keep_releases(engine, now=now, packs=load_rule_packs(settings.rule_packs))
    for draft in work.rolled_back:
        out.print(f"[bold red]the release of draft {draft} was rolled back[/]")


@app.command("log")
def log_command(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 30,
) -> None:
    """Show who did what, the newest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        lines = read_log(conn, limit=limit)
    table = Table("at (UTC)", "who", "what", "draft", "version", "detail")
    for line in lines:
        detail = ", ".join(f"{name} {value}" for name, value in line.detail.items() if value)
        table.add_row(
            f"{line.at:%Y-%m-%d %H:%M:%S}",
            escape(line.actor),
            line.action.replace("_", " "),
            str(line.draft_id or ""),
            str(line.version or ""),
            escape(detail),
        )
    out.print(table)


def print_draft(draft: Draft) -> None:
    """Where a draft stands."""
    when = f", due {draft.next_stage_at:%Y-%m-%d %H:%M} UTC" if draft.next_stage_at else ""
    stages = f", stage {draft.stages_done} of {draft.stages}" if draft.stages > 1 else ""
    out.print(
        f"draft [bold]{draft.draft_id}[/] of run {draft.run_id} by {escape(draft.created_by)}: "
        f"{draft.status}{stages}{when}{f' ({escape(draft.reason)})' if draft.reason else ''}"
    )
    if draft.status == "draft":
        given = len(draft.approvals)
        out.print(f"  waits for {draft.approvals_needed - given} approval(s)")


def print_diff(diff: BookDiff) -> None:
    """What changed, in figures and in the largest changes."""
    out.print(
        f"{diff.older or 'nothing'} to {escape(diff.newer)}: {diff.changes:,} prices differ: "
        f"{diff.raised:,} up, {diff.lowered:,} down, {diff.added:,} new, {diff.removed:,} gone; "
        f"{diff.average_change:.1%} on average"
    )
    for effect in diff.effects:
        out.print(
            f"  expected a period in {effect.currency}: revenue {effect.revenue_before:,.2f} to "
            f"{effect.revenue:,.2f}, profit {effect.profit_before:,.2f} to {effect.profit:,.2f}"
        )
    if not diff.largest:
        return
    table = Table("product", "market", "tier", "before", "after", "run", "why")
    for change in diff.largest:
        table.add_row(
            escape(change.sku),
            escape(change.market),
            change.tier,
            str(change.before or ""),
            str(change.after or ""),
            "" if change.run_id is None else str(change.run_id),
            ", ".join(reason.code.value.replace("_", " ") for reason in change.reasons[:2]),
        )
    out.print(table)


def _consents(draft: Draft) -> str:
    if draft.approvals_needed == 0:
        return "the budget"
    return ", ".join(approval.approved_by for approval in draft.approvals)
