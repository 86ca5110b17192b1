"""A mistyped price and a single bestseller, from the files to the price book: both are told."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tests.end_to_end.command_line import CommandLine

SKUS = tuple(f"P{i:02d}" for i in range(12))
AT = ("--at", "2026-01-12")


@pytest.fixture
def shop(pricewright: CommandLine) -> CommandLine:
    """Twelve products; P03's newest regular price lost its digits, P07 outsells all others."""
    rng = np.random.default_rng(8)
    folder = pricewright.folder
    (folder / "markets.csv").write_text("code,currency,time_zone\nonline,EUR,Europe/Berlin\n")
    pd.DataFrame({"sku": SKUS, "title": SKUS, "category": "Gifts"}).to_csv(
        folder / "products.csv", index=False
    )
    pd.DataFrame({"sku": SKUS, "cost": 1.40}).to_csv(folder / "costs.csv", index=False)
    frames = []
    for i, sku in enumerate(SKUS):
        weeks = 53 if i < 6 else 22
        price = rng.choice([2.4, 2.7, 3.0, 3.3, 3.6], weeks)
        level = 9_000.0 if sku == "P07" else 100.0
        frame = pd.DataFrame(
            {
                "sku": sku,
                "market": "online",
                "date": pd.date_range(end="2026-01-05", periods=weeks, freq="7D"),
                "units": rng.poisson(level * (price / 3.0) ** -2.0),
                "price": price,
                "regular_price": 3.6,
            }
        )
        if sku == "P03":
            frame.loc[weeks - 1, "regular_price"] = 0.03
        frames.append(frame)
    pd.concat(frames).to_csv(folder / "sales.csv", index=False)
    for kind in ("markets", "products", "costs", "sales"):
        pricewright.succeed("import", kind, f"{kind}.csv")
    return pricewright


def test_what_no_sales_carry_is_held_and_who_owns_a_total_is_named(shop: CommandLine) -> None:
    fitted = shop.succeed("fit", "--out", "elasticities.csv")
    assert "12 by 2sls+pooled" in fitted
    assert re.search(r"P03 in online: \S+ a period, where the best one sold", fitted)
    assert re.search(r"P07 alone is \d\d% of the expected \w+ in online", fitted)
    table = pd.read_csv(shop.folder / "elasticities.csv").set_index("sku")
    assert table.loc["P03", "status"] == "implausible_level"
    assert table.drop(index="P03")["base_units"].between(20, 30_000).all()

    told = shop.succeed("reprice", *AT)
    assert "1 prices are held because no sales carry the level" in told
    assert re.search(r"P07 alone is \d\d% of the expected \w+ in EUR", told)

    published = shop.succeed("publish")
    assert re.search(r"P07 alone is \d\d% of the expected \w+ in EUR", published)
    why = shop.succeed("explain", "P03")
    found = re.search(r"held: limit implausible_level, level (\S+), best (\S+), usual (\S+)", why)
    assert found is not None, why
    level, best, usual = (float(text.rstrip(",")) for text in found.groups())
    assert level > 3.0 * best > 3.0 * usual > 0.0
