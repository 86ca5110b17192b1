"""What each series says of its own elasticity, and whether it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from models.sensitivity.batched_count_instruments import instrumented_counts
from models.sensitivity.batched_counts import CountFit, count_regressions
from models.sensitivity.design import Design
from models.sensitivity.form_choice import COUNTS, few_sold
from models.sensitivity.partialling import Partialled, SlopeEstimates, ols, ols_by_statsmodels
from models.sensitivity.spec import DemandForm, Engine, Estimator, FitSpec
from models.sensitivity.two_stage import two_stage, two_stage_by_statsmodels

_LEAST_VARIATION: Final = 0.3
"""Share of `minimum_price_std` that price variation must keep once the controls are taken out."""
_LEAST_ERROR: Final = 1e-6
"""Standard errors are not believed below this; exact data would leave nothing to pool by."""
_NORMAL_95: Final = float(special.ndtri(0.975))


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What n series say one by one; arrays (n,).

    Attributes:
        n_obs: periods that count.
        degrees: degrees of freedom left after the controls and the price.
        sold: False where nothing was ever sold.
        price_std: standard deviation of log price.
        left_std: the same once the controls are taken out.
        ols: least squares with controls.
        iv: two-stage least squares.
        first_stage_f: strength of the instruments.
        wu_hausman_t: t of the difference between the two.
        form: position of the form of demand among the candidates; where it is one of counts,
            `ols` holds that regression instead and, where instruments are strong, `iv` and
            `wu_hausman_t` its control function.
        units: sold in all.
    """

    n_obs: IntArray
    degrees: IntArray
    sold: BoolArray
    price_std: FloatArray
    left_std: FloatArray
    ols: SlopeEstimates
    iv: SlopeEstimates
    first_stage_f: FloatArray
    wu_hausman_t: FloatArray
    form: IntArray
    units: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Evidence]) -> Evidence:
        """The evidence of several blocks, one after the other."""
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in cls.__slots__
            if name not in ("ols", "iv")
        }
        return cls(
            ols=SlopeEstimates.joined([part.ols for part in parts]),
            iv=SlopeEstimates.joined([part.iv for part in parts]),
            **joined,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Which estimate of its own each series stands on, if any; arrays (n,).

    Attributes:
        own: the chosen estimates; NaN where the series can not stand alone.
        method: `2sls`, `ols`, or the count regression, `control-function` before it where
            instruments are used; `semi-log` beside it where it is.
        status: `ok`, or why the series can not stand alone.
        widening: factor by which errors grow for want of degrees of freedom.
        counted: True where the estimate is of a count regression.
    """

    own: SlopeEstimates
    method: StrArray
    status: StrArray
    widening: FloatArray
    counted: BoolArray

    @property
    def alone(self) -> BoolArray:
        """(n,) True where the series has an estimate of its own."""
        return np.isfinite(self.own.elasticity)

    def error_at(self, elasticity: FloatArray) -> FloatArray:
        """(n,) errors for pooling; NaN where the series has no estimate.

        Weights must not listen to the luck of the estimate that they weigh. Two kinds are taken
        out. Residuals are taken at the given elasticities, because an estimate that happens to
        fall near the least-squares answer leaves the smallest residuals and so claims the
        smallest error. And by how much robust variances differ from classical ones is the middle
        of all series, because a robust error that rests on a few weeks of promotion is itself a
        noisy figure: with it, 95 % intervals on the demo market hold the truth in 92 % of cases,
        so in 95 %. Counts, whose classical error knows the counts' own scatter, have a middle of
        their own.
        """
        robust = _at(self.own.robust, elasticity)
        classical = _at(self.own.classical, elasticity)
        alone = self.alone & (robust > 0) & (classical > 0)
        ratio = np.where(alone, robust / np.where(alone, classical, 1.0), 1.0)
        usual = np.ones(len(ratio))
        for kind in (self.counted, ~self.counted):
            if (alone & kind).any():
                usual[kind] = np.median(ratio[alone & kind])
        error = np.sqrt(np.where(alone, classical, 0.0) * usual) * self.widening
        return np.where(self.alone, np.maximum(error, _LEAST_ERROR), np.nan)


def _at(variance: FloatArray, elasticity: FloatArray) -> FloatArray:
    """(n,) a variance in its (n, 3) coefficients, at these elasticities."""
    constant, linear, square = variance.T
    at: FloatArray = constant + linear * elasticity + square * elasticity**2
    return at


def evidence_of(
    design: Design, parts: Partialled, spec: FitSpec, form: IntArray | None = None
) -> Evidence:
    """Estimate every series of a block alone, by least squares and with instruments.

    Args:
        design: of the block; the price term of semi-log series relative to their reference.
        parts: the same without controls.
        spec: what is asked.
        form: (s,) position of each series' form in `spec.candidates`; the first where None.
    """
    form = np.zeros(len(design.used), dtype=np.int64) if form is None else form
    least, iv = ols(parts), two_stage(parts)
    through = iv.slope
    if spec.engine is Engine.STATSMODELS:
        least = replace(least, **_named(ols_by_statsmodels(design)))
        through = replace(through, **_named(two_stage_by_statsmodels(design)))
    follows = iv.wu_hausman_t
    strong = (iv.first_stage_f >= spec.minimum_f) & (spec.estimator is not Estimator.OLS)
    by_sales, was = spec.forms is None, form
    for place, kind in enumerate(spec.candidates):
        rows = np.flatnonzero(was == place)
        if kind not in COUNTS or not len(rows):
            continue
        over = by_sales or kind is DemandForm.NEGATIVE_BINOMIAL
        found = _counted(design, rows, over=over, where_clear=by_sales)
        least = _put(found.slope, rows, least)
        if by_sales:
            form = form.copy()
            form[rows] = spec.candidates.index(DemandForm.POISSON)
            form[rows[found.alpha > 0]] = spec.candidates.index(DemandForm.NEGATIVE_BINOMIAL)
        if len(rows := rows[strong[rows]]):
            both = instrumented_counts(
                design, parts, rows, over_dispersed=over, where_clear=by_sales
            )
            through = _put(both.slope, rows, through)
            follows = follows.copy()
            follows[rows] = both.endogeneity_t
    n = np.maximum(design.n_obs, 1)
    mean = design.log_price.sum(axis=1) / n
    distance = design.used * (design.log_price - mean[:, None])
    spread = np.vecdot(distance, distance) / n
    return Evidence(
        n_obs=design.n_obs,
        degrees=parts.degrees,
        sold=design.units.sum(axis=1) > 0,
        price_std=np.sqrt(spread),
        left_std=parts.price_variation,
        ols=least,
        iv=through,
        first_stage_f=iv.first_stage_f,
        wu_hausman_t=follows,
        form=form,
        units=design.units.sum(axis=1),
    )


def _counted(design: Design, rows: IntArray, *, over: bool, where_clear: bool) -> CountFit:
    """Count regressions of these series."""
    columns = np.concatenate([design.controls[rows], design.log_price[rows, :, None]], axis=2)
    return count_regressions(
        design.units[rows],
        columns,
        design.used[rows],
        offset=np.broadcast_to(design.offset, design.used.shape)[rows],
        negative_binomial=over,
        where_clear=where_clear,
        lags=design.lags,
    )


def _put(found: SlopeEstimates, rows: IntArray, others: SlopeEstimates) -> SlopeEstimates:
    """These estimates for these series, the others as they are."""
    taken = {name: getattr(others, name).copy() for name in SlopeEstimates.__slots__}
    for name, values in taken.items():
        values[rows] = getattr(found, name)
    return SlopeEstimates(**taken)


def stand(seen: Evidence, group: IntArray, groups: int, spec: FitSpec) -> Standing:
    """Choose each series' estimate, or say why it has none.

    Where the strong series of a category show together that price follows demand, least squares
    is no answer for its weak ones either: they take the category's value.

    Args:
        seen: what n series say.
        group: (n,) category of each.
        groups: number of categories.
        spec: what is asked.
    """
    counted = np.array([kind in COUNTS for kind in spec.candidates])[seen.form]
    strong = np.isfinite(seen.iv.elasticity) & (seen.first_stage_f >= spec.minimum_f)
    if spec.estimator is Estimator.OLS:
        strong = np.zeros_like(strong)
        plain = np.isfinite(seen.ols.elasticity)
    else:
        follows = _price_follows_demand(seen.wu_hausman_t, strong, group, groups)
        allowed = spec.estimator is Estimator.AUTO
        plain = ~strong & np.isfinite(seen.ols.elasticity) & ~follows[group] & allowed
    status = np.select(
        [
            seen.n_obs == 0,
            ~seen.sold,
            seen.degrees < spec.minimum_spare,
            seen.price_std < spec.minimum_price_std,
            seen.left_std < _LEAST_VARIATION * spec.minimum_price_std,
            counted
            & (few_sold(seen.units, 2, spec) | ~(strong | np.isfinite(seen.ols.elasticity))),
            ~(strong | plain),
        ],
        [
            "no_usable_rows",
            "no_sales",
            "too_few_periods",
            "price_never_moved",
            "price_moves_with_controls",
            "too_few_sales",
            "weak_instruments",
        ],
        default="ok",
    )
    own = seen.iv.where(strong, seen.ols)
    return Standing(
        own=own.where(status == "ok", SlopeEstimates.unknown(len(status))),
        method=_methods(seen.form, strong, spec),
        status=status,
        # At 95 %, Student's t asks for a wider interval than the normal distribution.
        widening=np.asarray(
            special.stdtrit(np.maximum(seen.degrees, 1), 0.975) / _NORMAL_95, dtype=np.float64
        ),
        counted=counted,
    )


def _methods(form: IntArray, strong: BoolArray, spec: FitSpec) -> StrArray:
    """(n,) how each series is estimated, in words."""
    kinds = spec.candidates
    plain = np.array([kind.value if kind in COUNTS else "ols" for kind in kinds])[form]
    through = [f"control-function {kind.value}" if kind in COUNTS else "2sls" for kind in kinds]
    shape = np.array([" semi-log" if kind is DemandForm.SEMI_LOG else "" for kind in kinds])
    methods: StrArray = np.char.add(np.where(strong, np.array(through)[form], plain), shape[form])
    return methods


def _price_follows_demand(
    t: FloatArray, strong: BoolArray, group: IntArray, groups: int
) -> BoolArray:
    """(groups,) where the Wu-Hausman tests of the strong series together (Stouffer) say so.

    One-sided: where price follows demand, least squares errs toward zero.
    """
    counts = strong & np.isfinite(t)
    total = np.bincount(group, np.where(counts, t, 0.0), groups)
    number = np.bincount(group, counts, groups)
    follows: BoolArray = total > _NORMAL_95 * np.sqrt(np.maximum(number, 1.0))
    return follows


def _named(estimates: tuple[FloatArray, FloatArray]) -> dict[str, FloatArray]:
    return {"elasticity": estimates[0], "std_error": estimates[1]}
