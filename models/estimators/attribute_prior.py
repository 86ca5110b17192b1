"""What attributes of a product say of its elasticity before it has sold: any columns there are.

    elasticity = overall + part of its category + part of its brand + ... + its own part

The parts of each attribute are drawn toward zero by a spread that is integrated over, so that an
attribute that says nothing changes nothing; parts are found in turns, each on what the others
leave (backfitting), until they settle. Numbers (pack size, price) are cut into tiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from models.arrays import FloatArray, StrArray
from models.demand import FittedCurves
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.model_frame import require_columns
from models.sensitivity.attributes import BrandEffects, value_effects
from models.sensitivity.shrinkage import Prior, pool_groups

_ROUNDS: Final = 25
_SETTLED: Final = 1e-4
_TIERS: Final = 4
_LEAST: Final = 8
_HIGHEST: Final = -0.05
"""No product is expected to sell more at higher prices."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributePrior:
    """What a fit says of products by their attributes.

    Attributes:
        overall, overall_std: mean elasticity and its standard deviation.
        own_spread: standard deviation of what attributes leave unexplained.
        effects: by attribute; "" is not known, and has no effect.
        cuts: by numeric attribute, the borders of its tiers.
    """

    overall: float
    overall_std: float
    own_spread: float
    effects: Mapping[str, BrandEffects]
    cuts: Mapping[str, FloatArray]

    def of(self, products: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """(n,) mean and (n,) standard deviation of the elasticities of new products.

        A value that the fit has not seen counts with the spread of its attribute.

        Raises:
            InvalidPanel: an attribute is missing.
        """
        require_columns(products, list(self.effects))
        mean = np.full(len(products), self.overall)
        variance = np.full(len(products), self.overall_std**2 + self.own_spread**2)
        for name, found in self.effects.items():
            labels = _labels(products[name], self.cuts.get(name))
            at = np.minimum(np.searchsorted(found.names, labels), len(found.names) - 1)
            known = (found.names[at] == labels) & (labels != "")
            mean += np.where(known, found.effect[at], 0.0)
            variance += np.where(known, found.std[at] ** 2, found.spread**2)
        return np.minimum(mean, _HIGHEST), np.sqrt(variance)

    def table(self) -> pd.DataFrame:
        """One row an attribute and value: `effect`, `std_error`, and the attribute's `spread`."""
        parts = [
            pd.DataFrame(
                {
                    "attribute": name,
                    "value": found.names,
                    "effect": found.effect,
                    "std_error": found.std,
                    "spread": found.spread,
                }
            )
            for name, found in self.effects.items()
        ]
        table = pd.concat(parts, ignore_index=True)
        return table[table["value"] != ""].reset_index(drop=True)


def attribute_prior(
    curves: FittedCurves,
    products: pd.DataFrame,
    *,
    attributes: Sequence[str],
    product: str = "sku",
    prior: Prior | None = None,
) -> AttributePrior:
    """Learn from fitted series what attributes say of elasticities.

    Args:
        curves: a fit; series that stand on an estimate of their own are learned from.
        products: one row a product.
        attributes: columns: names as they are, numbers cut into tiers of equal size.
        product: column of product keys.
        prior: of the overall mean; the default of `Prior` where None.

    Raises:
        InvalidPanel: a column is missing, a product is there twice, or fewer than eight series
            stand alone.
        InvalidSpec: no attributes.
    """
    if not attributes:
        raise InvalidSpec("name one attribute or more, such as ['category', 'brand']")
    require_columns(products, [product, *attributes])
    keys = pd.Index(products[product].astype("str"))
    if keys.has_duplicates:
        raise InvalidPanel(f"product {keys[keys.duplicated()][0]!r} has more than one row")
    row = keys.get_indexer(pd.Index(curves.sku))
    usable = np.isfinite(curves.own_elasticity) & (curves.own_std_error > 0) & (row >= 0)
    if usable.sum() < _LEAST:
        raise InvalidPanel(
            f"{int(usable.sum())} series of these products have an estimate of their own; "
            f"attributes need {_LEAST} or more"
        )
    y, error = curves.own_elasticity[usable], curves.own_std_error[usable]
    known = products.iloc[row[usable]]
    cuts = {
        name: _cuts(products[name])
        for name in attributes
        if pd.api.types.is_numeric_dtype(products[name])
        and not pd.api.types.is_bool_dtype(products[name])
    }
    labels = {name: _labels(known[name], cuts.get(name)) for name in attributes}
    one = np.zeros(len(y), dtype=np.int64)
    parts = {name: np.zeros(len(y)) for name in attributes}
    effects: dict[str, BrandEffects] = {}
    for _ in range(_ROUNDS):
        before = np.sum(list(parts.values()), axis=0)
        level = pool_groups(y - before, error, one, 1, prior)
        spread2 = float(level.group_spread[0]) ** 2
        for name in attributes:
            others = np.sum([part for other, part in parts.items() if other != name], axis=0)
            rest = y - float(level.group_mean[0]) - others
            effects[name] = value_effects(rest, error**2 + spread2, labels[name])
            at = np.searchsorted(effects[name].names, labels[name])
            parts[name] = effects[name].effect[at]
        if np.abs(np.sum(list(parts.values()), axis=0) - before).max() < _SETTLED:
            break
    return AttributePrior(
        overall=float(level.group_mean[0]),
        overall_std=float(level.group_mean_std[0]),
        own_spread=float(level.group_spread[0]),
        effects=effects,
        cuts=cuts,
    )


def _cuts(values: pd.Series) -> FloatArray:
    """Borders between tiers that hold as many products each."""
    number = values.to_numpy(np.float64, na_value=np.nan)
    number = number[np.isfinite(number)]
    if not number.size:
        return np.empty(0)
    cuts: FloatArray = np.unique(np.quantile(number, np.arange(1, _TIERS) / _TIERS))
    return cuts


def _labels(values: pd.Series, cuts: FloatArray | None) -> StrArray:
    """(n,) the value of each as text, or its tier; "" where not known."""
    if cuts is None:
        text = values.astype("object").where(values.notna(), "")
        return np.asarray(text.astype("str"), dtype=np.str_)
    number = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    tier = np.char.add("tier ", (np.searchsorted(cuts, number, side="left") + 1).astype(np.str_))
    return np.where(np.isfinite(number), tier, "")
