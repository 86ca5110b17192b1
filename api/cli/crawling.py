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
from scrapers.crawling.crawl import run_crawl
from scrapers.crawling.timetable import stored_sites, timetable
from scrapers.errors import CrawlFailed, CrawlRunning, InvalidSites
from scrapers.outcomes import CrawlProgress, CrawlReport
from scrapers.sites import DEFAULT_FILE, Site, find_site, load_sites
from storage.database import reading

app = typer.Typer(add_completion=False)


@app.command()
def crawl_command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SITE]...", help="Sites to crawl; all if none.")
    ] = None,
    sites_file: Annotated[
        Path | None,
        typer.Option(
            "--sites", help="The file that describes the sites: sites.yaml, else the database."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most product pages a site in this crawl.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="Leave out pages that the sitemap says are unchanged since (UTC)."),
    ] = None,
    due: Annotated[
        bool, typer.Option("--due", help="Only sites whose schedule says that it is time.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Go on with a crawl that was cut off.")
    ] = True,
) -> None:
    """Crawl competitor shops, match their offers to our products and store what they ask.

    A shop that cannot be crawled does not stop the others; the exit status is 1 if any failed.
    """
    settings = load_settings()
    failed = 0
    reports = []
    with database(settings) as engine:
        known = known_sites(engine, sites_file)
        chosen = [find_site(known, name) for name in names] if names else list(known.values())
        if due:
            now = utc_now()
            with reading(engine) as conn:
                chosen = [p.site for p in timetable(conn, chosen, now) if p.is_due(now)]
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
                            browser=settings.chromium,
                            progress=watch(progress),
                        )
                    )
            except (CrawlFailed, CrawlRunning) as error:
                fail(str(error))
                failed += 1
    if due and not chosen:
        out.print("no site is due")
    if reports:
        out.print(crawl_table(reports))
    for report in reports:
        for failure in report.failures[:5]:
            out.print(f"  {escape(failure.url)}: {failure.outcome.value}, {escape(failure.detail)}")
    if failed:
        raise typer.Exit(1)


def known_sites(engine: Engine, sites_file: Path | None) -> dict[str, Site]:
    """The sites of the file that was named, else of `sites.yaml`, else of the database.

    Raises:
        InvalidSites: the file can not be used, or there is neither a file nor a stored site.
    """
    if sites_file is not None or DEFAULT_FILE.exists():
        return load_sites(sites_file or DEFAULT_FILE)
    with reading(engine) as conn:
        stored = stored_sites(conn)
    if not stored:
        raise InvalidSites(
            f"{DEFAULT_FILE} is not there and the database has no sites; "
            "add one with `pricewright sites add URL`"
        )
    return stored


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
