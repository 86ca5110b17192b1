"""Fit, forecast, diagnose and uplift as a user runs them, on a market whose law is known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.demo.files import IMPORT_ORDER, write_files
from simulations.market import MarketSpec, generate_market
from tests.end_to_end.command_line import CommandLine


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """48 products, two years, fitted without the last ten weeks."""
    folder: Path = tmp_path_factory.mktemp("sensitivity")
    market = generate_market(
        MarketSpec(last_week=date(2026, 1, 5), products=48), np.random.default_rng(3)
    )
    paths = write_files(market, folder)
    command = CommandLine(folder)
    whole = pd.read_csv(paths["sales"])
    cut = np.sort(whole["date"].unique())[-10]
    whole[whole["date"] < cut].to_csv(folder / "early.csv", index=False)
    for kind in IMPORT_ORDER:
        command.succeed("import", kind, folder / "early.csv" if kind == "sales" else paths[kind])
    command.succeed("fit")
    command.succeed("import", "sales", paths["sales"])
    return command


def test_a_new_fit_is_judged_on_weeks_that_neither_has_seen(shop: CommandLine) -> None:
    told = shop.succeed("fit", "--accept-worse")
    assert "held-out weeks" in told
    assert "fit 2: 96 curves" in told or "fit 2" in told


def test_forecasts_come_with_intervals_and_their_error(shop: CommandLine) -> None:
    told = shop.succeed("forecast", "--weeks", "6", "--out", "forecast.csv")
    assert "held out, the weighted absolute error was" in told
    table = pd.read_csv(shop.folder / "forecast.csv")
    assert len(table) == 96 * 6
    assert (table["low"] <= table["units"]).all()
    assert (table["units"] <= table["high"]).all()
    assert shop("forecast", "--plan", "nowhere.csv").status == 1


def test_one_product_is_shown_with_a_chart(shop: CommandLine) -> None:
    sku = pd.read_csv(shop.folder / "early.csv")["sku"].iloc[0]
    told = shop.succeed("diagnose", sku, "--chart", "one.png")
    assert "first-stage F" in told
    assert "method" in told
    assert (shop.folder / "one.png").read_bytes().startswith(b"\x89PNG")
    unknown = shop("diagnose", "no-such-product")
    assert unknown.status == 1
    assert "has no sales" in unknown.err


def test_a_promotion_is_measured_with_its_placebo(shop: CommandLine) -> None:
    sales = pd.read_csv(shop.folder / "early.csv")
    sku = sales["sku"].iloc[0]
    told = shop.succeed(
        "uplift", "spring", "--sku", sku, "--from", "2025-06-02", "--to", "2025-06-29"
    )
    assert "placebo before" in told
    assert "units" in told
    both = shop("uplift", "x", "--from", "2025-06-02", "--to", "2025-06-29")
    assert both.status == 1
    assert "name the products or the markets" in both.err
