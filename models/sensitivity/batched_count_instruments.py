"""Counts whose price follows demand, many series at once: a control function in the regression.

The part of the price that instruments do not move enters `E[units] = exp(...)` beside the price;
what is left to the price is what they moved (Wooldridge 2015). Standard errors count both stages
(Murphy and Topel 1985). `models.estimators.count_instruments` is the sibling for one table at a
time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.sensitivity.batched_counts import count_regressions, influence_of
from models.sensitivity.design import Design
from models.sensitivity.partialling import Partialled, SlopeEstimates, lasting, orthonormal


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentedCounts:
    """Count regressions with a control function, of r series.

    Attributes:
        slope: elasticity and its robust error; NaN where it has no answer.
        endogeneity_t: (r,) t of the control function. Standard normal where price does not follow
            demand; positive where the regression without it finds demand too insensitive.
    """

    slope: SlopeEstimates
    endogeneity_t: FloatArray


def instrumented_counts(
    design: Design, parts: Partialled, rows: IntArray, *, over_dispersed: bool, where_clear: bool
) -> InstrumentedCounts:
    """Regress the counts of some series on price, controls and the first stage's residual.

    Args:
        design: of a block.
        parts: the same without controls.
        rows: (r,) series of the block, each with an instrument.
        over_dispersed: let the variance exceed the mean.
        where_clear: only where it clearly does, see `count_regressions`.
    """
    controls, outside = parts.controls.take(rows), orthonormal(parts.instruments[rows])
    price = parts.log_price[rows]
    rest = (price - outside.fitted(price)) * design.used[rows]
    columns = np.concatenate(
        [design.controls[rows], rest[..., None], design.log_price[rows][..., None]], axis=2
    )
    units = design.units[rows]
    found = count_regressions(
        units,
        columns,
        design.used[rows],
        offset=np.broadcast_to(design.offset, design.used.shape)[rows],
        negative_binomial=over_dispersed,
        where_clear=where_clear,
        lags=design.lags,
    )
    follows = found.coefficients[:, -2]
    # A column that others hold has a coefficient of 0, and none of its own in the information.
    columns = columns * (found.coefficients != 0)[:, None, :]
    of_price = influence_of(units, columns, found.mean, found.alpha, -1)
    of_rest = influence_of(units, columns, found.mean, found.alpha, -2)
    # The first stage errs along controls and instruments: what it does to the elasticity.
    inside = of_price.pull - controls.residual(of_price.pull[:, None])[:, 0]
    through = inside + outside.fitted(of_price.pull - inside)
    first = follows[:, None] * rest * through
    score = of_price.score + first
    more = lasting(score, design.lags)
    spread = np.vecdot(rest, rest) / np.maximum(parts.degrees[rows], 1)
    robust = np.vecdot(score, score) * more
    # The first stage's share of the variance goes by how prices follow demand, which is told
    # together with the elasticity: at another elasticity e it is `level + lean * e`.
    variance = np.vecdot(of_price.along, of_price.along)
    with np.errstate(divide="ignore", invalid="ignore"):
        lean = np.vecdot(of_price.along, of_rest.along) / variance
    level = follows - lean * found.slope.elasticity
    first_stage = spread * np.vecdot(through, through) * more
    nothing = np.zeros(len(rows))
    slope = SlopeEstimates(
        found.slope.elasticity,
        np.sqrt(np.maximum(robust, 0.0)),
        np.column_stack([robust, nothing, nothing]),
        np.column_stack(
            [
                variance * more + first_stage * level**2,
                2.0 * first_stage * level * lean,
                first_stage * lean**2,
            ]
        ),
    )
    known = np.isfinite(found.slope.elasticity) & (robust > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Under the null the first stage's error does not matter.
        t = follows / np.sqrt(np.vecdot(of_rest.score, of_rest.score))
    return InstrumentedCounts(
        slope.where(known, SlopeEstimates.unknown(len(rows))), np.where(known, t, np.nan)
    )
