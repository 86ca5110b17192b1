"""The rules file of the manual, run as it stands there, and what it says when it is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest

from tests.end_to_end.command_line import CommandLine

MANUAL: Final = Path(__file__).parents[2] / "docs" / "deciding-prices.md"
SKUS: Final = ("TEA-1", "TEA-2", "TEA-3", "TEA-4", "JAM-1", "JAM-2")
PRICES: Final = (7.99, 9.99, 12.49, 8.49, 4.99, 5.49)
AT: Final = ("--at", "2025-12-01")


def example() -> str:
    """The rules file as the manual prints it."""
    (text,) = re.findall(r"```yaml\n(# pricing-rules\.yaml\n.*?)```", MANUAL.read_text(), re.DOTALL)
    return str(text)


@pytest.fixture
def shop(pricewright: CommandLine, tmp_path: Path) -> CommandLine:
    """Four teas and two jams with 60 weeks of sales, fitted with their cross effects."""
    rng = np.random.default_rng(4)
    (tmp_path / "markets.csv").write_text("code,currency,time_zone\nonline,EUR,Europe/Berlin\n")
    products = [f"{sku},{sku},{sku[:3].title()},{'yes' if sku == 'TEA-2' else ''}" for sku in SKUS]
    (tmp_path / "products.csv").write_text("sku,title,category,kvi\n" + "\n".join(products) + "\n")
    costs = [f"{sku},{price * 0.55:.2f}" for sku, price in zip(SKUS, PRICES, strict=True)]
    (tmp_path / "costs.csv").write_text("sku,cost\n" + "\n".join(costs) + "\n")
    (tmp_path / "price-limits.csv").write_text("sku,rrp,min_price\nTEA-4,8.69,\nJAM-1,,4.80\n")
    weeks = pd.date_range("2024-10-07", periods=60, freq="7D").strftime("%Y-%m-%d")
    rows = []
    for sku, price in zip(SKUS, PRICES, strict=True):
        factor = rng.choice([1.0, 1.1, 0.9], len(weeks))
        units = 200 * factor**-2.2 * np.exp(rng.normal(0, 0.05, len(weeks)))
        rows += [
            f"{sku},online,{week},{sold:.0f},{price * change:.2f},{price:.2f}"
            for week, sold, change in zip(weeks, units, factor, strict=True)
        ]
    (tmp_path / "sales.csv").write_text(
        "sku,market,date,units,price,regular_price\n" + "\n".join(rows) + "\n"
    )
    for kind in ("markets", "products", "costs", "sales", "price-limits"):
        pricewright.succeed("import", kind, f"{kind}.csv")
    assert "cross effects" in pricewright.succeed("fit", "--cross")
    return pricewright


def test_the_example_of_the_manual_runs_and_leads_the_prices(
    shop: CommandLine, tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "pricing-rules.yaml").write_text(example())
    rules = ("--rules", "pricing-rules.yaml")
    told = shop.succeed("reprice", *rules, *AT)
    assert "run 1" in told
    assert "tier gold: 4 of 4 prices below the public one" in told
    assert "of 6 prices change" in told
    assert "jam at cost plus half" in shop.succeed("explain", "JAM-1")
    assert "tea follows the market (no offer) > optimise" in shop.succeed("explain", "TEA-2")
    assert "Anna's price" in shop.succeed("explain", "TEA-3")
    assert re.search(r"is (held|.*) at|changes to|keeps", shop.succeed("explain", "TEA-4"))

    front = shop.succeed("reprice", *rules, *AT, "--pareto", "front.csv", "--pareto", "front.svg")
    assert "of 6 answers are beaten by none of the others" in front
    points = pd.read_csv(tmp_path / "front.csv")
    assert {"weight_revenue", "weight_risk_aversion", "profit", "gap"} <= set(points.columns)
    assert (tmp_path / "front.svg").read_text().startswith("<?xml")
    simulated = shop.succeed("what-if", *rules, *AT, "--category", "Tea", "--draws", "50")
    assert "optimal" in simulated

    assert "price book 1 is live" in shop.succeed("publish")
    with shop.serving(free_port) as client:
        public = client.get("/v1/prices/TEA-1").json()
        member = client.get("/v1/prices/TEA-1?tier=gold").json()
        assert float(member["price"]["amount"]) < float(public["price"]["amount"])
        why = client.get("/v1/decisions/TEA-1?tier=gold").json()
        assert "member tier gold" in why["reasons"][0]["path"]
        assert why["expected"]["profit"] is None


WRONG: Final = (
    ("", "is empty"),
    ("strategies: [", "line 1: is not YAML"),
    ("guardrails:\n  minimum_margin: 0.1\n  minimum_margin: 0.2\n", "line 3: 'minimum_margin'"),
    ("guardrails:\n  # a comment\n  maximum_change: 0.9\n", "line 3: guardrails.maximum_change: "),
    ("objective:\n  profits: 1\n", "line 2: objective.profits: is not known, do you mean"),
    ("strategies:\n  - name: a\n    use: guess\n", "line 3: strategies[0].use: 'guess'"),
    ("strategies:\n  - name: a\n    use: freeze\n    categories: [Tee]", "do you mean 'Tea'?"),
    ("relations:\n  - {name: x, hold: ladder, skus: [NOPE, TEA-1]}", "no product 'NOPE'"),
    ("guardrails: {map_floor_in: [moon]}", "the setting PRICEWRIGHT_MAP_FLOOR_IN names"),
    (
        "strategies:\n  - name: x\n    use: override\n    price: 3\n    skus: [TEA-1]\n",
        "line 2: strategies[0].until: strategy 'x': an override needs an end",
    ),
    ("endings:\n  moon: [{step: 1, endings: [0.99]}]", "line 2: endings.moon"),
    ("endings:\n  online: [{step: 1, endings: [0.999]}]", "0.999 is no whole number"),
    (
        "strategies: [{name: a, use: follow_competitor, competitor: nobody}]",
        "no competitor site is called 'nobody'",
    ),
    ("together: {revenue_floor: 1.9}", "no set of prices satisfies"),
)


def test_rules_that_cannot_be_meant_are_told_by_line(shop: CommandLine, tmp_path: Path) -> None:
    for text, told in WRONG:
        (tmp_path / "rules.yaml").write_text(text)
        refused = shop("reprice", "--rules", "rules.yaml", *AT)
        assert refused.status == 1
        assert told in " ".join(refused.err.split())
        assert "Traceback" not in refused.err
