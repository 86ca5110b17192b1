"""`pricewright people`: who may log in, and what they may do."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Connection

from api.access.passwords import hash_of, made_up, require_good
from api.access.roles import Role
from api.cli.database import database
from api.cli.keys import By, Categories, Markets, moment, where
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.access.people import (
    Person,
    add_person,
    disable_person,
    erase_person,
    list_people,
    person_named,
    read_person,
    set_password,
    set_roles,
)
from storage.access.scopes import Scope
from storage.database import reading, writing

app = typer.Typer(add_completion=False, help="Who may log in.", no_args_is_help=True)

_Who = Annotated[str, typer.Argument(help="Their name, or the id that `people list` shows.")]
_Roles = Annotated[list[Role], typer.Option("--role", help="What they may do. Repeatable.")]


@app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="What they log in with.")],
    role: _Roles,
    market: Markets = None,
    category: Categories = None,
    by: By = None,
) -> None:
    """Make an account, and show the password that it is opened with this once."""
    password = made_up()
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        person = add_person(
            conn,
            name=name,
            roles=role,
            by=account_or_user(conn, by),
            at=utc_now(),
            scope=Scope.of(market, category),
            password_hash=hash_of(password),
            must_change_password=True,
        )
    _tell(person, password)


@app.command("list")
def list_command() -> None:
    """List all accounts, the oldest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        people = list_people(conn)
    table = Table("id", "name", "roles", "where", "comes by", "last log-in", "state")
    for person in people:
        table.add_row(
            person.person_id,
            escape(person.name or ""),
            ", ".join(sorted(person.roles)),
            escape(where(person.scope)),
            escape(person.issuer or ("password" if person.has_password else "")),
            moment(person.last_login_at),
            _state(person),
        )
    out.print(table)


@app.command("roles")
def roles_command(
    who: _Who,
    role: _Roles,
    market: Markets = None,
    category: Categories = None,
    by: By = None,
) -> None:
    """Say what somebody may do from now on, and where."""
    scope = Scope.of(market, category)
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        person_id = _known(conn, who).person_id
        person = set_roles(
            conn, person_id, role, by=account_or_user(conn, by), at=utc_now(), scope=scope
        )
    roles = ", ".join(sorted(person.roles))
    out.print(f"{escape(who)} is now {roles}, {escape(where(person.scope))}")


@app.command("password")
def password_command(
    who: _Who,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input; it stays.")
    ] = False,
    by: By = None,
) -> None:
    """Give an account a new password, made up and shown this once; all its sessions end."""
    password = sys.stdin.readline().rstrip("\r\n") if stdin else made_up()
    require_good(password, "password")
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        person = _known(conn, who)
        set_password(
            conn,
            person.person_id,
            hash_of(password),
            by=account_or_user(conn, by),
            at=utc_now(),
            must_change=not stdin,
        )
    if stdin:
        out.print(f"{escape(who)} has a new password")
    else:
        _tell(person, password)


@app.command("disable")
def disable_command(who: _Who, by: By = None) -> None:
    """Let somebody in no more; their sessions end at once."""
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        disable_person(
            conn, _known(conn, who).person_id, by=account_or_user(conn, by), at=utc_now()
        )
    out.print(f"{escape(who)} is let in no more")


@app.command("erase")
def erase_command(who: _Who, by: By = None) -> None:
    """Delete all that is known of somebody; what they did stays under an opaque id."""
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        person = erase_person(
            conn, _known(conn, who).person_id, by=account_or_user(conn, by), at=utc_now()
        )
    out.print(f"{person.person_id} is erased")


def _known(conn: Connection, who: str) -> Person:
    return read_person(conn, who) if who.startswith("p_") else person_named(conn, who)


def _state(person: Person) -> str:
    if person.erased_at is not None:
        return "erased"
    if person.disabled_at is not None:
        return "disabled"
    return "must choose a password" if person.must_change_password else ""


def _tell(person: Person, password: str) -> None:
    out.print(f"account {person.person_id}; the password is shown this once, for choosing another:")
    out.print(password)
