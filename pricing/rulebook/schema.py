"""The JSON Schema of a rules document, out of the same tables that read it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Final

from pricing.deciding.objective import Objective
from pricing.deciding.strategies import StrategyKind
from pricing.documents.schemas import titled
from pricing.rulebook import document, strategy_terms
from pricing.rulebook.rule_entries import Entry, numbers_of
from pricing.solving.relations import RelationKind

Schema = dict[str, Any]

_NUMBER: Final[Schema] = {"type": ["number", "string"]}
_TEXT: Final[Schema] = {"type": ["string", "integer"]}
_BAND: Final[Schema] = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
_OF_READ: Final[Mapping[Callable[[Entry], Any], Schema]] = {
    Entry.number: _NUMBER,
    Entry.whole: {"type": "integer"},
    Entry.flag: {"type": "boolean"},
    Entry.text: _TEXT,
    Entry.texts: {"type": ["array", "null"], "items": _TEXT},
    Entry.numbers: {"type": ["array", "null"], "items": _NUMBER},
    Entry.band: _BAND,
    Entry.moment: {"type": "string", "description": "a date, which begins in UTC, or a time"},
}


def rules_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of `pricing-rules.yaml`."""
    window = _mapping(document.WINDOW, required=("start", "end"))
    # The reader knows it only to say that the settings hold it.
    held = {name: read for name, read in document.GUARDRAILS.items() if name != "map_floor_in"}
    guardrails = _mapping(
        held,
        {
            "competitor_band": {"anyOf": [_BAND, {"enum": ["none", None]}]},
            "frozen_windows": _list(window),
        },
    )
    weights = numbers_of(Objective)
    sections: dict[str, Schema] = {
        "objective": _mapping(weights),
        "guardrails": guardrails,
        "together": _mapping(document.TOGETHER, {"price_index": _by_name(_BAND)}),
        "endings": _by_name(_list(_mapping(document.ENDING, required=("step", "endings")), 1)),
        "strategies": _list(
            _mapping(strategy_terms.STRATEGY, {"use": _one_of(StrategyKind)}, ("name", "use"))
        ),
        "relations": _list(
            _mapping(
                strategy_terms.RELATION,
                {"hold": _one_of(RelationKind)},
                ("name", "hold", "skus"),
            )
        ),
        "price_tests": _mapping(document.TESTS),
        "member_tiers": _list(_mapping(document.TIER, required=("tier", "discount"))),
        "pareto": _mapping(
            weights,
            {name: {"type": "array", "items": _NUMBER, "minItems": 1} for name in weights},
        ),
        "exchange_rates": _by_name(_NUMBER),
        "search": _mapping(document.SEARCH),
    }
    whole = {"type": "object", "properties": sections, "additionalProperties": False}
    return titled(whole, "Pricewright pricing rules")


def _mapping(
    reads: Mapping[str, Callable[[Entry], Any]],
    special: Mapping[str, Schema] | None = None,
    required: Collection[str] = (),
) -> Schema:
    """A mapping of known fields."""
    known = {name: (special or {}).get(name) or _OF_READ.get(read, {}) for name, read in
             reads.items()}  # fmt: skip
    described: Schema = {"type": ["object", "null"], "properties": known}
    if required:
        described |= {"type": "object", "required": list(required)}
    return described | {"additionalProperties": False}


def _by_name(part: Schema) -> Schema:
    return {"type": ["object", "null"], "additionalProperties": part}


def _list(item: Schema, least: int = 0) -> Schema:
    return {"type": ["array", "null"] if least == 0 else "array", "items": item, "minItems": least}


def _one_of(kinds: type[StrEnum]) -> Schema:
    return {"enum": [kind.value for kind in kinds]}
