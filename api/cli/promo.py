"""`pricewright promo`: promotions on a cart and in the database, and their codes."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.promo_answers import answer_of, tables
from api.cli.promo_files import parsed
from api.cli.promo_store import register
from api.cli.terminal import out, utc_now
from api.errors import CannotWrite
from api.settings import load_settings
from pricing.promotions.dry_run import dry_run
from pricing.promotions.errors import InvalidCart, InvalidPromotion
from storage.database import reading, writing
from storage.errors import CodesRefused
from storage.promotions.codes import export_codes, generate_codes, import_codes

app = typer.Typer(
    add_completion=False,
    help="Promotions: write them, let them run, try them on a cart, and handle their codes.",
)
register(app)
codes = typer.Typer(help="Unique codes of a promotion.")
app.add_typer(codes, name="codes")


class _Mode(StrEnum):
    BEST = "best"
    PRIORITY = "priority"


_Promotion = Annotated[str, typer.Argument(metavar="PROMOTION", help="Id of the promotion.")]
_By = Annotated[str | None, typer.Option(help="Who does this; the user of this computer if none.")]
_STANDARD = "-"


@app.command("evaluate")
def evaluate_command(
    cart: Annotated[Path, typer.Argument(metavar="CART", help="The cart, JSON or YAML.")],
    promotions: Annotated[Path, typer.Option(help="The promotions, JSON or YAML.")],
    at: Annotated[
        str | None,
        typer.Option(help="The moment, like 2026-11-11T20:00; that of the cart, or now, if none."),
    ] = None,
    mode: Annotated[
        _Mode | None, typer.Option(help="How overlaps are resolved; as the file says if none.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON that POST /v1/promotions:try answers.")
    ] = False,
) -> None:
    """Say what a cart comes to, what applied, what almost did, and why the others did not."""
    cart_data, promotions_data = parsed(cart), parsed(promotions)
    with cart_data.naming(InvalidCart), promotions_data.naming(InvalidPromotion):
        run = dry_run(
            cart_data.value,
            promotions_data.value,
            at=_moment(cart_data.value, promotions_data.value, at),
            mode=None if mode is None else mode.value,
        )
    answer = answer_of(run)
    if as_json:
        said = msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()
        out.print(said, markup=False, highlight=False, soft_wrap=True)
        return
    for title, headings, rows in tables(answer):
        table = Table(*headings, title=title, title_justify="left")
        for row in rows:
            table.add_row(*map(escape, row))
        out.print(table)


@codes.command("generate")
def generate_command(
    promotion: _Promotion,
    count: Annotated[int, typer.Option(min=1, help="How many.")],
    pattern: Annotated[
        str, typer.Option(help="# is a letter or digit, @ a letter, * a digit.")
    ] = "########",
    to: Annotated[
        Path | None, typer.Option("--out", help="Write them to this CSV file, too.")
    ] = None,
    by: _By = None,
) -> None:
    """Make unique codes, drawn at random; different from all others."""
    _refuse_existing(to)
    with database(load_settings()) as engine:
        with writing(engine, durable=True) as conn:
            batch = generate_codes(
                conn,
                promotion,
                pattern=pattern,
                count=count,
                actor=account_or_user(conn, by),
                at=utc_now(),
            )
        out.print(f"batch [bold]{batch.batch_id}[/]: {batch.codes:,} codes like {escape(pattern)}")
        if to is not None:
            with reading(engine) as conn:
                _write(conn, promotion, to, batch.batch_id)


@codes.command("import")
def import_command(
    promotion: _Promotion,
    file: Annotated[Path, typer.Argument(help="CSV with a column code and, perhaps, customer.")],
    by: _By = None,
) -> None:
    """Bring in codes made elsewhere; all or nothing."""
    try:
        with (
            file.open(encoding="utf-8-sig", newline="") as lines,
            database(load_settings()) as engine,
            writing(engine, durable=True) as conn,
        ):
            batch = import_codes(
                conn,
                promotion,
                lines,
                source=file.name,
                actor=account_or_user(conn, by),
                at=utc_now(),
            )
    except OSError as error:
        raise CodesRefused(str(file), f"cannot be read: {error.strerror}") from None
    out.print(f"batch [bold]{batch.batch_id}[/]: {batch.codes:,} codes of {escape(file.name)}")


@codes.command("export")
def export_command(
    promotion: _Promotion,
    to: Annotated[Path, typer.Option("--out", help="CSV file; - for standard output.")] = Path(
        _STANDARD
    ),
    batch: Annotated[int | None, typer.Option(min=1, help="Only this batch.")] = None,
) -> None:
    """Write codes as CSV: code, customer, uses."""
    _refuse_existing(to)
    with database(load_settings()) as engine, reading(engine) as conn:
        _write(conn, promotion, to, batch)


def _write(conn: Any, promotion: str, to: Path, batch: int | None) -> None:  # noqa: ANN401
    if str(to) == _STANDARD:
        export_codes(conn, promotion, sys.stdout, batch_id=batch)
        return
    part = to.with_name(f".{to.name}.part")  # nobody finds half a file under the name asked for
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            done = export_codes(conn, promotion, file, batch_id=batch)
        part.replace(to)
    except OSError as error:
        raise CannotWrite(f"cannot write {to}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    out.print(f"{done:,} codes in {escape(str(to))}")


def _refuse_existing(to: Path | None) -> None:
    """Before the work is done: codes that were given out are not overwritten."""
    if to is None or str(to) == _STANDARD:
        return
    if to.exists():
        raise CannotWrite(f"{to} exists already; name another file or delete it")
    if not os.access(to.parent, os.W_OK):
        raise CannotWrite(f"cannot write into {to.parent}; make the folder first")


def _moment(cart: object, promotions: object, at: str | None) -> datetime | None:
    """The moment asked for, on the cart's clock, else the promotions'; now if nobody says when."""
    if at is None:
        return None if _said(cart, "at") else utc_now()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(f"{at!r} is no time; write it like 2026-11-11T20:00") from None
    if moment.tzinfo is not None:
        return moment
    zone = _said(cart, "time_zone") or _said(promotions, "time_zone") or "UTC"
    try:
        return moment.replace(tzinfo=ZoneInfo(str(zone)))
    except (ZoneInfoNotFoundError, ValueError):
        return moment.replace(tzinfo=ZoneInfo("UTC"))  # the file is refused for its time zone


def _said(document: object, name: str) -> object:
    return document.get(name) if isinstance(document, dict) else None
