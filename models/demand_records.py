"""Demand models as plain records: for JSON, for storage, for another process.

A record says its format and kind, holds the numbers as lists, and carries where they come from; a
record of a format that this version does not know is refused, not guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np

from models.arrays import StrArray
from models.choice.demand import LogitDemand
from models.cross.demand import CROSS_ARRAYS, CrossPriceDemand
from models.demand import ConstantElasticityDemand, Provenance
from models.errors import InvalidDemand

FORMAT: Final = 1
"""Grows when records change so that older versions could not read them."""
AnyDemand = ConstantElasticityDemand | CrossPriceDemand | LogitDemand
_KINDS: Final[dict[str, type[Any]]] = {
    "own-price": ConstantElasticityDemand,
    "cross-price": CrossPriceDemand,
    "logit": LogitDemand,
}


@dataclass(frozen=True, slots=True, eq=False)
class RecordedDemand:
    """A demand model with the keys of its rows and where it comes from.

    Attributes:
        sku, market: (n,) whose the rows are.
        demand: of n rows.
        provenance: what the fit rests on.

    Raises:
        InvalidDemand: as many keys as rows are wanted.
    """

    sku: StrArray
    market: StrArray
    demand: AnyDemand
    provenance: Provenance

    def __post_init__(self) -> None:
        if not len(self.sku) == len(self.market) == len(self.demand):
            raise InvalidDemand(
                f"{len(self.demand)} curves need as many keys, not {len(self.sku)} SKUs and "
                f"{len(self.market)} markets"
            )


def to_record(recorded: RecordedDemand) -> dict[str, Any]:
    """Plain values that `json.dumps` takes and `from_record` reads back, bit for bit."""
    demand = recorded.demand
    kind = next(name for name, known in _KINDS.items() if isinstance(demand, known))
    origin = asdict(recorded.provenance)
    origin["window_start"] = recorded.provenance.window_start.isoformat()
    origin["window_end"] = recorded.provenance.window_end.isoformat()
    origin["software"] = dict(recorded.provenance.software)
    return {
        "format": FORMAT,
        "kind": kind,
        "sku": list(map(str, recorded.sku)),
        "market": list(map(str, recorded.market)),
        "values": _values(demand),
        "provenance": origin,
    }


def from_record(record: Mapping[str, Any]) -> RecordedDemand:
    """The demand model of a record.

    Raises:
        InvalidDemand: the record is of another format, or is not whole.
    """
    if record.get("format") != FORMAT:
        raise InvalidDemand(
            f"a demand record of format {record.get('format')!r}; this version reads {FORMAT}"
        )
    try:
        kind = _KINDS[record["kind"]]
        origin = dict(record["provenance"])
        for name in ("window_start", "window_end"):
            origin[name] = date.fromisoformat(origin[name])
        return RecordedDemand(
            sku=np.array(record["sku"], dtype=np.str_),
            market=np.array(record["market"], dtype=np.str_),
            demand=_demand(kind, record["values"]),
            provenance=Provenance(**origin),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InvalidDemand):
            raise
        raise InvalidDemand(f"the demand record is not whole: {error!r}") from error


def _values(demand: AnyDemand) -> dict[str, Any]:
    if isinstance(demand, CrossPriceDemand):
        plain = {name: _plain(getattr(demand, name)) for name in CROSS_ARRAYS}
        return {**plain, "own": _values(demand.own)}
    return {item.name: _plain(getattr(demand, item.name)) for item in fields(demand)}


def _demand(kind: type[Any], values: Mapping[str, Any]) -> AnyDemand:
    arrays = {
        name: np.array(_numbers(value)) if isinstance(value, list) else value
        for name, value in values.items()
        if name != "own"
    }
    if kind is CrossPriceDemand:
        own = _demand(ConstantElasticityDemand, values["own"])
        n, m = len(own), len(arrays["price_reference"])
        for name in ("cross", "cross_variance"):
            arrays[name] = arrays[name].reshape(n, m)
        arrays["own"] = own
    elif kind is ConstantElasticityDemand:
        arrays["covariance"] = arrays["covariance"].reshape(-1, 2, 2)
    made: AnyDemand = kind(**arrays)
    return made


def _plain(value: object) -> object:
    """Arrays as lists; what is not known as None, because JSON has no NaN."""
    if not isinstance(value, np.ndarray):
        return value
    listed = value.tolist()
    if value.dtype.kind == "f" and np.isnan(value).any():
        return _without_nan(listed)
    return listed


def _without_nan(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if value != value else value


def _numbers(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return np.nan if value is None else value
