"""Which form of demand each series has: the one that foretells held-out weeks best.

Every candidate gives each held-out count a probability, so that least squares on logarithms and
count regressions are judged by one measure; all series at once. `models.estimators.model_choice`
is the sibling for one table at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special, stats

from models.arrays import BoolArray, FloatArray, IntArray
from models.sensitivity.batched_counts import CountFit, count_regressions
from models.sensitivity.design import Design
from models.sensitivity.partialling import orthonormal
from models.sensitivity.spec import BY_SALES, DemandForm, FitSpec

_FOLDS: Final = 4
_LEAST: Final = 1e-300
_EXACT: Final = 1e-12
"""Below it a difference of two tails has no digits left, and the density stands for it."""
_FEW: Final = 5.0
"""Units a period below which the logarithm of a count is far from that of its expectation."""
_SMALLEST_STD: Final = 1e-6
_WRONG: Final = -1e6
"""Log probability of a form that can not be fitted: lower than any that can."""


COUNTS: Final = (DemandForm.POISSON, DemandForm.NEGATIVE_BINOMIAL)


def forms_by_sales(design: Design) -> IntArray:
    """(s,) position in `BY_SALES` of each series' form: counts where most periods sell few.

    The logarithm of small counts is not their expectation's: regressions on it find an elasticity
    near zero, and the nearer the fewer are sold.
    """
    few = ((design.units < _FEW) & design.used).sum(axis=1)
    slow = _counted(design) & (2 * few > design.n_obs)
    return np.where(slow, BY_SALES.index(DemandForm.POISSON), 0).astype(np.int64)


def few_sold(units: FloatArray, parameters: int | IntArray, spec: FitSpec) -> BoolArray:
    """(s,) where counts say too little for so many parameters: what informs is what was sold."""
    few: BoolArray = units - parameters < spec.minimum_spare
    return few


def affordable(design: Design, counted: BoolArray, spec: FitSpec) -> Design:
    """The design whose count series (s,) hold constant only what their sales can pay for."""
    columns = 1 + design.plain.shape[0]
    thin = counted & few_sold(design.units.sum(axis=1), columns, spec)
    if not thin.any():
        return design
    controls = np.array(design.controls)
    controls[thin, :, 1:] = 0.0
    return replace(design, own_controls=controls, common_controls=np.empty((0, 0)))


def choose_forms(
    design: Design, relative_price: FloatArray, forms: tuple[DemandForm, ...]
) -> IntArray:
    """(s,) position in `forms` of each series' form; the first where nothing tells them apart.

    Args:
        design: regressions of s series, with log prices.
        relative_price: (s, t) prices as a multiple of the reference price, 0 where not used.
        forms: candidates. Count forms are only for series of whole numbers.
    """
    if len(forms) == 1:
        return np.zeros(len(design.used), dtype=np.int64)
    score = np.stack([_held_out(design, relative_price, form) for form in forms])
    chosen: IntArray = score.argmax(axis=0).astype(np.int64)
    return chosen


def relative_prices(design: Design, reference: FloatArray) -> FloatArray:
    """(s, t) prices as a multiple of the (s,) reference prices, 0 where not used."""
    with np.errstate(invalid="ignore"):
        return np.where(design.used, np.exp(design.log_price) / reference[:, None], 0.0)


def shaped(design: Design, reference: FloatArray, semi_log: BoolArray) -> Design:
    """The design whose semi-log series (s,) have relative prices, so that slopes are elasticities.

    The slope of log units on the price as a multiple of the reference price is the elasticity at
    the reference price: both shapes can be pooled together.
    """
    if not semi_log.any():
        return design
    relative = relative_prices(design, reference)
    return replace(design, log_price=np.where(semi_log[:, None], relative, design.log_price))


def _held_out(design: Design, relative_price: FloatArray, form: DemandForm) -> FloatArray:
    """(s,) log probability of all held-out periods, blocks of neighbours held out in turn."""
    price = relative_price if form is DemandForm.SEMI_LOG else design.log_price
    columns = np.concatenate([design.controls, price[..., None]], axis=2)
    place = np.cumsum(design.used, axis=1) - 1
    fold = place * _FOLDS // np.maximum(design.n_obs, 1)[:, None]
    total = np.zeros(len(design.used))
    for held in range(_FOLDS):
        test = design.used & (fold == held)
        train = design.used & ~test
        if form in COUNTS:
            said = _counts(design, columns, train, form)
        else:
            said = _logarithms(design, columns, train)
        total += np.where(test, said, 0.0).sum(axis=1)
    return total


def _logarithms(design: Design, columns: FloatArray, train: BoolArray) -> FloatArray:
    """(s, t) log probability of each count (log density of other amounts) by least squares."""
    basis = orthonormal(columns * train[..., None])
    told = np.matmul(basis.q.transpose(0, 2, 1), (design.log_units * train)[..., None])
    coefficients = np.linalg.solve(basis.r, told)
    rest = design.log_units - np.matmul(columns, coefficients)[..., 0]
    spare = np.maximum(train.sum(axis=1) - basis.rank, 1)
    std = np.sqrt((rest**2 * train).sum(axis=1) / spare)
    std = np.maximum(std, _SMALLEST_STD)[:, None]
    density = stats.norm.logpdf(rest / std) - np.log(std) - design.log_units - design.offset
    counted = _counted(design)
    # log(units + 1/2) is normal: the count u is the interval from u to u + 1 of units + 1/2.
    index = design.log_units + design.offset - rest
    with np.errstate(divide="ignore"):
        upper = (np.log(design.units + 1.0) - index) / std
        lower = (np.log(design.units) - index) / std
    probability = special.ndtr(upper) - special.ndtr(lower)
    exact = np.log(np.maximum(probability, _LEAST))
    by_interval = counted[:, None] & (probability > _EXACT)
    return np.asarray(np.where(by_interval, exact, density), dtype=np.float64)


def _counts(design: Design, columns: FloatArray, train: BoolArray, form: DemandForm) -> FloatArray:
    """(s, t) log probability of each count by a count regression."""
    over = form is DemandForm.NEGATIVE_BINOMIAL
    found: CountFit = count_regressions(
        design.units, columns, train, offset=design.offset, negative_binomial=over
    )
    index = np.matmul(columns, found.coefficients[..., None])[..., 0] + design.offset
    mean = np.exp(np.clip(index, -50.0, 50.0))
    said = stats.poisson.logpmf(design.units, mean)
    if over:
        size = 1.0 / np.maximum(found.alpha, 1e-9)[:, None]
        several = stats.nbinom.logpmf(design.units, size, size / (size + mean))
        said = np.where(found.alpha[:, None] > 1e-9, several, said)
    usable = _counted(design) & np.isfinite(found.slope.elasticity)
    with np.errstate(invalid="ignore"):
        return np.where(usable[:, None], np.maximum(said, np.log(_LEAST)), _WRONG)


def _counted(design: Design) -> BoolArray:
    """(s,) True where units are whole numbers."""
    whole: BoolArray = (design.units == np.rint(design.units)).all(axis=1)
    return whole
