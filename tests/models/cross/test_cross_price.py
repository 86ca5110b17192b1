"""Cross effects against planted truth: signs, false findings, shrinkage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.arrays import FloatArray
from models.cross.cross_price import fit_cross
from models.errors import InvalidPanel
from tests.shared_data import shared_data


def category(
    rng: np.random.Generator, products: int = 12, stores: int = 10, weeks: int = 104
) -> tuple[pd.DataFrame, FloatArray]:
    """A category with three groups of substitutes and nothing across; and its true matrix."""
    truth = np.zeros((products, products))
    group = np.arange(products) % 3
    same = group[:, None] == group[None, :]
    truth[same] = rng.uniform(0.3, 0.8, int(same.sum()))
    np.fill_diagonal(truth, -2.5)
    # Promotions are shared by all stores in part, as real ones are.
    chain = rng.normal(0, 0.12, (1, weeks, products))
    log_price = 1.0 + chain + rng.normal(0, 0.10, (stores, weeks, products))
    level = rng.normal(4, 0.5, (stores, 1, products))
    log_units = level + log_price @ truth.T + rng.normal(0, 0.3, log_price.shape)
    index = pd.MultiIndex.from_product(
        [range(stores), range(weeks), range(products)], names=["store", "week", "sku"]
    )
    frame = pd.DataFrame(
        {"units": np.exp(log_units).ravel(), "price": np.exp(log_price).ravel()}, index=index
    ).reset_index()
    return frame.assign(group=frame["sku"] % 3), truth


def test_signs_of_true_substitutes_are_found_at_a_bounded_false_discovery_rate() -> None:
    right, kept, wrong = [], 0, 0
    for seed in range(3):
        frame, truth = category(np.random.default_rng(seed))
        found = fit_cross(frame, place="store", period="week", group="group")
        pairs = found.pairs
        real = truth[pairs["product"], pairs["other"]] > 0
        right.append(((pairs["kind"] == "substitute") & real).sum() / real.sum())
        kept += int((pairs["kind"] != "none").sum())
        wrong += int(((pairs["kind"] != "none") & ~real).sum())
        # Three standard errors of a mean of twelve products, each equation with luck of its own.
        expected = np.sqrt((found.own["std_error"] ** 2).mean() / len(found.own))
        assert expected < 0.02
        assert abs(found.own["elasticity"].mean() + 2.5) < 3.0 * expected
    assert np.mean(right) >= 0.90
    assert wrong / kept <= 0.10


def test_shrinkage_brings_effects_nearer_to_the_truth() -> None:
    frame, truth = category(np.random.default_rng(1), stores=2, weeks=52)
    pairs = fit_cross(frame, place="store", period="week", group="group").pairs
    real = truth[pairs["product"], pairs["other"]]
    assert ((pairs["effect"] - real) ** 2).mean() < 0.7 * ((pairs["unshrunk"] - real) ** 2).mean()


def test_the_matrix_has_own_elasticities_on_its_diagonal_and_zeros_elsewhere() -> None:
    frame, truth = category(np.random.default_rng(2))
    table = fit_cross(frame, place="store", period="week").matrix()
    assert table.shape == truth.shape
    assert np.abs(np.diagonal(table) + 2.5).max() < 0.5
    assert (table.to_numpy() == 0).mean() > 0.3


def test_promotions_take_from_others_or_bring_them_along() -> None:
    rng = np.random.default_rng(3)
    frame, _ = category(rng, products=3, weeks=200)
    frame["feature"] = (rng.random(len(frame)) < 0.2).astype(float)
    wide = frame.pivot_table(index=["store", "week"], columns="sku", values="feature")
    of_first = wide.reindex(pd.MultiIndex.from_frame(frame[["store", "week"]]))[0].to_numpy()
    effect = np.where(frame["sku"] == 1, -0.3, np.where(frame["sku"] == 2, 0.2, 0.5))
    frame["units"] *= np.exp(effect * of_first)
    pairs = fit_cross(frame, place="store", period="week", driver="feature").pairs
    kind = pairs.set_index(["product", "other"])["kind"]
    assert kind[1, 0] == "cannibalised"
    assert kind[2, 0] == "halo"
    assert pairs.set_index(["product", "other"])["effect"][1, 0] == pytest.approx(-0.3, abs=0.08)


def test_a_row_that_holds_all_prices_is_read_as_well() -> None:
    frame, _ = category(np.random.default_rng(4), products=3, stores=3)
    wide = frame.pivot_table(index=["store", "week"], columns="sku", values="price")
    wide.columns = pd.Index([f"price{i}" for i in range(3)])
    joined = frame.drop(columns="price").merge(wide.reset_index(), on=["store", "week"])
    by_row = fit_cross(
        joined, place="store", period="week", price={i: f"price{i}" for i in range(3)}
    )
    by_column = fit_cross(frame, place="store", period="week")
    np.testing.assert_allclose(by_row.own["elasticity"], by_column.own["elasticity"], rtol=1e-10)


def test_a_product_that_can_not_be_estimated_says_why_and_stops_no_other() -> None:
    frame, _ = category(np.random.default_rng(5), products=4, stores=2, weeks=60)
    frame.loc[frame["sku"] == 1, "price"] = 2.0
    frame = frame[(frame["sku"] != 2) | (frame["week"] < 3)]
    status = fit_cross(frame, place="store", period="week").own.set_index("product")["status"]
    assert status.to_dict() == {0: "ok", 1: "price_never_moved", 2: "too_few_periods", 3: "ok"}


def test_repeated_rows_and_single_products_are_refused() -> None:
    frame, _ = category(np.random.default_rng(5), products=2, stores=1, weeks=30)
    with pytest.raises(InvalidPanel, match="sum them first"):
        fit_cross(pd.concat([frame, frame]), place="store", period="week")
    with pytest.raises(InvalidPanel, match="two products"):
        fit_cross(frame[frame["sku"] == 0], place="store", period="week")


def test_the_three_orange_juices_are_substitutes() -> None:
    raw = pd.read_csv(shared_data("oj/oj_weekly.csv"))
    found = fit_cross(
        raw,
        place="store",
        period="week",
        units="units_oz",
        price="price_per_64oz",
        controls=["deal", "feature"],
        cluster="week",
    )
    assert found.own["elasticity"].between(-3.5, -1.5).all()
    assert (found.pairs["effect"] > 0).mean() >= 0.5
