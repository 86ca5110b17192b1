"""`pricewright sites`: the competitor shops that are crawled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import bars, out, utc_now
from api.settings import load_settings
from scrapers.crawling.crawl import lease_name
from scrapers.crawling.timetable import state_of, stored_sites, timetable
from scrapers.detect import Detected, detect_site
from scrapers.errors import CrawlRunning
from scrapers.sites import DEFAULT_FILE, Site, dump_sites, load_sites, store_site
from storage.competitors.sites import remove_site
from storage.database import reading, writing
from storage.jobs.leases import held_leases

app = typer.Typer(
    add_completion=False,
    help="Competitor shops: data in sites.yaml and the database, no code.",
    no_args_is_help=True,
)

_File = Annotated[Path, typer.Option("--sites", help="The file that describes the sites.")]


@app.command("list")
def list_command(
    sites_file: _File = DEFAULT_FILE,
    stored: Annotated[
        bool, typer.Option("--stored", help="Those of the database, and where they stand.")
    ] = False,
) -> None:
    """List the sites of the file, or of the database."""
    if stored:
        _list_stored()
        return
    table = Table("site", "kind", "market", "currency", "start", "schedule")
    for site in load_sites(sites_file).values():
        table.add_row(site.name, _kind(site), site.market, site.currency,
                      escape(site.start_url), site.schedule or "")  # fmt: skip
    out.print(table)


@app.command("load")
def load_command(sites_file: _File = DEFAULT_FILE) -> None:
    """Bring the sites of the file into the database, where the worker and the service find them.

    Those of the same name are replaced, the others stay; see `pricewright sites remove`.
    """
    sites = load_sites(sites_file).values()
    with database(load_settings()) as engine, writing(engine) as conn:
        for site in sites:
            store_site(conn, site)
    out.print(f"{len(sites)} sites are in the database")


@app.command("dump")
def dump_command() -> None:
    """Print the sites of the database as a sites.yaml."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = stored_sites(conn)
    out.print(dump_sites(found.values()), markup=False, end="")


@app.command("remove")
def remove_command(
    name: Annotated[str, typer.Argument(help="The site's key.")],
) -> None:
    """Forget a site of the database; its offers and crawls stay on record."""
    with database(load_settings()) as engine, writing(engine) as conn:
        if lease_name(name) in held_leases(conn, at=utc_now()):
            raise CrawlRunning(f"site {name!r} is being crawled; wait for that crawl or stop it")
        remove_site(conn, name)
    out.print(f"{escape(name)} is forgotten; its offers stay")


@app.command("add")
def add_command(
    url: Annotated[str, typer.Argument(help="Front page, listing, sitemap or feed of the shop.")],
    market: Annotated[str, typer.Option(help="Code of our market that it competes in.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code in which it sells.")],
    name: Annotated[str | None, typer.Option(help="Its key; from the address if absent.")] = None,
    pages: Annotated[int, typer.Option(min=1, max=100, help="Product pages to try.")] = 10,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="The shop stands at a private address.")
    ] = False,
    delay: Annotated[float, typer.Option(help="Seconds between two requests.")] = 0.5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, write nothing.")] = False,
    sites_file: _File = DEFAULT_FILE,
) -> None:
    """Find out how a shop is best read, show what a few pages gave, and write the site down."""
    known = load_sites(sites_file) if sites_file.exists() else {}
    key = name or (urlsplit(url).hostname or "").removeprefix("www.").lower()
    if key in known:
        raise typer.BadParameter(f"{sites_file} has a site {key!r} already; give another --name")
    site = Site(key, url, market, currency, allow_private=allow_private, delay=delay)
    with bars(f"sites add {key}") as progress:
        browser = load_settings().chromium
        found = detect_site(
            site, pages=pages, browser=browser, told=lambda way: progress(way, 0, None)
        )
    out.print(_offers_table(found))
    told = f"{_kind(found.site)} at {found.site.start_url}"
    if dry_run:
        out.print(f"{escape(key)}: {escape(told)}; nothing written")
        return
    sites_file.write_text(dump_sites([*known.values(), found.site]), "utf-8")
    out.print(f"{escape(key)}: {escape(told)}; written to {sites_file}")
    out.print(f"next: pricewright crawl {escape(key)}")


def _list_stored() -> None:
    now = utc_now()
    with database(load_settings()) as engine, reading(engine) as conn:
        plans = timetable(conn, stored_sites(conn).values(), now)
    table = Table("site", "kind", "market", "schedule", "next (UTC)", "last crawl (UTC)", "it is")
    for plan in plans:
        last = "" if plan.last is None else f"{plan.last.started_at:%Y-%m-%d %H:%M}"
        ended = ""
        if plan.last is not None:
            state = state_of(plan.last, plan.lease).replace("_", " ")
            ended = f"{state}, {plan.last.offers:,} offers"
        if plan.lease is not None:
            ended = f"being crawled by {plan.lease.holder}"
        due = "" if plan.due_at is None else f"{max(plan.due_at, now):%Y-%m-%d %H:%M}"
        site = plan.site
        table.add_row(site.name, _kind(site), site.market, site.schedule or "", due, last,
                      escape(ended))  # fmt: skip
    out.print(table)


def _kind(site: Site) -> str:
    return f"{site.kind.value}, rendered" if site.render else site.kind.value


def _offers_table(found: Detected) -> Table:
    """What the pages gave, and how sure it is."""
    table = Table("title", "price", "was", "stock", "source", "sure", "gtin")
    for offer in found.offers:
        table.add_row(
            escape(offer.title[:60]),
            str(offer.price),
            str(offer.list_price or ""),
            offer.availability,
            offer.source,
            f"{offer.confidence:.0%}",
            offer.gtin or "",
        )
    return table
