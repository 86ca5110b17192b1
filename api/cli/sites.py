"""`pricewright sites`: the competitor shops that are crawled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.terminal import bars, out
from scrapers.detect import Detected, detect_site
from scrapers.sites import Site, dump_sites, load_sites

app = typer.Typer(
    add_completion=False,
    help="Competitor shops: data in sites.yaml, no code.",
    no_args_is_help=True,
)

_File = Annotated[Path, typer.Option("--sites", help="The file that describes the sites.")]
_DEFAULT = Path("sites.yaml")


@app.command("list")
def list_command(sites_file: _File = _DEFAULT) -> None:
    """List the sites of the file."""
    table = Table("site", "kind", "market", "currency", "start", "every")
    for site in load_sites(sites_file).values():
        table.add_row(site.name, site.kind.value, site.market, site.currency,
                      escape(site.start_url), site.every or "")  # fmt: skip
    out.print(table)


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
    sites_file: _File = _DEFAULT,
) -> None:
    """Find out how a shop is best read, show what a few pages gave, and write the site down."""
    known = load_sites(sites_file) if sites_file.exists() else {}
    key = name or (urlsplit(url).hostname or "").removeprefix("www.").lower()
    if key in known:
        raise typer.BadParameter(f"{sites_file} has a site {key!r} already; give another --name")
    site = Site(key, url, market, currency, allow_private=allow_private, delay=delay)
    with bars(f"sites add {key}") as progress:
        found = detect_site(site, pages=pages, told=lambda way: progress(way, 0, None))
    out.print(_offers_table(found))
    told = f"{found.site.kind} at {found.site.start_url}"
    if dry_run:
        out.print(f"{escape(key)}: {escape(told)}; nothing written")
        return
    sites_file.write_text(dump_sites([*known.values(), found.site]), "utf-8")
    out.print(f"{escape(key)}: {escape(told)}; written to {sites_file}")
    out.print(f"next: pricewright crawl {escape(key)}")


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
