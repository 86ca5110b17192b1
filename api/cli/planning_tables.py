"""Plans on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from api.cli.terminal import out

_HEADS: Final = {
    "sell_through": "sell-through",
    "revenue": "revenue",
    "margin": "margin over salvage",
    "write_off": "write-off",
    "profit": "profit",
    "units": "units",
    "given_away": "given away",
}


def show_certificate(what: str, certificate: Mapping[str, Any]) -> None:
    """One sentence on what the plan is worth, and what no plan exceeds."""
    value, bound = certificate["value"], certificate["bound"]
    out.print(
        f"{what}: worth {_amount(value)} {value['currency']}, no plan is worth more than "
        f"{_amount(bound)} (gap {certificate['gap']:.1e}, {certificate['status']})"
    )


def show_sides(
    title: str, sides: Mapping[str, Any], measures: tuple[str, ...], level: float
) -> None:
    """Plans side by side with their intervals."""
    table = Table(title=f"{title}, {level:.0%} intervals")
    table.add_column("")
    for measure in measures:
        table.add_column(_HEADS[measure], justify="right")
    for name, figures in sides.items():
        if " less " in name or not isinstance(figures, dict) or measures[0] not in figures:
            continue
        table.add_row(escape(name), *(_cell(figures[m], m) for m in measures))
    out.print(table)


def show_difference(sides: Mapping[str, Any], plan: str, other: str, measure: str) -> None:
    """By how much a plan exceeds another."""
    key = f"{plan} less {other}"
    if key in sides:
        more = sides[key][measure]
        out.print(
            f"against {escape(other)}: {_signed(more['mean'])} {more['mean']['currency']} of "
            f"{_HEADS[measure]} ({_signed(more['low'])} to {_signed(more['high'])})"
        )


def show_relaxed(limits: Mapping[str, Any]) -> None:
    """The limits that had to give, with what was asked and what the plan keeps to."""
    for name, settings in limits.items():
        asked, kept = (_setting(settings[key]) for key in ("asked", "kept"))
        out.print(
            f"[yellow]note:[/] {escape(name)} can no longer be held at {escape(asked)}; "
            f"the plan keeps to {escape(kept)}"
        )


def _setting(setting: Any) -> str:  # noqa: ANN401
    if not isinstance(setting, Mapping):
        return f"{setting:g}"
    if "amount" in setting:
        return f"{setting['amount']} {setting['currency']}"
    return ", ".join(f"{_setting(value)} in {name}" for name, value in setting.items())


def _cell(figure: Mapping[str, Any] | None, measure: str) -> str:
    if figure is None:
        return "cost unknown"
    if measure == "sell_through":
        return f"{figure['mean']:.1%}\n[dim]{figure['low']:.1%} to {figure['high']:.1%}[/]"
    if measure == "units":
        return f"{figure['mean']:,.0f}\n[dim]{figure['low']:,.0f} to {figure['high']:,.0f}[/]"
    return (
        f"{float(figure['mean']['amount']):,.0f}\n[dim]{float(figure['low']['amount']):,.0f} to "
        f"{float(figure['high']['amount']):,.0f}[/]"
    )


def _amount(money: Mapping[str, str]) -> str:
    return f"{float(money['amount']):,.2f}"


def _signed(money: Mapping[str, str]) -> str:
    return f"{float(money['amount']):+,.0f}"
