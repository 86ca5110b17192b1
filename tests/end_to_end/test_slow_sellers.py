"""A shop of slow sellers, as a user fits it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.end_to_end.command_line import CommandLine


def test_a_fit_of_slow_sellers_says_that_it_took_them_as_counts(pricewright: CommandLine) -> None:
    rng = np.random.default_rng(6)
    folder, weeks, skus = pricewright.folder, 104, [f"P{i:02d}" for i in range(40)]
    (folder / "markets.csv").write_text("code,currency,time_zone\nonline,EUR,Europe/Berlin\n")
    pd.DataFrame({"sku": skus, "title": skus, "category": "Spares"}).to_csv(
        folder / "products.csv", index=False
    )
    price = np.round(rng.uniform(0.8, 1.2, (len(skus), weeks)), 2)
    pd.DataFrame(
        {
            "sku": np.repeat(skus, weeks),
            "market": "online",
            "date": np.tile(pd.date_range("2024-01-01", periods=weeks, freq="7D"), len(skus)),
            "units": rng.poisson(price**-2.0).ravel(),
            "price": price.ravel(),
        }
    ).to_csv(folder / "sales.csv", index=False)
    for kind in ("markets", "products", "sales"):
        pricewright.succeed("import", kind, f"{kind}.csv")

    told = pricewright.succeed("fit", "--out", "default.csv")
    assert "by poisson+pooled" in told
    table = pd.read_csv(folder / "default.csv")
    assert set(table["form"]) <= {"poisson", "negative-binomial"}
    assert abs(table["elasticity"].mean() + 2.0) < 0.5
    assert "method poisson" in pricewright.succeed("diagnose", "P00")

    named = pricewright.succeed("fit", "--form", "log-log", "--out", "logs.csv")
    assert "40 by ols+pooled" in named
    assert pd.read_csv(folder / "logs.csv")["elasticity"].mean() > -1.6
