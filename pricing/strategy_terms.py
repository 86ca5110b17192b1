"""Strategies and relations as a person writes them: a plain document in, frozen records out.

strategies:
  - name: follow on tea
    use: follow_competitor
    categories: [Tea]
    index: 0.98
    priority: 20
  - name: keep Anna's price
    use: override
    skus: [P0017]
    price: 12.99
    until: 2026-12-31
    priority: 100
relations:
  - name: own jam under the brand
    hold: private_label
    skus: [OWN-JAM, BRAND-JAM]
    least: 0.10
    most: 0.30
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from pricing.errors import InvalidStrategy, PricingError
from pricing.relations import Relation, RelationKind
from pricing.strategies import Strategy, StrategyKind

_LISTS: Final = {"categories", "markets", "skus"}
_NUMBERS: Final = {
    "index",
    "undercut",
    "markup",
    "target_cover",
    "strength",
    "days",
    "price",
    "least",
    "most",
}
_STRATEGY_FIELDS: Final = set(Strategy.__dataclass_fields__) - {"kind"} | {"use"}
_RELATION_FIELDS: Final = set(Relation.__dataclass_fields__) - {"kind"} | {"hold"}


@dataclass(frozen=True, slots=True)
class PricingRules:
    """What a rules file says.

    Attributes:
        strategies: in the order of the file.
        relations: likewise.
    """

    strategies: tuple[Strategy, ...] = ()
    relations: tuple[Relation, ...] = ()


def rules_of(document: object, source: str) -> PricingRules:
    """Read a parsed YAML or JSON document.

    Args:
        document: a mapping with `strategies` and `relations`, either of which may be missing.
        source: what messages call it, such as the name of the file.

    Raises:
        InvalidStrategy: an entry that cannot be meant, by place and field.
    """
    top = _mapping(document, source)
    if unknown := sorted(set(top) - {"strategies", "relations"}):
        raise InvalidStrategy(
            f"{source}: {unknown[0]!r} is not known; a rules file has strategies and relations"
        )
    strategies = [
        _strategy(entry, f"{source}: strategies[{number}]")
        for number, entry in enumerate(_list(top.get("strategies"), f"{source}: strategies"))
    ]
    relations = [
        _relation(entry, f"{source}: relations[{number}]")
        for number, entry in enumerate(_list(top.get("relations"), f"{source}: relations"))
    ]
    for records in (strategies, relations):
        names = [record.name for record in records]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidStrategy(f"{source}: the name {twice[0]!r} is there twice")
    return PricingRules(tuple(strategies), tuple(relations))


def _strategy(entry: object, place: str) -> Strategy:
    fields = _fields(entry, place, _STRATEGY_FIELDS, "use")
    kind = _one_of(StrategyKind, fields.pop("use"), f"{place}.use")
    if "until" in fields:
        fields["until"] = _time(fields["until"], f"{place}.until")
    if "priority" in fields and (
        not isinstance(fields["priority"], int) or isinstance(fields["priority"], bool)
    ):
        raise InvalidStrategy(f"{place}.priority must be a whole number")
    return Strategy(kind=kind, **fields)


def _relation(entry: object, place: str) -> Relation:
    fields = _fields(entry, place, _RELATION_FIELDS, "hold")
    kind = _one_of(RelationKind, fields.pop("hold"), f"{place}.hold")
    if not isinstance(fields.get("across_markets", False), bool):
        raise InvalidStrategy(f"{place}.across_markets must be true or false")
    fields.setdefault("skus", ())
    try:
        return Relation(kind=kind, **fields)
    except PricingError as error:
        raise InvalidStrategy(f"{place}: {error}") from None


def _fields(entry: object, place: str, known: set[str], kind: str) -> dict[str, Any]:
    fields = dict(_mapping(entry, place))
    if unknown := sorted(set(fields) - known):
        raise InvalidStrategy(f"{place}.{unknown[0]} is not known; there are {sorted(known)}")
    for name in ("name", kind):
        if not isinstance(fields.get(name), str):
            raise InvalidStrategy(f"{place}.{name} is missing, or is no text")
    for name in _LISTS & set(fields):
        values = [str(value) for value in _list(fields[name], f"{place}.{name}")]
        fields[name] = tuple(values)
    for name in _NUMBERS & set(fields):
        value = fields[name]
        try:
            fields[name] = float(value) if not isinstance(value, bool) else float("nan")
        except (TypeError, ValueError):
            raise InvalidStrategy(f"{place}.{name}: {value!r} is no number") from None
    return fields


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidStrategy(f"{place} must be a mapping of names to values")
    return {str(key): item for key, item in value.items()}


def _list(value: object, place: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidStrategy(f"{place} must be a list")
    return value


def _one_of(kinds: Any, value: str, place: str) -> Any:  # noqa: ANN401
    try:
        return kinds(value)
    except ValueError:
        names = ", ".join(kind.value for kind in kinds)
        raise InvalidStrategy(f"{place}: {value!r} is not one of {names}") from None


def _time(value: object, place: str) -> datetime:
    """A date ends when it begins in UTC; a time without a zone is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidStrategy(f"{place}: {value!r} is no date such as 2026-12-31") from None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise InvalidStrategy(f"{place}: {value!r} is no date such as 2026-12-31")
