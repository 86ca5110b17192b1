"""`pricewright market`: what competitors did over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import out, utc_now
from api.jobs.market_analysis import (
    USUAL_WINDOW,
    MarketReport,
    PriceRecord,
    market_report,
    price_record,
)
from api.jobs.result_files import refuse_unwritable
from api.reports.charts import CHART_ENDINGS
from api.reports.history_chart import draw_price_record
from api.reports.market_documents import MarketAnalysisDocument, PriceRecordDocument
from api.settings import load_settings
from models.competitors.figures import Figure
from models.competitors.history import OBSERVED
from pricing.currencies import decimals
from storage.database import reading
from storage.products.markets import list_markets

app = typer.Typer(
    add_completion=False,
    help="What competitors did over time: one product's record, and the analysis of a market.",
    no_args_is_help=True,
)

_Market = Annotated[
    str | None, typer.Option(help="Code of the market; needed where there are several.")
]
_Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="How far back; 180 days if absent."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]


@app.command("history")
def history_command(
    sku: Annotated[str, typer.Argument(help="Our product.")],
    market: _Market = None,
    since: _Since = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw the record into this .png or .svg file.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show a product's price at every competitor over time, with its gaps."""
    refuse_unwritable(chart, CHART_ENDINGS)
    now = utc_now()
    with database(load_settings()) as engine, reading(engine) as conn:
        record = price_record(
            conn, sku, _market(market, [item.code for item in list_markets(conn)]),
            since=_begin(since, now), until=now,
        )  # fmt: skip
    notes = () if chart is None else draw_price_record(record, chart)
    if as_json:
        typer.echo(PriceRecordDocument.of(record).model_dump_json(indent=2))
        return
    if record.spans.empty:
        out.print(f"{escape(sku)}: no competitor's offer was matched to it since {_day(record)}")
    else:
        out.print(_record_table(record))
    if chart is not None:
        out.print(f"the chart is in {escape(str(chart))}")
        for note in notes:
            out.print(f"[yellow]note:[/] {escape(note)}")


@app.command("analyse")
def analyse_command(
    market: _Market = None,
    category: Annotated[str | None, typer.Option(help="Our products of this one only.")] = None,
    since: _Since = None,
    within: Annotated[
        int, typer.Option(min=1, max=28, help="Days in which a change follows another.")
    ] = 7,
    as_json: _Json = False,
) -> None:
    """Show price indices, leaders and followers, promotions, price endings and stock-outs."""
    now = utc_now()
    with database(load_settings()) as engine, reading(engine) as conn:
        report = market_report(
            conn, _market(market, [item.code for item in list_markets(conn)]), category=category,
            since=_begin(since, now), until=now, within=within,
        )  # fmt: skip
    if as_json:
        typer.echo(MarketAnalysisDocument.of(report).model_dump_json(indent=2))
        return
    found = report.analysis
    out.print(
        f"{escape(report.market)}, {found.since} to {found.until}: {report.looks:,} looks at "
        f"{report.products:,} products of ours"
    )
    for note in report.notes:
        out.print(f"[yellow]note:[/] {escape(note)}")
    for table in _tables(report):
        if table.row_count:
            out.print(table)


def _market(named: str | None, codes: Sequence[str]) -> str:
    """The market asked for, or the only one."""
    if named is None and len(codes) == 1:
        return codes[0]
    if named is None:
        raise typer.BadParameter(f"name one with --market; there are {', '.join(codes) or 'none'}")
    return named


def _begin(since: datetime | None, now: datetime) -> datetime:
    if since is None:
        return now - USUAL_WINDOW
    begin = datetime.combine(since.date(), time.min, UTC)
    if begin >= now:
        raise typer.BadParameter(f"--since {since:%Y-%m-%d} lies ahead")
    return begin


def _day(record: PriceRecord) -> date:
    return record.since.date()


def _record_table(record: PriceRecord) -> Table:
    """One row a span; gaps stand out."""
    table = Table("competitor", "from (UTC)", "to (UTC)", "price", "was", "stock or gap", "looks",
                  title=escape(f"{record.sku} in {record.market}, {record.currency}"))  # fmt: skip
    places = decimals(record.currency)
    for span in record.spans.to_dict("records"):
        gap = span["state"] != OBSERVED
        listed = "" if np.isnan(span["list_price"]) else f"{span['list_price']:.{places}f}"
        table.add_row(
            escape(span["site"]),
            f"{span['start']:%Y-%m-%d %H:%M}",
            f"{span['end']:%Y-%m-%d %H:%M}",
            "-" if gap else f"{span['price']:.{places}f}",
            listed,
            escape(f"({span['state']})" if gap else span["availability"].replace("_", " ")),
            str(span["sightings"]),
            style="dim" if gap else None,
        )
    return table


