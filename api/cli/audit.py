"""`pricewright audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import fail, out
from api.settings import load_settings
from storage.audit.reading import audit_records, verify_audit
from storage.database import reading

app = typer.Typer(add_completion=False, help="Who did what, and whether the record is whole.")

_ERASED = "(erased)"


@app.callback()
def _audit() -> None:
    """Who did what, and whether the record is whole."""


@app.command("list")
def list_command(
    subject: Annotated[
        str | None,
        typer.Option(metavar="KIND:ID", help="Only what was done to this, as in price_book:7."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
) -> None:
    """The newest records, the newest first."""
    chosen = None
    if subject is not None:
        kind, colon, number = subject.partition(":")
        if not colon:
            raise typer.BadParameter(f"{subject!r} must look like KIND:ID, as in price_book:7")
        chosen = (kind, number)
    with database(load_settings()) as engine, reading(engine) as conn:
        found = audit_records(conn, subject=chosen, limit=limit)
    table = Table("no", "at (UTC)", "who", "did", "to", "request")
    for record in found:
        table.add_row(
            str(record.number),
            f"{record.at:%Y-%m-%d %H:%M:%S}",
            escape(record.name or _ERASED),
            escape(record.verb),
            escape(f"{record.subject_kind}:{record.subject_id}"),
            escape(record.origin),
        )
    out.print(table)


@app.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(help="A hash that was noted before; the chain must still lead through it."),
    ] = None,
) -> None:
    """Compute the chain anew; ends with status 1 and the first record that is wrong.

    Note the hash that it prints where nobody of this machine can change it: with `--anchor` it
    shows that nothing up to then was changed or cut off, by whoever holds the database either.
    """
    with database(load_settings()) as engine, reading(engine) as conn:
        found = verify_audit(conn, anchor=anchor)
    if found.broken_at is not None:
        fail(
            f"the audit is broken at record {found.broken_at:,}: {found.why}; there are "
            f"{found.records:,} records, and those before it are whole"
        )
        raise typer.Exit(1)
    out.print(f"{found.records:,} records, whole; the last hash is {found.hash}")
