"""`pricewright plan`: plans that a manager can sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer
from rich.markup import escape

from api.cli.planning_tables import show_certificate, show_difference, show_relaxed, show_sides
from api.cli.terminal import bars, out
from api.jobs.result_files import refuse_unwritable, write_table
from api.plans.bundles.input import receipts_of_file, segments_of_rows
from api.plans.bundles.output import offer_table
from api.plans.calendar.output import calendar_table
from api.plans.calendar.schema import ProductIn
from api.plans.errors import PlanInputInvalid
from api.plans.files import read_plan_file, set_options, write_json
from api.plans.kinds import plan_kind, unseen
from api.plans.markdown.input import read_markdown_document
from api.plans.markdown.output import PLAN_ENDINGS, week_table
from pricing.documents import Document

app = typer.Typer(add_completion=False, help="Plans, each with its bound and what to expect of it.")

_LOWER: Final = "if_demand_is_20_percent_lower"


@app.callback()
def _plans() -> None:
    """Plans, each with its bound and what to expect of it."""


@app.command()
def markdown(
    input_file: Annotated[Path, typer.Option("--input", help="The clearance: .json or .csv.")],
    output_file: Annotated[
        Path, typer.Option("--output", help="The plan: .json, .csv or .parquet.")
    ],
    weeks: Annotated[int | None, typer.Option(min=1, help="Weeks (needed with .csv).")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code (needed with .csv).")] = None,
    budget: Annotated[str | None, typer.Option(help="Most to give away, expected.")] = None,
    labels_per_week: Annotated[
        int | None, typer.Option(help="Most labels changed in a market and week.")
    ] = None,
    average_discount: Annotated[
        float | None, typer.Option(help="Most given away, as a share of full prices.")
    ] = None,
    revenue_floor: Annotated[str | None, typer.Option(help="Least revenue, net of tax.")] = None,
    marked_down_at_once: Annotated[
        int | None, typer.Option(help="Most items below their full price in a week.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=10, max=100_000, help="Futures to simulate (500).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the simulated chance (1).")] = None,
    gap: Annotated[
        float | None, typer.Option(min=0, max=1, help="Gap to stop at (0.00001).")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads (1).")] = None,
) -> None:
    """Plan a clearance: a falling price path for every item within all limits, with a proof."""
    refuse_unwritable(output_file, PLAN_ENDINGS)
    clearance = read_markdown_document(
        input_file,
        {
            "weeks": weeks, "currency": currency, "budget": budget,
            "labels_per_week": labels_per_week, "average_discount": average_discount,
            "revenue_floor": revenue_floor, "marked_down_at_once": marked_down_at_once,
            "draws": draws, "seed": seed, "gap": gap, "threads": threads,
        },
    )  # fmt: skip
    result = _planned("markdown", clearance.value, clearance)
    _write(result, output_file, week_table)
    items = len(result["items"])
    what = f"{items:,} item{'s' if items != 1 else ''} from week {result['first_week']} on"
    measures = ("sell_through", "revenue", "margin", "write_off")
    _show(what, result, measures, (("current policy", "margin"),))
    show_relaxed(result["limits_that_gave"])
    out.print(f"plan: {escape(str(output_file))}")


@app.command()
def promotions(
    input_file: Annotated[
        Path, typer.Option("--input", help="The calendar: .json, or a .csv of products.")
    ],
    output_file: Annotated[
        Path, typer.Option("--output", help="The plan: .json, .csv or .parquet.")
    ],
    terms: Annotated[
        Path | None, typer.Option(help="JSON with everything but the products (with .csv).")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Most to give away, expected.")] = None,
    category_share: Annotated[
        float | None, typer.Option(help="Most of a category on promotion in a week.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=10, max=100_000, help="Futures to simulate (500).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the simulated chance (1).")] = None,
    gap: Annotated[float | None, typer.Option(min=0, max=1, help="Gap to stop at (0.001).")] = None,
) -> None:
    """Plan a calendar: which product under which mechanic in which week, with a proof."""
    refuse_unwritable(output_file, PLAN_ENDINGS)
    sources = [read_plan_file(input_file, "products", ProductIn)]
    if terms is not None:
        sources.append(read_plan_file(terms, "products"))
    document = {name: part for source in reversed(sources) for name, part in source.value.items()}
    for name, given in (
        ("limits", {"budget": budget, "category_share": category_share}),
        ("search", {"draws": draws, "seed": seed, "gap": gap}),
    ):
        set_options(document, name, given)
    result = _planned("promotions", document, *sources)
    _write(result, output_file, calendar_table)
    drafts = len(result["promotion_drafts"]["promotions"])
    what = f"{len(result['calendar']):,} promotion weeks in {drafts:,} drafts"
    others = (("do nothing", "profit"), ("last year", "profit"), ("greedy", "profit"))
    _show(what, result, ("profit", "revenue", "units", "given_away"), others)
    for warning in result["warnings"]:
        out.print(f"[yellow]note:[/] {escape(warning)}")
    out.print(f"plan: {escape(str(output_file))}")


@app.command()
def bundles(
    input_file: Annotated[
        Path, typer.Option("--input", help="The plan's input: .json, or a .csv of segments.")
    ],
    output_file: Annotated[
        Path, typer.Option("--output", help="The plan: .json, .csv or .parquet.")
    ],
    terms: Annotated[
        Path | None, typer.Option(help="JSON with everything but the segments (with .csv).")
    ] = None,
    baskets: Annotated[
        Path | None, typer.Option(help="CSV of order,sku: candidates are drawn from it.")
    ] = None,
    most: Annotated[int | None, typer.Option(min=0, help="Most bundles to offer.")] = None,
    draws: Annotated[
        int | None, typer.Option(min=10, max=100_000, help="Futures to simulate (500).")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all chance (1).")] = None,
    seconds: Annotated[float | None, typer.Option(help="Time for the plan itself (50).")] = None,
    gap: Annotated[float | None, typer.Option(min=0, max=0.99, help="Gap to stop at (0).")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads (1).")] = None,
) -> None:
    """Plan bundles: which sets to offer beside single products, and every price, with a bound."""
    refuse_unwritable(output_file, PLAN_ENDINGS)
    sources = [read_plan_file(input_file, "segments")]
    if input_file.suffix.lower() == ".csv":
        rows = segments_of_rows(sources[0].value["segments"])
        sources = [replace(sources[0], value={"segments": rows})]
    if terms is not None:
        sources.append(read_plan_file(terms, "products"))
    document = {name: part for source in reversed(sources) for name, part in source.value.items()}
    if baskets is not None:
        receipts = {"receipts": receipts_of_file(baskets)}
        document["baskets"] = {**(document.get("baskets") or {}), **receipts}
    for name, given in (
        ("limits", {"bundles": most}),
        (
            "search",
            {
                "draws": draws,
                "seed": seed,
                "time_limit": seconds,
                "gap": gap,
                "threads": threads,
            },
        ),
    ):
        set_options(document, name, given)
    result = _planned("bundles", document, *sources)
    _write(result, output_file, offer_table)
    found = len(result["bundles"])
    what = f"{found} bundle{'s' if found != 1 else ''} beside {len(result['prices'])} products"
    others = (("do nothing", "profit"), ("component pricing", "profit"))
    _show(what, result, ("profit", "revenue", "units", "given_away"), others)
    for row in result["bundles"]:
        out.print(
            f"{escape(' + '.join(row['skus']))}: {row['price']['amount']} instead of "
            f"{row['parts']['amount']}, {row['buyers']:,} buyers"
        )
    for warning in result["warnings"]:
        out.print(f"[yellow]note:[/] {escape(warning)}")
    out.print(f"plan: {escape(str(output_file))}")


def _write(
    result: dict[str, Any], path: Path, table: Callable[[dict[str, Any]], pd.DataFrame]
) -> None:
    """The whole result as JSON, or the plan in it as a table; the ending says which."""
    if path.suffix == ".json":
        write_json(result, path)
    else:
        write_table(table(result), path)


def _planned(kind: str, document: dict[str, Any], *sources: Document) -> dict[str, Any]:
    """The same function that the service's jobs start; refusals name the file that said it."""
    try:
        with bars("plan") as progress:
            return plan_kind(kind).run(document, progress, unseen)
    except PlanInputInvalid as error:
        said = [source for source in sources if error.place and error.place[0] in source.value]
        source = (*said, *sources)[0]
        raise error.located(source.source, source.line(error.place)) from error


def _show(
    what: str,
    result: dict[str, Any],
    measures: tuple[str, ...],
    others: tuple[tuple[str, str], ...],
) -> None:
    show_certificate(what, result["certificate"])
    level = result["interval_level"]
    show_sides("as expected", result["expected"], measures, level)
    show_sides("if demand is 20% lower", result[_LOWER], measures, level)
    for other, measure in others:
        show_difference(result["expected"], "plan", other, measure)
