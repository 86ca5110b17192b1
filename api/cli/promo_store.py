"""`pricewright promo add`, `list`, `show`, `activate`, `end`: promotions in the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.promo_files import parsed
from api.cli.terminal import out, utc_now
from api.promotions.conflicts import Conflict
from api.promotions.errors import PromotionsConflict
from api.promotions.files import add_promotions, conflicts_beside, terms_of_file
from api.settings import load_settings
from storage.database import reading, writing
from storage.law.rule_packs import load_rule_packs
from storage.promotions.versions import (
    StoredPromotion,
    audit_of,
    end_promotion,
    list_promotions,
    read_promotion,
    schedule_promotion,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from api.settings import Settings

_Name = Annotated[str, typer.Argument(metavar="PROMOTION", help="Id of the promotion.")]
_By = Annotated[str | None, typer.Option(help="Who does this; the user of this computer if none.")]
_Accept = Annotated[bool, typer.Option("--accept-conflicts", help="Run in spite of conflicts.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `pricewright promo`."""
    app.command("add")(add_command)
    app.command("list")(list_command)
    app.command("show")(show_command)
    app.command("activate")(activate_command)
    app.command("end")(end_command)


def add_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="Promotions as for evaluate, or one with its terms as over HTTP; JSON or YAML."
        ),
    ],
    revise: Annotated[
        bool, typer.Option("--revise", help="Add a version where the id is there already.")
    ] = False,
    note: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    activate: Annotated[
        bool, typer.Option("--activate", help="Schedule them, too, if nothing is in conflict.")
    ] = False,
    accept_conflicts: _Accept = False,
    by: _By = None,
) -> None:
    """Store the promotions of a file as drafts, all or none."""
    document = parsed(file)
    with document.naming():
        found = terms_of_file(document.value)
    now, settings = utc_now(), load_settings()
    with database(settings) as engine:
        with reading(engine) as conn:
            who = account_or_user(conn, by)
        added = add_promotions(engine, found, actor=who, at=now, revise=revise, note=note)
        for stored in added:
            out.print(f"{escape(stored.name)}: version {stored.version}, {stored.phase(now)}")
        drafts = [stored for stored in added if stored.status == "draft"]
        for stored in drafts if activate else ():
            _activate(engine, settings, stored.name, who, now, accept=accept_conflicts)


def list_command(
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the promotions with their windows and versions."""
    now = utc_now()
    with database(load_settings()) as engine, reading(engine) as conn:
        found = [p for p in list_promotions(conn) if ended or p.phase(now) != "ended"]
    if as_json:
        rows = [
            {
                "id": p.name,
                "type": _kind(p),
                "status": p.phase(now),
                "version": p.version,
                "starts_at": _moment(p.starts_at),
                "ends_at": _moment(p.ends_at),
            }
            for p in found
        ]
        out.print(json.dumps(rows, ensure_ascii=False, indent=2), markup=False)
        return
    table = Table("promotion", "type", "status", "version", "from", "until")
    for p in found:
        table.add_row(
            escape(p.name),
            _kind(p),
            p.phase(now),
            str(p.version),
            _moment(p.starts_at) or "ever",
            _moment(p.ends_at) or "for ever",
        )
    out.print(table)


def show_command(name: _Name) -> None:
    """Print a promotion's terms as JSON, and who did what to it."""
    now = utc_now()
    with database(load_settings()) as engine, reading(engine) as conn:
        stored = read_promotion(conn, name)
        steps = audit_of(conn, name)
    out.print(json.dumps(stored.terms.document(), ensure_ascii=False, indent=2), markup=False)
    out.print(f"{stored.phase(now)}, version {stored.version}")
    for step in steps:
        out.print(f"  {_moment(step.at)}  {escape(step.actor)}  {step.action} {step.version}")


def activate_command(
    names: Annotated[list[str], typer.Argument(metavar="PROMOTION...", help="Ids.")],
    accept_conflicts: _Accept = False,
    by: _By = None,
) -> None:
    """Let promotions run, from their first moment on; conflicts are looked for before."""
    now, settings = utc_now(), load_settings()
    with database(settings) as engine:
        with reading(engine) as conn:
            who = account_or_user(conn, by)
        for name in names:
            _activate(engine, settings, name, who, now, accept=accept_conflicts)


def end_command(
    names: Annotated[list[str], typer.Argument(metavar="PROMOTION...", help="Ids.")],
    by: _By = None,
) -> None:
    """End promotions now and for good; quotes that were made before stay good."""
    now = utc_now()
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        who = account_or_user(conn, by)
        for name in names:
            end_promotion(conn, name, actor=who, at=now)
    for name in names:
        out.print(f"{escape(name)}: ended")


def _activate(
    engine: Engine, settings: Settings, name: str, actor: str, now: datetime, *, accept: bool
) -> None:
    packs = load_rule_packs(settings.rule_packs)
    with reading(engine) as conn:
        terms = read_promotion(conn, name).terms
        found = conflicts_beside(conn, packs, terms, now, settings.map_floor_in)
    for conflict in found:
        out.print(f"[yellow]conflict:[/] {escape(str(conflict))}")
    if found and not accept:
        raise PromotionsConflict(
            f"{name!r} stays a draft: change it, or say --accept-conflicts to let it run like this"
        )
    with writing(engine, durable=True) as conn:
        stored = schedule_promotion(conn, name, actor=actor, at=now, detail=_detail(found))
    out.print(f"{escape(name)}: {stored.phase(now)}")


def _detail(found: tuple[Conflict, ...]) -> dict[str, list[str]]:
    return {"accepted_conflicts": [str(conflict) for conflict in found]} if found else {}


def _kind(stored: StoredPromotion) -> str:
    return str(stored.terms.promotion.__struct_config__.tag)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%MZ}"
