"""Baskets: against brute force, against chance, on real receipts."""

from __future__ import annotations

import csv
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from models.customers.baskets import (
    Baskets,
    bundle_candidates,
    frequent_pairs,
    frequent_sets,
    productive_sets,
)
from models.errors import InvalidPanel, InvalidSpec
from tests.shared_data import shared_data


def planted(rng: np.random.Generator, baskets: int = 4000) -> list[list[str]]:
    """Bread brings butter; two colas keep each other away; the rest is chance."""
    receipts = []
    for _ in range(baskets):
        items = [f"item{i}" for i in np.flatnonzero(rng.random(40) < 0.06)]
        if rng.random() < 0.15:
            items.append("bread")
            if rng.random() < 0.5:
                items.append("butter")
        elif rng.random() < 0.1:
            items.append("butter")
        if rng.random() < 0.3:
            items.append("cola" if rng.random() < 0.5 else "other cola")
        receipts.append(items)
    return receipts


def test_planted_pairs_are_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    found = frequent_pairs(Baskets.of_receipts(planted(rng)))
    kinds = {(a, b): kind for a, b, kind in zip(found["a"], found["b"], found["kind"], strict=True)}
    assert kinds["bread", "butter"] == "complement"
    assert kinds["cola", "other cola"] == "substitute"
    chance = [pair for pair in kinds if all(name.startswith("item") for name in pair)]
    assert len(chance) <= 3
    assert found.iloc[0][["a", "b"]].tolist() == ["bread", "butter"]
    assert ("bread", "butter") in set(
        zip(bundle_candidates(found)["a"], bundle_candidates(found)["b"], strict=True)
    )


def test_figures_of_a_pair_are_those_of_the_definition() -> None:
    receipts = planted(np.random.default_rng(1))
    found = frequent_pairs(Baskets.of_receipts(receipts), false_discovery_rate=0.5)
    row = found[(found["a"] == "bread") & (found["b"] == "butter")].iloc[0]
    n = len(receipts)
    a = sum("bread" in r for r in receipts)
    b = sum("butter" in r for r in receipts)
    both = sum("bread" in r and "butter" in r for r in receipts)
    assert row["count"] == both
    assert row["lift"] == pytest.approx(both * n / (a * b))
    assert row["confidence_ab"] == pytest.approx(both / a)
    table = np.array([[both, a - both], [b - both, n - a - b + both]])
    one_sided = stats.fisher_exact(table, alternative="greater").pvalue
    assert row["p_value"] == pytest.approx(min(2 * one_sided, 1), rel=1e-6)


def test_sets_equal_brute_force() -> None:
    receipts = [r[:6] for r in planted(np.random.default_rng(2), 400)]
    found = frequent_sets(Baskets.of_receipts(receipts), least_support=0.01, largest=3)
    mine = {
        frozenset(items): count for items, count in zip(found["items"], found["count"], strict=True)
    }
    names = sorted({item for r in receipts for item in r})
    least = 0.01 * len(receipts)
    as_sets = [set(r) for r in receipts]
    expected = {}
    for size in (2, 3):
        for items in combinations(names, size):
            count = sum(set(items) <= r for r in as_sets)
            if count >= least:
                expected[frozenset(items)] = count
    assert mine == expected


def test_a_pair_beside_a_common_item_is_no_productive_set() -> None:
    rng = np.random.default_rng(3)
    receipts = []
    for _ in range(4000):
        items = ["bag"] if rng.random() < 0.5 else []
        if rng.random() < 0.15:
            items += ["bread"] + (["butter"] if rng.random() < 0.5 else [])
        elif rng.random() < 0.1:
            items.append("butter")
        if rng.random() < 0.1:
            items += ["pan", "lid", "spoon"]
        receipts.append(items)
    found = productive_sets(Baskets.of_receipts(receipts))
    sets = {frozenset(items) for items in found["items"]}
    assert {frozenset(["bread", "butter"]), frozenset(["pan", "lid", "spoon"])} <= sets
    assert not any("bag" in items for items in sets)
    row = found[[set(items) == {"bread", "butter"} for items in found["items"]]].iloc[0]
    pair = frequent_pairs(Baskets.of_receipts(receipts))
    same = pair[(pair["a"] == "bread") & (pair["b"] == "butter")].iloc[0]
    assert row["lift"] == pytest.approx(same["lift"])
    assert 2 * row["p_value"] == pytest.approx(same["p_value"])
    with pytest.raises(InvalidSpec, match="rate"):
        productive_sets(Baskets.of_receipts(receipts), false_discovery_rate=1.0)


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidPanel, match="no baskets"):
        Baskets.of_receipts([])
    baskets = Baskets.of_receipts([["a", "b"]])
    with pytest.raises(InvalidSpec, match="largest"):
        frequent_sets(baskets, largest=9)
    with pytest.raises(InvalidSpec, match="rate"):
        frequent_pairs(baskets, false_discovery_rate=0)
    assert len(frequent_pairs(baskets)) == 0


def test_real_groceries() -> None:
    with shared_data("baskets/groceries.csv").open(encoding="utf-8") as file:
        baskets = Baskets.of_receipts(list(csv.reader(file)))
    assert len(baskets) == 9_835
    sets = frequent_sets(baskets, least_support=0.01, largest=3)
    # The published figure of this data set: other vegetables and whole milk, support 0.0748.
    top = sets.iloc[0]
    assert set(top["items"]) == {"other vegetables", "whole milk"}
    assert top["support"] == pytest.approx(0.0748, abs=5e-5)
    assert top["lift"] == pytest.approx(1.5136, abs=5e-4)
    pairs = frequent_pairs(baskets)
    assert (pairs["kind"] == "substitute").any()
    assert (pairs["q_value"] <= 0.05).all()
