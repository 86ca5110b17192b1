"""The demo knows the law behind its market, so it can say how right the answers are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.demand import FittedCurves
from models.sensitivity.evidence import Evidence
from pricing.deciding.decisions import Action, Decisions
from simulations.demo_market.market import MarketLaw


@dataclass(frozen=True, slots=True)
class FitScore:
    """Fitted own-price elasticities against the planted ones.

    Attributes:
        median_error: median absolute difference.
        coverage: share of series whose 95 % interval holds the truth.
        naive_median_error: median absolute difference of least squares alone, which takes the
            shop's reaction to demand for the customers' reaction to price.
        naive_coverage: share of its intervals that hold the truth.
        curves: series compared.
    """

    median_error: float
    coverage: float
    naive_median_error: float
    naive_coverage: float
    curves: int


@dataclass(frozen=True, slots=True)
class ProfitScore:
    """True expected profit a week, by the planted law, over all prices of a run.

    Attributes:
        before: at the prices in force.
        after: at the prices decided.
        changed: prices that changed.
    """

    before: float
    after: float
    changed: int

    @property
    def gain(self) -> float:
        """(after - before) / before."""
        return (self.after - self.before) / self.before


def score_fit(curves: FittedCurves, evidence: Evidence, law: MarketLaw) -> FitScore:
    """Compare a fit with the law.

    Args:
        curves: fitted curves of the demo market.
        evidence: what each series said alone, in the same order.
        law: the truth.
    """
    truth = law.elasticity[law.rows_of(curves.sku, curves.market)]
    table = curves.to_frame()
    error = np.abs(table["elasticity"].to_numpy() - truth)
    covered = (table["ci_low"].to_numpy() <= truth) & (truth <= table["ci_high"].to_numpy())
    naive, spread = evidence.ols.elasticity, evidence.ols.std_error
    known = np.isfinite(error)
    alone = np.isfinite(naive)
    naive_error = np.abs(naive - truth)[alone]
    return FitScore(
        median_error=float(np.median(error[known])),
        coverage=float(covered[known].mean()),
        naive_median_error=float(np.median(naive_error)),
        naive_coverage=float((naive_error <= 1.96 * spread[alone]).mean()),
        curves=int(known.sum()),
    )


def score_prices(decisions: Decisions, law: MarketLaw) -> ProfitScore:
    """What the decided prices truly earn a plain week, by the law and not by the fit."""
    catalogue = decisions.catalogue
    rows = law.rows_of(catalogue.sku, catalogue.market.values())
    before, after = law.start_price.copy(), law.start_price.copy()
    before[rows] = catalogue.price / catalogue.scale
    after[rows] = decisions.price / catalogue.scale
    return ProfitScore(
        before=float(law.true_profit(before)[rows].sum()),
        after=float(law.true_profit(after)[rows].sum()),
        changed=int((decisions.action == Action.CHANGE).sum()),
    )
