"""Real input: three orange juices in 83 supermarkets, from a file to a price over HTTP."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.end_to_end.command_line import CommandLine
from tests.shared_data import shared_data

PRODUCTS = """sku,title,category,brand,pack_size,pack_unit
dominicks-64oz,Dominick's orange juice 64 oz,orange juice,Dominick's,64,oz
minute-maid-64oz,Minute Maid orange juice 64 oz,orange juice,Minute Maid,64,oz
tropicana-premium-64oz,Tropicana Premium orange juice 64 oz,orange juice,Tropicana,64,oz
"""
STORE, JUICE = "32", "tropicana-premium-64oz"
WHERE_AND_WHEN = ("market=store", "date=week_start", "price=price_per_64oz")


def test_a_real_history_becomes_a_live_price(
    pricewright: CommandLine, tmp_path: Path, free_port: int
) -> None:
    history = shared_data("oj/oj_weekly.csv")
    (tmp_path / "products.csv").write_text(PRODUCTS)
    new_markets = ("--new-markets", "USD,America/Chicago")

    assert "imported 3 products" in pricewright.succeed("import", "products", "products.csv")
    sales = ("import", "sales", history, "--map", *WHERE_AND_WHEN, "units=units_oz/64")
    assert "28,947 new" in pricewright.succeed(*sales, "--dry-run", *new_markets)
    assert "28,947 new" in pricewright.succeed(*sales, *new_markets)
    assert "0 new, 0 changed, 28,947 as before" in pricewright.succeed(*sales, *new_markets)
    costs = ("import", "costs", history, "--map", *WHERE_AND_WHEN, "margin_pct=gross_margin_pct")
    assert "28,947 new" in pricewright.succeed(*costs)

    pricewright.succeed("fit", "--country", "US", "--out", "elasticities.csv")
    fitted = pd.read_csv(tmp_path / "elasticities.csv", dtype={"market": str})
    wanted = ["sku", "market", "elasticity", "std_error", "ci_low", "ci_high", "n_obs", "method"]
    assert wanted == list(fitted.columns[: len(wanted)])
    assert len(fitted) == 3 * 83
    assert fitted["elasticity"].between(-5.0, -0.5).all()
    assert (fitted["std_error"] > 0).all()

    # Sales of the nineties move no price of today; as of their own time they do.
    assert "0 of 249 prices change" in pricewright.succeed("reprice", "--max-changes", "100")
    told = pricewright.succeed("reprice", "--max-changes", "100", "--at", "1992-10-08")
    assert "100 of 249 prices change" in told
    assert "price book 1 is live" in pricewright.succeed("publish")
    assert JUICE in pricewright.succeed("explain", JUICE, "--market", STORE)
    with pricewright.serving(free_port) as client:
        answer = client.get(f"/v1/prices/{JUICE}", params={"market": STORE})
        assert answer.status_code == 200
        price = answer.json()
        assert price["price"]["currency"] == "USD"
        assert 1.0 < float(price["price"]["amount"]) < 5.0
        why = client.get(f"/v1/decisions/{JUICE}", params={"market": STORE}).json()
        assert why["price"] == price["price"]
        assert why["reasons"]
