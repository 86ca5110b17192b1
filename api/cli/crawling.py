"""`pricewright crawl`: collect competitor prices."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Engine

from api.cli.database import database
from api.cli.terminal import Bars, bars, fail, out, utc_now
from api.settings import load_settings
from scrapers.crawl import run_crawl
from scrapers.errors import CrawlFailed, CrawlRunning
from scrapers.outcomes import CrawlProgress, CrawlReport
from scrapers.sites import Site, find_site, load_sites
from storage.database import reading
from storage.sites import crawls_of

app = typer.Typer(add_completion=False)


@app.command()
def crawl_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SITE]...", help="Sites to crawl; all if none.")
    ] = None,
    sites_file: Annotated[
        Path, typer.Option("--sites", help="The file that describes the sites.")
    ] = Path("sites.yaml"),
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most product pages a site in this crawl.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="Leave out pages that the sitemap says are unchanged since (UTC)."),
    ] = None,
    due: Annotated[
        bool, typer.Option("--due", help="Only sites whose `every` has passed since their last.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Go on with a crawl that was cut off.")
    ] = True,
) -> None:
    """Crawl competitor shops, match their offers to our products and store what they ask.

    A shop that cannot be crawled does not stop the others; the exit status is 1 if any failed.
    """
    settings = load_settings()
    known = load_sites(sites_file)
    chosen = [find_site(known, name) for name in names] if names else list(known.values())
    failed = 0
    reports = []
    with database(settings) as engine:
        if due:
            chosen = due_sites(engine, chosen, utc_now())
        engine.dispose()  # the crawl opens its own, in its own process
        for site in chosen:
            try:
                with bars(f"crawl {site.name}") as progress:
                    reports.append(
                        run_crawl(
                            site,
                            database_url=settings.database_url,
                            limit=limit,
                            since=since and since.replace(tzinfo=UTC),
                            resume=resume,
                            progress=watch(progress),
                        )
                    )
            except (CrawlFailed, CrawlRunning) as error:
                fail(str(error))
                failed += 1
    if reports:
        out.print(crawl_table(reports))
    for report in reports:
        for failure in report.failures[:5]:
            out.print(f"  {escape(failure.url)}: {failure.outcome.value}, {escape(failure.detail)}")
    if failed:
        raise typer.Exit(1)


def due_sites(engine: Engine, known: list[Site], now: datetime) -> list[Site]:
    """The sites with a schedule whose last crawl began so long ago that it is time again."""
    with reading(engine) as conn:
        last = {site.name: crawls_of(conn, site.name, limit=1) for site in known}
    return [
        site
        for site in known
        if site.period is not None
        and (not last[site.name] or now - last[site.name][0].started_at >= site.period)
    ]


def watch(progress: Bars) -> _Watch:
    """Shows what a crawl reports as a progress bar."""
    return _Watch(progress)


class _Watch:
    def __init__(self, progress: Bars) -> None:
        self._progress = progress

    def __call__(self, now: CrawlProgress) -> None:
        self._progress(f"{now.offers} offers of {now.pages} pages", now.pages, None)


def crawl_table(reports: list[CrawlReport]) -> Table:
    """What each crawl brought."""
    table = Table(
        "site", "pages", "offers", "matched", "price changes", "held", "to review", "not read"
    )
    for report in reports:
        table.add_row(
            report.site,
            f"{report.pages:,}",
            f"{report.offers:,}",
            f"{report.matched:,}",
            f"{report.changes:,}",
            f"{report.held:,}",
            f"{report.to_review:,}",
            f"{len(report.failures):,}",
        )
    return table
