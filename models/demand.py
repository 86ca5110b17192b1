"""The demand curve: what every fit ends in and every decision starts from.

A `DemandModel` answers for n (sku, market) pairs at once. Prices and results are arrays whose first
axis is the pair; a second axis, where there is one, runs over candidate prices:

    price (n,)    -> units (n,)
    price (n, k)  -> units (n, k)

Prices are floats in *major* currency units (129.00, not 12900); units are expected sales a period.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from models.errors import InvalidDemand

_Values = TypeVar("_Values", FloatArray, BoolArray)


@dataclass(frozen=True, slots=True, eq=False)
class DemandContext:
    """What is known about the period that is priced, beside the price.

    Attributes:
        log_shift: (n,) sum of the log effects in force (season, holiday, promotion); 0 is a
            plain period.
    """

    log_shift: FloatArray


class DemandModel(Protocol):
    """Expected demand of n (sku, market) pairs as a function of their own prices."""

    def __len__(self) -> int:
        """The number n of pairs."""
        ...

    @property
    def known(self) -> BoolArray:
        """(n,) False where there is no curve: every answer for that row is NaN."""
        ...

    def units(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Expected units a period at these prices; the shape of `price`."""
        ...

    def gradient(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Derivative of `units` by price, in units a period per major currency unit."""
        ...

    def interval(
        self, price: FloatArray, level: float = 0.95, context: DemandContext | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Low and high end of the confidence interval of *expected* units at these prices."""
        ...

    def price_elasticity(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Own-price elasticity at these prices and its standard error, each like `price`."""
        ...

    def sample(
        self,
        price: FloatArray,
        rng: np.random.Generator,
        draws: int,
        context: DemandContext | None = None,
    ) -> FloatArray:
        """Expected units under parameters drawn from their covariance, shape (draws, *price).

        One draw uses the same parameters at all prices of a row, so differences between prices
        carry only the uncertainty that matters to the choice between them.
        """
        ...

    def take(self, rows: IntArray) -> Self:
        """The model of these rows only, in this order; -1 makes a row without a curve."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ConstantElasticityDemand:
    """Log-log demand: log E[units] = log_base + elasticity · log(price / reference_price).

    A row may be semi-log instead: log E[units] = log_base + elasticity · (price / reference_price
    - 1), whose elasticity grows with the price and is `elasticity` at the reference price. Its
    `exponent` is 1, that of a log-log row 0: the elasticity is that at the reference price times
    (price / reference_price) ^ exponent.

    Attributes:
        reference_price: (n,) major units, where the curve is anchored; NaN where there is no curve.
        log_base: (n,) log of expected units a period at the reference price.
        elasticity: (n,) d log units / d log price, negative for ordinary goods.
        covariance: (n, 2, 2) of (log_base, elasticity), symmetric and positive semi-definite.
        residual_variance: (n,) variance of log demand around the curve, period by period.
        exponent: (n,) 0 log-log, 1 semi-log; 0 for all where not given.

    Raises:
        InvalidDemand: shapes disagree, or a row with a curve holds a value that none can have.
    """

    reference_price: FloatArray
    log_base: FloatArray
    elasticity: FloatArray
    covariance: FloatArray
    residual_variance: FloatArray
    exponent: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        n = len(self.reference_price)
        if n and not len(self.exponent):
            object.__setattr__(self, "exponent", np.zeros(n))
        for item in fields(self):
            array = np.asarray(getattr(self, item.name), dtype=np.float64)
            expected = (n, 2, 2) if item.name == "covariance" else (n,)
            if array.shape != expected:
                raise InvalidDemand(f"{item.name} has shape {array.shape}, not {expected}")
            object.__setattr__(self, item.name, frozen(array))
        known = self.known
        for name in ("log_base", "elasticity", "covariance", "residual_variance"):
            if not np.isfinite(getattr(self, name)[known]).all():
                raise InvalidDemand(f"{name} must be finite wherever reference_price is given")
        if (self.reference_price[known] <= 0).any():
            raise InvalidDemand("reference_price must be above zero")
        if not np.isin(self.exponent[known], (0.0, 1.0)).all():
            raise InvalidDemand("exponent must be 0 (log-log) or 1 (semi-log)")
        spread = np.diagonal(self.covariance[known], axis1=1, axis2=2)
        if (spread < 0).any() or (self.residual_variance[known] < 0).any():
            raise InvalidDemand("variances must not be negative")

    def __len__(self) -> int:
        return len(self.reference_price)

    @property
    def known(self) -> BoolArray:
        """(n,) True where the row has a curve."""
        return ~np.isnan(self.reference_price)

    def units(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Expected units a period; see `DemandModel.units`."""
        units: FloatArray = np.exp(self._log_units(price, context))
        return units

    def gradient(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """elasticity · units / price; see `DemandModel.gradient`."""
        here = _column(self.elasticity, price) * self._growth(price)
        slope: FloatArray = here * self.units(price, context) / price
        return slope

    def interval(
        self, price: FloatArray, level: float = 0.95, context: DemandContext | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Delta-method interval on the log scale; see `DemandModel.interval`."""
        half = special.ndtri(0.5 + level / 2.0) * np.sqrt(self.log_variance(price))
        centre = self._log_units(price, context)
        return np.exp(centre - half), np.exp(centre + half)

    def price_elasticity(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same at every price of a log-log row; see `DemandModel.price_elasticity`."""
        std_error = np.sqrt(self.covariance[:, 1, 1])
        growth = self._growth(price)
        return _column(self.elasticity, price) * growth, _column(std_error, price) * growth

    def log_variance(self, price: FloatArray) -> FloatArray:
        """Variance of log expected units at these prices, from the parameters' covariance."""
        move = self._log_ratio(price)
        variance = (
            _column(self.covariance[:, 0, 0], price)
            + 2.0 * _column(self.covariance[:, 0, 1], price) * move
            + _column(self.covariance[:, 1, 1], price) * move**2
        )
        return np.maximum(variance, 0.0)

    def sample(
        self,
        price: FloatArray,
        rng: np.random.Generator,
        draws: int,
        context: DemandContext | None = None,
    ) -> FloatArray:
        """Gaussian parameter draws; see `DemandModel.sample`."""
        # The Cholesky factor of a 2 x 2 matrix in closed form: no failure on singular rows.
        base_sd = np.sqrt(self.covariance[:, 0, 0])
        slope_on_base = np.divide(
            self.covariance[:, 0, 1], base_sd, out=np.zeros(len(self)), where=base_sd > 0
        )
        slope_sd = np.sqrt(np.maximum(self.covariance[:, 1, 1] - slope_on_base**2, 0.0))
        z = rng.standard_normal((2, draws, len(self)))
        base_shift = base_sd * z[0]
        slope_shift = slope_on_base * z[0] + slope_sd * z[1]
        if price.ndim == 2:
            base_shift, slope_shift = base_shift[..., None], slope_shift[..., None]
        log_units = self._log_units(price, context)
        drawn: FloatArray = np.exp(log_units + base_shift + slope_shift * self._log_ratio(price))
        return drawn

    def take(self, rows: IntArray) -> ConstantElasticityDemand:
        """The curves of these rows; -1 makes a row without a curve."""
        missing = rows < 0
        if len(self) == 0:
            return ConstantElasticityDemand.unknown(len(rows))
        arrays = {}
        for item in fields(self):
            array = getattr(self, item.name)[rows]
            array[missing] = np.nan
            arrays[item.name] = array
        return ConstantElasticityDemand(**arrays)

    def joined_by(self, others: ConstantElasticityDemand) -> ConstantElasticityDemand:
        """The rows of these curves, then those of the others."""
        return ConstantElasticityDemand(
            **{
                item.name: np.concatenate([getattr(self, item.name), getattr(others, item.name)])
                for item in fields(self)
            }
        )

    @classmethod
    def unknown(cls, n: int) -> ConstantElasticityDemand:
        """n rows without a curve."""
        nothing = np.full(n, np.nan)
        return cls(nothing, nothing, nothing, np.full((n, 2, 2), np.nan), nothing)

    @property
    def _semi_log(self) -> BoolArray:
        semi: BoolArray = self.exponent == 1.0
        return semi

    def _log_ratio(self, price: FloatArray) -> FloatArray:
        """What the elasticity is multiplied with: 0 at the reference price."""
        ratio: FloatArray = price / _column(self.reference_price, price)
        semi = self._semi_log
        if not semi.any():
            return np.asarray(np.log(ratio), dtype=np.float64)
        return np.where(_column(semi, price), ratio - 1.0, np.log(ratio))

    def _growth(self, price: FloatArray) -> FloatArray:
        """Elasticity at these prices as a multiple of that at the reference price."""
        semi = self._semi_log
        if not semi.any():
            return np.ones(price.shape)
        return np.where(_column(semi, price), price / _column(self.reference_price, price), 1.0)

    def _log_units(self, price: FloatArray, context: DemandContext | None) -> FloatArray:
        level = self.log_base if context is None else self.log_base + context.log_shift
        return _column(level, price) + _column(self.elasticity, price) * self._log_ratio(price)


def _column(values: _Values, like: FloatArray) -> _Values:
    """(n,) values shaped to go with prices of shape (n,) or (n, k)."""
    return values if like.ndim == 1 else values[:, None]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a fit comes from, so that a price can be traced to its evidence.

    Attributes:
        window_start: first day of the first period used.
        window_end: last day of the last period used.
        rows: panel rows used over all series.
        period_days: length of the period that `units` refers to.
        method: how the curves were estimated, in words of the field.
        software: versions of the libraries that did it.
    """

    window_start: date
    window_end: date
    rows: int
    period_days: int
    method: str
    software: Mapping[str, str] = field(default_factory=dict)


_COLUMNS: Final = {
    "sku": np.str_,
    "market": np.str_,
    "own_elasticity": np.float64,
    "own_std_error": np.float64,
    "n_obs": np.int64,
    "method": np.str_,
    "status": np.str_,
}


@dataclass(frozen=True, slots=True, eq=False)
class FittedCurves:
    """Fitted demand of n (sku, market) series, with how each came to be.

    Attributes:
        sku: (n,) product keys.
        market: (n,) market codes; (sku, market) pairs are unique.
        demand: the n curves.
        own_elasticity: (n,) estimate from the series alone, NaN where it was not identified.
        own_std_error: (n,) standard error of `own_elasticity`, NaN likewise.
        n_obs: (n,) periods used for the series.
        method: (n,) how the elasticity was estimated: `2sls`, `ols`, `poisson`, `category`, ...
            with `+pooled` where it was shrunk toward its group.
        status: (n,) `ok`, or why the series could not stand alone (`price_never_moved`, ...).
        provenance: what the whole fit rests on.
    """

    sku: StrArray
    market: StrArray
    demand: ConstantElasticityDemand
    own_elasticity: FloatArray
    own_std_error: FloatArray
    n_obs: IntArray
    method: StrArray
    status: StrArray
    provenance: Provenance

    def __post_init__(self) -> None:
        n = len(self.demand)
        for name, kind in _COLUMNS.items():
            array: NDArray[Any] = np.asarray(getattr(self, name), dtype=kind)
            if array.shape != (n,):
                raise InvalidDemand(f"{name} has shape {array.shape}, not {(n,)}")
            object.__setattr__(self, name, frozen(array))
        if len(set(zip(self.sku.tolist(), self.market.tolist(), strict=True))) != n:
            raise InvalidDemand("a (sku, market) pair has more than one curve")

    def __len__(self) -> int:
        return len(self.demand)

    def align(self, sku: StrArray, market: StrArray) -> ConstantElasticityDemand:
        """The curves in the order of these pairs; a pair that was not fitted gets no curve."""
        return self.demand.take(self.rows_of(sku, market))

    def rows_of(self, sku: StrArray, market: StrArray) -> IntArray:
        """(m,) row of each (sku, market) pair in this fit, -1 where it was not fitted."""
        keys = pd.MultiIndex.from_arrays([self.sku, self.market])
        wanted = pd.MultiIndex.from_arrays([sku, market])
        return np.asarray(keys.get_indexer(wanted), dtype=np.int64)

    def select(self, rows: IntArray) -> FittedCurves:
        """These series only, in this order."""
        arrays = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, demand=self.demand.take(rows), **arrays)

    def joined_by(self, others: FittedCurves) -> FittedCurves:
        """These series, then the others; the provenance stays that of these.

        Raises:
            InvalidDemand: a series is in both.
        """
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(others, name)]) for name in _COLUMNS
        }
        return replace(self, demand=self.demand.joined_by(others.demand), **arrays)

    def _forms(self) -> StrArray:
        """(n,) form of each curve; that of counts where the series' own estimate is of counts."""
        counts = ("negative-binomial", "poisson")
        forms: StrArray = np.select(
            [np.char.find(self.method, name) >= 0 for name in counts],
            counts,
            default=np.where(self.demand.exponent == 1.0, "semi-log", "log-log"),
        )
        return forms

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row a series: elasticity with standard error and interval, as a user reads it."""
        std_error = np.sqrt(self.demand.covariance[:, 1, 1])
        half = special.ndtri(0.5 + level / 2.0) * std_error
        return pd.DataFrame(
            {
                "sku": self.sku,
                "market": self.market,
                "elasticity": self.demand.elasticity,
                "std_error": std_error,
                "ci_low": self.demand.elasticity - half,
                "ci_high": self.demand.elasticity + half,
                "n_obs": self.n_obs,
                "method": self.method,
                "status": self.status,
                "own_elasticity": self.own_elasticity,
                "own_std_error": self.own_std_error,
                "reference_price": self.demand.reference_price,
                "base_units": np.exp(self.demand.log_base),
                "residual_variance": self.demand.residual_variance,
                "form": self._forms(),
            }
        )
