"""`pricewright reviews`: what the machine leaves to a person."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from scrapers.offers.doubts import hold_anew, settle_held
from storage.competitors.match_reviews import decide, reopen, reviews
from storage.competitors.quarantine import held_offers
from storage.database import reading, writing

app = typer.Typer(
    add_completion=False, help="Matches in doubt and prices held back.", no_args_is_help=True
)

_Number = Annotated[int, typer.Argument(help="Its number in the list.")]
_Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]


@app.command("list")
def list_command(
    status: Annotated[str, typer.Option(help="pending, same or different.")] = "pending",
    limit: _Limit = 20,
) -> None:
    """List matches, the likeliest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = reviews(conn, status=status, limit=limit)
    table = Table("no.", "site", "their title", "our product", "chance", "status", "by")
    for review in found:
        table.add_row(
            str(review.review_id),
            review.site,
            escape(review.title),
            escape(f"{review.sku}: {review.our_title}"),
            f"{review.score:.0%}",
            review.status,
            escape(review.decided_by or ""),
        )
    out.print(table)


@app.command("answer")
def answer_command(
    number: _Number,
    same: Annotated[bool, typer.Option("--same/--different", help="Is it the same product?")],
) -> None:
    """Answer a match. The answer stands, whatever later scores say, and trains them."""
    with database(load_settings()) as engine, writing(engine) as conn:
        review = decide(conn, number, same=same, by=getpass.getuser(), at=utc_now())
    out.print(f"{review.status}: {escape(review.title)} / {escape(review.our_title)}")


@app.command("reopen")
def reopen_command(number: _Number) -> None:
    """Take an answer back; pairs of the page that were rejected with it are open again, too."""
    with database(load_settings()) as engine, writing(engine) as conn:
        reopen(conn, number, by=getpass.getuser(), at=utc_now())
    out.print(f"{number} is open again")


@app.command("held")
def held_command(limit: _Limit = 20) -> None:
    """List prices that can hardly be right, the newest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = held_offers(conn, limit=limit)
    table = Table("no.", "site", "title", "price", "why", "seen (UTC)")
    for held in found:
        table.add_row(
            str(held.quarantine_id),
            held.site,
            escape(held.offer.title),
            str(held.offer.price),
            escape(held.reason),
            f"{held.held_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


@app.command("settle")
def settle_command(
    number: _Number,
    release: Annotated[bool, typer.Option("--release/--drop", help="Is the price right?")],
) -> None:
    """Let a held price count, or drop it."""
    with database(load_settings()) as engine, writing(engine) as conn:
        held = settle_held(conn, number, release=release, by=getpass.getuser(), at=utc_now())
    out.print(f"{held.status}: {escape(held.offer.title)} at {held.offer.price}")


@app.command("hold-again")
def hold_again_command(number: _Number) -> None:
    """Take the word on a held price back: it counts nowhere until somebody settles it anew."""
    with database(load_settings()) as engine, writing(engine) as conn:
        held = hold_anew(conn, number, by=getpass.getuser(), at=utc_now())
    out.print(f"{held.status}: {escape(held.offer.title)} at {held.offer.price}")
