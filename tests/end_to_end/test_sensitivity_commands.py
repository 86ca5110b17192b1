"""Fit, forecast, diagnose and uplift as a user runs them, on a market whose law is known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.demo.files import IMPORT_ORDER, write_files
from simulations.demo_market.market import MarketSpec, generate_market
from storage.database import open_engine, writing
from storage.promotion_terms import terms_from
from storage.promotions.versions import create_promotion
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
    neither = shop("uplift", "x", "--from", "2025-06-02", "--to", "2025-06-29")
    assert neither.status == 1
    assert "there is no promotion 'x'" in neither.err
    assert "name the products or the markets" in neither.err
    undated = shop("uplift", "x", "--sku", sku)
    assert "--from and --to" in undated.err


def test_a_stored_promotion_brings_its_days_products_and_markets(shop: CommandLine) -> None:
    sales = pd.read_csv(shop.folder / "early.csv")
    sku = sales["sku"].iloc[0]
    engine = open_engine(shop.database_url)
    at = datetime(2025, 5, 1, tzinfo=UTC)
    days = {"from": "2025-06-02T00:00", "until": "2025-06-30T00:00"}
    promotion = {"id": "june", "type": "percent_off", "percent": "10", "when": days}
    everything = {**promotion, "id": "all"}
    some = {**promotion, "products": {"skus": [sku]}, "for": {"markets": ["online"]}}
    with writing(engine) as conn:
        for one in (some, everything):
            document = {"promotion": one, "currency": "EUR", "time_zone": "Europe/Berlin"}
            create_promotion(conn, terms_from(document), actor="ann", at=at)
    engine.dispose()
    told = shop.succeed("uplift", "june")
    assert "2025-06-02 to 2025-06-29" in told
    assert "placebo before" in told
    assert "no quote was made with it" in told
    whole = shop("uplift", "all")
    assert whole.status == 1
    assert "nothing to hold it against" in whole.err


def test_key_figures_of_a_campaign_come_from_files_of_orders_and_visits(shop: CommandLine) -> None:
    sku = pd.read_csv(shop.folder / "early.csv")["sku"].iloc[0]
    rng = np.random.default_rng(4)
    days = pd.date_range("2025-05-01", "2025-06-29").repeat(20)
    campaign = days >= pd.Timestamp("2025-06-02")
    pd.DataFrame(
        {
            "order": np.arange(len(days)),
            "customer": rng.integers(0, 400, len(days)),
            "date": days,
            "units": 1 + campaign,
            "revenue": np.where(campaign, 16.0, 10.0),
            "cost": np.where(campaign, 12.0, 6.0),
            "coupon": campaign & (rng.random(len(days)) < 0.5),
        }
    ).to_csv(shop.folder / "orders.csv", index=False)
    visits = pd.DataFrame({"date": days.unique(), "visits": 100})
    visits.to_csv(shop.folder / "visits.csv", index=False)
    asked = ["uplift", "june", "--sku", sku, "--from", "2025-06-02", "--to", "2025-06-29"]
    files = ["--orders", "orders.csv", "--visits", "visits.csv", "--coupons-issued", "1000"]
    told = shop.succeed(*asked, *files, "--funding", "280")
    for figure in ("average order value", "conversion", "coupon redemption rate", "new customers"):
        assert figure in told
    margin = next(line for line in told.splitlines() if "margin after funding" in line)
    # 20 orders a day at 4 of margin before and during, and 280 over 28 days.
    assert [cell.strip() for cell in margin.split("│")[2:5]] == ["90", "80", "10"]
    assert "go with --orders" in shop(*asked, "--funding", "5").err
    assert "can not be read" in shop(*asked, "--orders", "nowhere.csv").err
    (shop.folder / "bad.csv").write_text("order,customer,date,units,revenue\n1,2,soon,1,2\n")
    assert "bad.csv" in shop(*asked, "--orders", "bad.csv").err
