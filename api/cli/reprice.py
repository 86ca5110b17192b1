"""`pricewright reprice`: decide prices."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import bars, out, utc_now
from api.jobs.pareto import DEFAULT_SWEEP, front, front_frame
from api.jobs.pricing_rules import lines_of, read_rules
from api.jobs.reprice import RepriceOutcome, RepriceRequest, reprice
from api.jobs.result_files import TABLE_ENDINGS, refuse_unwritable, write_table
from api.reports.charts import CHART_ENDINGS
from api.reports.pareto_chart import draw_front
from api.settings import load_settings
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import GuardrailLimits
from pricing.deciding.pareto import ParetoFront
from pricing.rulebook.document import PricingRules
from storage.law.rule_packs import load_rule_packs

_DEFAULTS: Final = GuardrailLimits()
_MOST_LINES: Final = 12

app = typer.Typer(add_completion=False)


@app.command()
def reprice_command(
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    category: Annotated[str | None, typer.Option(help="This category only.")] = None,
    sku: Annotated[list[str] | None, typer.Option(help="This product only. Repeatable.")] = None,
    rules_file: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            "--strategies",
            metavar="FILE",
            help="Objective, limits, strategies, relations and more in YAML; see the manual, "
            "Deciding prices. Options given here go before what it says.",
        ),
    ] = None,
    minimum_margin: Annotated[
        float | None,
        typer.Option(
            help=f"Least margin on the net price, 0 to 0.95.  [default: {_DEFAULTS.minimum_margin}]"
        ),
    ] = None,
    maximum_change: Annotated[
        float | None,
        typer.Option(
            help="Most change of a price at once, above 0 to 0.5.  "
            f"[default: {_DEFAULTS.maximum_change}]"
        ),
    ] = None,
    competitor_band: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Prices as multiples of the lowest competitor offer; 'none' for no band.  "
            "[default: 0.8,1.2]",
        ),
    ] = None,
    max_changes: Annotated[int | None, typer.Option(help="Most price changes in this run.")] = None,
    revenue_weight: Annotated[
        float | None,
        typer.Option(help="Worth of 1.00 of revenue against 1.00 of profit.  [default: 0]"),
    ] = None,
    exchange_rates: Annotated[
        list[str] | None,
        typer.Option(
            "--exchange-rate",
            metavar="CURRENCY=WORTH",
            help="Worth of 1 of each currency in one of reference, as in JPY=0.006. Needed where "
            "--max-changes spans currencies. Repeatable.",
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"],
            help="Decide as of this time (UTC), from what was known then: for data that end in "
            "the past.",
        ),
    ] = None,
    pareto: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Store nothing; sweep the weights of the rules' `pareto` section (revenue where "
            "there is none), print the front and write it to this table (.csv, .parquet) or chart "
            "(.svg, .png). Repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the chance that price tests are drawn by.")] = 0,
) -> None:
    """Decide a price for every product under hard limits. Nothing goes live before `publish`."""
    settings = load_settings()
    for path in pareto or ():
        refuse_unwritable(path, (*TABLE_ENDINGS, *CHART_ENDINGS))
    rules = read_rules(rules_file) if rules_file is not None else PricingRules()
    limits: dict[str, Any] = {
        name: value
        for name, value in (("minimum_margin", minimum_margin), ("maximum_change", maximum_change))
        if value is not None
    }
    if competitor_band is not None:
        limits["competitor_band"] = _band(competitor_band)
    policy = replace(rules.policy, limits=replace(rules.policy.limits, **limits))
    if revenue_weight is not None:
        policy = replace(policy, objective=replace(policy.objective, revenue=revenue_weight))
    if max_changes is not None:
        policy = replace(policy, max_changes=max_changes)
    rates = {**policy.exchange_rates, **_rates(exchange_rates or [])}
    rules = replace(rules, policy=replace(policy, exchange_rates=rates))
    request = RepriceRequest(
        now=utc_now(),
        offer_max_age=settings.offer_max_age,
        market=market,
        category=category,
        skus=sku,
        packs=load_rule_packs(settings.rule_packs),
        at=None if at is None else at.replace(tzinfo=UTC),
        map_floor_in=settings.map_floor_in,
    )
    with database(settings) as engine, lines_of(rules_file):
        if pareto:
            _show_front(front(engine, rules, request), rules, pareto)
            return
        with bars("reprice") as progress:
            outcome = reprice(engine, rules, request, progress=progress, seed=seed)
    _print_run(outcome, rules)


def _print_run(outcome: RepriceOutcome, rules: PricingRules) -> None:
    decisions = outcome.decisions
    out.print(run_table(outcome))
    if stale := decisions.held_by_limit().get("stale_inputs"):
        out.print(
            f"[yellow]note:[/] {stale:,} prices are held because sales or costs are older than "
            f"{rules.policy.limits.inputs_older_than_days:g} days; bring newer ones in, or decide "
            "as of the time of the data with --at"
        )
    if stuck := int(decisions.stuck.sum()):
        out.print(
            f"[yellow]note:[/] {stuck:,} prices stand outside a limit and cannot move; "
            "`pricewright explain` says of each what frees it"
        )
    solve = decisions.solve
    if solve.method != "separable":
        out.print(
            f"prices that depend on each other: {solve.method}, {solve.status}, gap "
            f"{solve.gap:.2%}, {solve.seconds:.1f} s"
        )
    if outcome.cross_effects:
        out.print(f"resting on {outcome.cross_effects:,} fitted cross effects")
    for name in solve.conflicts:
        out.print(
            f"[yellow]note:[/] no allowed prices satisfy relation {escape(name)!r}; its prices stay"
        )
    for name in solve.undecided:
        out.print(
            f"[yellow]note:[/] relation {escape(name)!r} ties too much together to find its prices "
            "in time; they stay. Split it into smaller ones, or offer fewer candidate prices"
        )
    if outcome.tested:
        out.print(f"{outcome.tested:,} of them are price tests")
    for tier in dict.fromkeys(tier for tier, _ in outcome.tiers):
        prices = [prices for name, prices in outcome.tiers if name == tier]
        lower = sum(int((part.price < part.upper).sum()) for part in prices)
        total = sum(len(part) for part in prices)
        out.print(f"tier {escape(tier)}: {lower:,} of {total:,} prices below the public one")
    if doubted := decisions.held_by_limit().get("implausible_level"):
        out.print(
            f"[yellow]note:[/] {doubted:,} prices are held because no sales carry the level of "
            "their demand curves; `pricewright explain SKU` shows both"
        )
    for dominant in outcome.dominant:
        out.print(f"[yellow]note:[/] {escape(str(dominant))}")
    for market in outcome.no_tiers_in:
        out.print(f"[yellow]note:[/] the law of {escape(market)} forbids prices for members")
    out.print(
        f"run {outcome.run_id}: {decisions.changes:,} of {len(decisions):,} prices change; put "
        "them live with `pricewright publish`"
    )


def _show_front(found: ParetoFront, rules: PricingRules, paths: list[Path]) -> None:
    weights = list(rules.pareto or DEFAULT_SWEEP)
    frame = front_frame(found, weights)
    compared = ["profit", "revenue", "units", "changes"]
    compared += [
        figure
        for figure, weight in (("price_image", "price_image"), ("risk", "risk_aversion"))
        if weight in weights
    ]
    table = Table(*(name.replace("_", " ") for name in weights), *compared)
    for _, point in frame.iterrows():
        table.add_row(
            *(f"{point[f'weight_{name}']:g}" for name in weights),
            *(
                f"{point[name]:.3f}" if name == "price_image" else f"{point[name]:,.0f}"
                for name in compared
            ),
        )
    out.print(table)
    out.print(f"{len(frame)} of {found.tried} answers are beaten by none of the others")
    for path in paths:
        if path.suffix in CHART_ENDINGS:
            for note in draw_front(frame, ("profit", _compared(weights)), path):
                out.print(f"[yellow]note:[/] {escape(note)}")
        else:
            write_table(frame, path)
        out.print(f"front: {escape(str(path))}")


def _compared(weights: list[str]) -> str:
    """The figure that a chart sets against profit."""
    figures = {
        "revenue": "revenue",
        "units": "units",
        "stock_pressure": "units",
        "price_image": "price_image",
        "switching_cost": "changes",
        "risk_aversion": "risk",
    }
    return next((figures[name] for name in weights if name in figures), "revenue")


def _band(text: str | None) -> tuple[float, float] | None:
    if text is None or text.lower() == "none":
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"competitor band {text!r} must look like 0.8,1.2 or be 'none'"
        ) from None
    return low, high


def _rates(pairs: list[str]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for pair in pairs:
        currency, _, worth = pair.partition("=")
        try:
            rates[currency] = float(worth)
        except ValueError:
            raise typer.BadParameter(f"exchange rate {pair!r} must look like JPY=0.006") from None
    return rates


def run_table(outcome: RepriceOutcome) -> Table:
    """A run in figures, a line a market; of many markets, a line a currency."""
    decisions = outcome.decisions
    markets = decisions.catalogue.markets
    groups = [market.code for market in markets]
    if len(markets) > _MOST_LINES:
        counts = Counter(market.currency for market in markets)
        groups = [f"{counts[market.currency]} in {market.currency}" for market in markets]
    table = Table("market", "prices", "change", "keep", "held", "expected profit", "after")
    for group in dict.fromkeys(groups):
        members = [code for code, name in enumerate(groups) if name == group]
        rows = np.isin(decisions.catalogue.market.codes, members)
        action = decisions.action[rows]
        before, after = decisions.profit_before[rows], decisions.profit[rows]
        known = np.isfinite(before) & np.isfinite(after)
        currency = markets[members[0]].currency
        table.add_row(
            escape(group),
            f"{int(rows.sum()):,}",
            f"{int((action == Action.CHANGE).sum()):,}",
            f"{int((action == Action.KEEP).sum()):,}",
            f"{int((action == Action.HOLD).sum()):,}",
            f"{before[known].sum():,.2f} {currency}",
            f"{after[known].sum():,.2f} {currency}",
        )
    return table
