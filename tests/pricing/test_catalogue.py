"""A catalogue refuses columns that do not describe (sku, market) pairs, and stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.errors import InvalidCatalogue, UnknownCurrency
from tests.pricing.catalogues import catalogue_of


@pytest.fixture
def two() -> Catalogue:
    """P0 at 10.00 and P1 at 20.00, online."""
    return catalogue_of([1000, 2000], [400, UNKNOWN])


def test_columns_cannot_be_written_after_the_fact(two: Catalogue) -> None:
    for column in (two.price, two.cost, two.stock, two.market.codes):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("price", np.array([1000]), "price has 1 rows, sku has 2"),
        ("price", np.array([1000, 0]), "price of 'P1' in 'online' is zero"),
        ("price", np.array([-5, 10]), "price of 'P0' in 'online' is negative"),
        ("price", np.array([10.5, 10.0]), "integers"),
        ("cost", np.array([0, 10]), "cost of 'P0' in 'online' is zero"),
        ("stock", np.array([1.0, -2.0]), "stock of 'P1' in 'online' is negative"),
        ("sku", np.array(["P0", "P0"]), "'P0' in 'online' stands in the catalogue twice"),
        ("markets", (), "markets must list"),
    ],
)
def test_a_wrong_column_is_refused_with_its_row(
    two: Catalogue, column: str, value: object, message: str
) -> None:
    with pytest.raises(InvalidCatalogue, match=message):
        replace(two, **{column: value})  # type: ignore[arg-type]


def test_rows_are_found_and_taken_together(two: Catalogue) -> None:
    rows = two.where(skus=["P1"], market="online", category="tea")
    assert rows.tolist() == [1]
    part = two.take(rows)
    assert (part.sku.tolist(), part.price.tolist(), part.brand[0]) == (["P1"], [2000], "own")
    assert len(two.where(category="coffee")) == 0
    assert two.currency(0) == "EUR"


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"code": " "}, InvalidCatalogue, "code"),
        ({"currency": "euro"}, UnknownCurrency, "ISO 4217"),
        ({"time_zone": "Berlin"}, InvalidCatalogue, "IANA"),
        ({"time_zone": "../etc/passwd"}, InvalidCatalogue, "IANA"),
        ({"tax_rate": 19.0}, InvalidCatalogue, "0.19, not 19"),
        ({"tax_rate": -0.1}, InvalidCatalogue, "tax_rate"),
    ],
)
def test_a_market_that_cannot_be_is_refused_by_field(
    fields: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Market(**{"code": "online", "currency": "EUR", **fields})  # type: ignore[arg-type]


def test_labels_keep_names_once_and_rows_in_order() -> None:
    labels = Labels.of(["b", "a", "b"])
    assert labels.names == ("a", "b")
    assert [labels[row] for row in range(3)] == ["b", "a", "b"]
    assert labels.values().tolist() == ["b", "a", "b"]
    assert labels.equal("b").tolist() == [True, False, True]
    assert not labels.equal("z").any()
    with pytest.raises(InvalidCatalogue, match="unique"):
        Labels(np.array([0]), ("a", "a"))
    with pytest.raises(InvalidCatalogue, match="indices"):
        Labels(np.array([1]), ("a",))


def test_an_offer_count_and_a_lowest_offer_go_together() -> None:
    with pytest.raises(InvalidCatalogue, match="exactly where"):
        CompetitorPrices(np.array([100]), np.array([0]))
    with pytest.raises(InvalidCatalogue, match="equal length"):
        CompetitorPrices(np.array([100]), np.array([1, 1]))
    assert CompetitorPrices.none(2).lowest.tolist() == [UNKNOWN, UNKNOWN]
