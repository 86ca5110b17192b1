"""Where pooled and fixed-effect answers disagree: the trap of real price panels, made visible.

One regression over all shops mixes two comparisons: the same shop at different times, and different
shops. A shop that is dearer because its customers are richer turns the second one around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from models.estimators.elasticity import fit

_WORTH_SAYING: Final = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """A ladder of regressions, from pooled to all effects and controls.

    Attributes:
        table: one row a product (or one) and rung: the `by` columns, `rung`, `elasticity`,
            `std_error`.
        warnings: what to conclude: sign changes, changed rankings, the likely confounder.
    """

    table: pd.DataFrame
    warnings: tuple[str, ...]


def compare_ladder(
    frame: pd.DataFrame,
    *,
    effects: Sequence[str],
    controls: Sequence[str] = (),
    by: str | Sequence[str] = (),
    **options: Any,  # noqa: ANN401 - fields of ElasticitySpec
) -> Disagreement:
    """Fit pooled, with controls, with each effect, and with all of them, and compare.

    Args:
        frame: one row a product, place and period.
        effects: columns of effects, such as store and week.
        controls: promotion columns or terms.
        by: columns that tell products apart; their ranking is compared.
        **options: of `models.estimators.elasticity.fit`.

    Raises:
        InvalidPanel, InvalidSpec: as `models.estimators.elasticity.fit`.
    """
    keys = (by,) if isinstance(by, str) else tuple(by)
    rungs: dict[str, dict[str, Any]] = {"pooled": {}}
    if controls:
        rungs["controls"] = {"controls": tuple(controls)}
    for effect in effects:
        rungs[f"{effect} effects"] = {"effects": (effect,), "controls": tuple(controls)}
    if len(effects) > 1:
        rungs["all effects"] = {"effects": tuple(effects), "controls": tuple(controls)}
    parts = []
    for name, changes in rungs.items():
        found = fit(frame, by=keys, **options, **changes).table
        parts.append(found[[*keys, "elasticity", "std_error"]].assign(rung=name))
    table = pd.concat(parts, ignore_index=True)
    if not keys:
        table = table.assign(product="all")
    column = list(keys) or ["product"]
    wide = table.pivot_table(index=column, columns="rung", values="elasticity", sort=False)
    errors = table.pivot_table(index=column, columns="rung", values="std_error", sort=False)
    return Disagreement(table, tuple(_warnings(wide, errors, list(rungs))))


def _warnings(wide: pd.DataFrame, errors: pd.DataFrame, rungs: list[str]) -> list[str]:
    first, last = rungs[0], rungs[-1]
    pooled, fixed = (wide[name].to_numpy(np.float64) for name in (first, last))
    std = np.hypot(errors[first].to_numpy(np.float64), errors[last].to_numpy(np.float64))
    clear = np.abs(pooled - fixed) > 2.0 * std
    found = []
    turned = int((np.sign(pooled) != np.sign(fixed)).sum())
    if turned:
        found.append(f"{turned} of {len(wide)} elasticities change sign between {first} and {last}")
    order_first, order_last = np.argsort(pooled).tolist(), np.argsort(fixed).tolist()
    if len(wide) > 1 and order_first != order_last:
        names = ["/".join(map(str, n)) if isinstance(n, tuple) else str(n) for n in wide.index]
        found.append(
            "the ranking changes: most sensitive first, "
            f"{first} says {', '.join(names[i] for i in order_first[:5])}; "
            f"{last} says {', '.join(names[i] for i in order_last[:5])}"
        )
    gap = float(np.nanmedian(np.abs(pooled - fixed)))
    if (clear & (np.abs(pooled - fixed) > _WORTH_SAYING)).any() or turned:
        likely = _confounder(wide, rungs)
        found.append(
            f"{first} and {last} differ by {gap:.2f} in the median; the likely confounder is what "
            f"{likely} hold constant, because they move the answer most; use {last}"
        )
    return found


def _confounder(wide: pd.DataFrame, rungs: list[str]) -> str:
    """The single rung whose step from the one below moves the answers most."""
    base = wide[rungs[1]] if "controls" in rungs else wide[rungs[0]]
    moves = {}
    for name in rungs[1:-1] if len(rungs) > 2 else rungs[1:]:
        below = wide[rungs[0]] if name == "controls" else base
        moves[name] = float((wide[name] - below).abs().median())
    return max(moves, key=moves.__getitem__)
