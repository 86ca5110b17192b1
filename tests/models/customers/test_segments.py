"""Customers: stages, classes of price sensitivity, tiers; a cleaning that accounts for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.customers.invoices import clean_invoices, without_wholesale
from models.customers.segments import price_segments, rfm, summary, tiers
from models.errors import InvalidSpec, NotIdentified
from tests.shared_data import shared_data


def invoices() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "InvoiceNo": ["1", "1", "C2", "3", "4", "5", "6", "6", "7"],
            "StockCode": [
                "10001",
                "POST",
                "10001",
                "10002",
                "10003",
                "10001",
                "10001",
                "10001",
                "10009",
            ],
            "InvoiceDate": ["2026-01-01"] * 9,
            "Quantity": [2, 1, -2, -5, 3, 4, 1, 1, 90_000],
            "UnitPrice": [1.5, 3.0, 1.5, 0.0, 0.0, 2.0, 1.0, 1.0, 1.0],
            "CustomerID": [7, 7, 7, np.nan, 8, np.nan, 9, 9, 9],
        }
    )


MAP = {
    "order": "InvoiceNo",
    "customer": "CustomerID",
    "sku": "StockCode",
    "date": "InvoiceDate",
    "units": "Quantity",
    "price": "UnitPrice",
}


def test_every_line_is_kept_or_has_a_reason() -> None:
    lines, report = clean_invoices(
        invoices(), MAP, product_pattern=r"\d{5}", wholesale_units=10_000
    )
    assert report.dropped == {
        "cancelled": 1,
        "returned_or_written_off": 1,
        "not_a_product": 1,
        "free_or_negative_price": 1,
        "duplicate": 1,
        "wholesale": 1,
        "no_customer": 1,
    }
    assert report.rows_in == report.rows_kept + sum(report.dropped.values())
    assert lines["revenue"].tolist() == [3.0, 1.0]


def test_resellers_are_left_out_whole_and_accounted_for() -> None:
    rng = np.random.default_rng(1)
    people = pd.DataFrame({"InvoiceNo": "1", "CustomerID": np.repeat(range(100), 10)})
    people = people.assign(StockCode=rng.choice(["10001", "10002"], 1000), InvoiceDate="2026-01-01")
    people["Quantity"] = rng.integers(1, 4, 1000) * np.where(people["StockCode"] == "10001", 1, 6)
    people["UnitPrice"] = np.round(rng.uniform(1, 2, 1000), 4)
    by_case = people["CustomerID"] == 7
    people.loc[by_case, "Quantity"] *= 12
    big = people["CustomerID"] == 8
    people.loc[big, "UnitPrice"] *= 100
    lines, report = clean_invoices(people, MAP)
    kept, told = without_wholesale(lines, report, spend_share=0.05)
    assert set(lines["customer"]) - set(kept["customer"]) == {7, 8}
    assert told.dropped["wholesale_by_quantity"] == (lines["customer"] == 7).sum()
    assert told.dropped["wholesale_by_spend"] == (lines["customer"] == 8).sum()
    assert told.rows_in == told.rows_kept + sum(told.dropped.values())
    assert len(without_wholesale(lines, report, units_ratio=None, spend_share=None)[0]) == len(
        lines
    )
    with pytest.raises(InvalidSpec, match="above 1"):
        without_wholesale(lines, report, units_ratio=0.5)
    with pytest.raises(InvalidSpec, match="between 0 and 1"):
        without_wholesale(lines, report, spend_share=2.0)


def test_a_busy_season_is_not_taken_for_an_answer_to_its_prices() -> None:
    rng = np.random.default_rng(2)
    when = pd.date_range("2026-01-01", periods=60, freq="D")
    # Prices and visitors rise together in the second month; nobody minds prices.
    day = np.where(rng.random(20_000) < 0.75, rng.integers(30, 60, 20_000), 0)
    day = np.where(day == 0, rng.integers(0, 30, 20_000), day)
    dear = np.where(np.arange(60) >= 30, 1.3, 1.0)[:, None] * np.exp(rng.normal(0, 0.1, (60, 20)))
    sku = rng.integers(0, 20, 20_000)
    lines = pd.DataFrame(
        {"customer": rng.integers(0, 800, 20_000), "sku": sku, "date": when[day], "units": 1.0}
    ).assign(price=10 * dear[day, sku])
    found = price_segments(lines, most_classes=2)
    assert len(found.elasticity) == 1
    assert found.elasticity[0] == pytest.approx(0.0, abs=0.15)


def test_stages_follow_each_customers_own_pace() -> None:
    now = pd.Timestamp("2026-06-30")
    paces = {"weekly, silent for two months": (7, 60), "weekly": (7, 3), "yearly": (180, 100)}
    rows = []
    for name, (gap, silent) in paces.items():
        for i in range(8 if gap == 7 else 3):
            day = now - pd.Timedelta(days=silent + gap * i)
            rows.append({"customer": name, "order": f"{name}{i}", "date": day, "revenue": 10.0})
    rows.append(
        {"customer": "first", "order": "f", "date": now - pd.Timedelta(days=5), "revenue": 5.0}
    )
    stage = rfm(pd.DataFrame(rows), now=now)["stage"]
    assert stage["weekly"] == "active"
    assert stage["weekly, silent for two months"] in ("dormant", "lost")
    assert stage["yearly"] == "active"
    assert stage["first"] == "new"


def test_planted_classes_of_price_sensitivity_are_found() -> None:
    rng = np.random.default_rng(0)
    skus, days, people = 30, 60, 600
    relative = np.where(
        rng.random((skus, days)) < 0.3, np.log(0.7), rng.normal(0, 0.05, (skus, days))
    )
    slope = np.where(np.arange(people) < 240, -4.0, -0.5)
    rows = []
    when = pd.date_range("2026-01-01", periods=days, freq="D")
    for person in range(people):
        chance = np.exp(slope[person] * relative).ravel()
        pick = rng.choice(skus * days, size=30, p=chance / chance.sum())
        rows.append(
            pd.DataFrame(
                {
                    "customer": person,
                    "sku": pick // days,
                    "date": when[pick % days],
                    "price": 10 * np.exp(relative.ravel()[pick]),
                }
            )
        )
    lines = pd.concat(rows, ignore_index=True).assign(units=1.0)
    found = price_segments(lines, most_classes=3)
    assert len(found.elasticity) == 2
    assert found.elasticity[0] == pytest.approx(-4.0, abs=0.6)
    assert found.elasticity[1] == pytest.approx(-0.5, abs=0.4)
    assert found.share[0] == pytest.approx(0.4, abs=0.06)
    sensitive = found.membership.to_numpy()[:, 0] > 0.5
    assert (sensitive == (slope < -1)).mean() > 0.85
    with pytest.raises(NotIdentified, match="hardly move"):
        price_segments(lines.assign(price=10.0))


def test_tiers_and_summaries_tell_of_groups_only() -> None:
    now = pd.Timestamp("2026-06-30")
    lines = pd.DataFrame(
        {
            "customer": range(60),
            "order": range(60),
            "date": now - pd.Timedelta(days=10),
            "revenue": np.arange(60) * 10.0,
        }
    )
    tier = tiers(lines, {"basic": 0, "silver": 200, "gold": 550}, now=now)
    assert tier.value_counts().to_dict() == {"silver": 35, "basic": 20, "gold": 5}
    table = rfm(lines, now=now).assign(tier=tier)
    assert set(summary(table, "tier").index) == {"basic", "silver"}
    with pytest.raises(InvalidSpec, match="begin at 0"):
        tiers(lines, {"gold": 10}, now=now)


@pytest.mark.slow
def test_online_retail_is_cleaned_with_every_line_accounted_for() -> None:
    raw = pd.read_csv(
        shared_data("online-retail/online_retail.csv.gz"),
        dtype={"InvoiceNo": str, "StockCode": str},
        parse_dates=["InvoiceDate"],
    )
    lines, report = clean_invoices(raw, MAP, product_pattern=r"\d{5}")
    assert report.rows_in == 541_909
    assert report.rows_in == report.rows_kept + sum(report.dropped.values())
    table = rfm(lines, now=lines["date"].max())
    assert len(table) > 4_000
    assert set(table["stage"]) == {"new", "active", "dormant", "lost"}
    assert summary(table, "stage")["customers"].sum() == len(table)
