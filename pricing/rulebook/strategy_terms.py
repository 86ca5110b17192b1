"""Strategies and relations as a person writes them: entries of a document in, records out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pricing.deciding.strategies import Strategy, StrategyKind
from pricing.rulebook.rule_entries import Entry
from pricing.solving.relations import Relation, RelationKind

_Read = Callable[[Entry], Any]

STRATEGY: Final[Mapping[str, _Read]] = {
    "name": Entry.text,
    "use": lambda entry: entry.one_of(StrategyKind),
    "priority": Entry.whole,
    "categories": Entry.texts,
    "markets": Entry.texts,
    "skus": Entry.texts,
    "competitor": Entry.text,
    "index": Entry.number,
    "undercut": Entry.number,
    "markup": Entry.number,
    "target_cover": Entry.number,
    "strength": Entry.number,
    "days": Entry.number,
    "price": Entry.number,
    "until": Entry.moment,
}
RELATION: Final[Mapping[str, _Read]] = {
    "name": Entry.text,
    "hold": lambda entry: entry.one_of(RelationKind),
    "skus": Entry.texts,
    "markets": Entry.texts,
    "across_markets": Entry.flag,
    "least": Entry.number,
    "most": Entry.number,
}


def strategies_of(entries: Entry) -> tuple[Strategy, ...]:
    """Strategies from a list of them.

    Raises:
        InvalidStrategy: an entry that cannot be meant, by place and field.
    """
    found = [
        entry.record(Strategy, STRATEGY, ("name", "use"), {"use": "kind"})
        for entry in entries.items()
    ]
    _each_once(entries, [rule.name for rule in found])
    return tuple(found)


def relations_of(entries: Entry) -> tuple[Relation, ...]:
    """Relations from a list of them.

    Raises:
        InvalidStrategy: an entry that cannot be meant, by place and field.
    """
    found = [
        entry.record(Relation, RELATION, ("name", "hold", "skus"), {"hold": "kind"})
        for entry in entries.items()
    ]
    _each_once(entries, [relation.name for relation in found])
    return tuple(found)


def _each_once(entries: Entry, names: list[str]) -> None:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise Entry(name, (*entries.place, place, "name")).refused(f"{name!r} is there twice")
