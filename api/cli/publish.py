"""`pricewright publish`: put prices live, inside the change budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.database import database
from api.cli.moments import account_or_user, local_time
from api.cli.price_books import print_draft
from api.cli.terminal import out, utc_now
from api.jobs.release import Proposal, release
from api.jobs.release_terms import terms_of
from api.settings import load_settings
from storage.database import reading
from storage.errors import RunNotFound
from storage.law.rule_packs import load_rule_packs
from storage.prices.decisions import newest_run
from storage.products.markets import list_markets

app = typer.Typer(add_completion=False)


@app.command()
def publish_command(
    run: Annotated[int | None, typer.Option(help="The run to publish; the newest if none.")] = None,
    note: Annotated[str, typer.Option(help="Kept with the price book.")] = "",
    by: Annotated[
        str | None, typer.Option(help="Who does this; the user of this computer if none.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Go live at this local time of --market, like '2026-11-27 06:00'."),
    ] = None,
    market: Annotated[
        str | None, typer.Option(help="On whose clocks --at is; the only market if none.")
    ] = None,
    stages: Annotated[
        str, typer.Option(help="Share of products live after each stage, like 0.1,0.5,1.")
    ] = "1",
    first_market: Annotated[
        list[str] | None, typer.Option(help="A market that goes live first. Repeatable.")
    ] = None,
    pause_hours: Annotated[float, typer.Option(min=0, help="Time between two stages.")] = 1.0,
    keep_together: Annotated[
        str, typer.Option(help="What of a stage goes live together: sku or category.")
    ] = "sku",
    watch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE:LOW:HIGH",
            help="Go back when this figure leaves its band twice running. Repeatable.",
        ),
    ] = None,
    watch_hours: Annotated[
        float, typer.Option(min=0, help="How long the figures are watched.")
    ] = 168.0,
) -> None:
    """Make the prices of a run the live price book. The service takes it up in seconds.

    Beyond the change budget, or where four eyes are asked for, it waits for an approval instead.
    """
    settings = load_settings()
    now = utc_now()
    with database(settings) as engine:
        with reading(engine) as conn:
            actor = account_or_user(conn, by)
            run_id = newest_run(conn) if run is None else run
            codes = [item.code for item in list_markets(conn)]
            activate_at = None
            if at is not None:
                if market is None and len(codes) != 1:
                    raise typer.BadParameter(f"say on whose clocks --at is: --market {codes}")
                activate_at = local_time(conn, market or codes[0], at)
        if run_id is None:
            raise RunNotFound("no prices were decided yet; run `pricewright reprice` first")
        terms = terms_of(
            settings,
            activate_at=activate_at,
            stages=_shares(stages),
            first_markets=first_market or (),
            pause=timedelta(hours=pause_hours),
            keep_together=keep_together,
            watches=watch or (),
            watch_for=timedelta(hours=watch_hours),
        )
        packs = load_rule_packs(settings.rule_packs)
        done = release(engine, run_id, terms, now=now, by=actor, note=note, packs=packs)
    _print_proposal(done)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"stages {text!r} must look like 0.1,0.5,1") from None


def _print_proposal(done: Proposal) -> None:
    draft, report = done.draft, done.report
    for dominant in done.dominant:
        out.print(f"[yellow]note:[/] {escape(str(dominant))}")
    if done.version is not None:
        part = "" if draft.stages == 1 else f", stage {draft.stages_done} of {draft.stages}"
        out.print(
            f"price book [bold]{done.version}[/] is live, made of run {draft.run_id}{part}; "
            f"{report.changes:,} of {report.prices:,} prices changed"
        )
        return
    print_draft(draft)
    if draft.status == "draft":
        for breach in report.breaches:
            out.print(
                f"  [bold]{breach.limit.replace('_', ' ')}[/] is {breach.found:.1%}, "
                f"the budget allows {breach.allowed:.1%}"
            )
        out.print(
            "nothing went live; look with "
            f"`pricewright price-books diff --draft {draft.draft_id}`, then "
            f"`pricewright price-books approve {draft.draft_id}`"
        )
    elif draft.reason:
        out.print(escape(draft.reason))
        raise typer.Exit(1)
