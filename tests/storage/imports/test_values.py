"""Laws of reading: exact money, whole lines, one meaning of a date."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import LayoutRefused, RowsRefused
from storage.imports.chunks import Chunk
from storage.imports.kinds import COLUMNS, Holds, ImportColumn
from storage.imports.mapping import Source, resolve
from storage.imports.text_file import MAX_LINE_BYTES, Meter, _byte_lines
from storage.imports.values import MAX_MINOR, Checker, Refusals, to_minor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def checker(values: list[str | None], holds: Holds, **source: object) -> Checker:
    """A chunk of one column, called `x` by both."""
    chunk = Chunk(np.arange(2, len(values) + 2), {"x": pa.array(values, pa.string())})
    made = Source(ImportColumn("x", holds), "x", **source)  # type: ignore[arg-type]
    return Checker(chunk, {"x": made}, date(2026, 12, 31))


@given(st.lists(st.integers(0, MAX_MINOR), min_size=1), st.sampled_from([0, 2, 3]))
def test_an_amount_with_the_decimals_of_its_currency_is_exact(
    minor: list[int], decimals: int
) -> None:
    written = [f"{Decimal(amount).scaleb(-decimals):f}" for amount in minor]
    check = checker(list(written), Holds.MONEY)
    found = to_minor(check.numbers("x"), 10.0**decimals)
    assert found.tolist() == minor
    assert check.good.all()


@given(st.lists(st.dates(date(1970, 1, 1), date(2026, 12, 31)), min_size=1))
def test_a_date_means_the_same_however_it_is_written(days: list[date]) -> None:
    expected = np.array(days, dtype="datetime64[D]")
    for written, date_format in (
        ([day.isoformat() for day in days], None),
        ([f"{day.isoformat()}T00:00:00Z" for day in days], None),
        ([f" {day.isoformat()} 13:30:59.25 " for day in days], None),
        ([day.strftime("%d.%m.%Y") for day in days], "%d.%m.%Y"),
        ([day.strftime("%Y%m%d") for day in days], "%Y%m%d"),
    ):
        check = checker(list(written), Holds.DAY, date_format=date_format)
        assert (check.days("x") == expected).all()
        assert check.good.all()


@pytest.mark.parametrize(
    "kind",
    [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", "UTC")],
)
def test_a_typed_date_needs_no_parsing(kind: pa.DataType) -> None:
    days = [date(1990, 6, 14), date(2026, 3, 2)]
    column = pa.array(days, pa.date32()).cast(kind)
    source = Source(ImportColumn("x", Holds.DAY), "x")
    check = Checker(Chunk(np.array([1, 2]), {"x": column}), {"x": source}, date(2026, 12, 31))
    assert check.days("x").tolist() == days
    assert check.good.all()


@given(st.lists(st.text(max_size=12), min_size=1))
def test_whatever_text_stands_for_a_number_is_a_number_or_refused(values: list[str]) -> None:
    check = checker(list(values), Holds.NUMBER)
    numbers = check.numbers("x", required=True)
    assert np.isfinite(numbers[check.good]).all()
    for good, text, number in zip(check.good, values, numbers, strict=True):
        if good:
            assert float(text.strip()) == pytest.approx(number)


@given(st.lists(st.sampled_from(["", "0", "1", "0.25", "yes", "No", "TRUE", "f"]), min_size=1))
def test_shares_are_numbers_or_words(values: list[str]) -> None:
    meaning = {"": 0, "0": 0, "1": 1, "0.25": 0.25, "yes": 1, "No": 0, "TRUE": 1, "f": 0}
    check = checker(list(values), Holds.SHARE)
    assert check.shares("x").tolist() == [meaning[value] for value in values]


def test_one_row_is_refused_once_and_for_its_first_fault() -> None:
    check = checker(["-1", "x", None], Holds.NUMBER)
    check.refuse(check.numbers("x", required=True) < 0, "x", "is negative")
    check.refuse(np.array([True, True, True]), "x", "is refused again")
    refusals = Refusals("f.csv")
    check.hand_over(refusals)
    with pytest.raises(RowsRefused) as caught:
        refusals.raise_any()
    assert [(bad.row, bad.reason) for bad in caught.value.first] == [
        (2, "is negative"),
        (3, "is not a number"),
        (4, "is blank"),
    ]
    assert caught.value.count == 3


class Dripping(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = io.BytesIO(data)
        self._sizes = sizes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        size = self._sizes.pop() if self._sizes else 1 << 16
        piece = self._data.read(size)
        memoryview(buffer)[: len(piece)] = piece
        return len(piece)


@given(
    st.lists(st.lists(st.text('ab\u2028\x85\x0b é",\n\r', max_size=6), min_size=2), max_size=20),
    st.lists(st.integers(1, 9), max_size=40),
    st.booleans(),
)
def test_rows_are_the_same_however_the_bytes_arrive(
    rows: list[list[str]], sizes: list[int], ends_with_newline: bool
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    text = written.getvalue() if ends_with_newline else written.getvalue().removesuffix("\n")
    stream = io.BufferedReader(Dripping(text.encode(), list(sizes)))
    assert list(csv.reader(_byte_lines("f", stream, "utf-8", Meter()), strict=True)) == rows


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("before", [0, 1, MAX_LINE_BYTES - 5])
def test_the_longest_line_is_measured_wherever_it_begins(before: int, excess: int) -> None:
    line = b"x" * (MAX_LINE_BYTES + excess)
    data = b"y" * before + b"\n" + line + b"\nz\n"
    stream = io.BufferedReader(Dripping(data, []))
    if excess:
        with pytest.raises(LayoutRefused, match="line 2 is longer"):
            list(_byte_lines("f", stream, "utf-8", Meter()))
    else:
        lengths = [len(text) for text in _byte_lines("f", stream, "utf-8", Meter())]
        assert lengths == [before + 1, MAX_LINE_BYTES + 1, 2]


@pytest.mark.parametrize("kind", list(COLUMNS))
def test_a_file_that_uses_our_names_needs_no_mapping(kind: str) -> None:
    columns = COLUMNS[kind]  # type: ignore[index]
    header = [column.name.upper().replace("_", " ") for column in columns]
    found = resolve(kind, header, {}, "f.csv", ",")  # type: ignore[arg-type]
    assert {name: source.theirs for name, source in found.items()} == {
        column.name: theirs for column, theirs in zip(columns, header, strict=True)
    }


def test_a_column_of_that_very_name_is_taken_before_a_scale_is_read_into_it() -> None:
    found = resolve("stock", ["sku", "market", "units/box"], {"units": "units/box"}, "f.csv", ",")
    assert (found["units"].theirs, found["units"].divide) == ("units/box", 1.0)


@given(st.integers(-1000, 1000).filter(bool))
def test_dates_far_from_today_are_refused(days: int) -> None:
    edge = date(2026, 12, 31)
    check = checker([(edge + timedelta(days=days)).isoformat()], Holds.DAY)
    check.days("x")
    assert bool(check.good[0]) == (days < 0)
