"""`pricewright reprice`: decide prices."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.database import database
from api.cli.terminal import bars, out, utc_now
from api.jobs.pricing_rules import read_rules
from api.jobs.reprice import RepriceOutcome, reprice
from api.settings import load_settings
from pricing.decide import Objective, PricingPolicy
from pricing.decisions import Action
from pricing.guardrails import GuardrailLimits
from pricing.strategy_terms import PricingRules
from storage.rule_packs import load_rule_packs

_DEFAULTS: Final = GuardrailLimits()
_MOST_LINES: Final = 12

app = typer.Typer(add_completion=False)


@app.command()
def reprice_command(
    market: Annotated[str | None, typer.Option(help="This market only.")] = None,
    category: Annotated[str | None, typer.Option(help="This category only.")] = None,
    sku: Annotated[list[str] | None, typer.Option(help="This product only. Repeatable.")] = None,
    minimum_margin: Annotated[
        float, typer.Option(help="Least margin on the net price, 0 to 0.95.")
    ] = _DEFAULTS.minimum_margin,
    maximum_change: Annotated[
        float, typer.Option(help="Most change of a price at once, above 0 to 0.5.")
    ] = _DEFAULTS.maximum_change,
    competitor_band: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="Prices as multiples of the lowest competitor offer; 'none' for no band.",
        ),
    ] = "0.8,1.2",
    max_changes: Annotated[int | None, typer.Option(help="Most price changes in this run.")] = None,
    revenue_weight: Annotated[
        float, typer.Option(help="Worth of 1.00 of revenue against 1.00 of profit.")
    ] = 0.0,
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
    strategies: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Strategies and relations in YAML; see the manual, Deciding prices.",
        ),
    ] = None,
) -> None:
    """Decide a price for every product under hard limits. Nothing goes live before `publish`."""
    settings = load_settings()
    rules = read_rules(strategies) if strategies is not None else PricingRules()
    policy = PricingPolicy(
        limits=GuardrailLimits(minimum_margin, maximum_change, _band(competitor_band)),
        objective=Objective(profit=1.0, revenue=revenue_weight),
        max_changes=max_changes,
        exchange_rates=_rates(exchange_rates or []),
        strategies=rules.strategies,
        relations=rules.relations,
    )
    with database(settings) as engine, bars("reprice") as progress:
        outcome = reprice(
            engine,
            policy,
            now=utc_now(),
            offer_max_age=settings.offer_max_age,
            market=market,
            category=category,
            skus=sku,
            progress=progress,
            packs=load_rule_packs(settings.rule_packs),
            at=None if at is None else at.replace(tzinfo=UTC),
        )
    out.print(run_table(outcome))
    if stale := outcome.decisions.held_by_limit().get("stale_inputs"):
        out.print(
            f"[yellow]note:[/] {stale:,} prices are held because sales or costs are older than "
            f"{policy.limits.inputs_older_than_days:g} days; bring newer ones in, or decide as of "
            "the time of the data with --at"
        )
    out.print(
        f"run {outcome.run_id}: {outcome.decisions.changes:,} of {len(outcome.decisions):,} prices "
        "change; put them live with `pricewright publish`"
    )


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
