from __future__ import annotations

import inspect
import json

import jsonschema
import msgspec
import numpy as np
import pytest

from pricing.events.catalogue import CATALOGUE, event_from, schema_of
from pricing.events.event import Amount, Deed, Event
from pricing.events.price_books import DraftAwaitsApproval, PriceBookRolledBack
from pricing.events.prices import FreezeStarted
from pricing.money import Money
from tests.pricing.events.manual_page import facts_of
from tests.pricing.events.recorded import recorded_bodies, recorded_events
from tests.pricing.events.samples import price_changed


def _all_kinds(root: type[Event] = Event) -> set[type[Event]]:
    below = set(root.__subclasses__())
    return below.union(*(_all_kinds(kind) for kind in below)) if below else set()


def test_the_catalogue_has_every_event_that_can_be_made_once() -> None:
    named = [kind for kind in _all_kinds() if hasattr(kind, "type_name")]
    assert len({kind.type_name for kind in named}) == len(named)
    assert set(CATALOGUE.values()) == set(named)
    assert all(name == kind.type_name for name, kind in CATALOGUE.items())


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=str)
def test_each_is_documented_keyed_and_has_a_schema(kind: type[Event]) -> None:
    assert inspect.getdoc(kind)
    wire_names = {field.encode_name for field in msgspec.structs.fields(kind)}
    schema = schema_of(kind)
    (properties,) = (
        part["properties"] for name, part in schema["$defs"].items() if name == kind.__name__
    )
    assert properties.keys() == wire_names
    assert set(kind.keyed_by) <= set(kind.__struct_fields__)
    described = facts_of(kind)
    assert described.keys() == wire_names
    assert all(described.values())
    jsonschema.Draft202012Validator.check_schema(schema)
    if issubclass(kind, Deed):
        assert kind.action


def test_each_event_meets_its_schema_and_comes_back_from_its_facts() -> None:
    made = recorded_events()
    assert {event.type_name for event in made} == set(CATALOGUE)
    for event in made:
        facts = json.loads(json.dumps(event.facts()))
        jsonschema.validate(facts, schema_of(type(event)))
        assert event_from(event.type_name, facts) == event


def test_the_facts_are_those_that_receivers_know_to_the_byte() -> None:
    for recorded in recorded_bodies():
        sent = json.loads(recorded.body)
        made = msgspec.json.encode({**sent, "data": recorded.event.facts()})
        assert made == recorded.body
        assert recorded.event.key == recorded.key


def test_a_key_is_made_of_facts_and_what_is_none_is_left_empty() -> None:
    assert price_changed("TEA").key == "TEA/online/rival"
    assert FreezeStarted(market=None, reason="x").key == ""
    back = PriceBookRolledBack(live=None, to=1, version=3, by="anna", reason="x")
    assert back.key == "3"
    assert back.facts() == {"from": None, "to": 1, "version": 3, "by": "anna", "reason": "x"}
    assert back.detail() == {"to": 1, "live": None, "reason": "x"}


def test_numbers_of_arrays_become_plain_and_what_is_no_fact_is_refused() -> None:
    def waits(review: dict[str, object]) -> DraftAwaitsApproval:
        return DraftAwaitsApproval(draft=1, run=2, by="anna", note="", review=review)

    plain = waits({"share": np.float64(0.5), "rows": np.array([1, 2])}).facts()["review"]
    assert plain == {"share": 0.5, "rows": [1, 2]}
    assert type(plain["share"]) is float
    with pytest.raises(TypeError, match="object is no fact"):
        waits({"what": object()}).facts()


def test_facts_of_another_kind_are_refused_by_name() -> None:
    facts = {**price_changed().facts(), "change_pct": "much"}
    with pytest.raises(msgspec.ValidationError, match="change_pct"):
        event_from("competitor.price_changed", facts)
    with pytest.raises(KeyError):
        event_from("competitor.moved_house", facts)


def test_amounts_are_those_of_the_wire() -> None:
    money = Money(1999, "EUR")
    assert msgspec.to_builtins(Amount.of(money)) == money.wire()
