"""`pricewright legal`: what the law allows, with the rows that say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Connection

from api.cli.database import database
from api.cli.moments import account_or_user, local_time
from api.cli.terminal import out, utc_now
from api.jobs.legal import ReferencePrice, judge_announcement, reference_price
from api.settings import load_settings
from pricing.catalogue import Market
from pricing.law.packs import Emergency, Evidence, Finding, Verdict
from pricing.law.reference_price import Announcement
from pricing.money import Money
from storage.database import reading, writing
from storage.errors import UnknownMarket
from storage.law.market_rules import (
    declare_emergency,
    end_emergency,
    end_reduction,
    list_emergencies,
    list_market_rules,
    logged_inputs,
    open_reductions,
    record_reduction,
    set_market_rules,
)
from storage.law.rule_packs import load_rule_packs
from storage.products.markets import list_markets

app = typer.Typer(
    add_completion=False,
    help="What the law allows. Not legal advice: counsel must confirm the packs.",
)

_Market = Annotated[str, typer.Option(help="The market.")]
_By = Annotated[str | None, typer.Option(help="Who does this; the user of this computer if none.")]
_Time = "Local time of the market, like 2026-11-27 or '2026-11-27 06:00'."


@app.command("check")
def check_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    price: Annotated[str, typer.Option(help="The reduced price, like 1.29.")],
    market: _Market = "online",
    starts: Annotated[str | None, typer.Option(help=f"{_Time} Now if none.")] = None,
    ends: Annotated[str | None, typer.Option(help="When the reduction ends.")] = None,
    was: Annotated[str | None, typer.Option(help="The earlier price that would be shown.")] = None,
    percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="The percentage that would be shown.")
    ] = None,
    perishable: Annotated[bool, typer.Option(help="Reduced because the goods spoil.")] = False,
    steps_since: Annotated[
        str | None, typer.Option(help="Start of the first step of this growing reduction.")
    ] = None,
    states_basis: Annotated[
        bool, typer.Option(help="The announcement says with what it compares.")
    ] = False,
    record: Annotated[bool, typer.Option(help="Keep it as announced if it is lawful.")] = False,
    by: _By = None,
) -> None:
    """Check a reduction before it is announced; the exit status is 1 if it is not lawful."""
    settings = load_settings()
    packs = load_rule_packs(settings.rule_packs)
    now = utc_now()
    with database(settings) as engine:
        with reading(engine) as conn:
            place = _place(list_markets(conn), market)
            told = Announcement(
                starts=now if starts is None else local_time(conn, market, starts),
                price=Money.parse(price, place.currency).minor,
                shown_prior=None if was is None else Money.parse(was, place.currency).minor,
                shown_percent=percent,
                perishable=perishable,
                steps_since=None if steps_since is None else local_time(conn, market, steps_since),
                states_basis=states_basis,
            )
            until = None if ends is None else local_time(conn, market, ends)
            verdicts = judge_announcement(conn, packs, sku, market, told)
        for verdict in verdicts:
            _print_verdict(verdict, place)
        if not all(verdict.lawful for verdict in verdicts):
            raise typer.Exit(1)
        if record:
            with writing(engine) as conn:
                number = record_reduction(
                    conn,
                    sku,
                    market,
                    told,
                    verdicts[0],
                    at=now,
                    by=account_or_user(conn, by),
                    ends_at=until,
                )
            out.print(f"recorded as reduction {number}")


@app.command("reference")
def reference_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: _Market = "online",
    at: Annotated[str | None, typer.Option(help=f"{_Time} Now if none.")] = None,
) -> None:
    """Show the price that a reduction must be measured from, and why."""
    settings = load_settings()
    packs = load_rule_packs(settings.rule_packs)
    with database(settings) as engine, reading(engine) as conn:
        place = _place(list_markets(conn), market)
        moment = utc_now() if at is None else local_time(conn, market, at)
        found = reference_price(conn, packs, sku, market, moment)
    _print_reference(found, place)


@app.command("market")
def market_command(
    market: Annotated[str, typer.Argument(help="The market.")],
    jurisdiction: Annotated[str, typer.Option(help="Code of a rule pack, such as DE.")],
    perishable: Annotated[
        list[str] | None, typer.Option(help="A category of goods that spoil. Repeatable.")
    ] = None,
    by: _By = None,
) -> None:
    """Say under which law a market sells."""
    settings = load_settings()
    now = utc_now()
    pack = load_rule_packs(settings.rule_packs).at(jurisdiction, now.date())
    with database(settings) as engine, writing(engine) as conn:
        set_market_rules(
            conn,
            market,
            jurisdiction,
            at=now,
            by=account_or_user(conn, by),
            perishable_categories=perishable or (),
        )
    out.print(f"{escape(market)} sells under the rules of {escape(pack.name)}")
    _print_confirmation(pack.confirmed_by)


@app.command("emergency")
def emergency_command(
    jurisdiction: Annotated[str, typer.Argument(help="Code of a rule pack, such as US-CA.")],
    since: Annotated[str, typer.Option("--from", help="When it was declared, with its offset.")],
    until: Annotated[
        str | None, typer.Option(help="When it ends; as the rule says if none.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only goods of this category. Repeatable.")
    ] = None,
    market: Annotated[
        str | None, typer.Option(help="Market on whose clocks the times are; UTC if none.")
    ] = None,
    note: Annotated[str, typer.Option(help="Kept with it, such as the proclamation.")] = "",
    by: _By = None,
) -> None:
    """Switch the emergency caps of a jurisdiction on, from a date."""
    settings = load_settings()
    now = utc_now()
    load_rule_packs(settings.rule_packs).at(jurisdiction, now.date())
    with database(settings) as engine, writing(engine) as conn:
        declared = _moment(conn, market, since)
        ends = None if until is None else _moment(conn, market, until)
        emergency = Emergency(jurisdiction, declared, ends, tuple(category or ()))
        number = declare_emergency(conn, emergency, at=now, by=account_or_user(conn, by), note=note)
    out.print(f"emergency {number}: prices in {jurisdiction} are capped from {declared} on")


@app.command("end-emergency")
def end_emergency_command(
    number: Annotated[int, typer.Argument(help="The emergency.")],
    at: Annotated[str, typer.Option(help="When it ends.")],
    market: Annotated[
        str | None, typer.Option(help="Market on whose clocks the time is; UTC if none.")
    ] = None,
) -> None:
    """Set the end of an emergency."""
    with database(load_settings()) as engine, writing(engine) as conn:
        end_emergency(conn, number, ends_at=_moment(conn, market, at))
    out.print(f"emergency {number} ends")


@app.command("end-reduction")
def end_reduction_command(
    number: Annotated[int, typer.Argument(help="The announced reduction.")],
    market: _Market = "online",
    at: Annotated[str | None, typer.Option(help=f"{_Time} Now if none.")] = None,
) -> None:
    """Say when an announced reduction ends; from then on it binds no price."""
    now = utc_now()
    with database(load_settings()) as engine, writing(engine) as conn:
        end = now if at is None else local_time(conn, market, at)
        end_reduction(conn, number, ends_at=end)
    out.print(f"reduction {number} ends {end:%Y-%m-%d %H:%M} UTC")


@app.command("inputs")
def inputs_command(
    sku: Annotated[str, typer.Argument(help="The product.")],
    market: _Market = "online",
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
) -> None:
    """Show what prices that not everybody pays were computed from, and how they were judged."""
    with database(load_settings()) as engine, reading(engine) as conn:
        place = _place(list_markets(conn), market)
        found = logged_inputs(conn, sku, market, limit=limit)
    table = Table("at (UTC)", "tier", "price", "public", "computed from", "verdict", "quote")
    for row in found:
        verdict = row["verdict"]
        table.add_row(
            f"{row['at']:%Y-%m-%d %H:%M:%S}",
            escape(row["tier"]),
            str(Money(row["price_minor"], place.currency)),
            str(Money(row["public_minor"], place.currency)),
            ", ".join(row["inputs"]),
            ", ".join(verdict["findings"]).replace("_", " "),
            escape(str(verdict["facts"].get("quote", ""))),
        )
    out.print(table)


@app.command("list")
def list_command() -> None:
    """List the rule packs, the markets under them, emergencies and announced reductions."""
    settings = load_settings()
    packs = load_rule_packs(settings.rule_packs)
    with database(settings) as engine, reading(engine) as conn:
        rules, emergencies = list_market_rules(conn), list_emergencies(conn)
        reductions = open_reductions(conn, utc_now())
    table = Table("pack", "from", "checked", "rules", "markets", "confirmed by")
    for pack in packs.packs:
        held = [name for name, item in rules.items() if item.jurisdiction == pack.jurisdiction]
        kinds = [
            name
            for name in ("prior_price", "personal_price", "emergency_cap")
            if getattr(pack, name) is not None
        ]
        table.add_row(
            pack.jurisdiction,
            str(pack.in_force_from),
            str(pack.checked_on),
            ", ".join(kinds).replace("_", " "),
            escape(", ".join(held)),
            escape(pack.confirmed_by) or "nobody yet",
        )
    out.print(table)
    for stored in emergencies:
        item = stored.emergency
        out.print(
            f"emergency {stored.emergency_id} in {item.jurisdiction} from {item.declared_at} "
            f"to {item.ends_at or 'the end that the rule sets'}: {escape(stored.note)}"
        )
    for sku, market, reduction in reductions:
        told = reduction.announced
        out.print(
            f"reduction {reduction.reduction_id} of {escape(sku)} in {escape(market)} from "
            f"{told.starts} to {reduction.ends_at or 'the end that somebody sets'}"
        )


def _print_reference(found: ReferencePrice, place: Market) -> None:
    shown = "none" if found.prior is None else str(found.prior)
    out.print(
        f"[bold]{escape(found.sku)}[/] in {escape(found.market)}: reference price "
        f"[bold]{shown}[/] ({found.status.replace('_', ' ')}); in force "
        f"{found.price or 'nothing'}, at most {found.percent_at_most} % may be announced"
    )
    if found.evidence is not None:
        _print_evidence(found.evidence, place)
    if found.emergency is not None:
        _print_verdict(found.emergency, place)
    for note in found.pack.notes:
        out.print(f"  note: {escape(note)}")
    _print_confirmation(found.pack.confirmed_by)


def _print_verdict(verdict: Verdict, place: Market) -> None:
    color = "green" if verdict.lawful else "red"
    names = ", ".join(finding.value.replace("_", " ") for finding in verdict.findings)
    out.print(f"[bold {color}]{'lawful' if verdict.lawful else 'not lawful'}[/]: {names}")
    facts = dict(verdict.facts)
    for name in ("prior", "price", "shown", "must_be", "cap", "basis"):
        if facts.get(name) is not None:
            facts[name] = Money(int(facts[name]), place.currency)
    told = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in facts.items() if value is not None
    )
    if told:
        out.print(f"  {escape(told)}")
    if verdict.evidence is not None:
        _print_evidence(verdict.evidence, place)
        if not verdict.evidence.confirmed and Finding.EXEMPT not in verdict.findings:
            _print_confirmation("")


def _print_evidence(evidence: Evidence, place: Market) -> None:
    zone = ZoneInfo(place.time_zone)
    unverified = " (article number not verified)" if evidence.article_unverified else ""
    out.print(f"  {escape(evidence.article)}{unverified}")
    out.print(f"  {escape(evidence.source)}")
    if evidence.opens is None or evidence.closes is None:
        return
    out.print(
        f"  window {evidence.opens.astimezone(zone):%Y-%m-%d %H:%M} to "
        f"{evidence.closes.astimezone(zone):%Y-%m-%d %H:%M} {place.time_zone}"
    )
    for row in evidence.rows:
        mark = "*" if row.decisive else " "
        out.print(
            f"  {mark} {Money(row.price, place.currency)} from "
            f"{row.since.astimezone(zone):%Y-%m-%d %H:%M} ({escape(row.source)})"
        )


def _print_confirmation(confirmed_by: str) -> None:
    if not confirmed_by:
        out.print("  this rule pack has not been confirmed by counsel")


def _place(markets: tuple[Market, ...], code: str) -> Market:
    for market in markets:
        if market.code == code:
            return market
    raise UnknownMarket(
        f"market {code!r} is unknown; known markets: {[market.code for market in markets]}"
    )


def _moment(conn: Connection, market: str | None, text: str) -> datetime:
    if market is not None:
        return local_time(conn, market, text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; write it like 2026-11-27 06:00") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
