"""`pricewright keys`: keys of programs, made, listed, rotated, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.access.roles import Role
from api.cli.database import database
from api.cli.moments import account_or_user
from api.cli.terminal import out, utc_now
from api.settings import load_settings
from storage.access.keys import AccessKey, list_keys, make_key, revoke_key, rotate_key
from storage.access.scopes import Scope
from storage.database import reading, writing

app = typer.Typer(add_completion=False, help="Keys of programs.", no_args_is_help=True)


class KeyKind(StrEnum):
    """What kind of key."""

    publishable = "publishable"
    secret = "secret"  # noqa: S105  (a kind, not a secret)


By = Annotated[str | None, typer.Option(help="Who does this; the user of this computer if none.")]
Markets = Annotated[list[str] | None, typer.Option("--market", help="Only there. Repeatable.")]
Categories = Annotated[
    list[str] | None, typer.Option("--category", help="Only for these products. Repeatable.")
]
_KeyId = Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")]


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    kind: Annotated[
        KeyKind, typer.Option(help="`publishable` may be seen in a browser.")
    ] = KeyKind.secret,
    role: Annotated[
        list[Role] | None, typer.Option(help="What it may do. Repeatable; of a secret key.")
    ] = None,
    market: Markets = None,
    category: Categories = None,
    expires: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="When it ends (UTC)."),
    ] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Most requests a minute.")] = None,
    per_day: Annotated[int | None, typer.Option(min=1, help="Most requests a day.")] = None,
    test: Annotated[bool, typer.Option("--test", help="It redeems nothing.")] = False,
    draft: Annotated[
        int | None, typer.Option(help="A test key sees the prices of this draft.")
    ] = None,
    by: By = None,
) -> None:
    """Make a key, and show its secret this once."""
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        key, secret = make_key(
            conn,
            name=name,
            kind=kind.value,
            roles=frozenset(role or ()),
            by=account_or_user(conn, by),
            at=utc_now(),
            scope=Scope.of(market, category),
            test=test,
            draft_id=draft,
            per_minute=per_minute,
            per_day=per_day,
            expires_at=None if expires is None else expires.replace(tzinfo=UTC),
        )
    _tell(key, secret)


@app.command("list")
def list_command() -> None:
    """List all keys, the newest first; secrets are kept nowhere."""
    with database(load_settings()) as engine, reading(engine) as conn:
        keys = list_keys(conn)
    table = Table("key", "name", "begins with", "roles", "where", "made by", "last used", "ends")
    for key in keys:
        table.add_row(
            key.key_id,
            escape(key.name),
            f"{key.prefix}{' (test)' if key.test else ''}",
            ", ".join(sorted(key.roles)) or key.kind,
            escape(where(key.scope)),
            escape(key.created_by),
            moment(key.last_used_at),
            "revoked" if key.revoked_at is not None else moment(key.expires_at),
        )
    out.print(table)


@app.command("rotate")
def rotate_command(
    key_id: _KeyId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, help="So long is the secret of now good, too.")
    ] = 24.0,
    by: By = None,
) -> None:
    """Give a key a new secret, and show it this once."""
    overlap = timedelta(hours=overlap_hours)
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        key, secret = rotate_key(
            conn, key_id, by=account_or_user(conn, by), at=utc_now(), overlap=overlap
        )
    _tell(key, secret)
    out.print(f"the secret before is good until {moment(key.previous_until)}")


@app.command("revoke")
def revoke_command(key_id: _KeyId, by: By = None) -> None:
    """End a key: no process lets it in after its next poll."""
    with database(load_settings()) as engine, writing(engine, durable=True) as conn:
        revoke_key(conn, key_id, by=account_or_user(conn, by), at=utc_now())
    out.print(f"{escape(key_id)} is [bold]revoked[/]")


def where(scope: Scope) -> str:
    """A scope in words."""
    named = [*sorted(scope.markets or ()), *sorted(scope.categories or ())]
    return ", ".join(named) or "everywhere"


def moment(at: datetime | None) -> str:
    """A moment to the minute, UTC."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _tell(key: AccessKey, secret: str) -> None:
    out.print(f"key {key.key_id}; its secret is shown this once:")
    out.print(secret)
