"""From what stands in a file to values that a table can hold, refusing what cannot be right."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray, StrArray
from storage.errors import BadRow, RowsRefused
from storage.imports.chunks import Chunk
from storage.imports.mapping import Source

SHOWN: Final = 20
"""How many refused values an import lists."""

EARLIEST: Final = date(1970, 1, 1)
"""Before this day there are no sales on record anywhere that matter to a price."""

MAX_MINOR: Final = 10**15
"""Amounts up to here stay exact on their way through a float."""

_YES: Final = ("true", "t", "yes", "y")
_NO: Final = ("false", "f", "no", "n")
_ISO_DATE: Final = (
    r"^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
)


class Refusals:
    """Counts refused rows over a whole file and keeps the first of them."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        self.count = 0
        self._first: list[BadRow] = []

    def add(self, bad: list[BadRow], rows: int) -> None:
        """Add some rows' refusals, in any order; `rows` is how many rows they concern."""
        self.count += rows
        self._first = sorted([*self._first, *bad], key=lambda item: item.row)[:SHOWN]

    def raise_any(self) -> None:
        """Raise RowsRefused if any row was refused."""
        if self.count:
            raise RowsRefused(self.file_name, self.count, self._first)


class Checker:
    """Reads the columns of one chunk and notes what is wrong with which value.

    Every method returns a value for each row; those of refused rows mean nothing.
    """

    def __init__(self, chunk: Chunk, sources: dict[str, Source], latest: date) -> None:
        self._chunk = chunk
        self._sources = sources
        self._latest = latest
        self._bad = np.zeros(len(chunk.row), dtype=np.bool_)
        self._found: list[BadRow] = []

    def __len__(self) -> int:
        return len(self._chunk.row)

    def has(self, name: str) -> bool:
        """Whether the file has this column of ours."""
        return name in self._sources

    @property
    def good(self) -> BoolArray:
        """(n,) rows in which nothing was refused so far."""
        return ~self._bad

    def hand_over(self, refusals: Refusals) -> None:
        """Add this chunk's refusals to those of the file."""
        misshapen = list(self._chunk.misshapen)
        refusals.add([*misshapen, *self._found], int(self._bad.sum()) + len(misshapen))

    def refuse(self, wrong: BoolArray, name: str, reason: str) -> None:
        """Refuse the rows that are wrong in one column, unless they were refused before."""
        fresh = wrong & ~self._bad
        if not fresh.any():
            return
        theirs = self._sources[name].theirs
        column = self._chunk.columns[theirs]
        for at in np.flatnonzero(fresh)[:SHOWN].tolist():
            value = column[at].as_py()
            shown = "" if value is None else str(value)
            self._found.append(BadRow(int(self._chunk.row[at]), theirs, shown[:60], reason))
        self._bad |= wrong

    def refuse_row(self, at: int, name: str, reason: str) -> None:
        """Refuse one row."""
        only = np.zeros(len(self), dtype=np.bool_)
        only[at] = True
        self.refuse(only, name, reason)

    def text(self, name: str, *, required: bool = False) -> StrArray:
        """(n,) trimmed text, `""` where there is none."""
        column = self._texts(name)
        values = np.array(pc.fill_null(column, "").to_pylist(), dtype=np.str_)
        if required:
            self.refuse(values == "", name, "is blank")
        zero = pc.fill_null(pc.match_substring(column, "\0"), fill_value=False)
        self.refuse(np.asarray(zero), name, "holds a zero character")
        return values

    def keys(self, name: str) -> tuple[list[str], IntArray]:
        """The different texts of a column, and (n,) which of them each row has; none is blank."""
        encoded = pc.dictionary_encode(pc.fill_null(self._texts(name), ""))
        codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        names: list[str] = encoded.dictionary.to_pylist()
        blank = names.index("") if "" in names else -1
        self.refuse(codes == blank, name, "is blank")
        return names, codes

    def numbers(self, name: str, *, required: bool = False) -> FloatArray:
        """(n,) finite numbers with their scale applied, NaN where there is none."""
        source = self._sources[name]
        values, blank = self._floats(name)
        if required:
            self.refuse(blank, name, "is blank")
        self.refuse(~blank & np.isnan(values), name, self._no_number(name))
        self.refuse(np.isinf(values), name, "is not a finite number")
        return values * source.multiply / source.divide

    def shares(self, name: str) -> FloatArray:
        """(n,) from 0 to 1; yes and no count as 1 and 0, blank as 0."""
        values, blank = self._floats(name)
        words = self._words(name, np.isnan(values) & ~blank)
        values = np.where(blank, 0.0, np.where(words >= 0, words, values))
        wrong = ~((values >= 0.0) & (values <= 1.0))
        self.refuse(wrong, name, "is neither a share from 0 to 1 nor yes or no")
        return values

    def flags(self, name: str) -> BoolArray:
        """(n,) yes or no; blank is no."""
        values = self.shares(name)
        self.refuse((values != 0.0) & (values != 1.0), name, "is neither yes nor no (1 or 0)")
        truth: BoolArray = values == 1.0
        return truth

    def days(
        self, name: str, *, required: bool = True, latest: date | None = None
    ) -> NDArray[np.datetime64]:
        """(n,) datetime64[D]; NaT where a date may be left out and is.

        `latest` is the last day that is believed, where it is not that of the whole file.
        """
        source = self._sources[name]
        column = self._chunk.columns[source.theirs]
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            values = _days(pc.cast(column, pa.date32(), safe=False))
            blank = np.asarray(pc.is_null(column))
        else:
            texts = self._texts(name)
            blank = np.asarray(pc.is_null(texts))
            values = _parsed_days(texts, source.date_format)
        if required:
            self.refuse(blank, name, "is blank")
        like = source.date_format or "2024-03-31"
        other = "" if source.date_format else "; for another format: --map date=COLUMN:%d/%m/%Y"
        self.refuse(np.isnat(values) & ~blank, name, f"is not a date like {like}{other}")
        self.refuse(values < np.datetime64(EARLIEST), name, f"lies before {EARLIEST}")
        last = latest or self._latest
        late = f"lies after {last}: too far in the future"
        self.refuse(values > np.datetime64(last), name, late)
        return values

    def _texts(self, name: str) -> pa.Array:
        """Trimmed text, null where blank."""
        column = self._chunk.columns[self._sources[name].theirs]
        if not pa.types.is_string(column.type):
            column = pc.cast(column, pa.string())
        trimmed = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)

    def _floats(self, name: str) -> tuple[FloatArray, BoolArray]:
        """Numbers, NaN where there is none or text stands; and where nothing stands."""
        column = self._chunk.columns[self._sources[name].theirs]
        if not _is_text(column.type):
            try:
                numeric = pc.cast(column, pa.float64())
            except pa.ArrowException:
                return self._parsed_floats(self._texts(name))
            return _float_array(numeric), np.asarray(pc.is_null(column))
        return self._parsed_floats(self._texts(name))

    def _parsed_floats(self, texts: pa.Array) -> tuple[FloatArray, BoolArray]:
        blank = np.asarray(pc.is_null(texts))
        try:
            return _float_array(pc.cast(texts, pa.float64())), blank
        except pa.ArrowInvalid:
            loose = pd.Series(texts.to_pylist(), dtype=object)
            values = pd.to_numeric(loose, errors="coerce").to_numpy(dtype=np.float64)
            return values, blank

    def _words(self, name: str, where: BoolArray) -> FloatArray:
        """(n,) 1 for a yes, 0 for a no, -1 for anything else."""
        words = np.full(len(self), -1.0)
        if where.any():
            lower = pc.utf8_lower(self._texts(name))
            yes = np.asarray(pc.is_in(lower, pa.array(_YES)))
            no = np.asarray(pc.is_in(lower, pa.array(_NO)))
            words[where & yes], words[where & no] = 1.0, 0.0
        return words

    def _no_number(self, name: str) -> str:
        column = self._chunk.columns[self._sources[name].theirs]
        if _is_text(column.type) and pc.any(pc.match_substring(column, ",")).as_py():
            return "is not a number; write decimals with a point and no grouping, like 1234.56"
        return "is not a number"


