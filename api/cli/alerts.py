"""`pricewright alerts`: see and send what waits in the outbox."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from api.alerts.delivery import deliver_due
from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.logs import configure_logs
from api.settings import load_settings
from storage.database import reading
from storage.jobs.outbox import messages

app = typer.Typer(
    add_completion=False, help="Alerts: what happened, and whether somebody was told."
)


@app.command("list")
def list_command(
    status: Annotated[
        Literal["pending", "delivered", "dead"] | None, typer.Option(help="Only those.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
) -> None:
    """List alerts, the newest first."""
    with database(load_settings()) as engine, reading(engine) as conn:
        found = messages(conn, status=status, limit=limit)
    table = Table()
    for heading in (
        "id",
        "what",
        "about",
        "status",
        "tries",
        "delivered or due (UTC)",
        "last error",
    ):
        table.add_column(heading, overflow="fold")
    for message in found:
        table.add_row(
            message.event_id,
            escape(message.topic),
            escape(message.key),
            message.status,
            str(message.attempts),
            f"{message.delivered_at or message.next_attempt_at:%Y-%m-%d %H:%M:%S}",
            escape(message.last_error or ""),
        )
    out.print(table)


@app.command("deliver")
def deliver_command() -> None:
    """Send every alert that is due, once; one that failed is due after its pause.

    `pricewright serve` does so all the time.
    """
    settings = load_settings()
    if settings.webhook_url is None:
        raise typer.BadParameter("set PRICEWRIGHT_WEBHOOK_URL to where alerts should go")
    configure_logs(settings.log_format, settings.log_level)
    with database(settings) as engine:
        report = deliver_due(engine, settings, utc_now())
    out.print(f"{report.delivered} delivered, {report.retried} to retry, {report.dead} given up")
    if report.retried or report.dead:
        raise typer.Exit(1)
