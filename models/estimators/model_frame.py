"""From a plain frame to the arrays of a regression: a formula or column names, rows accounted for.

A formula reads like those of the field's packages:

    log(units) ~ log(price) + feature + C(month)                     least squares
    log(units) ~ log(price) + feature | store + week                 with fixed effects absorbed
    log(qty) ~ 1 + monday [log(price) ~ stormy + mixed] | port       with instruments

Terms are those of formulaic (`log`, `C()`, `I()`, interactions). A formula is code: it is for
analysts, not for strangers.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from models.arrays import BoolArray, FloatArray, IntArray
from models.errors import InvalidPanel, InvalidSpec

_SHAPE: Final = re.compile(
    r"^(?P<dependent>[^~\[\]|]+)~(?P<exogenous>[^~\[\]|]*)"
    r"(\[(?P<endogenous>[^~\[\]]+)~(?P<instruments>[^~\[\]]+)\])?\s*(\|(?P<effects>[^~\[\]|]+))?$"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a regression is made of; each part the right-hand side of a formula, or empty.

    Attributes:
        dependent: what is explained, such as `log(units)`.
        exogenous: what explains it and does not answer it; with a constant unless it says `0`.
        endogenous: what explains it and may answer it: the price.
        instruments: what moves the endogenous terms from outside.
        effects: columns whose every value has a level of its own (fixed effects).
    """

    dependent: str
    exogenous: str = "1"
    endogenous: str = ""
    instruments: str = ""
    effects: tuple[str, ...] = ()

    @classmethod
    def parsed(cls, formula: str) -> Terms:
        """The parts of a formula.

        Raises:
            InvalidSpec: it does not have the shape described in the module.
        """
        # `np.log(x)` is how statsmodels users write it; formulas here know `log` by itself.
        found = _SHAPE.match(formula.strip().replace("np.log(", "log("))
        if found is None:
            raise InvalidSpec(
                f"formula {formula!r} is not of the form 'y ~ x', 'y ~ x | effect + effect' or "
                "'y ~ x [price ~ instrument + instrument] | effect'"
            )
        part = {name: (text or "").strip() for name, text in found.groupdict().items()}
        effects = tuple(name.strip() for name in part["effects"].split("+") if name.strip())
        return cls(
            dependent=part["dependent"],
            # `1 + [price ~ cost]`: the bracket stands where a term would.
            exogenous=part["exogenous"].rstrip("+ ").strip() or "1",
            endogenous=part["endogenous"],
            instruments=part["instruments"],
            effects=effects,
        )

    @classmethod
    def of_columns(
        cls,
        dependent: str,
        exogenous: Sequence[object] = (),
        endogenous: Sequence[object] = (),
        instruments: Sequence[object] = (),
        effects: Sequence[object] = (),
        *,
        constant: bool = True,
    ) -> Terms:
        """The parts by names of columns, used as they are; text columns become dummies."""
        start = "1" if constant else "0"
        return cls(
            dependent=quoted(dependent),
            exogenous=" + ".join([start, *map(quoted, exogenous)]),
            endogenous=" + ".join(map(quoted, endogenous)),
            instruments=" + ".join(map(quoted, instruments)),
            effects=tuple(map(str, effects)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ModelFrame:
    """Arrays of one regression, n rows.

    Attributes:
        dependent: (n,) what is explained.
        exogenous: (n, k) with the names in `exogenous_names`.
        endogenous: (n, m) likewise.
        instruments: (n, q) likewise, without the exogenous columns.
        effects: (n,) code of each absorbed column, from 0 without gaps.
        extra: (n,) further columns asked for by name: clusters, weights, keys.
        row: (n,) position of each row in the frame given.
        dropped: rows left out, by reason.
    """

    dependent: FloatArray
    exogenous: FloatArray
    endogenous: FloatArray
    instruments: FloatArray
    exogenous_names: tuple[str, ...]
    endogenous_names: tuple[str, ...]
    instrument_names: tuple[str, ...]
    effects: tuple[IntArray, ...]
    extra: pd.DataFrame
    row: IntArray
    dropped: Mapping[str, int]


def quoted(column: object) -> str:
    """A column's name as formulas write it, whatever characters it has, or number it is."""
    name = str(column)
    return name if name.isidentifier() else f"`{name}`"


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as formulas can read it: names of columns are text, numbers are numbers.

    Raises:
        InvalidPanel: it is no frame, or two columns have the same name as text.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InvalidPanel(f"a pandas DataFrame is wanted, not {type(frame).__name__}")
    names = [str(name) for name in frame.columns]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidPanel(f"the frame has more than one column {twice!r}")
    changed = frame if list(frame.columns) == names else frame.set_axis(names, axis=1)
    boxed = [
        name
        for name in names
        if changed[name].dtype == object
        and pd.api.types.infer_dtype(changed[name], skipna=True)
        in ("integer", "floating", "mixed-integer-float", "decimal")
    ]
    return changed.assign(**{name: pd.to_numeric(changed[name]) for name in boxed})


def model_frame(frame: pd.DataFrame, terms: Terms, extra: Sequence[str] = ()) -> ModelFrame:
    """Evaluate the terms on a frame, leaving out rows in which any of them is not a finite number.

    Args:
        frame: one row an observation; its index does not matter.
        terms: what to evaluate.
        extra: further columns to keep beside the arrays; rows that lack them are left out.

    Raises:
        InvalidPanel: a column is missing, or no row is left.
        InvalidSpec: a term can not be evaluated.
    """
    frame = readable(frame)
    refuse_text(frame, f"{terms.dependent} {terms.endogenous}")
    require_columns(frame, [*terms.effects, *extra])
    plain = frame.reset_index(drop=True)
    exogenous = terms.exogenous
    parts = {
        "dependent": _evaluated(plain, f"0 + {terms.dependent}"),
        "exogenous": _evaluated(plain, exogenous),
        "endogenous": _evaluated(plain, terms.endogenous and f"0 + {terms.endogenous}"),
        "instruments": _evaluated(plain, terms.instruments and f"0 + {terms.instruments}"),
    }
    if parts["dependent"].shape[1] != 1:
        raise InvalidSpec(f"{terms.dependent!r} must be one column of numbers")
    if terms.effects and "Intercept" in parts["exogenous"]:
        parts["exogenous"] = parts["exogenous"].drop(columns="Intercept")
    keep, dropped = _complete(plain, parts, [*terms.effects, *extra])
    if not keep.any():
        why = ", ".join(f"{reason}: {rows}" for reason, rows in dropped.items())
        raise InvalidPanel(f"no row is left to fit ({why or 'the frame is empty'})")
    arrays = {name: part.to_numpy(np.float64)[keep] for name, part in parts.items()}
    names = {name: tuple(map(str, part.columns)) for name, part in parts.items()}
    return ModelFrame(
        dependent=arrays["dependent"][:, 0],
        exogenous=arrays["exogenous"],
        endogenous=arrays["endogenous"],
        instruments=arrays["instruments"],
        exogenous_names=names["exogenous"],
        endogenous_names=names["endogenous"],
        instrument_names=names["instruments"],
        effects=tuple(codes_of(plain[name][keep]) for name in terms.effects),
        extra=plain.loc[keep, list(dict.fromkeys(extra))].reset_index(drop=True),
        row=np.flatnonzero(keep).astype(np.int64),
        dropped=dropped,
    )


def refuse_text(frame: pd.DataFrame, terms: str) -> None:
    """What is explained and what it answers are numbers; text would become a dummy a value."""
    for quoted_name, plain in re.findall(r"`([^`]+)`|([A-Za-z_]\w*)", terms):
        name = quoted_name or plain
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            raise InvalidPanel(
                f"{name!r} must hold numbers, not {frame[name].dtype}; convert it with "
                "pandas.to_numeric"
            )


def require_columns(frame: pd.DataFrame, names: Sequence[Hashable]) -> None:
    """Refuse a frame that lacks a column, saying which there are.

    Raises:
        InvalidPanel: one is missing.
    """
    missing = [str(name) for name in names if name not in frame.columns]
    if missing:
        raise InvalidPanel(
            f"the frame has no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(map(str, frame.columns))}"
        )


def codes_of(values: pd.Series) -> IntArray:
    """(n,) number of each value, from 0 in order of first sight."""
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def _evaluated(frame: pd.DataFrame, terms: str) -> pd.DataFrame:
    """The columns of a right-hand side; what has no logarithm becomes infinite or missing."""
    if not terms:
        return pd.DataFrame(index=frame.index)
    if terms.strip() in {"0", "1"}:
        constant = {"Intercept": 1.0} if terms.strip() == "1" else {}
        return pd.DataFrame(constant, index=frame.index)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix = Formula(terms).get_model_matrix(frame, na_action="ignore", context={})
        return pd.DataFrame(matrix)
    except FormulaicError as error:
        raise InvalidSpec(
            f"{terms!r} can not be evaluated: {error}; the frame has "
            f"{', '.join(map(str, frame.columns))}"
        ) from error


def _complete(
    frame: pd.DataFrame, parts: Mapping[str, pd.DataFrame], plain: Sequence[str]
) -> tuple[BoolArray, dict[str, int]]:
    """(n,) rows in which everything is known, and how many each term costs beyond those before."""
    keep = np.ones(len(frame), dtype=np.bool_)
    dropped: dict[str, int] = {}
    columns = [(str(name), part[name]) for part in parts.values() for name in part.columns]
    for name, values in [*columns, *((name, frame[name]) for name in plain)]:
        if pd.api.types.is_numeric_dtype(values):
            known = np.isfinite(values.to_numpy(np.float64, na_value=np.nan))
        else:
            known = values.notna().to_numpy()
        if lost := int((keep & ~known).sum()):
            dropped[f"{name} is missing or has no finite value"] = lost
        keep &= known
    return keep, dropped
