from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from models.demand import ConstantElasticityDemand
from pricing.catalogue import Catalogue, CompetitorPrices
from pricing.deciding.decide import decide
from pricing.deciding.decisions import Action
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.replay import replay
from tests.pricing.catalogues import NOW, catalogue_of, curves, priced_catalogues


@given(priced_catalogues())
def test_a_run_decided_again_comes_out_the_same_and_nothing_beats_it(
    market: tuple[Catalogue, ConstantElasticityDemand, CompetitorPrices],
) -> None:
    catalogue, demand, competitors = market
    policy = PricingPolicy()
    run = decide(catalogue, demand, competitors, policy, decided_at=NOW)
    for row in range(len(run)):
        again = replay(run, row, demand, policy)
        assert again.same
        assert again.decision.price == run.record(row).price
        free = run.action[row] != Action.HOLD and run.broken_before[row] == 0
        if free and again.chosen is not None and again.runner_up is not None:
            assert again.runner_up.objective <= again.chosen.objective + 1e-9


def test_the_runner_up_says_what_it_would_have_earned() -> None:
    catalogue = catalogue_of([1000], [400])
    demand = curves(catalogue, -2.5)
    policy = PricingPolicy()
    run = decide(catalogue, demand, CompetitorPrices.none(1), policy, decided_at=NOW)
    again = replay(run, 0, demand, policy)
    assert again.chosen is not None
    assert again.runner_up is not None
    assert again.chosen.profit == pytest.approx(run.profit[0])
    assert again.runner_up.profit < again.chosen.profit
    profits = sorted((item.profit for item in again.candidates), reverse=True)
    assert again.runner_up.profit == profits[1]
    assert [item.price.minor for item in again.candidates] == sorted(
        item.price.minor for item in again.candidates
    )


def test_where_rows_compete_for_changes_the_whole_run_is_decided_again() -> None:
    catalogue = catalogue_of([1000, 1000, 1000], [400, 400, 400])
    demand = curves(catalogue, -2.5, [10.0, 500.0, 20.0])
    policy = PricingPolicy(max_changes=1)
    run = decide(catalogue, demand, CompetitorPrices.none(3), policy, decided_at=NOW)
    assert np.flatnonzero(run.price != 1000).tolist() == [1]
    for row in range(3):
        assert replay(run, row, demand, policy).same


def test_a_row_without_a_curve_has_nothing_to_choose_from() -> None:
    catalogue = catalogue_of([1000], [400])
    demand = curves(catalogue, -2.5).take(np.array([-1]))
    policy = PricingPolicy()
    run = decide(catalogue, demand, CompetitorPrices.none(1), policy, decided_at=NOW)
    again = replay(run, 0, demand, policy)
    assert (again.same, again.chosen, again.runner_up, again.candidates) == (True, None, None, ())
