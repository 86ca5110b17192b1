"""Cross effects of a fit, the offers of one competitor and prices of members, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.engine import Engine

from api.jobs.cross_fit import fit_cross_effects
from pricing.deciding.member_tiers import MemberTier, tier_decisions
from pricing.deciding.policy import PricingPolicy
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.cross_effects import (
    cross_effects_of,
    last_with_cross_effects,
    read_cross_effects,
    save_cross_effects,
)
from storage.demand.fits import save_fit
from storage.prices.decisions import read_run, save_run, save_tier
from storage.prices.price_books import load_price_book
from storage.releases.publishing import publish
from tests.storage.samples import NOW, add_cost, add_sale, add_shop, curves_for, decisions_for

PAIRS = pd.DataFrame(
    {
        "sku": ["tea-1", "tea-2"],
        "other": ["tea-2", "tea-1"],
        "elasticity": [0.4, -0.2],
        "std_error": [0.1, 0.05],
    }
)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Two teas in two markets, a cup in one; a first fit without cross effects."""
    add_shop(engine)
    with writing(engine) as conn:
        for market, minor in (("online", 1000), ("tokyo", 900)):
            for sku in ("tea-1", "tea-2"):
                add_sale(conn, sku, market, date(2026, 2, 23), 1000, 1000 * minor)
                add_cost(conn, sku, market, date(2026, 1, 1), minor // 2)
        add_sale(conn, "cup-1", "online", date(2026, 2, 23), 1, 700)
        save_fit(conn, curves_for(read_catalogue(conn, at=NOW)), created_at=NOW, report={})
    return engine


def test_effects_hold_in_every_market_where_both_are_sold(shop: Engine) -> None:
    with reading(shop) as conn:
        catalogue = read_catalogue(conn, at=NOW)
        assert cross_effects_of(conn, 1, catalogue) is None
        assert last_with_cross_effects(conn, before=9) is None
    with writing(shop) as conn:
        save_cross_effects(conn, 1, PAIRS)
    with reading(shop) as conn:
        assert read_cross_effects(conn, 1).equals(PAIRS)
        assert last_with_cross_effects(conn, before=2) == 1
        effects = cross_effects_of(conn, 1, catalogue)
        cup_only = read_catalogue(conn, at=NOW, skus=["cup-1"])
        assert cross_effects_of(conn, 1, cup_only) is None
    assert effects is not None
    dense = effects.elasticity.toarray()
    for market in ("online", "tokyo"):
        (one,) = catalogue.where(skus=["tea-1"], market=market)
        (two,) = catalogue.where(skus=["tea-2"], market=market)
        assert (dense[one, two], dense[two, one]) == (0.4, -0.2)
    assert effects.elasticity.nnz == 4


def test_substitutes_in_the_sales_become_effects_of_the_fit(shop: Engine) -> None:
    rng = np.random.default_rng(3)
    weeks = 120
    logs = rng.choice([0.0, 0.1, 0.2], (weeks, 2))
    start = date(2023, 1, 2)
    with writing(shop) as conn:
        for week in range(weeks):
            for place, sku in enumerate(("tea-1", "tea-2")):
                mean = (
                    -2.0 * logs[week, place]
                    + (0.9 if sku == "tea-1" else 0.0) * (logs[week, 1 - place])
                )
                units = round(1000 * float(np.exp(mean + rng.normal(0, 0.02))))
                price = 10.0 * float(np.exp(logs[week, place]))
                add_sale(
                    conn,
                    sku,
                    "online",
                    start + timedelta(weeks=week),
                    units,
                    round(units * price * 100),
                )
    found = fit_cross_effects(shop, 1)
    assert found.pairs == 1
    with reading(shop) as conn:
        (row,) = read_cross_effects(conn, 1).to_dict("records")
    assert (row["sku"], row["other"]) == ("tea-1", "tea-2")
    assert row["elasticity"] == pytest.approx(0.9, abs=0.15)
    assert found.left_out == {"cups": "cross effects need two products or more"}


def test_prices_of_members_go_live_with_the_public_ones(shop: Engine) -> None:
    with writing(shop) as conn:
        run = decisions_for(read_catalogue(conn, at=NOW))
        run_id = save_run(conn, run, policy={}, fit_id=1, created_at=NOW)
        gold = tier_decisions(run, MemberTier("gold", 0.05, markets=("online",)), PricingPolicy())
        save_tier(conn, run_id, gold, "gold")
        publish(conn, run_id, at=NOW)
    with reading(shop) as conn:
        assert read_run(conn, run_id, tier="gold").decisions.price.tolist() == gold.price.tolist()
        assert len(read_run(conn, run_id).decisions) == len(run)
        book = load_price_book(conn)
    public, member = book.row("tea-1", "online"), book.row("tea-1", "online", "gold")
    assert 0 < book.price[member] < book.price[public]
    assert book.row("tea-1", "tokyo", "gold") == -1
