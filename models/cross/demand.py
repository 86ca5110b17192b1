"""Demand that also answers other prices: products of a category, and rivals.

    log E[units_i] = own curve of i + sum over j of cross_ij · log(price_j / reference_j)
                     + rival_i · log(rival price_i / rival reference_i)

`models.cross.cross_price.fit_cross` finds the effects; this is the `DemandModel` that they end in.
Asked for candidate prices of a row, it holds all other prices at those in force (`at` sets them);
`units_together` moves all prices at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import special

from models.arrays import BoolArray, FloatArray, IntArray, frozen
from models.demand import ConstantElasticityDemand, DemandContext
from models.errors import InvalidDemand


@dataclass(frozen=True, slots=True, eq=False)
class CrossPriceDemand:
    """Own curves of n rows with effects of m prices on them.

    Attributes:
        own: the n own-price curves, at which all other prices are the reference ones.
        row: (n,) which of the m prices is a row's own; -1 where the row has no curve.
        cross: (n, m) elasticities by the others' prices; 0 at a row's own.
        cross_variance: (n, m) their variances.
        price_reference: (m,) prices, major units, at which the own curves hold.
        price_now: (m,) prices in force.
        rival: (n,) elasticity by the rivals' price; 0 where not known.
        rival_variance: (n,) its variance.
        rival_ratio: (n,) rivals' price in force over that at which the own curves hold.

    Raises:
        InvalidDemand: shapes disagree, or a value is one that none can have.
    """

    own: ConstantElasticityDemand
    row: IntArray
    cross: FloatArray
    cross_variance: FloatArray
    price_reference: FloatArray
    price_now: FloatArray
    rival: FloatArray
    rival_variance: FloatArray
    rival_ratio: FloatArray

    def __post_init__(self) -> None:
        n, m = len(self.own), len(self.price_reference)
        shapes = {
            "row": (n,),
            "cross": (n, m),
            "cross_variance": (n, m),
            "price_reference": (m,),
            "price_now": (m,),
            "rival": (n,),
            "rival_variance": (n,),
            "rival_ratio": (n,),
        }
        for name, shape in shapes.items():
            kind = np.int64 if name == "row" else np.float64
            array = np.asarray(getattr(self, name), dtype=kind)
            if array.shape != shape:
                raise InvalidDemand(f"{name} has shape {array.shape}, not {shape}")
            if not np.isfinite(array).all():
                raise InvalidDemand(f"{name} must be finite")
            object.__setattr__(self, name, frozen(array))
        for name in ("price_reference", "price_now", "rival_ratio"):
            if (getattr(self, name) <= 0).any():
                raise InvalidDemand(f"{name} must be above zero")
        if (self.cross_variance < 0).any() or (self.rival_variance < 0).any():
            raise InvalidDemand("variances must not be negative")
        if ((self.row < -1) | (self.row >= m)).any():
            raise InvalidDemand(f"row must be -1 to {m - 1}")
        known = np.flatnonzero(self.row >= 0)
        if self.cross[known, self.row[known]].any():
            raise InvalidDemand("cross must be 0 at a row's own price; that is the own curve's")

    def __len__(self) -> int:
        return len(self.own)

    @property
    def known(self) -> BoolArray:
        """(n,) True where the row has a curve."""
        return self.own.known

    @property
    def residual_variance(self) -> FloatArray:
        """(n,) variance of log demand around the curve, period by period."""
        return self.own.residual_variance

    def at(
        self, prices: FloatArray | None = None, rival_ratio: FloatArray | None = None
    ) -> CrossPriceDemand:
        """The same with other prices in force: (m,) of the products, (n,) relative of rivals."""
        return replace(
            self,
            price_now=self.price_now if prices is None else prices,
            rival_ratio=self.rival_ratio if rival_ratio is None else rival_ratio,
        )

    def units(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Expected units a period with all other prices as in force; see `DemandModel.units`."""
        return self.own.units(price, self._context(context))

    def units_together(
        self, prices: FloatArray, context: DemandContext | None = None
    ) -> FloatArray:
        """(n,) or (n, k) expected units where all m prices are these, (m,) or (m, k)."""
        columns = prices if prices.ndim == 2 else prices[:, None]
        shift = self.cross @ np.log(columns / self.price_reference[:, None])
        shift += (self.rival * np.log(self.rival_ratio))[:, None]
        if context is not None:
            shift = shift + context.log_shift[:, None]
        own = np.where((self.row >= 0)[:, None], columns[self.row], np.nan)
        units = self.own.units(own) * np.exp(shift)
        return units if prices.ndim == 2 else units[:, 0]

    def gradient(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Derivative by the row's own price; see `DemandModel.gradient`."""
        return self.own.gradient(price, self._context(context))

    def jacobian(self, prices: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """(n, m) derivative of the row's units by the column's price, all m prices these."""
        units = self.units_together(prices, context)
        slopes = self.cross.copy()
        rows = np.flatnonzero(self.row >= 0)
        own = np.where(self.row >= 0, prices[self.row], np.nan)
        slopes[rows, self.row[rows]] = self.own.price_elasticity(own)[0][rows]
        return units[:, None] * slopes / prices

    def interval(
        self, price: FloatArray, level: float = 0.95, context: DemandContext | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Delta-method interval on the log scale; see `DemandModel.interval`.

        Errors of own and cross effects count as independent of each other.
        """
        variance = self._shift_variance()
        if price.ndim == 2:
            variance = variance[:, None]
        total = np.sqrt(self.own.log_variance(price) + variance)
        half = special.ndtri(0.5 + level / 2.0) * total
        centre = self.units(price, context)
        return centre * np.exp(-half), centre * np.exp(half)

    def price_elasticity(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Own-price elasticity; see `DemandModel.price_elasticity`."""
        return self.own.price_elasticity(price)

    def sample(
        self,
        price: FloatArray,
        rng: np.random.Generator,
        draws: int,
        context: DemandContext | None = None,
    ) -> FloatArray:
        """Gaussian parameter draws; see `DemandModel.sample`."""
        drawn = self.own.sample(price, rng, draws, self._context(context))
        noise = rng.standard_normal((draws, len(self))) * np.sqrt(self._shift_variance())
        return drawn * np.exp(noise[..., None] if price.ndim == 2 else noise)

    def take(self, rows: IntArray) -> CrossPriceDemand:
        """These rows only, -1 for one without a curve; they go on answering all m prices."""
        missing = rows < 0
        m = len(self.price_reference)
        taken = {}
        nothing_of = {"cross": 0.0, "cross_variance": 0.0, "rival": 0.0, "rival_variance": 0.0}
        for name, nothing in {**nothing_of, "rival_ratio": 1.0, "row": -1}.items():
            values = getattr(self, name)
            shape = (len(rows), m) if values.ndim == 2 else (len(rows),)
            array = values[rows].copy() if len(self) else np.zeros(shape, dtype=values.dtype)
            array[missing] = nothing
            taken[name] = array
        return replace(self, own=self.own.take(rows), **taken)

    def _context(self, context: DemandContext | None) -> DemandContext:
        shift = self.cross @ np.log(self.price_now / self.price_reference)
        shift = shift + self.rival * np.log(self.rival_ratio)
        return DemandContext(shift if context is None else shift + context.log_shift)

    def _shift_variance(self) -> FloatArray:
        """(n,) variance of what the other prices in force add to log units."""
        moved = np.log(self.price_now / self.price_reference) ** 2
        rivals = self.rival_variance * np.log(self.rival_ratio) ** 2
        variance: FloatArray = self.cross_variance @ moved + rivals
        return variance


def with_cross_effects(
    own: ConstantElasticityDemand,
    cross: FloatArray,
    cross_variance: FloatArray | None = None,
    *,
    rival: FloatArray | None = None,
    rival_variance: FloatArray | None = None,
) -> CrossPriceDemand:
    """Own curves of n products of one market, and what their prices do to each other.

    Args:
        own: the n curves, each with a reference price.
        cross: (n, n) elasticity of the row's units by the column's price; the diagonal is ignored.
        cross_variance: (n, n); zeros where None.
        rival: (n,) elasticity by the rivals' price; zeros where None.
        rival_variance: (n,); zeros where None.

    Raises:
        InvalidDemand: a row has no curve, or shapes disagree.
    """
    n = len(own)
    if not own.known.all():
        raise InvalidDemand("every product needs a curve; take those that have one")
    effects = np.array(cross, dtype=np.float64)
    variance = np.zeros((n, n)) if cross_variance is None else np.array(cross_variance, np.float64)
    if effects.shape != (n, n) or variance.shape != (n, n):
        raise InvalidDemand(f"cross effects of {n} products must be {n} by {n}")
    np.fill_diagonal(effects, 0.0)
    np.fill_diagonal(variance, 0.0)
    zeros = np.zeros(n)
    return CrossPriceDemand(
        own=own,
        row=np.arange(n),
        cross=effects,
        cross_variance=variance,
        price_reference=own.reference_price,
        price_now=own.reference_price,
        rival=zeros if rival is None else rival,
        rival_variance=zeros if rival_variance is None else rival_variance,
        rival_ratio=np.ones(n),
    )


CROSS_ARRAYS = tuple(item.name for item in fields(CrossPriceDemand) if item.name != "own")
