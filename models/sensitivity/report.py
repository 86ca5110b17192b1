"""A fit in figures: what was estimated how, what the categories look like, what to be wary of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy import special

from models.arrays import IntArray, StrArray
from models.demand import FittedCurves
from models.sensitivity.dominance import Dominant, dominant_products
from models.sensitivity.evidence import Evidence
from models.sensitivity.levels import Levels
from models.sensitivity.shrinkage import Pooled

_BY_CHANCE: Final = 0.05
"""Level of the tests: the share of rejections that chance alone makes."""
_WORTH_SAYING: Final = 0.25
"""Difference of two elasticities that would move a price noticeably."""
_EXAMPLES: Final = 3

IMPLAUSIBLE_LEVEL: Final = "implausible_level"
"""Status of a series whose curve is not believed, because its sales cannot carry the level."""


@dataclass(frozen=True, slots=True)
class ImplausibleLevel:
    """A curve that is not believed.

    Attributes:
        sku, market: whose it is.
        level: units that it says a plain period sells.
        best: most units that a period did sell.
        usual: units of the median period; of the mean one where most periods sold nothing.
    """

    sku: str
    market: str
    level: float
    best: float
    usual: float

    def __str__(self) -> str:
        """The figures side by side."""
        return (
            f"{self.sku} in {self.market}: {self.level:.4g} a period, where the best one sold "
            f"{self.best:.4g} and the usual one {self.usual:.4g}"
        )


@dataclass(frozen=True, slots=True)
class CategoryFinding:
    """What pooling found in one category.

    Attributes:
        category: its name, `""` for products without one.
        elasticity: mean own-price elasticity.
        std_error: of that mean.
        spread: standard deviation of the series' elasticities around it.
        series: how many series it has.
        identified: how many of them had an estimate of their own.
    """

    category: str
    elasticity: float
    std_error: float
    spread: float
    series: int
    identified: int


@dataclass(frozen=True, slots=True)
class FitReport:
    """A fit in figures.

    Attributes:
        series: curves asked for.
        methods: series by `FittedCurves.method`.
        statuses: series by `FittedCurves.status`.
        median_first_stage_f: strength of the instruments where they were used; None where never.
        ols_less_2sls: median difference of least squares and two-stage least squares there;
            positive where prices follow demand.
        wu_hausman_rejected: share of those series whose difference is significant at 5 %.
        categories: findings by category.
        warnings: sentences that say what to conclude.
        implausible_levels: curves that are not believed, because no sales carry their level.
        dominant: products that own more than a fifth of what a plain period of a market sells.
    """

    series: int
    methods: Mapping[str, int]
    statuses: Mapping[str, int]
    median_first_stage_f: float | None
    ols_less_2sls: float | None
    wu_hausman_rejected: float | None
    categories: tuple[CategoryFinding, ...]
    warnings: tuple[str, ...]
    implausible_levels: tuple[ImplausibleLevel, ...] = ()
    dominant: tuple[Dominant, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values for storage and JSON."""
        plain = asdict(self)
        plain["methods"], plain["statuses"] = dict(self.methods), dict(self.statuses)
        return plain


def report_of(
    curves: FittedCurves,
    seen: Evidence,
    pooled: Pooled,
    names: StrArray,
    group: IntArray,
    levels: Levels,
) -> FitReport:
    """Sum up a fit.

    Args:
        curves: n fitted curves.
        seen: what the series say alone, in the same order.
        pooled: what pooling made of it.
        names: (g,) categories.
        group: (n,) category of each series.
        levels: what the n curves say, and what was sold.
    """
    alone = np.isfinite(curves.own_elasticity)
    used_iv = alone & (
        np.char.startswith(curves.method, "2sls")
        | np.char.startswith(curves.method, "control-function")
    )
    difference = (seen.ols.elasticity - seen.iv.elasticity)[used_iv]
    p = 2.0 * special.ndtr(-np.abs(seen.wu_hausman_t[used_iv]))
    any_iv = bool(used_iv.any())
    findings = tuple(
        CategoryFinding(
            category=str(name),
            elasticity=float(pooled.group_mean[g]),
            std_error=float(pooled.group_mean_std[g]),
            spread=float(pooled.group_spread[g]),
            series=int((group == g).sum()),
            identified=int((alone & (group == g)).sum()),
        )
        for g, name in enumerate(names)
    )
    methods, statuses = _counts(curves.method), _counts(curves.status)
    ols_less_2sls = float(np.median(difference)) if any_iv else None
    rejected = float((p < _BY_CHANCE).mean()) if any_iv else None
    doubted = tuple(
        ImplausibleLevel(
            str(curves.sku[i]),
            str(curves.market[i]),
            *(float(figure[i]) for figure in (levels.level, levels.best, levels.usual)),
        )
        for i in np.flatnonzero(levels.implausible).tolist()
    )
    units = np.exp(curves.demand.log_base)
    figures = {
        "expected units": units,
        "expected revenue": units * curves.demand.reference_price,
    }
    dominant = dominant_products(curves.sku, curves.market, figures)
    return FitReport(
        series=len(curves),
        methods=methods,
        statuses=statuses,
        median_first_stage_f=float(np.median(seen.first_stage_f[used_iv])) if any_iv else None,
        ols_less_2sls=ols_less_2sls,
        wu_hausman_rejected=rejected,
        categories=findings,
        warnings=_warnings(len(curves), methods, statuses, ols_less_2sls)
        + _of_levels(doubted)
        + tuple(map(str, dominant)),
        implausible_levels=doubted,
        dominant=dominant,
    )


def _of_levels(doubted: tuple[ImplausibleLevel, ...]) -> tuple[str, ...]:
    if not doubted:
        return ()
    examples = "; ".join(map(str, doubted[:_EXAMPLES]))
    more = f"; and {len(doubted) - _EXAMPLES} more" if len(doubted) > _EXAMPLES else ""
    told = (
        f"{len(doubted)} curves are not believed, because no sales carry their level; their prices "
        f"stay (`{IMPLAUSIBLE_LEVEL}`): {examples}{more}"
    )
    return (told,)


def _warnings(
    series: int,
    methods: Mapping[str, int],
    statuses: Mapping[str, int],
    ols_less_2sls: float | None,
) -> tuple[str, ...]:
    """What a reader should conclude from the figures."""
    found = []
    if ols_less_2sls is not None and ols_less_2sls > _WORTH_SAYING:
        found.append(
            "prices follow demand: least squares finds customers less sensitive than the "
            f"instruments do, by {ols_less_2sls:.2f} in the median; the instrumented answer is used"
        )
    if ols_less_2sls is not None and ols_less_2sls < -_WORTH_SAYING:
        found.append(
            "least squares finds customers more sensitive than the instruments do, by "
            f"{-ols_less_2sls:.2f} in the median; the likely causes are stocking up in promotions "
            "or a cost that moves with demand; the instrumented answer is used"
        )
    fallen_back = sum(methods.get(name, 0) for name in ("category", "all_categories", "prior"))
    if fallen_back > series / 2:
        found.append(
            f"{fallen_back} of {series} series could not stand alone and carry their category's "
            "elasticity; vary prices, or lengthen the history, to learn their own"
        )
    if from_prior := methods.get("prior", 0):
        found.append(
            f"{from_prior} series rest on published elasticities, not on this shop's data: "
            "nothing in reach was identified"
        )
    if wrong_sign := statuses.get("positive_elasticity", 0):
        found.append(
            f"{wrong_sign} series sold more at higher prices, most likely because prices followed "
            "demand; their categories corrected them"
        )
    return tuple(found)


def _counts(values: StrArray) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
