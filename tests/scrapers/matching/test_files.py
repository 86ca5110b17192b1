"""Two files matched with each other, and how right that is on a public benchmark."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from api.cli import main
from scrapers.errors import InvalidListings
from scrapers.matching import Band, Listing
from scrapers.matching.files import (
    FoundPair,
    KnownPair,
    match_files,
    read_known_pairs,
    read_listings,
)
from tests.shared_data import shared_data

Ids = tuple[str, str]


def abt_buy() -> tuple[list[Listing], list[Listing], set[Ids]]:
    """Both shops and the true pairs."""

    def rows(name: str) -> list[dict[str, str]]:
        with shared_data(f"matching/abt-buy/{name}").open(encoding="latin-1", newline="") as file:
            return list(csv.DictReader(file))

    def price(row: dict[str, str]) -> float | None:
        return float(row["price"].strip("$").replace(",", "")) if row["price"] else None

    ours = [
        Listing(row["id"], row["name"], row["description"], price=price(row))
        for row in rows("Abt.csv")
    ]
    theirs = [
        Listing(row["id"], row["name"], row["description"], row["manufacturer"] or None,
                price=price(row))
        for row in rows("Buy.csv")
    ]  # fmt: skip
    truth = {(row["idAbt"], row["idBuy"]) for row in rows("abt_buy_perfectMapping.csv")}
    return ours, theirs, truth


def measured(found: Iterable[FoundPair], truth: set[Ids]) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    pairs = {(pair.left_id, pair.right_id) for pair in found}
    right = len(pairs & truth)
    precision, recall = right / len(pairs), right / len(truth)
    return precision, recall, 2 * precision * recall / (precision + recall)


def test_a_public_benchmark_is_matched_without_any_label() -> None:
    ours, theirs, truth = abt_buy()
    found = match_files(ours, theirs)
    assert measured(found, truth)[2] >= 0.93
    precision, recall, _ = measured([p for p in found if p.band is Band.ACCEPT], truth)
    assert precision >= 0.98
    assert recall >= 0.80


def test_two_hundred_known_pairs_make_the_rest_better() -> None:
    ours, theirs, truth = abt_buy()
    chosen = np.random.default_rng(0).choice(sorted(truth), 200, replace=False)
    known = [KnownPair(str(left), str(right)) for left, right in chosen]
    assert measured(match_files(ours, theirs, known), truth)[2] >= 0.95


def test_known_pairs_are_never_overturned() -> None:
    ours = [Listing("1", "Oak Table 120"), Listing("2", "Pine Chair")]
    theirs = [Listing("a", "Oak Table 120"), Listing("b", "Pine Chair")]
    found = match_files(ours, theirs, [KnownPair("1", "b"), KnownPair("2", "a", same=False)])
    assert [(p.left_id, p.right_id, p.score) for p in found] == [("1", "b", 1.0)]


def test_no_listing_is_given_twice() -> None:
    ours = [Listing(str(i), f"Lamp {i % 3} round") for i in range(6)]
    theirs = [Listing(str(i), f"Lamp {i % 3} round") for i in range(9)]
    found = match_files(ours, theirs)
    assert len({p.left_id for p in found}) == len(found) == len({p.right_id for p in found})


def test_empty_files_give_no_pairs() -> None:
    assert match_files([], [Listing("a", "Oak Table")]) == ()
    assert match_files([Listing("a", "Oak Table")], []) == ()
    assert match_files([Listing("a", "")], [Listing("b", "")]) == ()


def test_columns_are_read_and_prices_in_any_spelling(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('ID,Title,price,gtin\n1,Kettle,"$1,299.00",4006381333931\n2,Mug,,\n', "utf-8")
    first, second = read_listings(path)
    assert (first.price, first.gtin, second.price) == (1299.0, "4006381333931", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,name\n1,x\n", "column 'title' is missing; there are: id, name"),
        ("id,title\n1,x\n1,y\n", "line 3: id '1' stands there twice"),
        ("id,title\n,x\n", "line 2: 'id' is empty"),
        ('id,title\n1,"x\n2,y\n', "unexpected end of data"),
        ("", "column 'id' is missing; there are: none"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidListings, match=said):
        read_listings(path)


def test_labels_say_yes_or_no(tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text("left_id,right_id,match\n1,a,1\n2,b,no\n", "utf-8")
    assert read_known_pairs(path) == (KnownPair("1", "a"), KnownPair("2", "b", same=False))
    path.write_text("left_id,right_id,match\n1,a,perhaps\n", "utf-8")
    with pytest.raises(InvalidListings, match="'perhaps' must be 1 or 0"):
        read_known_pairs(path)


def test_the_command_writes_pairs_with_score_and_band(tmp_path: Path) -> None:
    left, right, out = tmp_path / "l.csv", tmp_path / "r.csv", tmp_path / "pairs.csv"
    left.write_text("id,title,brand\nK1,Kestrel Kettle KX200 1.7 l,Kestrel\nM1,Blue Mug,\n")
    right.write_text("id,title\nx,Kettle KX200 by Kestrel (1.7l)\ny,Garden gnome\n")
    main_ends_well(["match", "--left", str(left), "--right", str(right), "--out", str(out)])
    with out.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["left_id"], row["right_id"], row["band"]) == ("K1", "x", "accept")
    assert 0.5 <= float(row["score"]) <= 1.0


@pytest.mark.parametrize("place", ["nowhere/pairs.csv", "."])
def test_a_place_that_can_not_be_written_is_named_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    table = tmp_path / "l.csv"
    table.write_text("id,title\n1,Oak Table\n")
    with pytest.raises(SystemExit) as ended:
        main(["match", "--left", str(table), "--right", str(table), "--out", str(tmp_path / place)])
    assert ended.value.code == 1
    assert "can not be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["l.csv"]


def main_ends_well(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
