"""The root of all refusals: words, places, and what a block around them adds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidPanel
from models.refusals import (
    Conflict,
    Invalid,
    Missing,
    Place,
    field_of,
    named_at,
    place_of,
    within,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_-", min_size=1, max_size=8)
PLACES = st.lists(NAMES | st.integers(0, 99), max_size=5).map(tuple)


def test_a_refusal_names_file_line_and_place_before_its_sentence() -> None:
    error = Invalid("must be a list", ("items", 3, "demand"), source="plan.json", line=7)
    assert str(error) == "plan.json, line 7: items[3].demand: must be a list"
    assert str(error.located("other.json", 9)) == (
        "other.json, line 9: items[3].demand: must be a list"
    )
    assert str(Invalid("must be a list", line=2)) == "line 2: must be a list"
    assert str(Missing("there is no plan 9")) == "there is no plan 9"


def test_a_class_whose_sentences_name_the_place_does_not_name_it_twice() -> None:
    assert str(InvalidPanel("column 'units' is missing", ("units",))) == "column 'units' is missing"


def test_facts_go_along() -> None:
    error = Conflict("quote q is expired", quote_status="expired")
    assert error.facts == {"quote_status": "expired"}
    assert error.located("a", 1).facts == error.facts


@given(PLACES, PLACES, PLACES)
def test_blocks_put_their_places_before_it_from_the_outside_in(
    outer: Place, inner: Place, own: Place
) -> None:
    with pytest.raises(InvalidPanel) as refused, within(*outer), within(*inner):
        raise InvalidPanel("no", own)
    assert refused.value.place == (*outer, *inner, *own)
    assert refused.value.sentence == "no"


@given(PLACES, PLACES)
def test_what_is_missing_by_its_name_makes_the_name_invalid(outer: Place, inner: Place) -> None:
    with pytest.raises(Invalid) as refused, within(*outer), named_at(*inner):
        raise Missing("there is no market 'x'", markets=["a"])
    assert refused.value.place == (*outer, *inner)
    assert refused.value.facts == {"markets": ["a"]}
    assert isinstance(refused.value.__cause__, Missing)


def test_a_place_is_of_what_is_invalid_only() -> None:
    with pytest.raises(Conflict) as refused, within("body"), named_at("run"):
        raise Conflict("prices are frozen")
    assert refused.value.place == ()

    class Other(Missing):
        """Another kind of thing."""

    with pytest.raises(Missing, match="no site"), named_at("market", missing=Other):
        raise Missing("there is no site 'x'")


@given(st.lists(NAMES | st.integers(0, 99), min_size=1, max_size=6).map(tuple))
def test_a_place_is_read_back_from_its_name(place: Place) -> None:
    assert place_of(field_of(place)) == place