def _tables(report: MarketReport) -> list[Table]:
    return [
        _index_table(report),
        _leaders_table(report),
        _promotions_table(report),
        _endings_table(report),
        _stock_table(report),
    ]


def _index_table(report: MarketReport) -> Table:
    table = Table("competitor", "category", "index", "products", "of ours", "chained", "cheaper",
                  "equal", "dearer", title="price index, ours is 100")  # fmt: skip
    for each in report.analysis.standings:
        known = np.flatnonzero(np.isfinite(each.chained))
        chained = "-"
        if len(known):
            chained = f"{each.chained[known[0]]:.1f} to {each.chained[known[-1]]:.1f}"
        table.add_row(
            escape(each.seller), _category(each.category), _figure(each.index, "{:.1f}"),
            str(each.index.n), _figure(each.coverage, "{:.0%}"), chained,
            _figure(each.cheaper, "{:.0%}"), _figure(each.equal, "{:.0%}"),
            _figure(each.dearer, "{:.0%}"),
        )  # fmt: skip
    return table


def _leaders_table(report: MarketReport) -> Table:
    table = Table("first", "then", "followed", "changes", "by chance", "days", "commonest lag", "q",
                  "", title="who moves first, in time and not as a cause")  # fmt: skip
    for each in report.analysis.following:
        lag = "-"
        if each.lags:
            beyond = np.array(each.lags) - np.array(each.lags_by_chance)
            lag = f"{each.window[0] + int(np.argmax(beyond))}" if each.leads else "-"
        table.add_row(
            escape(each.leader), escape(each.follower), _figure(each.followed, "{:.0%}"),
            str(each.followed.n),
            "-" if each.p_value is None else _figure(each.by_chance, "{:.0%}"),
            f"{each.window[0]}-{each.window[1]}", lag,
            "-" if each.q_value is None else f"{each.q_value:.3f}",
            "leads" if each.leads else "",
        )  # fmt: skip
    return table


def _promotions_table(report: MarketReport) -> Table:
    table = Table("competitor", "category", "reductions", "of products", "of days", "every (days)",
                  "lasts (days)", "depth", "claimed", "always", title="promotions")  # fmt: skip
    for each in report.analysis.promotions:
        table.add_row(
            escape(each.seller), _category(each.category), str(each.reductions),
            _figure(each.products, "{:.0%}"), _figure(each.days, "{:.0%}"),
            _figure(each.interval, "{:.0f}"), _figure(each.duration, "{:.0f}"),
            _figure(each.depth, "{:.0%}"), _figure(each.claimed, "{:.0%}"),
            _figure(each.standing, "{:.0%}"),
        )  # fmt: skip
    return table


def _endings_table(report: MarketReport) -> Table:
    table = Table("competitor", "category", "prices", "99", "95", "00", "commonest", "even?",
                  title="price endings")  # fmt: skip
    for each in report.analysis.endings:
        even = f"({each.why})" if each.p_value is None else f"p = {each.p_value:.3f}"
        table.add_row(
            escape(each.seller), _category(each.category), str(each.n),
            _figure(each.nines, "{:.0%}"), _figure(each.fives, "{:.0%}"),
            _figure(each.rounds, "{:.0%}"), " ".join(ending for ending, _ in each.common[:5]), even,
        )  # fmt: skip
    return table


def _stock_table(report: MarketReport) -> Table:
    table = Table("competitor", "category", "out of the time", "out now", "a spell (days)",
                  "spells", "offers of ours", "lost", "never", title="stock")  # fmt: skip
    for each in report.analysis.stock:
        table.add_row(
            escape(each.seller), _category(each.category), _figure(each.out, "{:.0%}"),
            _figure(each.out_now, "{:.0%}"), _figure(each.spell, "{:.0f}"), str(each.spells),
            str(each.listed), str(len(each.lost)), str(len(each.never)),
        )  # fmt: skip
    return table


def _category(name: str | None) -> str:
    return "[bold]all[/]" if name is None else escape(name)


def _figure(figure: Figure, form: str) -> str:
    """The number with its interval, or why there is none."""
    if figure.value is None:
        return f"[dim]({escape(figure.why)})[/]"
    text = form.format(figure.value)
    if figure.low is None or figure.high is None:
        return text
    return f"{text} [dim]({form.format(figure.low)}..{form.format(figure.high)})[/]"