def to_minor(values: FloatArray, scale: FloatArray | float) -> IntArray:
    """(n,) minor units of amounts in major units, rounded half to even; 0 for NaN.

    Exact for amounts that have no more decimals than the currency, up to MAX_MINOR.
    """
    scaled = np.nan_to_num(values * scale, nan=0.0, posinf=0.0, neginf=0.0)
    return np.rint(np.clip(scaled, -MAX_MINOR, MAX_MINOR)).astype(np.int64)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_dictionary(kind)
        or pa.types.is_string_view(kind)
    )


def _float_array(column: pa.Array) -> FloatArray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _days(column: pa.Array) -> NDArray[np.datetime64]:
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return found


def _parsed_days(texts: pa.Array, date_format: str | None) -> NDArray[np.datetime64]:
    if date_format is None:
        try:
            return _days(pc.cast(texts, pa.date32()))
        except pa.ArrowInvalid:
            loose = pd.Series(texts.to_pylist(), dtype="str").str.extract(_ISO_DATE)[0]
            parsed = pd.to_datetime(loose, format="%Y-%m-%d", errors="coerce")
    else:
        loose = pd.Series(texts.to_pylist(), dtype="str")
        parsed = pd.to_datetime(loose, format=date_format, errors="coerce")
    return parsed.to_numpy().astype("datetime64[D]")
