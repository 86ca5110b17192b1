"""Whatever is wrong in the document of a plan is refused at its own place, and field over HTTP."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.plans.errors import PlanInputInvalid
from api.plans.fields import MOST_NUMBER
from api.plans.kinds import plan_kind
from models.refusals import Place, field_of

Json = dict[str, Any]

MARKDOWN: Json = {
    "currency": "EUR",
    "weeks": 4,
    "starts_on": "2027-01-04",
    "time_zone": "Europe/Berlin",
    "items": [
        {
            "sku": "A",
            "market": "north",
            "ladder": ["60", "54", "48"],
            "demand": [5, 5, 4, 4],
            "elasticity": -2,
            "stock": 200,
            "salvage": "1",
            "max_changes": 2,
            "stores": {"one": 0.4, "two": 0.6},
        },
        {"sku": "B", "market": "north", "ladder": ["9", "8"], "demand": 5, "response": [1, 1.5],
         "stock": 20},
    ],
    "limits": {"budget": "500", "labels_per_week": {"north": 40}, "average_discount": 0.4},
    "risk": {"weight": 0.2},
    "doubt": {"noise": 0.1},
    "cross": [{"sku": "A", "rival": "B", "market": "north", "elasticity": 0.1}],
    "pins": [{"sku": "A", "market": "north", "week": 4, "price": "48"}],
    "current_policy": {"2": 0.2},
    "search": {"draws": 10},
}  # fmt: skip
CALENDAR: Json = {
    "currency": "EUR",
    "starts_on": "2027-01-04",
    "weeks": 4,
    "mechanics": [
        {"name": "flyer", "promotion": {"type": "percent_off", "percent": "20"}, "lift": 1.8,
         "channel": "shop", "cost": "3"}
    ],
    "products": [
        {"sku": "A", "price": "5", "cost": "2", "base": [9, 9, 9, 9], "lift": {"flyer": 2},
         "pull": [0.2], "blocked_weeks": [2]}
    ],
    "channels": {"shop": 0.5},
    "events": [{"weeks": [3], "factor": 1.5}],
    "limits": {"slots": {"flyer": 1}, "budget": "50"},
    "pins": [{"sku": "A", "week": 1, "mechanic": "flyer"}],
}  # fmt: skip
BUNDLES: Json = {
    "currency": "EUR",
    "products": [{"sku": "A", "price": "5", "cost": "1"}, {"sku": "B", "price": "6", "stock": 9}],
    "segments": [
        {"name": "all", "size": 3, "pays": {"A": "5", "B": "4"},
         "sets": [{"skus": ["A", "B"], "value": "8"}]}
    ],
    "factors": [{"skus": ["A", "B"], "factor": 1.1}],
    "limits": {"bundles": 1, "least_saving": 0.05},
    "endings": [{"step": "0.1", "endings": ["0.09"]}],
    "ends_on": "2027-02-01",
}  # fmt: skip
DOCUMENTS = {"markdown": MARKDOWN, "promotions": CALENDAR, "bundles": BUNDLES}


def leaves(value: object, place: Place = ()) -> Iterator[Place]:
    """The places of what is neither a list nor a mapping; terms of a promotion have their own."""
    if place and place[-1] == "promotion":
        return
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*place, step))
    else:
        yield place


def mappings(value: object, place: Place = ()) -> Iterator[Place]:
    """The places of records; not of those whose keys are free."""
    free = ("promotion", "stores", "current_policy", "lift", "pays", "channels", "slots",
            "labels_per_week")  # fmt: skip
    if isinstance(value, dict) and not (place and place[-1] in free):
        yield place
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from mappings(part, (*place, step))


def put(document: Json, place: Place, value: object) -> Json:
    changed = copy.deepcopy(document)
    at: Any = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return changed


def refused(kind: str, document: Json) -> PlanInputInvalid:
    with pytest.raises(PlanInputInvalid) as caught:
        plan_kind(kind).check(document)
    return caught.value


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_wrong_type_anywhere_is_refused_at_its_own_place(kind: str) -> None:
    document = DOCUMENTS[kind]
    plan_kind(kind).check(document)
    places = list(leaves(document))
    assert len(places) > 15
    for place in places:
        for wrong in ({"x": 1}, True):
            assert refused(kind, put(document, place, wrong)).place == place, (place, wrong)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_number_beyond_reason_is_refused_at_its_own_place(kind: str) -> None:
    document = DOCUMENTS[kind]
    for place in leaves(document):
        at: Any = document
        for step in place:
            at = at[step]
        amount = isinstance(at, str) and at.replace(".", "").isdigit()
        for wrong in [float("nan"), float("inf")] * (amount or not isinstance(at, str)):
            assert refused(kind, put(document, place, wrong)).place == place, (place, wrong)
        if amount:
            for text in (f"1{MOST_NUMBER}", "1_0", " 1", "1,5"):
                assert refused(kind, put(document, place, text)).place == place, (place, text)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_an_unknown_field_anywhere_is_refused_at_its_own_place(kind: str) -> None:
    document = DOCUMENTS[kind]
    places = list(mappings(document))
    assert len(places) > 5
    for place in places:
        told = refused(kind, put(document, (*place, "colour"), "red"))
        assert told.place == (*place, "colour")
        assert "is not known" in told.sentence


@pytest.mark.parametrize(
    ("kind", "place", "value", "says"),
    [
        ("markdown", ("items", 0, "demand"), [5, 5], "has 2 values, the plan 4 weeks"),
        ("markdown", ("items", 0, "arrivals"), [5, 5], "has 2 values, the plan 4 weeks"),
        ("markdown", ("items", 1, "response"), [1], "has 1 values, ladder 2"),
        ("markdown", ("items", 0, "stores"), {"one": -1}, "must not be negative"),
        ("markdown", ("items", 0, "stock"), -1, "must be a number >= 0"),
        ("markdown", ("items", 0, "reference"), 0, "must be above 0, not 0"),
        ("markdown", ("risk", "weight"), 2, "must be a number <= 1"),
        ("markdown", ("current_policy", "0"), 0.2, "must be a week from 1"),
        ("promotions", ("products", 0, "base"), [5, 5], "has 2 values, the plan 4 weeks"),
        ("promotions", ("products", 0, "inbound"), [5, 5], "has 2 values, the plan 4 weeks"),
        ("promotions", ("products", 0, "price"), "0", "must be above 0, not 0"),
        ("promotions", ("limits", "budget"), "-1", "must be 0 or more, not -1"),
        ("promotions", ("mechanics", 0, "promotion", "id"), "x", "is set by the plan"),
        ("bundles", ("segments", 0, "pays", "A"), "-1", "must be 0 or more, not -1"),
        ("bundles", ("endings", 0, "endings", 0), "-1", "must be 0 or more, not -1"),
        ("bundles", ("endings", 0, "step"), 0, "must be above 0, not 0"),
        ("bundles", ("time_zone",), "Mars/Base", "is not an IANA time zone"),
        ("bundles", ("currency",), "XXZ", "XXZ"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_own_place(
    client: httpx.Client, kind: str, place: Place, value: object, says: str
) -> None:
    document = put(DOCUMENTS[kind], place, value)
    told = refused(kind, document)
    assert told.place == place
    assert says in told.sentence
    answer = client.post("/v1/plans", json={"kind": kind, "document": document})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"body.document.{field_of(place)}"
