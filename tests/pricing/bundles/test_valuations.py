"""What sets are worth: factors, needs, draws and logits; candidates and who buys a bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.choice.logit import fit_logit
from models.choice.shares import shares
from models.cross.cross_price import CrossEffects
from models.customers.baskets import Baskets
from pricing.bundles.candidates import bundle_evidence, candidate_sets, families
from pricing.bundles.drafts import promotion_drafts
from pricing.bundles.errors import InvalidBundles
from pricing.bundles.market import NOT_OFFERED, Market
from pricing.bundles.problem import BundleProblem
from pricing.bundles.sales import bundle_sales
from pricing.bundles.subsets import names_in, subsets
from pricing.bundles.valuations import (
    draws_of_logit,
    draws_of_utilities,
    segments_of_draws,
    spread_out,
    values_of_sets,
)
from pricing.promotions.file_format import parse_promotions


def test_a_factor_counts_in_every_set_that_holds_its_products() -> None:
    value = values_of_sets(np.array([[10, 20, 30]]), {0b011: 1.5, 0b110: 0.8})
    assert value[0].tolist() == [0, 10, 20, 45, 30, 40, 40, 65]
    with pytest.raises(InvalidBundles, match="factors"):
        values_of_sets(np.array([[10, 20]]), {0b01: 1.5})
    with pytest.raises(InvalidBundles, match="factors"):
        values_of_sets(np.array([[10, 20]]), {0b11: 11.0})


def test_products_of_one_need_replace_each_other() -> None:
    value = values_of_sets(np.array([[10, 8, 5]]), nest=np.array([0, 0, 1]), overlap=0.25)
    assert value[0].tolist() == [0, 10, 8, 12, 5, 15, 13, 17]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_set_is_worth_less_than_a_set_inside_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    every = subsets(n)
    masks = [m for m in range(1 << n) if m & (m - 1)]
    factors = {m: float(rng.uniform(0, 2)) for m in masks if rng.random() < 0.4}
    value = values_of_sets(rng.integers(0, 50, (3, n)), factors)
    for whole in range(1 << n):
        for part in every.within(whole).tolist():
            assert (value[:, whole] >= value[:, part]).all()


def test_draws_of_a_nested_logit_choose_as_the_logit_says() -> None:
    rng = np.random.default_rng(1)
    utility, price = np.array([1.0, 1.4, 0.6, 0.2]), np.array([1.0, 1.5, 0.5, 0.8])
    nest, sigma, slope = np.array([0, 0, 1, 1]), 0.6, -0.9
    worth = draws_of_utilities(utility + 20.0, slope, draws=60_000, rng=rng, nest=nest, sigma=sigma)
    # The worth of what is never bought is cut at 0; 20 more of it keeps every draw above.
    surplus = worth - 20.0 / -slope - price
    best = surplus.argmax(axis=1)
    bought = surplus.max(axis=1) > 0
    seen = np.bincount(best[bought], minlength=4) / len(worth)
    np.testing.assert_allclose(seen, shares(utility + slope * price, nest, sigma), atol=0.006)
    by_log = draws_of_utilities(utility, -2.0, draws=40_000, rng=rng, log_price=True)
    taken = (by_log[:, 0] > 3.0).mean()
    alone = shares(np.array([1.0 - 2.0 * np.log(3.0)]), np.array([0]), 0.0)[0]
    assert taken == pytest.approx(alone, abs=0.01)


def test_a_fitted_logit_becomes_reservation_prices() -> None:
    rng = np.random.default_rng(2)
    rows = []
    for market in range(300):
        price = rng.uniform(1, 3, 3)
        share = shares(1.0 - 1.5 * price, np.arange(3), 0.0)
        rows += [(market, f"p{j}", price[j], share[j]) for j in range(3)]
    frame = pd.DataFrame(rows, columns=["m", "product", "p", "share"])
    fit = fit_logit(frame, market="m", price="p", product="product")
    worth = draws_of_logit(fit, 0, ["p2", "p0"], draws=40_000, rng=rng)
    # At price 2 a product alone, with utility 1 - 1.5 * 2, is bought with this probability.
    expected = 1.0 / (1.0 + np.exp(2.0))
    assert (worth > 2.0).mean(axis=0) == pytest.approx([expected, expected], abs=0.01)
    with pytest.raises(InvalidBundles, match="'p9'"):
        draws_of_logit(fit, 0, ["p9"], draws=10, rng=rng)
    with pytest.raises(InvalidBundles, match="price_coefficient"):
        draws_of_utilities(np.zeros(2), 0.5, draws=10, rng=rng)


def test_draws_are_grouped_without_losing_anybody() -> None:
    rng = np.random.default_rng(3)
    draws = rng.normal([[10.0, 2.0]] * 60 + [[3.0, 9.0]] * 40, 0.2)
    found = segments_of_draws(draws, 1_001, segments=2, rng=rng)
    assert found.size.sum() == 1_001
    assert found.size.tolist() in ([601, 400], [600, 401])
    np.testing.assert_allclose(found.single, [[10, 2], [3, 9]], atol=0.1)
    kept = segments_of_draws(draws, 100, segments=100, rng=rng)
    assert sorted(kept.single[:, 0]) == sorted(np.maximum(draws, 0)[:, 0])
    with pytest.raises(InvalidBundles, match="segments"):
        segments_of_draws(draws, 10, segments=11, rng=rng)


def small() -> BundleProblem:
    return BundleProblem.of(
        ["pan", "lid"], [10, 2], [40, 15], [30, 20, 10], np.array([[44, 9], [25, 14], [41, 16]]),
        currency="EUR", funding=np.array([2_500]),
    )  # fmt: skip


def test_spreading_segments_out_keeps_their_customers_and_their_mean() -> None:
    problem = small()
    wide = spread_out(problem, 0.2, 7, np.random.default_rng(4))
    assert wide.size.sum() == problem.size.sum()
    first = [str(name).startswith("segment 1 /") for name in wide.segment]
    assert wide.size[first].sum() == 30
    assert wide.value[first, 1].mean() == pytest.approx(44, rel=0.3)
    assert len(np.unique(wide.value[first, 1])) > 1
    assert spread_out(problem, 0.2, 1, np.random.default_rng(4)) is problem


def test_evidence_comes_from_baskets_and_from_cross_effects() -> None:
    rng = np.random.default_rng(5)
    receipts = []
    for _ in range(2_000):
        receipt = ["pan", "lid"] if rng.random() < 0.1 else []
        receipt += [f"x{i}" for i in range(5) if rng.random() < 0.2]
        receipts.append(receipt)
    pairs = pd.DataFrame(
        {
            "product": ["tea", "milk", "cola", "tea"],
            "other": ["milk", "tea", "tea", "cola"],
            "effect": [-0.4, -0.3, 0.2, 0.0],
            "q_value": [0.01, 0.04, 0.02, 0.9],
            "kind": ["complement", "complement", "substitute", "none"],
        }
    )
    cross = CrossEffects(pairs, pd.DataFrame(), {}, 0.1)
    found = bundle_evidence(baskets=Baskets.of_receipts(receipts), cross=cross)
    told = dict(zip(found["items"], found["evidence"], strict=True))
    assert told == {("lid", "pan"): "baskets", ("milk", "tea"): "complements"}
    assert candidate_sets(found, ["pan", "tea", "lid"]).tolist() == [0b101]
    both = bundle_evidence(cross=cross, substitutes=True)
    assert both["evidence"].tolist() == ["complements", "substitutes"]
    assert families(both) == (("cola", "milk", "tea"),)
    assert families(both, most=2) == (("milk", "tea"),)
    with pytest.raises(InvalidBundles, match="evidence"):
        bundle_evidence()


def test_who_buys_a_bundle_and_what_they_bought_before() -> None:
    problem = small()
    market = Market(problem)
    before = market.outcome(np.array([NOT_OFFERED, 40, 15, NOT_OFFERED]))
    after = market.outcome(np.array([NOT_OFFERED, 40, 15, 47]))
    assert before.choice.tolist() == [0b01, 0, 0b11]
    assert after.choice.tolist() == [0b11, 0, 0b11]
    (sales,) = bundle_sales(market, after, before)
    assert (sales.buyers, sales.new, sales.some, sales.all) == (40, 0, 30, 10)
    assert sales.funding == 40 * 8 * 0.25
    assert sales.profit == 40 * (47 + 2 - 12)
    assert sales.profit_before == 30 * (40 - 10) + 10 * (55 - 12)


def test_drafts_are_read_by_the_promotion_file_format() -> None:
    problem = small()
    drafts = promotion_drafts(problem, {0b11: 47}, payers={0b11: {"acme": 2_500}})
    assert drafts[0]["funding"] == {"acme": "25", "shop": "75"}
    promotions, file = parse_promotions({"currency": "EUR", "promotions": drafts})
    assert len(file.promotions) == 1
    assert promotions is not None
    assert names_in(0b11, tuple(problem.sku.tolist())) == ("pan", "lid")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": [10, -1]}, "cost -1 must not be negative"),
        ({"current": [0, 5]}, "current 0 must be above zero"),
        ({"most": [5, 15]}, "most 5 lies below least"),
        ({"stock": [-2, 5]}, "stock -2"),
        ({"stock": [3, 5], "sell": [4, 0]}, "is more than the stock"),
        ({"sell": [61, 0]}, "more than there are customers"),
        ({"clearing": [-1, 0]}, "clearing -1"),
        ({"sku": np.array(["pan", "pan"])}, "stands there twice"),
        ({"size": [0, 1, 1]}, "size must be 1 customer"),
        ({"size": [1.5, 1, 1]}, "whole numbers"),
        ({"value": np.array([[0, 5, 5, 4]] * 3)}, "worth less with"),
        ({"value": np.array([[1, 5, 5, 9]] * 3)}, "0 for nothing"),
        ({"value": np.array([[0, 5, 5]] * 3)}, "value has shape"),
        ({"candidates": np.array([1])}, "two products or more"),
        ({"candidates": np.array([4])}, "sets of the products"),
        ({"funding": [10_001]}, "shares lie from 0 to 1"),
        ({"floor": [-1]}, "floor"),
        ({"most_bundles": -1}, "most_bundles"),
        ({"least_saving": 5_000, "most_saving": 100}, "least_saving"),
        ({"least_saving": 10_000}, "cannot be free"),
        ({"size": [10**15, 1, 1]}, "too large to add up"),
    ],
)
def test_problems_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidBundles, match=message):
        small().replaced(**{key: np.array(v) if isinstance(v, list) else v
                            for key, v in changes.items()})  # fmt: skip


def test_too_many_products_are_refused() -> None:
    with pytest.raises(InvalidBundles, match="products: 11"):
        BundleProblem.of(
            [f"p{i}" for i in range(11)],
            [1] * 11,
            [2] * 11,
            [1],
            np.ones((1, 11), dtype=np.int64),
            currency="EUR",
        )
