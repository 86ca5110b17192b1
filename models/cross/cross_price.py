"""Who takes from whom: cross-price elasticities, cannibalisation and halo within a category.

For every product i of the category, over places and periods:

    log units_i = own · log price_i + sum over j of cross_ij · log price_j + controls + place

The many cross effects share a normal prior whose spread is found from all of them together (ridge
with an estimated penalty, by kind of pair); which of them are more than chance is decided on the
unshrunk estimates with the false discovery rate held (Benjamini and Hochberg 1995).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import optimize, stats

from models.arrays import BoolArray, FloatArray
from models.cross.demand import CrossPriceDemand, with_cross_effects
from models.demand import ConstantElasticityDemand
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.absorb import absorb, absorbed_parameters
from models.estimators.model_frame import require_columns
from models.estimators.sandwich import ErrorSpec
from models.sensitivity.partialling import independent

_LEAST_SPARE: Final = 10
_SPREADS: Final = (1e-3, 5.0)


@dataclass(frozen=True, slots=True, eq=False)
class CrossEffects:
    """Effects of every product's price (or promotion) on every other's units.

    Attributes:
        pairs: one row an ordered pair: `product` (whose units), `other` (whose price), `effect`
            (shrunk), `std_error` (of it), `unshrunk`, `unshrunk_error`, `p_value`, `q_value`
            (share of false findings among all at least as clear), `kind`: `substitute`,
            `complement` (for promotions `cannibalised`, `halo`), or `none`.
        own: one row a product: `product`, `elasticity`, `std_error`, `n_obs`, `status`.
        spread: standard deviation of the cross effects that the shrinkage rests on, by group.
        false_discovery_rate: at which `kind` was decided.
    """

    pairs: pd.DataFrame
    own: pd.DataFrame
    spread: Mapping[str, float]
    false_discovery_rate: float

    def matrix(self) -> pd.DataFrame:
        """Products by products: own elasticities on the diagonal, kept cross effects, else 0."""
        names = self.own["product"].tolist()
        kept = self.pairs[self.pairs["kind"] != "none"]
        table = kept.pivot_table(index="product", columns="other", values="effect", observed=True)
        table = table.reindex(index=names, columns=names).fillna(0.0)
        values = table.to_numpy(np.float64).copy()
        np.fill_diagonal(values, self.own["elasticity"].to_numpy(np.float64))
        return pd.DataFrame(values, index=table.index, columns=table.columns)

    def demand(
        self,
        own: ConstantElasticityDemand,
        products: Sequence[object],
        *,
        rival: FloatArray | None = None,
        rival_variance: FloatArray | None = None,
    ) -> CrossPriceDemand:
        """The demand of a category in one market: own curves with the effects that were kept.

        Args:
            own: curves of these products, such as those of `models.sensitivity.fit.fit_demand`.
            products: their names, in the same order.
            rival: (n,) elasticity by the rivals' price; none where None.
            rival_variance: (n,) its variance.

        Raises:
            InvalidDemand: a product has no curve, or there are as many curves as products not.
            InvalidSpec: the effects are those of a promotion, not of prices.
        """
        if self.pairs["kind"].isin(["halo", "cannibalised"]).any():
            raise InvalidSpec("effects of a promotion are no cross-price elasticities")
        kept = self.pairs[self.pairs["kind"] != "none"]
        place = {name: i for i, name in enumerate(products)}
        n = len(place)
        effects, variance = np.zeros((n, n)), np.zeros((n, n))
        columns = ("product", "other", "effect", "std_error")
        for name, other, effect, error in zip(*(kept[c].tolist() for c in columns), strict=True):
            if name in place and other in place:
                effects[place[name], place[other]] = effect
                variance[place[name], place[other]] = error**2
        return with_cross_effects(
            own, effects, variance, rival=rival, rival_variance=rival_variance
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Equation:
    """One product's regression with place effects and controls taken out.

    Attributes:
        product: whose units.
        others: whose drivers, the columns of `x`.
        group: (p,) kind of pair of each.
        y: (n,) log units, place effects and the product's own columns taken out.
        x: (n, p) the others' drivers, likewise.
        spare: rows beyond all parameters.
        variance: of the rest.
        coefficients: (p,) unshrunk effects; NaN where a driver says nothing of its own.
        covariance: (p,) their variances.
        own: elasticity and standard error.
        n_obs: rows.
        status: `ok`, or why there is no elasticity to rest a price on.
    """

    product: object
    others: tuple[object, ...]
    group: tuple[str, ...]
    y: FloatArray
    x: FloatArray
    spare: int
    variance: float
    coefficients: FloatArray
    covariance: FloatArray
    own: tuple[float, float]
    n_obs: int
    status: str


def fit_cross(
    frame: pd.DataFrame,
    *,
    product: str = "sku",
    place: str | Sequence[str] = "market",
    period: str = "period_start",
    units: str = "units",
    price: str | Mapping[object, str] = "price",
    driver: str | None = None,
    controls: Sequence[str] = (),
    group: str | None = None,
    in_logs: bool = False,
    cluster: str | None = None,
    false_discovery_rate: float = 0.10,
) -> CrossEffects:
    """Estimate the matrix of cross effects of one category.

    Args:
        frame: one row a product, place and period.
        product: column that names products.
        period: column of weeks or days.
        place: column(s) of stores or markets; each has a level of its own for every product.
        units: column of units sold; rows without sales are left out of that product's equation.
        price: column of the price paid; or, where every row holds the prices of all products, the
            column of each product's price.
        driver: column of a promotion flag whose effects on *others* are wanted in place of the
            prices' (cannibalisation and halo); prices of all products then stay as controls of
            their own equation only.
        controls: numeric columns of the product itself held constant (feature, display, ...).
        group: column such as brand: pairs within one value shrink apart from pairs across.
        in_logs: units and prices are logarithms already.
        cluster: column whose values share luck, such as the period.
        false_discovery_rate: share of wrong findings allowed among those kept.

    Raises:
        InvalidPanel: a column is missing, a (product, place, period) is there twice, or there is
            one product only.
        InvalidSpec: a rate outside 0..1.

    Example: see docs/price-sensitivity.md.
    """
    if not 0.0 < false_discovery_rate < 1.0:
        raise InvalidSpec(f"the rate must lie between 0 and 1, not {false_discovery_rate}")
    places = [place] if isinstance(place, str) else list(place)
    own_prices = _own_prices(frame, product, price)
    needed = [product, *places, period, units, *controls]
    needed += [name for name in (driver, group, cluster) if name is not None]
    require_columns(frame, needed)
    numbers = [units, *controls, *([driver] if driver else [])]
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise InvalidPanel(
                f"{name!r} must hold numbers, not {frame[name].dtype}; make dummies of text with "
                "pandas.get_dummies"
            )
    work = frame.assign(_price=own_prices).reset_index(drop=True)
    key = [*places, period]
    if (twice := int(work.duplicated([product, *key]).sum())) > 0:
        raise InvalidPanel(f"{twice} rows repeat a ({product}, {', '.join(key)}); sum them first")
    names = pd.unique(work[product])
    if len(names) < 2:
        raise InvalidPanel("cross effects need two products or more")
    with np.errstate(divide="ignore", invalid="ignore"):
        work["_y"] = work[units] if in_logs else np.log(work[units].to_numpy(np.float64))
        logged = own_prices if in_logs else np.log(own_prices)
    work["_own"] = logged
    work["_place"] = work.groupby(places, sort=False, observed=True).ngroup()
    work["_driver"] = logged if driver is None else work[driver].to_numpy(np.float64)
    wide = work.pivot_table(index=key, columns=product, values="_driver", observed=True, sort=True)
    kinds = _kinds_of(work, product, group)
    equations = [
        _equation(work[work[product] == name], name, wide, kinds, key, controls, cluster, driver)
        for name in sorted(names.tolist(), key=str)
    ]
    return _judged(equations, false_discovery_rate, promotion=driver is not None)


def _kinds_of(
    work: pd.DataFrame, product: str, group: str | None
) -> Mapping[object, object] | None:
    """The group of each product."""
    if group is None:
        return None
    first = work.drop_duplicates(product)
    return dict(zip(first[product].tolist(), first[group].tolist(), strict=True))


def _own_prices(frame: pd.DataFrame, product: str, price: str | Mapping[object, str]) -> FloatArray:
    require_columns(frame, [product])
    if isinstance(price, str):
        require_columns(frame, [price])
        return frame[price].to_numpy(np.float64)
    require_columns(frame, list(price.values()))
    own = np.full(len(frame), np.nan)
    for name, column in price.items():
        here = (frame[product] == name).to_numpy()
        own[here] = frame[column].to_numpy(np.float64)[here]
    return own


def _equation(
    rows: pd.DataFrame,
    name: object,
    wide: pd.DataFrame,
    kinds: Mapping[object, object] | None,
    key: list[str],
    controls: Sequence[str],
    cluster: str | None,
    driver: str | None,
) -> _Equation:
    """The regression of one product; other products' drivers are looked up by place and period."""
    others = [other for other in wide.columns if other != name]
    drivers = wide.reindex(pd.MultiIndex.from_frame(rows[key]) if len(key) > 1 else rows[key[0]])
    x = drivers[others].to_numpy(np.float64)
    # A product absent from a place and period has no price there: its mean says nothing new.
    known = np.isfinite(x)
    mean = np.where(known, x, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    x = np.where(known, x, mean)
    held = [rows[column].to_numpy(np.float64) for column in controls]
    if driver is not None and driver not in controls:
        held.append(rows[driver].to_numpy(np.float64))
    own = np.column_stack([*held, rows["_own"].to_numpy(np.float64)])
    y = rows["_y"].to_numpy(np.float64)
    keep: BoolArray = np.isfinite(y) & np.isfinite(own).all(axis=1)
    effects = (np.unique(rows.loc[keep, "_place"], return_inverse=True)[1].astype(np.int64),)
    group = tuple(_kind(name, other, kinds) for other in others)
    nothing = np.zeros((0, len(others)))
    if not keep.any():
        return _missing(name, others, group, "no_usable_rows")
    both = absorb(np.column_stack([own[keep], x[keep], y[keep]]), effects)
    m = own.shape[1]
    base, cross, y = both[:, :m], both[:, m:-1], both[:, -1]
    base_kept = independent(base)
    if not base_kept[-1] or base[:, -1].std() < 1e-6:
        return _missing(name, others, group, "price_never_moved")
    base = base[:, base_kept]
    kept = independent(np.column_stack([base, cross]))[base.shape[1] :]
    spare = len(y) - base.shape[1] - int(kept.sum()) - absorbed_parameters(effects)
    if spare < _LEAST_SPARE:
        return _missing(name, others, group, "too_few_periods")
    full = np.column_stack([base, cross[:, kept]])
    back = np.linalg.pinv(full)
    values = back @ y
    rest = y - full @ values
    bread = back @ back.T
    spec = ErrorSpec(cluster=cluster)
    extra = rows.loc[keep].reset_index(drop=True)
    covariance = spec.covariance(bread, full * rest[:, None], len(y) - spare, extra)
    # The rest of the equation is taken out, so that pooling sees cross effects alone.
    q = np.linalg.qr(base)[0]
    b = base.shape[1]
    coefficients, variances = np.full(len(others), np.nan), np.full(len(others), np.nan)
    coefficients[kept] = values[b:]
    variances[kept] = np.diagonal(covariance)[b:]
    return _Equation(
        product=name,
        others=tuple(others),
        group=group,
        y=y - q @ (q.T @ y),
        x=cross - q @ (q.T @ cross) if len(cross) else nothing,
        spare=spare,
        variance=float(rest @ rest) / spare,
        coefficients=coefficients,
        covariance=variances,
        own=(float(values[b - 1]), float(np.sqrt(covariance[b - 1, b - 1]))),
        n_obs=len(y),
        status="ok" if values[b - 1] < 0 else "positive_elasticity",
    )


def _missing(
    name: object, others: Sequence[object], group: tuple[str, ...], status: str
) -> _Equation:
    p = len(others)
    nothing = np.full(p, np.nan)
    return _Equation(
        name,
        tuple(others),
        group,
        np.zeros(0),
        np.zeros((0, p)),
        0,
        1.0,
        nothing,
        nothing,
        (np.nan, np.nan),
        0,
        status,
    )


def _kind(name: object, other: object, kinds: Mapping[object, object] | None) -> str:
    if kinds is None:
        return "all"
    return "within" if kinds[name] == kinds[other] else "across"


def _judged(equations: list[_Equation], rate: float, *, promotion: bool) -> CrossEffects:
    """Shrink all effects together, then keep those that are more than chance."""
    spread = {
        kind: _spread(
            np.concatenate([e.coefficients[np.array(e.group) == kind] for e in equations]),
            np.concatenate([e.covariance[np.array(e.group) == kind] for e in equations]),
        )
        for kind in sorted({kind for e in equations for kind in e.group})
    }
    parts = []
    for e in equations:
        effect, error = _shrunk(e, np.array([spread[kind] for kind in e.group]))
        unshrunk_error = np.sqrt(e.covariance)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2.0 * stats.t.sf(np.abs(e.coefficients / unshrunk_error), max(e.spare, 1))
        parts.append(
            pd.DataFrame(
                {
                    "product": [e.product] * len(e.others),
                    "other": list(e.others),
                    "effect": effect,
                    "std_error": error,
                    "unshrunk": e.coefficients,
                    "unshrunk_error": unshrunk_error,
                    "p_value": p,
                }
            )
        )
    pairs = pd.concat(parts, ignore_index=True)
    known = pairs["p_value"].notna().to_numpy()
    q = np.full(len(pairs), np.nan)
    if known.any():
        q[known] = stats.false_discovery_control(pairs["p_value"].to_numpy(np.float64)[known])
    with np.errstate(invalid="ignore"):
        found = q <= rate
    up, down = ("halo", "cannibalised") if promotion else ("substitute", "complement")
    kind = np.where(found, np.where(pairs["unshrunk"].to_numpy() > 0, up, down), "none")
    own = pd.DataFrame(
        {
            "product": [e.product for e in equations],
            "elasticity": [e.own[0] for e in equations],
            "std_error": [e.own[1] for e in equations],
            "n_obs": [e.n_obs for e in equations],
            "status": [e.status for e in equations],
        }
    )
    return CrossEffects(pairs.assign(q_value=q, kind=kind), own, spread, rate)


def _spread(values: FloatArray, variances: FloatArray) -> float:
    """Standard deviation of true effects about zero, by marginal likelihood."""
    known = np.isfinite(values) & (variances > 0)
    y, v = values[known], variances[known]
    if not len(y):
        return 0.5

    def minus_log_likelihood(log_spread: float) -> float:
        total = v + np.exp(2.0 * log_spread)
        return float(0.5 * (np.log(total) + y**2 / total).sum())

    low, high = np.log(_SPREADS)
    best = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded")
    return float(np.exp(best.x))


def _shrunk(e: _Equation, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(p,) posterior means and deviations of one equation's cross effects under N(0, spread²)."""
    if not len(e.y):
        return np.zeros(len(e.others)), spread
    precision = e.x.T @ e.x / e.variance + np.diag(spread**-2.0)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (e.x.T @ e.y) / e.variance
    return mean, np.sqrt(np.diagonal(covariance))
